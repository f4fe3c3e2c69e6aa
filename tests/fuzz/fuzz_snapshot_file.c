/* The file around a snapshot: written by the code, and then spoiled, or any bytes in its place.
 *
 *   - as it was written, its content is read as it was;
 *   - changed, cut off or longer, it is refused in one line, on opening or at the last byte at the latest; before that, no
 *     more bytes are handed out than the file has.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "log/disk_memory.h"
#include "log/snapshot_file.h"

#define NAME "snapshots/00000000000000000007.snap"
#define SEQUENCE 7
#define FILE_MAX 2048

static struct {
	uint8_t bytes[FILE_MAX];
	size_t size;
} file, written;

static void read_file(struct disk *disk)
{
	struct disk_file *handle;
	must(disk_open(disk, NAME, DISK_READ, &handle, NULL) == 0);
	int64_t got = disk_read(disk, handle, written.bytes, FILE_MAX, 0, NULL);
	must(got > 0 && got < FILE_MAX);
	written.size = (size_t)got;
	disk_close(disk, handle);
}

static void write_snapshot(struct disk *disk, struct text content)
{
	struct snapshot_writer *writer;
	must(snapshot_begin(disk, SEQUENCE, (struct wall_ms){1}, &writer, NULL) == 0);
	must(snapshot_write(writer, content.at, content.size, NULL) == 0);
	must(snapshot_commit(writer, NULL) == 0);
	read_file(disk);
}

static void replace_file(struct disk *disk)
{
	struct disk_file *handle;
	must(disk_remove(disk, NAME, NULL) == 0 && disk_open(disk, NAME, DISK_CREATE, &handle, NULL) == 0);
	if (file.size)
		must(disk_write(disk, handle, file.bytes, file.size, 0, NULL) == 0);
	disk_close(disk, handle);
}

static void spoil(struct input *input, uint8_t bits)
{
	file = written;
	for (unsigned changes = bits & 3; changes; changes--) {
		size_t place = (size_t)input_number(input, 2) % file.size;
		file.bytes[place] ^= input_u8(input);
	}
	if (bits & 4)
		file.size = (size_t)input_number(input, 2) % (file.size + 1);
	if (bits & 8)
		file.bytes[file.size++] = input_u8(input);
}

/* In steps of one size, as a fold reads its rows. 0, or the fault. */
static int read_content(struct snapshot_reader *reader, size_t step, struct buf *content, struct error *error)
{
	uint8_t bytes[64];
	int fault = 0;
	while (content->size < FILE_MAX && (fault = snapshot_read(reader, bytes, step, error)) == 0)
		buf_put(content, bytes, step);
	must(fault && content->size <= file.size);
	return fault;
}

static void read_back(struct disk *disk, struct text content)
{
	static struct buf got;
	struct snapshot_reader *reader;
	struct wall_ms time;
	struct error error = {0};
	bool is_whole = file.size == written.size && memcmp(file.bytes, written.bytes, file.size) == 0;
	buf_clear(&got);
	int fault = snapshot_open(disk, SEQUENCE, &reader, &time, &error);
	must(fault || time.ms == 1 || !is_whole);
	if (fault == 0) {
		fault = read_content(reader, 1, &got, &error);
		snapshot_close(reader);
	}
	must(error.code == fault && text_is_one_line(text_of(error.text)));
	must(fault == FAULT_DAMAGED || fault == FAULT_VERSION);
	if (is_whole) /* the fault is that of reading on behind the end */
		must(text_is(buf_as_text(&got), content));
	else /* the last byte was not handed out */
		must(got.size == 0 || got.size < content.size || content.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	struct disk *disk = disk_memory_new();
	uint8_t bits = input_u8(&input);
	struct text content = input_text(&input, bits & 0x80 ? 0 : bits >> 4 << 4);
	write_snapshot(disk, content);
	if (bits & 0x80) {
		struct text any = input_text(&input, FILE_MAX);
		file.size = any.size;
		memcpy(file.bytes, any.at, any.size);
	} else {
		spoil(&input, bits);
	}
	replace_file(disk);
	read_back(disk, content);
	disk_done(disk);
	return 0;
}
