/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/tar_build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/conf.h"
#include "common/file.h"
#include "ctl/digest.h"

#define PATH_LEN_MAX 4096

struct tar {
    struct archive *archive;
    char *bytes;
    size_t len, size;
    char **sums; /* "DIGEST  ./NAME\n" of each file */
    size_t nr_sums;
};

/* libarchive writes through this. */
static la_ssize_t on_write(struct archive *archive, void *arg, const void *bytes, size_t len)
{
    struct tar *tar = arg;

    if (len > tar->size - tar->len) {
        size_t size = (tar->len + len) * 2;
        char *more = realloc(tar->bytes, size);

        if (more == NULL) {
            archive_set_error(archive, ENOMEM, "out of memory");
            return -1;
        }
        tar->bytes = more;
        tar->size = size;
    }
    memcpy(tar->bytes + tar->len, bytes, len);
    tar->len += len;
    return (la_ssize_t)len;
}

static bool fail(struct tar *tar, const char *what, struct err *err)
{
    const char *why = archive_error_string(tar->archive);

    return err_set(err, EIO, "archive %s: %s", what, why ? why : "out of memory");
}

struct tar *tar_new(struct err *err)
{
    struct tar *tar = calloc(1, sizeof(*tar));

    if (tar)
        tar->archive = archive_write_new();
    if (tar && tar->archive &&
        archive_write_set_format_pax_restricted(tar->archive) == ARCHIVE_OK &&
        archive_write_set_bytes_in_last_block(tar->archive, 1) == ARCHIVE_OK &&
        archive_write_open(tar->archive, tar, NULL, on_write, NULL) == ARCHIVE_OK)
        return tar;
    tar_free(tar);
    err_set(err, ENOMEM, "make an archive: out of memory");
    return NULL;
}

void tar_free(struct tar *tar)
{
    if (tar == NULL)
        return;
    if (tar->archive)
        archive_write_free(tar->archive);
    for (size_t i = 0; i < tar->nr_sums; i++)
        free(tar->sums[i]);
    free(tar->sums);
    free(tar->bytes);
    free(tar);
}

static bool add_sum(struct tar *tar, const char *name, const void *bytes, size_t len)
{
    char **sums = realloc(tar->sums, (tar->nr_sums + 1) * sizeof(*sums));
    size_t size = strlen(name) + DIGEST_TEXT_MAX + 8;
    char hex[DIGEST_TEXT_MAX];
    char *sum;

    if (sums == NULL)
        return false;
    tar->sums = sums;
    sum = malloc(size);
    if (sum == NULL || !digest_text(bytes, len, hex)) {
        free(sum);
        return false;
    }
    snprintf(sum, size, "%s  ./%s\n", hex, name);
    sums[tar->nr_sums++] = sum;
    return true;
}

/* One entry, with its contents if it is a file. link: what it points to, or NULL. */
static bool add_entry(struct tar *tar, const char *name, unsigned type, unsigned mode,
                      unsigned owner, const char *link, const void *bytes, size_t len,
                      struct err *err)
{
    struct archive_entry *entry = archive_entry_new();
    bool is_good;

    if (entry == NULL)
        return err_set(err, ENOMEM, "archive %s: out of memory", name);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, (mode_t)mode);
    archive_entry_set_uid(entry, owner);
    archive_entry_set_gid(entry, owner);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (la_int64_t)len);
    if (link)
        archive_entry_set_symlink(entry, link);
    is_good = archive_write_header(tar->archive, entry) == ARCHIVE_OK &&
              (len == 0 || archive_write_data(tar->archive, bytes, len) == (la_ssize_t)len);
    archive_entry_free(entry);
    return is_good || fail(tar, name, err);
}

bool tar_add_file(struct tar *tar, const char *name, const void *bytes, size_t len,
                  unsigned mode, struct err *err)
{
    if (!add_entry(tar, name, AE_IFREG, mode, 0, NULL, bytes, len, err))
        return false;
    return add_sum(tar, name, bytes, len) ||
           err_set(err, ENOMEM, "archive %s: out of memory", name);
}

