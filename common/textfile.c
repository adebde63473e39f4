/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/textfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool textfile_fail(const struct textfile *file, const char *at, const char *format, ...)
{
    char text[sizeof(file->err->text)];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    return err_set(file->err, EINVAL, "%s:%u:%zu: %s", file->file, file->line,
                   (size_t)(at - file->start) + 1, text);
}

/* Bytes that no text has, and lines that nobody means: refused in comments too. */
static bool check_line(const struct textfile *file, struct token line)
{
    for (size_t i = 0; i < line.len && i < TEXTFILE_LINE_MAX; i++) {
        uint8_t byte = (uint8_t)line.text[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return textfile_fail(file, line.text + i, "control character 0x%02x, expected text",
                                 byte);
    }
    if (line.len > TEXTFILE_LINE_MAX)
        return textfile_fail(file, line.text + TEXTFILE_LINE_MAX,
                             "the line is %zu bytes long, expected at most %d", line.len,
                             TEXTFILE_LINE_MAX);
    return true;
}

int textfile_next(struct textfile *file, struct token *line)
{
    const char *end;
    size_t taken = file->len;

    if (file->len == 0)
        return 0;
    *line = (struct token) { file->text, file->len };
    end = token_find(*line, '\n');
    if (end) {
        line->len = (size_t)(end - line->text);
        taken = line->len + 1;
    }
    if (line->len && line->text[line->len - 1] == '\r')
        line->len--;
    file->start = line->text;
    file->text += taken;
    file->len -= taken;
    file->line++;
    return check_line(file, *line) ? 1 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool token_next(struct token *rest, struct token *token)
{
    size_t n = 0;

    while (rest->len && is_blank(*rest->text))
        *rest = (struct token) { rest->text + 1, rest->len - 1 };
    while (n < rest->len && !is_blank(rest->text[n]))
        n++;
    *token = (struct token) { rest->text, n };
    *rest = (struct token) { rest->text + n, rest->len - n };
    return n != 0;
}

struct token token_trim(struct token token)
{
    while (token.len && is_blank(*token.text))
        token = (struct token) { token.text + 1, token.len - 1 };
    while (token.len && is_blank(token.text[token.len - 1]))
        token.len--;
    return token;
}

bool token_is(struct token token, const char *word)
{
    return token.len == strlen(word) && memcmp(token.text, word, token.len) == 0;
}

const char *token_find(struct token token, char c)
{
    return token.len ? memchr(token.text, c, token.len) : NULL;
}

bool token_has_only(struct token token, const char *set)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.text[i] == '\0' || strchr(set, token.text[i]) == NULL)
            return false;
    return true;
}

struct token token_head(struct token token, const char *at)
{
    return (struct token) { token.text, (size_t)(at - token.text) };
}

struct token token_tail(struct token token, const char *at)
{
    size_t used = (size_t)(at - token.text) + 1;

    return (struct token) { token.text + used, token.len - used };
}

bool token_number(struct token token, unsigned long max, unsigned long *out)
{
    unsigned long value = 0;

    if (token.len == 0 || !token_has_only(token, "0123456789"))
        return false;
    for (size_t i = 0; i < token.len; i++) {
        unsigned long digit = (unsigned long)(token.text[i] - '0');

        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}
