/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "ctl/folders.h"

#define LOCK_PAUSE_MS 20

int policy_lock(const char *folder, unsigned wait_ms, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        err_set(err, errno, "policy folder %s: %s", folder, strerror(errno));
        return -1;
    }
    for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_PAUSE_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            err_set(err, errno, "lock policy folder %s: %s", folder, strerror(errno));
        else if (waited >= wait_ms)
            err_set(err, EBUSY,
                    "policy folder %s: another secctl has been changing it for %u s, expected "
                    "that one to end",
                    folder, wait_ms / 1000);
        else {
            nanosleep(&pause, NULL);
            continue;
        }
        close(fd);
        return -1;
    }
    return fd;
}

void policy_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Where the file really is, and what it is like; *st with st_nlink 0: it is not there. */
static bool find(const char *folder, const char *file, char path[FOLDER_PATH_MAX],
                 struct stat *st, struct err *err)
{
    char at[FOLDER_PATH_MAX];

    memset(st, 0, sizeof(*st));
    if (!path_join(at, folder, file, err))
        return false;
    if (lstat(at, st) != 0) {
        memset(st, 0, sizeof(*st));
        memcpy(path, at, sizeof(at));
        return errno == ENOENT || err_set(err, errno, "write %s: %s", at, strerror(errno));
    }
    if (!path_resolve("policy file", at, path, err))
        return false;
    if (stat(path, st) != 0)
        return err_set(err, errno, "write %s: %s", path, strerror(errno));
    return S_ISREG(st->st_mode) ||
           err_set(err, EINVAL, "write %s: no plain file, expected one", path);
}

/* The folder that path is in; the root for one without. */
static void folder_of(const char *path, char folder[FOLDER_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    memcpy(folder, path, len);
    folder[len] = '\0';
    if (len == 0)
        memcpy(folder, "/", 2);
}

/* Whose it was stays whose it is; a new one is as others would make it. */
static int keep_owner(int fd, const struct stat *st)
{
    struct stat now;

    if (st->st_nlink == 0)
        return fchmod(fd, 0644) == 0 ? 0 : -errno;
    if (fstat(fd, &now) != 0)
        return -errno;
    if ((now.st_uid != st->st_uid || now.st_gid != st->st_gid) &&
        fchown(fd, st->st_uid, st->st_gid) != 0)
        return -errno;
    return fchmod(fd, st->st_mode & 07777) == 0 ? 0 : -errno;
}

static bool replace(const char *path, const struct stat *st, const char *text, size_t len,
                    struct err *err)
{
    char folder[FOLDER_PATH_MAX], temporary[FOLDER_PATH_MAX];
    int fd, rc;

    folder_of(path, folder);
    if (!path_join(temporary, folder, ".secctl.XXXXXX", err))
        return false;
    fd = mkstemp(temporary);
    if (fd < 0)
        return err_set(err, errno, "write %s: a new file in its folder: %s", path,
                       strerror(errno));
    rc = keep_owner(fd, st);
    if (rc != 0)
        err_set(err, -rc, "write %s: its owner and mode cannot be kept: %s", path,
                strerror(-rc));
    else if ((rc = file_write_synced(fd, text, len)) != 0 ||
             (rc = rename(temporary, path) == 0 ? 0 : -errno) != 0)
        err_set(err, -rc, "write %s: %s", path, strerror(-rc));
    close(fd);
    if (rc != 0)
        unlink(temporary);
    else
        file_sync_name(path);
    return rc == 0;
}

bool policy_file_write(const char *folder, const char *file, const char *text, size_t len,
                       struct err *err)
{
    char path[FOLDER_PATH_MAX], agents[FOLDER_PATH_MAX];
    struct stat st;

    if (strncmp(file, "agents/", 7) == 0) {
        if (!path_join(agents, folder, "agents", err))
            return false;
        if (mkdir(agents, 0755) != 0 && errno != EEXIST)
            return err_set(err, errno, "make folder %s: %s", agents, strerror(errno));
    }
    return find(folder, file, path, &st, err) && replace(path, &st, text, len, err);
}

bool policy_file_remove(const char *folder, const char *file, struct err *err)
{
    char path[FOLDER_PATH_MAX];

    if (!path_join(path, folder, file, err))
        return false;
    if (unlink(path) != 0)
        return err_set(err, errno, "remove %s: %s", path, strerror(errno));
    if (strncmp(file, "agents/", 7) == 0 && path_join(path, folder, "agents", err))
        (void)rmdir(path); /* stays when others are in it */
    return true;
}
