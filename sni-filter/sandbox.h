/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_SANDBOX_H
#define SNI_FILTER_SANDBOX_H

#include "common/attr.h"
#include "common/err.h"

enum sandbox_role { SANDBOX_PACKETS, SANDBOX_INSPECTOR, SANDBOX_DNS };

/** sandbox_load - from here on a system call that is not on the role's list kills the process
 */
MUST_CHECK bool sandbox_load(enum sandbox_role role, struct err *err);

#endif
