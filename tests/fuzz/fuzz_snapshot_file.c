/* The file around a snapshot: as the code writes it, and then spoiled; or any bytes in its place.
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
#define SIZES 8
#define SIZE_STEP 16

static struct file {
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

/* What the code wrote for the first bytes of the content: dear to make, so each is made once. */
static void written_once(struct text content)
{
	static struct file of[SIZES];
	struct file *here = &of[content.size / SIZE_STEP];
	if (here->size == 0) {
		struct disk *disk = disk_memory_new();
		write_snapshot(disk, content);
		disk_done(disk);
		*here = written;
	}
	written = *here;
}

static void put_file(struct disk *disk)
{
	struct disk_file *handle;
	must(disk_make_folder(disk, "snapshots", NULL) == 0);
	must(disk_open(disk, NAME, DISK_CREATE, &handle, NULL) == 0);
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
	char content_bytes[SIZES * SIZE_STEP];
	for (size_t i = 0; i < sizeof content_bytes; i++)
		content_bytes[i] = (char)(i * i);
	struct text content = {content_bytes, (size_t)(bits >> 4 & 7) * SIZE_STEP};
	written_once(content);
	if (bits & 0x80) {
		struct text any = input_text(&input, FILE_MAX);
		file.size = any.size;
		memcpy(file.bytes, any.at, any.size);
	} else {
		spoil(&input, bits);
	}
	put_file(disk);
	read_back(disk, content);
	disk_done(disk);
	return 0;
}
