/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_ATTR_H
#define COMMON_ATTR_H

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(array)  (sizeof(array) / sizeof((array)[0]))

#endif
