/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Input: "allow WORD..." or "deny WORD", a newline, an allowlist. Promises: what comes out is a
 * well-formed policy in which the target is allowed, or denied; nothing comes out with an
 * error; a second time there is nothing to do.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/policy_edit.h"

#define WORDS_MAX   6
#define COMMAND_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

static bool edit_with(const char *text, size_t len, bool is_deny, const char *const *words,
                      size_t nr, struct policy_edit *edit, struct err *err)
{
    struct policy_source source = { "allowlist", NULL, text, len };
    const struct policy_dir dir = { &source, 1, NULL };

    return is_deny ? policy_edit_deny(&dir, NULL, words[0], edit, err)
                   : policy_edit_allow(&dir, NULL, words, nr, edit, err);
}

static void check(const char *text, size_t len, bool is_deny, const char *const *words,
                  size_t nr)
{
    struct policy_edit edit, again;
    struct err err = { .code = 0 };
    struct policy *policy;
    struct policy_source after = { .file = "allowlist" };

    if (!edit_with(text, len, is_deny, words, nr, &edit, &err)) {
        promise(err.text[0] && edit.text == NULL);
        return;
    }
    promise(edit.said[0] != '\0');
    if (edit.text) {
        after.text = edit.text;
        after.len = edit.len;
        policy = policy_new(&after, 1, NULL, &err);
        promise(policy != NULL);
        policy_free(policy);
        promise(edit_with(edit.text, edit.len, is_deny, words, nr, &again, &err));
        promise(again.text == NULL);
        policy_edit_clear(&again);
    }
    policy_edit_clear(&edit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    char line[COMMAND_MAX];
    const char *words[WORDS_MAX];
    size_t len = newline ? (size_t)(newline - data) : 0, nr = 0;
    char *text;

    if (!newline || len >= sizeof(line))
        return 0;
    memcpy(line, data, len);
    line[len] = '\0';
    for (char *word = strtok(line, " "); word && nr < WORDS_MAX; word = strtok(NULL, " "))
        words[nr++] = word;
    if (nr < 2)
        return 0;
    size -= len + 1;
    text = malloc(size + 1); /* of its exact size but for the NUL */
    if (text == NULL)
        return 0;
    memcpy(text, newline + 1, size);
    text[size] = '\0';
    check(text, size, strcmp(words[0], "deny") == 0, words + 1, nr - 1);
    free(text);
    return 0;
}
