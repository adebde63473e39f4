/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_BOUND_SET_H
#define SNI_FILTER_BOUND_SET_H

#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/engine.h"

struct bound_set; /* the kernel's sets of bound addresses, see common/marks.h */

struct bound_set *bound_set_new(struct err *err);
void bound_set_free(struct bound_set *set);
int bound_set_fd(const struct bound_set *set);

/**
 * bound_set_add - add an element, or give it a new timeout
 *
 * Elements gather; they are in the kernel once bound_set_commit() has returned. 0 or -errno.
 */
MUST_CHECK int bound_set_add(struct bound_set *set, const struct engine_bound *bound);

/** bound_set_commit - one transaction of what has gathered, acknowledged by the kernel */
MUST_CHECK int bound_set_commit(struct bound_set *set);

/** bound_set_empty - take all elements out of both sets, gathered ones too */
MUST_CHECK int bound_set_empty(struct bound_set *set);

#endif
