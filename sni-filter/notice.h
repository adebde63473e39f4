/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_NOTICE_H
#define SNI_FILTER_NOTICE_H

#include "common/attr.h"

/** notice - one line to standard error by one write(), cut at 511 bytes; nothing but that
 * system call */
void notice(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
