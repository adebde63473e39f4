/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/http_head.h"

#include <string.h>
#include <strings.h>

/* The length of the head that is in bytes, 0 when its end is not. */
static size_t head_len(const char *bytes, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++)
        if (memcmp(bytes + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_status_line(const char *bytes, size_t len)
{
    return len >= 12 && memcmp(bytes, "HTTP/1.", 7) == 0 && is_digit(bytes[7]) &&
           bytes[8] == ' ' && is_digit(bytes[9]) && is_digit(bytes[10]) && is_digit(bytes[11]);
}

/* Is there a line that starts with what, in any case? */
static bool has_line(const char *bytes, size_t len, const char *what)
{
    size_t what_len = strlen(what);

    for (size_t i = 0; i + 2 + what_len <= len; i++)
        if (memcmp(bytes + i, "\r\n", 2) == 0 &&
            strncasecmp(bytes + i + 2, what, what_len) == 0)
            return true;
    return false;
}

enum http_head_rc http_head_parse(const char *bytes, size_t len, struct http_head *head)
{
    static const char start[] = "HTTP/1.";
    size_t n = len < sizeof(start) - 1 ? len : sizeof(start) - 1;

    if (memcmp(bytes, start, n) != 0)
        return HTTP_HEAD_BAD;
    head->len = head_len(bytes, len);
    if (head->len == 0)
        return len < HTTP_HEAD_MAX ? HTTP_HEAD_MORE : HTTP_HEAD_BAD;
    if (!is_status_line(bytes, head->len))
        return HTTP_HEAD_BAD;
    head->status = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
    head->is_upgraded = head->status == 101 ||
                        (head->status == 200 &&
                         has_line(bytes, head->len, "content-type: application/vnd.docker."));
    return HTTP_HEAD_OK;
}