bool tar_add_folder(struct tar *tar, const char *name, unsigned mode, unsigned owner,
                    struct err *err)
{
    return add_entry(tar, name, AE_IFDIR, mode, owner, NULL, NULL, 0, err);
}

static bool add_regular(struct tar *tar, const char *path, const char *name, unsigned mode,
                        struct err *err)
{
    size_t len;
    char *bytes = file_read(path, TAR_FILE_MAX, &len, err);
    bool is_good = bytes && tar_add_file(tar, name, bytes, len, mode & 0111 ? 0755 : 0644, err);

    free(bytes);
    return is_good;
}

static bool add_link(struct tar *tar, const char *path, const char *name, struct err *err)
{
    char target[PATH_LEN_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);

    if (n < 0)
        return err_set(err, errno, "read link %s: %s", path, strerror(errno));
    target[n] = '\0';
    return add_entry(tar, name, AE_IFLNK, 0777, 0, target, NULL, 0, err);
}

static bool add_children(struct tar *tar, const char *path, const char *name, struct err *err)
{
    char child[PATH_LEN_MAX], child_name[PATH_LEN_MAX];
    struct dirent **list = NULL;
    int nr = scandir(path, &list, NULL, alphasort);
    bool is_good = nr >= 0;

    if (nr < 0)
        return err_set(err, errno, "read folder %s: %s", path, strerror(errno));
    for (int i = 0; i < nr; i++) {
        const char *last = list[i]->d_name;

        if (is_good && strcmp(last, ".") != 0 && strcmp(last, "..") != 0) {
            int n = snprintf(child, sizeof(child), "%s/%s", path, last);
            int m = snprintf(child_name, sizeof(child_name), "%s/%s", name, last);

            is_good =
                n > 0 && m > 0 && (size_t)n < sizeof(child) && (size_t)m < sizeof(child_name);
            if (!is_good)
                err_set(err, ENAMETOOLONG, "%.200s: the path is too long", path);
            /* "./x" would be another name to the builder than "x" */
            is_good = is_good && tar_add_path(tar, child,
                                              strncmp(child_name, "./", 2) == 0 ? child_name + 2
                                                                                : child_name,
                                              err);
        }
        free(list[i]);
    }
    free(list);
    return is_good;
}

bool tar_add_path(struct tar *tar, const char *path, const char *name, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return err_set(err, errno, "read %s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode))
        return add_regular(tar, path, name, st.st_mode, err);
    if (S_ISLNK(st.st_mode))
        return add_link(tar, path, name, err);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, EINVAL, "%s is no file, folder or link", path);
    return (strcmp(name, ".") == 0 || tar_add_folder(tar, name, 0755, 0, err)) &&
           add_children(tar, path, name, err);
}

bool tar_finish(struct tar *tar, const void **bytes, size_t *len, struct err *err)
{
    if (archive_write_close(tar->archive) != ARCHIVE_OK)
        return fail(tar, "files", err);
    *bytes = tar->bytes;
    *len = tar->len;
    return true;
}

/* By name: the digests in front of them are of one length. */
static int compare_sums(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left + DIGEST_TEXT_MAX - 1, *right + DIGEST_TEXT_MAX - 1);
}

bool tar_digest(const struct tar *tar, char hex[65], struct err *err)
{
    char *text = NULL;
    size_t size = 1, used = 0;
    bool is_good;

    if (tar->nr_sums)
        qsort(tar->sums, tar->nr_sums, sizeof(*tar->sums), compare_sums);
    for (size_t i = 0; i < tar->nr_sums; i++)
        size += strlen(tar->sums[i]);
    text = malloc(size);
    for (size_t i = 0; text && i < tar->nr_sums; i++) {
        size_t len = strlen(tar->sums[i]);

        memcpy(text + used, tar->sums[i], len);
        used += len;
    }
    is_good = text && digest_text(text, used, hex);
    free(text);
    return is_good || err_set(err, ENOMEM, "out of memory");
}
