/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/err.h"

/** terminal_is_there - are standard input and output a terminal? */
bool terminal_is_there(void);

/** terminal_raw - hand every key through; undone by terminal_restore(), at exit() at the latest
 */
MUST_CHECK bool terminal_raw(struct err *err);

/** terminal_reset - after a program that was killed: its screen and its mouse are put off;
 * false when the terminal is gone */
bool terminal_reset(void);

/**
 * terminal_restore - as it was before terminal_raw(); nothing when it was not called
 *
 * is_broken_off: the program that used it was killed: its screen and its mouse are put off too.
 */
void terminal_restore(bool is_broken_off);

/** terminal_size - of standard output; false when it has none */
MUST_CHECK bool terminal_size(unsigned *rows, unsigned *columns);

#endif
