/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows of vectors.tsv: source, kind, hex, expected, note.
 */
#ifndef TESTS_SUPPORT_VECTOR_FILE_H
#define TESTS_SUPPORT_VECTOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct vector {
    char *source, *kind, *hex, *expected, *note; /* until the next call */
};

struct vector_file {
    FILE *file;
    char *line;
    size_t room;
};

/** vector_file_open - in the directory that SECCTL_RECORDINGS names; false, with the reason
 * printed, when it is not there */
bool vector_file_open(struct vector_file *vectors);
bool vector_file_next(struct vector_file *vectors, struct vector *out);
void vector_file_close(struct vector_file *vectors);

#endif
