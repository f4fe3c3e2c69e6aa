/* A journal of one or two segments on a memory disk, as a server would have left it, and then spoiled. The input says what
 * was written and what became of it: bytes changed, pages lost, a file cut off; or batches forged, whose checksums are
 * right again although their headers are not.
 *
 *   - recovery ends with an answer: open, or refused as damaged (or newer) in one line;
 *   - what was not forged is read as it was written, from the first record on, or not at all;
 *   - a batch with a broken checksum is never accepted, and one that a later batch proves to have been durable is never
 *     left out in silence: that is damage. Only the last one may be missing, as torn;
 *   - a journal that was recovered for writing holds the same records, and again after it was closed.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/log_line.h"
#include "log/batch.h"
#include "log/disk_memory.h"
#include "log/journal.h"
#include "log/segment.h"

#define BATCHES_MAX 6
#define RECORDS_MAX (BATCHES_MAX * 4)
#define RECORD_MAX 200
#define SEGMENT_PAGES 16
#define START_MS INT64_C(1800000000000)

struct place {
	unsigned segment;
	size_t offset, size; /* whole pages */
	uint64_t last;       /* sequence of its last record; of a seal: of the one before */
	bool is_seal;
};

static struct journal_image {
	uint8_t now[2][SEGMENT_PAGES * DISK_PAGE], written[2][SEGMENT_PAGES * DISK_PAGE];
	size_t size[2], size_written[2];
	uint64_t first[2];
	unsigned segment_count, batch_count;
	struct place batch[BATCHES_MAX];
	uint64_t record_count;
	struct {
		uint8_t bytes[RECORD_MAX];
		size_t size;
		int64_t time;
	} record[RECORDS_MAX + 1];
	bool forged;
} image;

/* ---- writing it ---- */

static struct {
	struct segment segment;
	uint8_t hash[BLAKE_SIZE];
	int64_t time;
} writing;

static void begin_segment(void)
{
	unsigned number = image.segment_count++;
	writing.segment = (struct segment){
	    .number = number + 1, .first = image.record_count + 1, .time_before = {number ? writing.time : 0}};
	if (number)
		memcpy(writing.segment.hash_before, writing.hash, BLAKE_SIZE);
	image.first[number] = writing.segment.first;
	segment_header_write(&writing.segment, image.now[number]);
	image.size[number] = DISK_PAGE;
}

static void add_record(struct input *input, struct batch_writer *batch)
{
	uint64_t sequence = ++image.record_count;
	size_t size = 1 + input_u8(input) % RECORD_MAX;
	uint8_t fill = input_u8(input);
	writing.time += fill & 7;
	for (size_t i = 0; i < size; i++)
		image.record[sequence].bytes[i] = (uint8_t)(fill + i * sequence);
	image.record[sequence].size = size;
	image.record[sequence].time = writing.time;
	batch_add(batch, (struct wall_ms){writing.time}, image.record[sequence].bytes, size);
}

static void add_batch(struct input *input)
{
	unsigned at = image.segment_count - 1;
	uint8_t count = input_u8(input) % 4;
	struct batch_writer batch;
	bool is_first = image.record_count == 0;
	batch_begin(&batch, image.now[at] + image.size[at]);
	batch.header.first = image.record_count + 1;
	batch.header.durable = image.record_count;
	batch.header.time = (struct wall_ms){is_first ? 0 : writing.time};
	batch.header.tag = writing.segment.tag;
	memcpy(batch.header.hash_before, writing.hash, BLAKE_SIZE);
	if (is_first && count == 0)
		count = 1;
	for (unsigned i = 0; i < count; i++)
		add_record(input, &batch);
	size_t size = batch_finish(&batch);
	if (count)
		batch_hash(batch.bytes, &batch.header, writing.hash);
	image.batch[image.batch_count++] = (struct place){at, image.size[at], size, image.record_count, count == 0};
	image.size[at] += size;
}

static void write_journal(struct input *input)
{
	uint8_t bits = input_u8(input);
	memset(image.now, 0, sizeof image.now);
	memset(&writing, 0, sizeof writing);
	writing.time = START_MS;
	image.segment_count = image.batch_count = 0;
	image.record_count = 0;
	image.forged = false;
	begin_segment();
	unsigned batches = 1 + (bits & 7) % BATCHES_MAX, cut = bits >> 3 & 7;
	while (image.batch_count < batches) {
		if (image.batch_count && image.batch_count == cut && image.segment_count == 1 &&
		    !image.batch[cut - 1].is_seal)
			begin_segment();
		add_batch(input);
	}
	memcpy(image.written, image.now, sizeof image.now);
	memcpy(image.size_written, image.size, sizeof image.size);
}

/* ---- spoiling it ---- */

/* Another header, properly summed up. */
static void forge(struct input *input)
{
	const struct place *place = &image.batch[input_u8(input) % image.batch_count];
	uint8_t *bytes = image.now[place->segment] + place->offset;
	bytes[input_u8(input) % 120] ^= input_u8(input);
	put_u32(bytes + 120, crc32c(0, bytes, 120));
	uint32_t crc = crc32c(0, bytes, 124), size = get_u32(bytes + 8);
	size_t left = sizeof image.now[0] - place->offset, pages = (size_t)batch_pages(size);
	put_u32(bytes + 124, crc32c(crc, bytes + 128, (pages < 128 || pages > left ? left : pages) - 128));
	image.forged = true;
}

