/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Typed getters for JSON that somebody else wrote. An error names the field, and whether it was
 * missing or of the wrong type.
 */
#ifndef CTL_JSON_GET_H
#define CTL_JSON_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"

/**
 * json_parse - one whole JSON document
 *
 * what: its name in errors ("the engine's answer"). Returns the document, given
 * (cJSON_Delete()), or NULL with *err when text is no JSON or has bytes after it.
 */
MUST_CHECK cJSON *json_parse(const char *what, const char *text, size_t len, struct err *err);

/*
 * path: names from object inwards, "/" between them: "State/Health/Status". Results are
 * borrowed from the document. Without one: false with *err, *out untouched.
 */
MUST_CHECK bool json_string(const cJSON *object, const char *path, const char **out,
                            struct err *err);
MUST_CHECK bool json_bool(const cJSON *object, const char *path, bool *out, struct err *err);
MUST_CHECK bool json_object(const cJSON *object, const char *path, const cJSON **out,
                            struct err *err);
MUST_CHECK bool json_array(const cJSON *object, const char *path, const cJSON **out,
                           struct err *err);

/** json_integer - a whole number of at most 2^53 either way */
MUST_CHECK bool json_integer(const cJSON *object, const char *path, int64_t *out,
                             struct err *err);

/* The same for fields that may be missing or null: fallback (NULL for objects and arrays) then.
 * A field of another type is an error all the same. */
MUST_CHECK bool json_string_or(const cJSON *object, const char *path, const char *fallback,
                               const char **out, struct err *err);
MUST_CHECK bool json_bool_or(const cJSON *object, const char *path, bool fallback, bool *out,
                             struct err *err);
MUST_CHECK bool json_integer_or(const cJSON *object, const char *path, int64_t fallback,
                                int64_t *out, struct err *err);
MUST_CHECK bool json_object_or_null(const cJSON *object, const char *path, const cJSON **out,
                                    struct err *err);
MUST_CHECK bool json_array_or_null(const cJSON *object, const char *path, const cJSON **out,
                                   struct err *err);

#endif
