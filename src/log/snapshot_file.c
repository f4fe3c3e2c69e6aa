/* A snapshot on disk, little-endian:
 *
 *   0  8    magic "dibssnap"        8  u32  version (1)      12  u32  zero
 *  16  u64  sequence: the state is the one after this record
 *  24  i64  time of that record, ms since 1970
 *  32  …    zero to 59             60  u32  CRC32C of bytes 0..59
 *  64  …    the content (docs/FORMATS.md "Snapshot")
 *  end - 24: 8 magic "snap-end", u64 length of the content, u32 CRC32C of the content, u32 CRC32C of the 20 bytes before
 *
 * A file without the whole trailer, or whose length differs, was cut off: it cannot happen to one that has its name.
 */
#include "log/snapshot_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/must.h"

#define FOLDER "snapshots"
#define NAME_SIZE 64
#define HEADER_SIZE 64
#define TRAILER_SIZE 24
#define BUFFER_SIZE (1u << 20)
#define SYNC_EVERY (16u << 20) /* dirty bytes at most: a large sync at once would hold up the journal's */
#define NAME_DIGITS 20
#define LISTED_MAX 256

static const char magic[8] = {'d', 'i', 'b', 's', 's', 'n', 'a', 'p'};
static const char magic_end[8] = {'s', 'n', 'a', 'p', '-', 'e', 'n', 'd'};

static void name_of(char out[NAME_SIZE], uint64_t sequence, const char *suffix)
{
	int size = snprintf(out, NAME_SIZE, FOLDER "/%020" PRIu64 ".snap%s", sequence, suffix);
	must(size > 0 && size < NAME_SIZE);
}

/* "00000000000000000042.snap" and, made by a writer that did not come to its end, "….snap.tmp" */
static bool name_parse(const char *name, const char *suffix, uint64_t *ret)
{
	uint64_t value = 0;
	for (int i = 0; i < NAME_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(name[i] - '0'), &value))
			return false;
	}
	if (strcmp(name + NAME_DIGITS, suffix) != 0)
		return false;
	*ret = value;
	return true;
}

/* ---- the list ---- */

struct listed {
	const char *suffix;
	uint64_t of[LISTED_MAX];
	int count;
};

/* Keeps the newest, oldest first. */
static void note(void *context, const char *name, uint64_t size)
{
	struct listed *listed = context;
	uint64_t value;
	int at;
	if (!name_parse(name, listed->suffix, &value))
		return;
	if (listed->count == LISTED_MAX) {
		if (value < listed->of[0])
			return;
		listed->count--;
		memmove(listed->of, listed->of + 1, (size_t)listed->count * sizeof listed->of[0]);
	}
	for (at = listed->count++; at > 0 && listed->of[at - 1] > value; at--)
		listed->of[at] = listed->of[at - 1];
	listed->of[at] = value;
}

static int list(struct disk *disk, const char *suffix, struct listed *ret, struct error *error)
{
	*ret = (struct listed){.suffix = suffix};
	int fault = disk_list(disk, FOLDER, note, ret, error);
	return fault == FAULT_NOT_FOUND ? 0 : fault;
}

int snapshot_list(struct disk *disk, uint64_t *ret, int max, struct error *error)
{
	struct listed listed;
	int fault = list(disk, ".snap", &listed, error);
	if (fault)
		return fault;
	int count = listed.count < max ? listed.count : max;
	memcpy(ret, listed.of + (listed.count - count), (size_t)count * sizeof *ret);
	return count;
}

static int remove_all(struct disk *disk, const struct listed *listed, int count, const char *suffix,
                      struct error *error)
{
	char name[NAME_SIZE];
	int fault = 0;
	for (int i = 0; !fault && i < count; i++) {
		name_of(name, listed->of[i], suffix);
		fault = disk_remove(disk, name, error);
	}
	return fault;
}

/* ---- writing ---- */

struct snapshot_writer {
	struct disk *disk;
	struct disk_file *file;
	uint64_t sequence;
	uint64_t written; /* bytes of the file */
	uint64_t length;  /* of the content */
	uint32_t crc;
	size_t held, unsynced;
	uint8_t buffer[BUFFER_SIZE];
};

static int write_out(struct snapshot_writer *writer, struct error *error)
{
	int fault = disk_write(writer->disk, writer->file, writer->buffer, writer->held, writer->written, error);
	if (fault)
		return fault;
	writer->written += writer->held;
	writer->unsynced += writer->held;
	writer->held = 0;
	if (writer->unsynced < SYNC_EVERY)
		return 0;
	writer->unsynced = 0;
	return disk_sync_data(writer->disk, writer->file, error);
}

static int put(struct snapshot_writer *writer, const uint8_t *bytes, size_t size, struct error *error)
{
	while (size > 0) {
		size_t part = BUFFER_SIZE - writer->held < size ? BUFFER_SIZE - writer->held : size;
		memcpy(writer->buffer + writer->held, bytes, part);
		writer->held += part;
		bytes += part;
		size -= part;
		if (writer->held == BUFFER_SIZE) {
			int fault = write_out(writer, error);
			if (fault)
				return fault;
		}
	}
	return 0;
}

