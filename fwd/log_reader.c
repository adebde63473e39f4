/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the file is opened before the one that came before it, so that a change between
 * the two cannot lose lines: then both are the same file, and is read once. While following, a
 * file is read to its end once more after it has been moved away, then the new one from its
 * start. A line is printed when its end has come.
 */
#include "fwd/log_reader.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fwd/log_writer.h"

#define LOOK_EVERY_MS 200
#define TS_KEY        "\"ts\":\""

/* Exactly width digits at *text, which moves on. */
static bool take_digits(const char **text, int width, int *out)
{
    *out = 0;
    for (int i = 0; i < width; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *out = *out * 10 + (**text - '0');
    }
    return true;
}

static bool take_char(const char **text, const char *set)
{
    if (**text == 0 || !strchr(set, **text))
        return false;
    (*text)++;
    return true;
}

/* "Z" or "+01:30", in seconds; all that is left of text. */
static bool take_offset(const char *text, int *seconds)
{
    const char sign = *text;
    int hours, minutes;

    *seconds = 0;
    if (take_char(&text, "Zz"))
        return *text == 0;
    if (!take_char(&text, "+-") || !take_digits(&text, 2, &hours) || !take_char(&text, ":") ||
        !take_digits(&text, 2, &minutes) || *text != 0 || hours > 23 || minutes > 59)
        return false;
    *seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

/* Microseconds from ".123"; none is 0. */
static bool take_fraction(const char **text, int *micros)
{
    int scale = 100000;

    *micros = 0;
    if (!take_char(text, "."))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++, scale /= 10)
        *micros += (**text - '0') * scale;
    return true;
}

bool log_time_parse(const char *text, char out[LOG_TIME_MAX])
{
    struct tm parts = { 0 }, back;
    int year, month, day, micros, offset;
    char seconds[21];
    time_t at;

    if (!take_digits(&text, 4, &year) || !take_char(&text, "-") ||
        !take_digits(&text, 2, &month) || !take_char(&text, "-") ||
        !take_digits(&text, 2, &day) || !take_char(&text, "Tt ") ||
        !take_digits(&text, 2, &parts.tm_hour) || !take_char(&text, ":") ||
        !take_digits(&text, 2, &parts.tm_min) || !take_char(&text, ":") ||
        !take_digits(&text, 2, &parts.tm_sec) || !take_fraction(&text, &micros) ||
        !take_offset(text, &offset))
        return false;
    if (year < 1970 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return false;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    at = timegm(&parts);
    if (!gmtime_r(&at, &back) || month < 1 || month > 12 || back.tm_mday != day)
        return false; /* the 31st of June */
    at -= offset;
    if (at < 0 || !gmtime_r(&at, &back) || back.tm_year > 9999 - 1900 ||
        strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &back) == 0)
        return false;
    snprintf(out, LOG_TIME_MAX, "%.19s.%06uZ", seconds, (unsigned)micros % 1000000u);
    return true;
}

bool log_line_is_since(const char *line, size_t len, const char *since)
{
    const char *ts = since[0] ? memmem(line, len, TS_KEY, strlen(TS_KEY)) : NULL;
    size_t left;

    if (!ts)
        return true;
    ts += strlen(TS_KEY);
    left = len - (size_t)(ts - line);
    return left < strlen(since) || memcmp(ts, since, strlen(since)) >= 0;
}

/* --- files ------------------------------------------------------------------------------- */

/* The last lines so far, or none kept: printed at once. */
struct tail {
    const struct log_wish *wish;
    FILE *out;
    char **lines; /* a ring of wish->last */
    size_t nr, at;
};

static void put_line(const struct tail *tail, const char *line, size_t len)
{
    fwrite(line, 1, len, tail->out);
}

static bool take_line(struct tail *tail, const char *line, size_t len)
{
    char *copy;

    if (!log_line_is_since(line, len, tail->wish->since))
        return true;
    if (!tail->lines) {
        put_line(tail, line, len);
        return true;
    }
    copy = strndup(line, len);
    if (!copy)
        return false;
    free(tail->lines[tail->at]);
    tail->lines[tail->at] = copy;
    tail->at = (tail->at + 1) % tail->wish->last;
    if (tail->nr < tail->wish->last)
        tail->nr++;
    return true;
}