static void spoil_once(struct input *input)
{
	uint8_t what = input_u8(input);
	unsigned at = what >> 7 & (image.segment_count - 1);
	if (image.size[at] == 0)
		return;
	size_t place = (size_t)input_number(input, 2) % image.size[at];
	switch (what % 4) {
	case 0:
		image.now[at][place] ^= input_u8(input);
		break;
	case 1:
		memset(image.now[at] + place / DISK_PAGE * DISK_PAGE, 0, DISK_PAGE);
		break;
	case 2:
		memset(image.now[at] + place, 0, image.size[at] - place);
		image.size[at] = place;
		break;
	default:
		forge(input);
	}
}

/* ---- what must come of it ---- */

static bool is_spoiled(const struct place *place)
{
	return image.size[place->segment] < place->offset + place->size ||
	       memcmp(image.now[place->segment] + place->offset, image.written[place->segment] + place->offset,
	              place->size) != 0;
}

static bool header_stands(const struct place *place)
{
	return image.size[place->segment] >= place->offset + DISK_PAGE &&
	       memcmp(image.now[place->segment] + place->offset, image.written[place->segment] + place->offset,
	              BATCH_HEADER_SIZE) == 0;
}

/* How many records must be read; -1: it must be refused. */
static int64_t expected_records(void)
{
	for (unsigned i = 0; i < image.segment_count; i++)
		if (image.size[i] < DISK_PAGE || memcmp(image.now[i], image.written[i], DISK_PAGE) != 0)
			return -1;
	for (unsigned i = 0; i < image.batch_count; i++) {
		if (!is_spoiled(&image.batch[i]))
			continue;
		if (image.batch[i].segment + 1 < image.segment_count)
			return -1;
		for (unsigned j = i + 1; j < image.batch_count; j++)
			if (header_stands(&image.batch[j]))
				return -1;
		return i ? (int64_t)image.batch[i - 1].last : 0;
	}
	return (int64_t)image.record_count;
}

static void put_file(struct disk *disk, unsigned at)
{
	char name[SEGMENT_NAME_SIZE];
	struct disk_file *file;
	segment_name(name, SEGMENT_FOLDER, image.first[at]);
	must(disk_open(disk, name, DISK_CREATE, &file, NULL) == 0);
	must(disk_write(disk, file, image.now[at], image.size[at], 0, NULL) == 0);
	disk_close(disk, file);
}

static void check_record(const struct log_record *record, uint64_t sequence)
{
	must(record->sequence == sequence);
	if (image.forged)
		return;
	must(sequence <= image.record_count && record->size == image.record[sequence].size);
	must(memcmp(record->bytes, image.record[sequence].bytes, record->size) == 0);
	must(record->time.ms == image.record[sequence].time);
}

static uint64_t read_all(struct log *log)
{
	struct log_cursor *cursor;
	struct log_record record;
	struct error error = {0};
	uint64_t count = 0;
	int got = log_cursor_open(log, 1, &cursor, &error);
	must(got == 0 || image.forged);
	if (got)
		return 0;
	while ((got = log_cursor_next(log, cursor, &record, &error)) == 1)
		check_record(&record, ++count);
	must(got == 0 || image.forged);
	log_cursor_close(log, cursor);
	return count;
}

/* Returns how many records it holds, or -1: it was refused. */
static int64_t open_and_read(struct disk *disk, bool read_only)
{
	struct journal_options options = {
	    .segment_size = SEGMENT_PAGES * DISK_PAGE, .batch_bytes_max = 8192, .read_only = read_only};
	struct journal_recovery found;
	struct error error = {0};
	struct log *log;
	int fault = journal_open(disk, &options, 1, &log, &found, &error);
	if (fault) {
		must(fault == FAULT_DAMAGED || fault == FAULT_VERSION);
		must(error.code == fault && text_is_one_line(text_of(error.text)));
		return -1;
	}
	uint64_t count = read_all(log);
	must(image.forged || found.last_sequence == count);
	log_close(log);
	return (int64_t)count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = {bytes, size};
	uint8_t bits = input_u8(&input);
	log_level_set(LOG_ERROR);
	write_journal(&input);
	for (unsigned i = 0; i < (bits & 3); i++)
		spoil_once(&input);
	struct disk *disk = disk_memory_new();
	must(disk_make_folder(disk, SEGMENT_FOLDER, NULL) == 0);
	for (unsigned i = 0; i < image.segment_count; i++)
		put_file(disk, i);
	int64_t got = open_and_read(disk, true);
	must(image.forged || got == expected_records());
	if ((bits & 0x1c) == 0x1c) { /* for writing: dear, for a new segment is made */
		int64_t again = open_and_read(disk, false);
		must(image.forged || again == got);
		must(again < 0 || open_and_read(disk, false) == again);
	}
	disk_done(disk);
	return 0;
}
