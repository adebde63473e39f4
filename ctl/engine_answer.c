/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_answer.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/engine.h"
#include "ctl/json_get.h"

static int code_for(long status)
{
    switch (status) {
    case 404:
        return ENOENT;
    case 409:
        return EEXIST;
    case 400:
        return EINVAL;
    case 401:
    case 403:
        return EACCES;
    }
    return EIO;
}

/* The text without blanks at its end, on one line as far as it is shown. */
static int shown_len(const char *text, size_t len)
{
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    return (int)(len < 400 ? len : 400);
}

bool engine_answer_fail(long status, const char *body, size_t len, struct err *err)
{
    cJSON *document = cJSON_ParseWithLength(body, len);
    const char *message = NULL;
    struct err ignored;

    if (document && json_string(document, "message", &message, &ignored)) {
        body = message;
        len = strlen(message);
    }
    if (strstr(body, "client version") && strstr(body, "is too old"))
        err_set(err, EPROTO,
                "the Docker engine is too new for this secctl, which speaks API 1.%d to 1.%d: "
                "%.*s",
                ENGINE_API_MIN, ENGINE_API_MAX, shown_len(body, len), body);
    else if (shown_len(body, len) == 0)
        err_set(err, code_for(status), "the Docker engine answered %ld without a message",
                status);
    else
        err_set(err, code_for(status), "%.*s", shown_len(body, len), body);
    cJSON_Delete(document);
    return false;
}

bool engine_api_choose(const char *offered, unsigned *api, struct err *err)
{
    char *end;
    unsigned long minor;

    if (strncmp(offered, "1.", 2) != 0 || !isdigit((unsigned char)offered[2]))
        return err_set(err, EPROTO, "it offers API version \"%.20s\", expected 1.N", offered);
    minor = strtoul(offered + 2, &end, 10);
    if (*end || minor > 9999)
        return err_set(err, EPROTO, "it offers API version \"%.20s\", expected 1.N", offered);
    if (minor < ENGINE_API_MIN)
        return err_set(err, EPROTO,
                       "it is too old: it speaks API 1.%lu, expected at least 1.%d (Docker "
                       "20.10)",
                       minor, ENGINE_API_MIN);
    *api = minor < ENGINE_API_MAX ? (unsigned)minor : ENGINE_API_MAX;
    return true;
}
