/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/http_field.h"

#include <string.h>

static const struct span no_span = { NULL, 0 };

/* What a line may hold: RFC 9110 §5.5 field-content, its obs-text included. */
static bool may_stand(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

enum parse_rc http_line_next(struct cursor *in, struct span *line)
{
    struct cursor rest = *in, part;
    size_t len = 0, left = cursor_left(&rest);

    *line = no_span;
    if (!cursor_split(&rest, left, &part))
        return PARSE_BAD;
    while (len < left && may_stand(part.base[len]))
        len++;
    if (len == left || (part.base[len] == '\r' && len + 1 == left))
        return PARSE_MORE;
    if (part.base[len] != '\r' || part.base[len + 1] != '\n')
        return PARSE_BAD;
    if (!cursor_skip(in, len + 2))
        return PARSE_BAD;
    *line = (struct span) { part.base, len };
    return PARSE_OK;
}

static bool is_token_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http_is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char(text.base[i]))
            return false;
    return text.len > 0;
}

static bool is_white(uint8_t c)
{
    return c == ' ' || c == '\t';
}

bool http_field_split(struct span line, struct http_field *out)
{
    size_t colon = 0, from, to = line.len;

    while (colon < line.len && line.base[colon] != ':')
        colon++;
    if (colon == line.len)
        return false;
    from = colon + 1;
    while (from < to && is_white(line.base[from]))
        from++;
    while (to > from && is_white(line.base[to - 1]))
        to--;
    out->name = (struct span) { line.base, colon };
    out->value = (struct span) { line.base + from, to - from };
    return http_is_token(out->name);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool equals(struct span text, const char *word, bool is_underscore_dash)
{
    if (text.len != strlen(word))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = lower(text.base[i]);

        if (is_underscore_dash && c == '_')
            c = '-';
        if (c != (uint8_t)word[i])
            return false;
    }
    return true;
}

bool http_is(struct span text, const char *word)
{
    return equals(text, word, false);
}

enum http_framing http_framing(struct span name)
{
    static const struct {
        const char *name;
        enum http_framing framing;
    } fields[] = {
        { "host", HTTP_HOST },
        { "content-length", HTTP_CONTENT_LENGTH },
        { "transfer-encoding", HTTP_TRANSFER_ENCODING },
        { "upgrade", HTTP_UPGRADE },
        { "expect", HTTP_EXPECT },
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (equals(name, fields[i].name, false))
            return fields[i].framing;
        if (equals(name, fields[i].name, true))
            return HTTP_LOOKALIKE;
    }
    return HTTP_OTHER;
}
