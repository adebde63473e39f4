/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <stdbool.h>

#include "common/attr.h"

/* An error made where the failure happens, wrapped on the way up, printed once by main(). */
struct err {
    int code; /* an errno value, or 0 when none fits */
    char text[512];
};

/**
 * err_set - write a sentence that says what was attempted, on what, and why it failed
 *
 * Returns false always, so that a caller can `return err_set(...)`. A text that is too
 * long is cut at the end.
 */
bool err_set(struct err *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/** err_wrap - put "context: " before what *err already says; returns false always */
bool err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