/* The first bytes of the buffer: nothing is written yet that could fail. */
static void put_header(struct snapshot_writer *writer, struct wall_ms time)
{
	uint8_t *header = writer->buffer;
	memset(header, 0, HEADER_SIZE);
	memcpy(header, magic, sizeof magic);
	put_u32(header + 8, SNAPSHOT_VERSION);
	put_u64(header + 16, writer->sequence);
	put_u64(header + 24, (uint64_t)time.ms);
	put_u32(header + HEADER_SIZE - 4, crc32c(0, header, HEADER_SIZE - 4));
	writer->held = HEADER_SIZE;
}

static int put_trailer(struct snapshot_writer *writer, struct error *error)
{
	uint8_t trailer[TRAILER_SIZE];
	memcpy(trailer, magic_end, sizeof magic_end);
	put_u64(trailer + 8, writer->length);
	put_u32(trailer + 16, writer->crc);
	put_u32(trailer + 20, crc32c(0, trailer, 20));
	return put(writer, trailer, sizeof trailer, error);
}

/* The folder, without what an earlier writer left behind; and the new file in it. */
static int make_file(struct disk *disk, uint64_t sequence, struct disk_file **ret, struct error *error)
{
	struct listed left;
	char name[NAME_SIZE];
	int fault = disk_make_folder(disk, FOLDER, error);
	if (!fault)
		fault = disk_sync_folder(disk, "", error);
	if (!fault)
		fault = list(disk, ".snap.tmp", &left, error);
	if (!fault)
		fault = remove_all(disk, &left, left.count, ".tmp", error);
	name_of(name, sequence, ".tmp");
	return fault ? fault : disk_open(disk, name, DISK_CREATE, ret, error);
}

int snapshot_begin(struct disk *disk, uint64_t sequence, struct wall_ms time, struct snapshot_writer **ret,
                   struct error *error)
{
	struct snapshot_writer *writer = malloc(sizeof *writer);
	if (!writer)
		return error_set(error, FAULT_MEMORY, "no memory for writing a snapshot");
	memset(writer, 0, offsetof(struct snapshot_writer, buffer));
	writer->disk = disk;
	writer->sequence = sequence;
	int fault = make_file(disk, sequence, &writer->file, error);
	if (fault) {
		free(writer);
		return fault;
	}
	put_header(writer, time);
	*ret = writer;
	return 0;
}

int snapshot_write(void *context, const void *bytes, size_t size, struct error *error)
{
	struct snapshot_writer *writer = context;
	writer->crc = crc32c(writer->crc, bytes, size);
	writer->length += size;
	return put(writer, bytes, size, error);
}

void snapshot_abandon(struct snapshot_writer *writer)
{
	char name[NAME_SIZE];
	name_of(name, writer->sequence, ".tmp");
	disk_close(writer->disk, writer->file);
	disk_remove(writer->disk, name, NULL);
	free(writer);
}

static int finish(struct snapshot_writer *writer, struct error *error)
{
	char from[NAME_SIZE], to[NAME_SIZE];
	name_of(from, writer->sequence, ".tmp");
	name_of(to, writer->sequence, "");
	int fault = put_trailer(writer, error);
	if (!fault && writer->held > 0)
		fault = write_out(writer, error);
	if (!fault)
		fault = disk_sync_all(writer->disk, writer->file, error);
	if (!fault)
		fault = disk_rename(writer->disk, from, to, error);
	if (!fault)
		fault = disk_sync_folder(writer->disk, FOLDER, error);
	return fault;
}

static int drop_old(struct disk *disk, struct error *error)
{
	struct listed listed;
	int fault = list(disk, ".snap", &listed, error);
	if (fault || listed.count <= SNAPSHOTS_KEPT)
		return fault;
	return remove_all(disk, &listed, listed.count - SNAPSHOTS_KEPT, "", error);
}

int snapshot_commit(struct snapshot_writer *writer, struct error *error)
{
	struct disk *disk = writer->disk;
	int fault = finish(writer, error);
	if (fault) {
		snapshot_abandon(writer);
		return fault;
	}
	disk_close(disk, writer->file);
	free(writer);
	return drop_old(disk, error);
}

int snapshot_set_aside(struct disk *disk, uint64_t sequence, struct error *error)
{
	char from[NAME_SIZE], to[NAME_SIZE];
	name_of(from, sequence, "");
	name_of(to, sequence, ".bad");
	int fault = disk_rename(disk, from, to, error);
	return fault ? fault : disk_sync_folder(disk, FOLDER, error);
}

/* ---- reading ---- */

struct snapshot_reader {
	struct disk *disk;
	struct disk_file *file;
	char name[NAME_SIZE];
	uint64_t at, end; /* offsets: next to read into the buffer, and behind the content */
	uint64_t left;    /* of the content, not yet handed out */
	uint32_t crc, crc_expected;
	size_t held, used; /* of the buffer */
	uint8_t buffer[BUFFER_SIZE];
};

