/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/env_file.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool put(struct env_pair *pair, char c)
{
    pair->value[pair->value_len++] = c; /* the line is bounded as the value is */
    return true;
}

/* A dollar that a shell, or compose, would expand. */
static bool check_dollar(const struct textfile *file, struct token rest)
{
    if (rest.len < 2 || rest.text[0] != '$' || !strchr("{_" LETTERS, rest.text[1]))
        return true;
    return textfile_fail(file, rest.text,
                         "\"$\" of a variable, which is not expanded here, expected the value "
                         "itself, in single quotes if it has a \"$\"");
}

static bool read_escape(const struct textfile *file, struct token rest, struct env_pair *pair)
{
    switch (rest.len > 1 ? rest.text[1] : '\0') {
    case 'n':
        return put(pair, '\n');
    case 't':
        return put(pair, '\t');
    case '"':
    case '\\':
    case '$':
        return put(pair, rest.text[1]);
    default:
        return textfile_fail(file, rest.text,
                             "unknown escape, expected \\n, \\t, \\\", \\\\ or \\$");
    }
}

static bool end_quote(const struct textfile *file, struct token rest)
{
    struct token after = token_trim(rest);

    if (after.len == 0 || (after.text[0] == '#' && is_blank(rest.text[0])))
        return true;
    return textfile_fail(file, after.text,
                         "\"%.*s\" after the closing quote, expected the end of the line or a "
                         "comment",
                         TOKEN_SHOWN(after));
}

/* rest starts with the opening quote. */
static bool read_quoted(const struct textfile *file, struct token rest, struct env_pair *pair)
{
    const char quote = rest.text[0];
    struct token at = { rest.text + 1, rest.len - 1 };

    while (at.len && at.text[0] != quote) {
        size_t taken = 1;

        if (quote == '"' && at.text[0] == '\\') {
            if (!read_escape(file, at, pair))
                return false;
            taken = 2;
        } else {
            if (quote == '"' && !check_dollar(file, at))
                return false;
            put(pair, at.text[0]);
        }
        at = (struct token) { at.text + taken, at.len - taken };
    }
    if (at.len == 0)
        return textfile_fail(file, rest.text, "no closing %c, expected one on the same line",
                             quote);
    return end_quote(file, (struct token) { at.text + 1, at.len - 1 });
}

static bool read_bare(const struct textfile *file, struct token rest, struct env_pair *pair)
{
    size_t n = 0;

    while (n < rest.len && !(rest.text[n] == '#' && (n == 0 || is_blank(rest.text[n - 1]))))
        n++;
    rest = token_trim((struct token) { rest.text, n });
    for (size_t i = 0; i < rest.len; i++) {
        if (!check_dollar(file, (struct token) { rest.text + i, rest.len - i }))
            return false;
        put(pair, rest.text[i]);
    }
    return true;
}

static bool read_value(const struct textfile *file, struct token rest, struct env_pair *pair)
{
    bool is_good;

    while (rest.len && is_blank(rest.text[0]))
        rest = (struct token) { rest.text + 1, rest.len - 1 };
    pair->value_at = rest.text;
    pair->value_len = 0;
    is_good = rest.len && (rest.text[0] == '"' || rest.text[0] == '\'')
                  ? read_quoted(file, rest, pair)
                  : read_bare(file, rest, pair);
    pair->value[pair->value_len] = '\0';
    return is_good;
}

static bool read_pair(const struct textfile *file, struct token line, struct env_pair *pair)
{
    const char *equals = token_find(line, '=');
    struct token key = equals ? token_head(line, equals) : line;
    struct token rest = key, word;

    if (token_next(&rest, &word) && token_is(word, "export") && token_trim(rest).len)
        key = rest;
    key = token_trim(key);
    if (!equals)
        return textfile_fail(file, line.text + line.len,
                             "no \"=\" after \"%.*s\", expected KEY=VALUE", TOKEN_SHOWN(key));
    if (key.len == 0 || !token_has_only(key, "_" LETTERS DIGITS) || strchr(DIGITS, key.text[0]))
        return textfile_fail(file, key.len ? key.text : line.text,
                             "\"%.*s\" is no key, expected letters, digits and \"_\", no digit "
                             "first",
                             TOKEN_SHOWN(key));
    pair->key = key;
    return read_value(file, token_tail(line, equals), pair);
}

int env_file_next(struct textfile *file, struct env_pair *pair)
{
    struct token line;
    int rc;

    while ((rc = textfile_next(file, &line)) == 1) {
        line = token_trim(line);
        if (line.len && line.text[0] != '#')
            return read_pair(file, line, pair) ? 1 : -1;
    }
    return rc;
}
