/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a line is at most PIPE_BUF bytes, so that a pipe takes it whole or not at all;
 * poll() says beforehand whether it would wait. A regular file may take a part of it when the
 * disk is full: the part is cut off again. A number is used up only by a record that was
 * written.
 */
#include "fwd/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

#define PATIENCE_MS 50

_Static_assert(RECORD_LINE_MAX <= PIPE_BUF, "a line goes through a pipe in one piece");

static bool writer_open_file(struct log_writer *writer, struct err *err)
{
    struct stat stat;
    int fd;

    if (strcmp(writer->path, "-") == 0)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        fd = open(writer->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0 || fstat(fd, &stat) != 0) {
        err_set(err, errno, "open verdict log %s: %s", writer->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = fd;
    writer->is_file = S_ISREG(stat.st_mode);
    writer->size = (uint64_t)stat.st_size;
    return true;
}

bool log_writer_open(struct log_writer *writer, const char *path, uint64_t max, struct err *err)
{
    unsigned char bytes[(LOG_RUN_MAX - 1) / 2];

    *writer = (struct log_writer) { .path = path, .max = max, .fd = -1, .seq = 1 };
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return err_set(err, errno, "get random bytes: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(writer->run + 2 * i, 3, "%02x", bytes[i]);
    return writer_open_file(writer, err);
}

bool log_writer_reopen(struct log_writer *writer, struct err *err)
{
    return writer_open_file(writer, err);
}

/* The file is full: it becomes PATH.1. When that fails it goes on growing, and is tried again
 * after as many bytes. */
static void rotate(struct log_writer *writer)
{
    char older[PATH_MAX];
    struct err err = { 0 };
    const int n = snprintf(older, sizeof(older), "%s" LOG_OLDER, writer->path);

    writer->size = 0;
    if (n < 0 || (size_t)n >= sizeof(older) || rename(writer->path, older) != 0)
        log_error("event=log detail=\"move %s to " LOG_OLDER ": %s\"", writer->path,
                  strerror(errno));
    else if (!writer_open_file(writer, &err))
        log_error("event=log detail=\"%s; the old one stays\"", err.text);
}

static bool line_write(struct log_writer *writer, const char *line, size_t len)
{
    struct pollfd wait = { .fd = writer->fd, .events = POLLOUT };
    ssize_t n;

    if (poll(&wait, 1, writer->is_stuck ? 0 : PATIENCE_MS) != 1 || !(wait.revents & POLLOUT))
        return false;
    do {
        n = write(writer->fd, line, len);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len)
        return true;
    if (n > 0) {
        struct stat stat;

        if (!writer->is_file || fstat(writer->fd, &stat) != 0 ||
            ftruncate(writer->fd, stat.st_size - n) != 0)
            log_error("event=log detail=\"a line of the verdict log is torn\"");
    }
    return false;
}

void log_writer_lose(struct log_writer *writer, uint64_t nr)
{
    const uint32_t room = UINT32_MAX - writer->lost;

    writer->lost += nr < room ? (uint32_t)nr : room;
}

void log_writer_put(struct log_writer *writer, const struct record *record)
{
    struct record copy = *record;
    char line[RECORD_LINE_MAX];
    size_t len;

    copy.lost = copy.lost > UINT32_MAX - writer->lost ? UINT32_MAX : copy.lost + writer->lost;
    len = record_format(&copy, writer->run, writer->seq, line);
    if (line_write(writer, line, len)) {
        if (writer->is_stuck)
            log_warn("event=log detail=\"verdict log is written again\" lost=%u", copy.lost);
        writer->is_stuck = false;
        writer->seq++;
        writer->lost = 0;
        writer->size += len;
        if (writer->is_file && writer->size >= writer->max)
            rotate(writer);
        return;
    }
    if (!writer->is_stuck)
        log_error("event=log detail=\"verdict log %s cannot be written, records are lost\"",
                  writer->path);
    writer->is_stuck = true;
    writer->lost = copy.lost;
    log_writer_lose(writer, record_weight(record));
}

void log_writer_close(struct log_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = -1;
}
