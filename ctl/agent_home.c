/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/agent_home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/textfile.h"
#include "ctl/archive_file.h"
#include "ctl/tar_build.h"

#define AGENT_UID 1000
#define HOMES     "/home"
#define HOME                                                                                   \
    "claude" /* that of the agent's own image, where the volume for its login is mounted */
#define PASSWD_MAX (1u << 20)
#define LINE       HOME ":x:1000:1000::" HOMES "/" HOME ":/bin/sh\n"

/* The third field of "name:password:uid:...", which has to be followed by another. */
static bool line_has_uid(const char *line, size_t len, unsigned uid)
{
    const char *fields[4] = { line };
    unsigned long found;

    for (int i = 1; i < 4; i++) {
        const char *colon = memchr(fields[i - 1], ':', len - (size_t)(fields[i - 1] - line));

        if (colon == NULL)
            return false;
        fields[i] = colon + 1;
    }
    return token_number((struct token) { fields[2], (size_t)(fields[3] - fields[2]) - 1 }, uid,
                        &found) &&
           found == uid;
}

bool passwd_has_uid(const char *text, size_t len, unsigned uid)
{
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end ? (size_t)(end - text) : len;

        if (line_has_uid(text, line_len, uid))
            return true;
        text += line_len + (end != NULL);
        len -= line_len + (end != NULL);
    }
    return false;
}

/* /etc/passwd, with room for a newline and a line of ours. */
struct passwd {
    char text[PASSWD_MAX + sizeof("\n" LINE)];
    size_t len;
};

static bool put(struct engine *engine, const char *container, struct tar *tar,
                const char *folder, struct err *err)
{
    const void *bytes;
    size_t len;

    return tar_finish(tar, &bytes, &len, err) &&
           engine_archive_put(engine, container, folder, bytes, len, err);
}

static bool put_line(struct engine *engine, const char *container, struct passwd *passwd,
                     struct err *err)
{
    struct tar *tar = tar_new(err);
    bool is_good;

    if (passwd->len && passwd->text[passwd->len - 1] != '\n')
        passwd->text[passwd->len++] = '\n';
    memcpy(passwd->text + passwd->len, LINE, sizeof(LINE) - 1);
    passwd->len += sizeof(LINE) - 1;
    is_good = tar && tar_add_file(tar, "etc/passwd", passwd->text, passwd->len, 0644, err) &&
              put(engine, container, tar, "/", err);
    tar_free(tar);
    return is_good;
}

/* The folder is there: the engine made it for the volume in it. */
static bool put_folder(struct engine *engine, const char *container, struct err *err)
{
    struct tar *tar = tar_new(err);
    bool is_good = tar && tar_add_folder(tar, HOME, 0755, AGENT_UID, err) &&
                   put(engine, container, tar, HOMES "/", err);

    tar_free(tar);
    return is_good;
}

bool agent_home_give(struct engine *engine, const char *container, struct err *err)
{
    struct passwd *passwd = calloc(1, sizeof(*passwd));
    bool is_there, is_good;

    if (passwd == NULL)
        return err_set(err, ENOMEM, "out of memory");
    is_there = archive_file_get(engine, container, "/etc/passwd", passwd->text, PASSWD_MAX,
                                &passwd->len, err);
    is_good = is_there || err->code == ENOENT;
    /* nothing came: a link, or empty; neither is to be replaced */
    if (is_good && !(is_there && passwd->len == 0) &&
        !passwd_has_uid(passwd->text, passwd->len, AGENT_UID))
        is_good =
            put_line(engine, container, passwd, err) && put_folder(engine, container, err);
    free(passwd);
    return is_good || err_wrap(err, "give the agent's user a home");
}