static int damaged(const struct snapshot_reader *reader, const char *how, struct error *error)
{
	return error_set(error, FAULT_DAMAGED, "%s is damaged: %s", reader->name, how);
}

static int read_exactly(struct snapshot_reader *reader, uint8_t *into, size_t size, uint64_t offset,
                        struct error *error)
{
	int64_t got = disk_read(reader->disk, reader->file, into, size, offset, error);
	if (got < 0)
		return (int)got;
	return got == (int64_t)size ? 0 : damaged(reader, "it is cut off", error);
}

static int read_header(struct snapshot_reader *reader, uint64_t sequence, struct wall_ms *ret_time, struct error *error)
{
	uint8_t header[HEADER_SIZE];
	int fault = read_exactly(reader, header, sizeof header, 0, error);
	if (fault)
		return fault;
	if (memcmp(header, magic, sizeof magic) != 0)
		return damaged(reader, "it is not a snapshot", error);
	/* Every version has its checksum there: a bit that turned is no newer format. */
	if (get_u32(header + HEADER_SIZE - 4) != crc32c(0, header, HEADER_SIZE - 4) || get_u64(header + 16) != sequence)
		return damaged(reader, "its header is not as written", error);
	if (get_u32(header + 8) > SNAPSHOT_VERSION)
		return error_set(error, FAULT_VERSION,
		                 "%s has format %u, this program knows up to %u: use a newer dibs", reader->name,
		                 get_u32(header + 8), SNAPSHOT_VERSION);
	ret_time->ms = (int64_t)get_u64(header + 24);
	return 0;
}

static int read_trailer(struct snapshot_reader *reader, struct error *error)
{
	uint8_t trailer[TRAILER_SIZE];
	uint64_t size;
	int fault = disk_size(reader->disk, reader->file, &size, error);
	if (fault)
		return fault;
	if (size < HEADER_SIZE + TRAILER_SIZE)
		return damaged(reader, "it is cut off", error);
	fault = read_exactly(reader, trailer, sizeof trailer, size - TRAILER_SIZE, error);
	if (fault)
		return fault;
	if (memcmp(trailer, magic_end, sizeof magic_end) != 0 || get_u32(trailer + 20) != crc32c(0, trailer, 20) ||
	    get_u64(trailer + 8) != size - HEADER_SIZE - TRAILER_SIZE)
		return damaged(reader, "its end is not as written", error);
	reader->left = get_u64(trailer + 8);
	reader->crc_expected = get_u32(trailer + 16);
	reader->at = HEADER_SIZE;
	reader->end = size - TRAILER_SIZE;
	return 0;
}

int snapshot_open(struct disk *disk, uint64_t sequence, struct snapshot_reader **ret, struct wall_ms *ret_time,
                  struct error *error)
{
	struct wall_ms time = {0};
	struct snapshot_reader *reader = malloc(sizeof *reader);
	if (!reader)
		return error_set(error, FAULT_MEMORY, "no memory for reading a snapshot");
	memset(reader, 0, offsetof(struct snapshot_reader, buffer));
	reader->disk = disk;
	name_of(reader->name, sequence, "");
	int fault = disk_open(disk, reader->name, DISK_READ, &reader->file, error);
	if (fault) {
		free(reader);
		return fault;
	}
	fault = read_header(reader, sequence, &time, error);
	if (!fault)
		fault = read_trailer(reader, error);
	if (fault) {
		snapshot_close(reader);
		return fault;
	}
	*ret = reader;
	*ret_time = time;
	return 0;
}

static int fill_buffer(struct snapshot_reader *reader, struct error *error)
{
	uint64_t left = reader->end - reader->at;
	size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
	int fault = read_exactly(reader, reader->buffer, size, reader->at, error);
	if (fault)
		return fault;
	reader->crc = crc32c(reader->crc, reader->buffer, size);
	reader->at += size;
	reader->held = size;
	reader->used = 0;
	if (reader->at == reader->end && reader->crc != reader->crc_expected)
		return damaged(reader, "its content is not as written", error);
	return 0;
}

int snapshot_read(void *context, void *bytes, size_t size, struct error *error)
{
	struct snapshot_reader *reader = context;
	uint8_t *into = bytes;
	if (size > reader->left)
		return damaged(reader, "its content ends too early", error);
	reader->left -= size;
	while (size > 0) {
		if (reader->used == reader->held) {
			int fault = fill_buffer(reader, error);
			if (fault)
				return fault;
		}
		size_t there = reader->held - reader->used, part = there < size ? there : size;
		memcpy(into, reader->buffer + reader->used, part);
		reader->used += part;
		into += part;
		size -= part;
	}
	return 0;
}

void snapshot_close(struct snapshot_reader *reader)
{
	disk_close(reader->disk, reader->file);
	free(reader);
}
