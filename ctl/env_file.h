/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_ENV_FILE_H
#define CTL_ENV_FILE_H

#include "common/attr.h"
#include "common/textfile.h"

/* One "KEY=VALUE" of a .env file. */
struct env_pair {
    struct token key; /* points into the text */
    char value[TEXTFILE_LINE_MAX + 1];
    size_t value_len;
    const char *value_at; /* where the value stands, for errors */
};

/**
 * env_file_next - read on to the next pair of a .env file
 *
 * Lines are [export] KEY=VALUE; blank lines and those that start with "#" are skipped. VALUE is
 * bare (up to the end of the line or " #", blanks cut off), or in single quotes (as it stands),
 * or in double quotes (\n \t \" \\ \$ are escapes). Nothing is expanded: what looks like a
 * variable is an error. A value never goes on over a line's end.
 *
 * Returns 1 with *pair, 0 at the end, -1 with *file->err "FILE:LINE:COLUMN: ...".
 */
MUST_CHECK int env_file_next(struct textfile *file, struct env_pair *pair);

#endif
