/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading what an engine answers; nothing here sends.
 */
#ifndef CTL_ENGINE_ANSWER_H
#define CTL_ENGINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"

/**
 * engine_answer_fail - make an error of an answer whose status is not 2xx or 304
 *
 * The engine's message is taken from its JSON, or from its text when it sent none. Returns
 * false always.
 */
bool engine_answer_fail(long status, const char *body, size_t len, struct err *err);

/**
 * engine_api_choose - which API version to speak
 *
 * offered: the engine's newest, "1.44". Returns the minor number in *api; false with *err when
 * the engine is too old, or offered is no version.
 */
MUST_CHECK bool engine_api_choose(const char *offered, unsigned *api, struct err *err);

#endif
