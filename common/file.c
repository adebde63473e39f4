/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read to the end of fd or to more than max bytes; the caller frees *data. */
static int read_all(int fd, size_t max, char **data, size_t *len)
{
    size_t size = 4096;
    char *buf = malloc(size + 1);

    *len = 0;
    *data = buf;
    if (buf == NULL)
        return ENOMEM;
    for (;;) {
        ssize_t n;

        if (*len == size) {
            char *bigger = realloc(buf, size * 2 + 1);

            if (bigger == NULL)
                return ENOMEM;
            *data = buf = bigger;
            size *= 2;
        }
        n = read(fd, buf + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        *len += (size_t)n;
        buf[*len] = '\0';
        if (*len > max)
            return EFBIG;
        if (n == 0)
            return 0;
    }
}

char *file_read(const char *path, size_t max, size_t *len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    char *data;

    if (fd < 0) {
        err_set(err, errno, "read %s: %s", path, strerror(errno));
        return NULL;
    }
    rc = read_all(fd, max, &data, len);
    close(fd);
    if (rc == 0)
        return data;
    free(data);
    if (rc == EFBIG)
        err_set(err, rc, "read %s: too large, expected at most %zu bytes", path, max);
    else
        err_set(err, rc, "read %s: %s", path, strerror(rc));
    return NULL;
}

int file_write_synced(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

void file_sync_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path || !slash ? strdup(slash ? "/" : ".")
                                           : strndup(path, (size_t)(slash - path));
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    free(folder);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}
