/* crc32c: the Castagnoli CRC (RFC 3720, appendix B.4), by the processor's instruction where it has one. */
#ifndef DIBS_BASE_CRC32C_H
#define DIBS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues from crc (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
