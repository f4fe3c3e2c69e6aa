#include "base/time.h"

#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

struct wall_ms clock_wall(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (struct wall_ms){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

struct mono_ns clock_mono(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct mono_ns){(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar, counting years from March
 * (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = year / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	days += 719468;
	int64_t era = days / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
	*month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static char *put_digits(char *at, int value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + width;
}

size_t rfc3339_format(struct wall_ms time, char out[RFC3339_SIZE])
{
	int year, month, day;
	int rest = (int)(time.ms % DAY_MS);
	char *at = out;
	civil_from_days(time.ms / DAY_MS, &year, &month, &day);
	at = put_digits(at, year, 4);
	*at++ = '-';
	at = put_digits(at, month, 2);
	*at++ = '-';
	at = put_digits(at, day, 2);
	*at++ = 'T';
	at = put_digits(at, rest / 3600000, 2);
	*at++ = ':';
	at = put_digits(at, rest / 60000 % 60, 2);
	*at++ = ':';
	at = put_digits(at, rest / 1000 % 60, 2);
	*at++ = '.';
	at = put_digits(at, rest % 1000, 3);
	*at++ = 'Z';
	*at = '\0';
	return (size_t)(at - out);
}

struct reader {
	const char *at, *end;
	bool ok;
};

static int take_digits(struct reader *reader, int width)
{
	int value = 0;
	for (int i = 0; i < width; i++) {
		if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9') {
			reader->ok = false;
			return 0;
		}
		value = value * 10 + (*reader->at++ - '0');
	}
	return value;
}

static void take_one_of(struct reader *reader, const char *set)
{
	if (reader->at == reader->end || !strchr(set, *reader->at) || *reader->at == '\0')
		reader->ok = false;
	else
		reader->at++;
}

static int take_fraction_ms(struct reader *reader)
{
	int value = 0, scale = 100, count = 0;
	if (reader->at == reader->end || *reader->at != '.')
		return 0;
	reader->at++;
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
		value += (*reader->at++ - '0') * scale;
		scale /= 10;
		count++;
	}
	reader->ok = reader->ok && count > 0;
	return value;
}

/* The offset behind the time, in minutes. */
static int take_offset(struct reader *reader)
{
	if (reader->at == reader->end) {
		reader->ok = false;
		return 0;
	}
	char sign = *reader->at++;
	if (sign == 'Z' || sign == 'z')
		return 0;
	if (sign != '+' && sign != '-') {
		reader->ok = false;
		return 0;
	}
	int hours = take_digits(reader, 2);
	take_one_of(reader, ":");
	int minutes = take_digits(reader, 2);
	reader->ok = reader->ok && hours < 24 && minutes < 60;
	return (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
}

static int days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool rfc3339_parse(const char *text, size_t size, struct wall_ms *ret)
{
	struct reader reader = {text, text + size, true};
	int year = take_digits(&reader, 4);
	take_one_of(&reader, "-");
	int month = take_digits(&reader, 2);
	take_one_of(&reader, "-");
	int day = take_digits(&reader, 2);
	take_one_of(&reader, "Tt ");
	int hour = take_digits(&reader, 2);
	take_one_of(&reader, ":");
	int minute = take_digits(&reader, 2);
	take_one_of(&reader, ":");
	int second = take_digits(&reader, 2);
	int ms = take_fraction_ms(&reader);
	int offset = take_offset(&reader);
	if (!reader.ok || reader.at != reader.end)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	int64_t value = days_from_civil(year, (unsigned)month, (unsigned)day) * DAY_MS +
	                ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms - (int64_t)offset * 60000;
	if (value < 0 || value > WALL_MAX_MS)
		return false;
	ret->ms = value;
	return true;
}
