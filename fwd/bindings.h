/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bindings that outlive the filter, and with a state directory the gateway too.
 */
#ifndef FWD_BINDINGS_H
#define FWD_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "common/ipc.h"

#define BINDINGS_MAX     65536
#define BINDING_LINE_MAX 512

struct bindings {
    void *tree; /* of struct kept, by address, name and agent */
    size_t nr;
    const char *dir; /* kept; NULL or "": in memory only */
    int fd;          /* of the file; -1: none */
    size_t nr_lines; /* in the file */
    size_t nr_bad;   /* lines that were no bindings when it was read */
    bool is_broken;  /* the last write failed: said once */
    bool is_full;    /* said once */
};

/**
 * bindings_open - read dir/bindings, drop what has expired, write the rest anew
 *
 * Bad lines are skipped and counted. False with *err when dir is given and cannot be written.
 */
MUST_CHECK bool bindings_open(struct bindings *bindings, const char *dir, uint64_t now_s,
                              struct err *err);
void bindings_close(struct bindings *bindings);

/** bindings_put - keep one, or prolong it; what is no valid binding is left out */
void bindings_put(struct bindings *bindings, const struct ipc_binding *binding, uint64_t now_s);

/** bindings_each - those that have not expired */
void bindings_each(const struct bindings *bindings, uint64_t now_s,
                   void (*each)(const struct ipc_binding *binding, void *arg), void *arg);

/** binding_format, binding_parse - one line of the file, without its end: "addr name agent
 * expires". Pure. */
size_t binding_format(const struct ipc_binding *binding, char line[BINDING_LINE_MAX]);
MUST_CHECK bool binding_parse(const char *line, size_t len, struct ipc_binding *binding);

#endif
