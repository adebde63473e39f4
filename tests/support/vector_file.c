/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/vector_file.h"

#include <stdlib.h>
#include <string.h>

bool vector_file_open(struct vector_file *vectors)
{
    const char *folder = getenv("SECCTL_RECORDINGS");
    char path[4096];

    *vectors = (struct vector_file) { .file = NULL };
    if (folder == NULL || *folder == '\0') {
        printf("SKIP: SECCTL_RECORDINGS names no folder with vectors.tsv\n");
        return false;
    }
    snprintf(path, sizeof(path), "%s/vectors.tsv", folder);
    vectors->file = fopen(path, "re");
    if (vectors->file == NULL)
        printf("SKIP: cannot open %s\n", path);
    return vectors->file != NULL;
}

bool vector_file_next(struct vector_file *vectors, struct vector *out)
{
    char *field[5], *rest;
    ssize_t len = getline(&vectors->line, &vectors->room, vectors->file);

    if (len < 0)
        return false;
    vectors->line[strcspn(vectors->line, "\r\n")] = '\0';
    rest = vectors->line;
    for (size_t i = 0; i < 5; i++) {
        char *part = strsep(&rest, "\t");

        field[i] = part ? part : vectors->line + len;
    }
    *out = (struct vector) { field[0], field[1], field[2], field[3], field[4] };
    return true;
}

void vector_file_close(struct vector_file *vectors)
{
    if (vectors->file)
        fclose(vectors->file);
    free(vectors->line);
    *vectors = (struct vector_file) { .file = NULL };
}
