/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/build_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/escape.h"
#include "ctl/json_get.h"

/* Colours and other control sequences of what was built; lines and tabs stay. Returns the new
 * length. */
static size_t strip(char *text)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        if (from[0] == '\033' && from[1] == '[') {
            from += 2 + strspn(from + 2, "0123456789;?");
            from += *from != '\0';
        } else if ((unsigned char)*from >= 0x20 || *from == '\n' || *from == '\t') {
            *to++ = *from++;
        } else {
            from++;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* The builder's own remarks, of no use to who looks for an error. */
static bool is_remark(const char *text)
{
    return strncmp(text, " ---> ", 6) == 0 || strncmp(text, "Removing intermediate", 21) == 0;
}

/* Add to the tail; whole lines go from its front when it is full. */
static void keep_tail(struct build_log *log, char *text)
{
    size_t len = strip(text);

    if (is_remark(text))
        return;
    if (len > BUILD_TAIL_MAX) {
        text += len - BUILD_TAIL_MAX;
        len = BUILD_TAIL_MAX;
    }
    if (len > BUILD_TAIL_MAX - log->tail_len) {
        size_t drop = len - (BUILD_TAIL_MAX - log->tail_len);
        const char *line = memchr(log->tail + drop, '\n', log->tail_len - drop);

        if (line)
            drop = (size_t)(line - log->tail) + 1;
        memmove(log->tail, log->tail + drop, log->tail_len - drop);
        log->tail_len -= drop;
    }
    memcpy(log->tail + log->tail_len, text, len);
    log->tail_len += len;
    log->tail[log->tail_len] = '\0';
}

static bool is_step(const char *text)
{
    unsigned at, of;

    return sscanf(text, "Step %u/%u : ", &at, &of) == 2;
}

static void tell(struct build_log *log, bool is_new_step)
{
    if (log->told)
        log->told(log, is_new_step, log->arg);
}

static void take_output(struct build_log *log, char *text)
{
    bool is_new_step = is_step(text);

    if (is_new_step) {
        escape_line(text, log->step, sizeof(log->step));
        log->tail_len = 0;
        log->tail[0] = '\0';
        log->last[0] = '\0';
    } else {
        keep_tail(log, text);
        if (strspn(text, " \r\n") < strlen(text))
            escape_line(text, log->last, sizeof(log->last));
    }
    tell(log, is_new_step);
}

/* A pull's "Downloading", with its layer and how far it is. */
static bool take_status(struct build_log *log, const cJSON *item, const char *status,
                        struct err *err)
{
    const char *id, *progress;
    char text[BUILD_STEP_MAX];

    if (!json_string_or(item, "id", "", &id, err) ||
        !json_string_or(item, "progress", "", &progress, err))
        return false;
    snprintf(text, sizeof(text), "%.40s%s%.60s %.80s", id, id[0] ? ": " : "", status, progress);
    escape_line(text, log->last, sizeof(log->last));
    tell(log, false);
    return true;
}

static bool take_line(struct build_log *log, const char *text, size_t len, struct err *err)
{
    const char *stream, *status, *error;
    cJSON *item;
    bool is_good;

    if (strspn(text, " \r\n\t") >= len)
        return true;
    item = json_parse("a line of the build's progress", text, len, err);
    if (item == NULL)
        return false;
    is_good = json_string_or(item, "stream", NULL, &stream, err) &&
              json_string_or(item, "status", NULL, &status, err) &&
              json_string_or(item, "error", NULL, &error, err);
    if (is_good && stream)
        take_output(log, cJSON_GetObjectItemCaseSensitive(item, "stream")->valuestring);
    if (is_good && status)
        is_good = take_status(log, item, status, err);
    if (is_good && error)
        escape_line(error, log->error, sizeof(log->error));
    cJSON_Delete(item);
    return is_good || err_wrap(err, "the build's progress");
}

static bool keep_part(struct build_log *log, const char *bytes, size_t len, struct err *err)
{
    if (len > BUILD_LINE_MAX - log->line_len)
        return err_set(err, EMSGSIZE, "a line of the build's progress has more than %u bytes",
                       BUILD_LINE_MAX);
    if (log->line_len + len + 1 > log->line_size) {
        size_t size = 2 * (log->line_len + len + 1);
        char *more = realloc(log->line, size);

        if (more == NULL)
            return err_set(err, ENOMEM, "out of memory");
        log->line = more;
        log->line_size = size;
    }
    memcpy(log->line + log->line_len, bytes, len);
    log->line_len += len;
    log->line[log->line_len] = '\0';
    return true;
}

bool build_log_take(struct build_log *log, const char *bytes, size_t len, struct err *err)
{
    while (len) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end ? (size_t)(end - bytes) + 1 : len;

        if (!keep_part(log, bytes, n, err))
            return false;
        if (end) {
            bool is_good = take_line(log, log->line, log->line_len, err);

            log->line_len = 0;
            if (!is_good)
                return false;
        }
        bytes += n;
        len -= n;
    }
    return true;
}

bool build_log_end(const struct build_log *log, struct err *err)
{
    if (log->error[0])
        return err_set(err, EIO, "%s", log->error);
    return log->line_len == 0 || err_set(err, EPROTO, "the build's progress broke off");
}

void build_log_clear(struct build_log *log)
{
    free(log->line);
    memset(log, 0, sizeof(*log));
}