/* What was kept is printed; from now on lines are at once. */
static void flush_tail(struct tail *tail)
{
    const size_t size = tail->wish->last;

    for (size_t i = 0; tail->lines && i < tail->nr; i++) {
        char *line = tail->lines[(tail->at + size - tail->nr + i) % size];

        put_line(tail, line, strlen(line));
    }
    for (size_t i = 0; tail->lines && i < size; i++)
        free(tail->lines[i]);
    free(tail->lines);
    tail->lines = NULL;
}

struct source {
    FILE *file;
    char *line; /* a part of one, until its end comes */
    size_t len, size;
};

/* All whole lines that are there. */
static bool read_lines(struct source *source, struct tail *tail)
{
    char *piece = NULL;
    size_t piece_size = 0;
    ssize_t n;
    bool is_good = true;

    clearerr(source->file);
    while (is_good && (n = getline(&piece, &piece_size, source->file)) > 0) {
        const size_t len = source->len + (size_t)n;

        if (len > source->size) {
            char *bigger = realloc(source->line, len * 2);

            is_good = bigger != NULL;
            if (!is_good)
                break;
            source->line = bigger;
            source->size = len * 2;
        }
        memcpy(source->line + source->len, piece, (size_t)n);
        source->len = len;
        if (source->line[len - 1] != '\n')
            break;
        is_good = take_line(tail, source->line, len);
        source->len = 0;
    }
    free(piece);
    return is_good;
}

static void source_close(struct source *source)
{
    if (source->file)
        fclose(source->file);
    free(source->line);
    *source = (struct source) { .file = NULL };
}

static bool is_same_file(FILE *a, FILE *b)
{
    struct stat one, other;

    return a && b && fstat(fileno(a), &one) == 0 && fstat(fileno(b), &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static bool was_moved(const struct source *source, const char *path)
{
    FILE *now = fopen(path, "re");
    const bool is_moved = now && !is_same_file(source->file, now);

    if (now)
        fclose(now);
    return is_moved;
}

static bool is_closed(FILE *out)
{
    struct pollfd wait = { fileno(out), 0, 0 };

    return ferror(out) || (poll(&wait, 1, LOOK_EVERY_MS) > 0 &&
                           (wait.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0);
}

static bool follow(struct source *source, struct tail *tail)
{
    while (fflush(tail->out) == 0 && !is_closed(tail->out)) {
        const bool is_moved = !source->file || was_moved(source, tail->wish->path);

        if (source->file && !read_lines(source, tail))
            return false;
        if (is_moved) {
            source_close(source);
            source->file = fopen(tail->wish->path, "re");
        }
    }
    return true;
}

bool log_print(const struct log_wish *wish, FILE *out, struct err *err)
{
    struct source now = { .file = fopen(wish->path, "re") }, before = { .file = NULL };
    const int rc = errno;
    struct tail tail = { .wish = wish, .out = out };
    char older[PATH_MAX];
    bool is_read = true;

    if (snprintf(older, sizeof(older), "%s" LOG_OLDER, wish->path) < (int)sizeof(older))
        before.file = fopen(older, "re");
    if (!now.file && !before.file && !wish->is_followed)
        return err_set(err, rc, "read verdict log %s: %s", wish->path, strerror(rc));
    if (is_same_file(now.file, before.file))
        source_close(&before);
    if (wish->last > 0)
        is_read = (tail.lines = calloc(wish->last, sizeof(*tail.lines))) != NULL;
    is_read = is_read && (!before.file || read_lines(&before, &tail)) &&
              (!now.file || read_lines(&now, &tail));
    source_close(&before);
    flush_tail(&tail);
    if (is_read && wish->is_followed)
        is_read = follow(&now, &tail);
    source_close(&now);
    if (!is_read)
        return err_set(err, ENOMEM, "read verdict log %s: %s", wish->path, strerror(ENOMEM));
    return true;
}
