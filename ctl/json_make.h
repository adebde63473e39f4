/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Building JSON without a check after every field: a failure (out of memory) is kept and told
 * once, by json_finish(). Every function accepts the NULL that an earlier failure left.
 */
#ifndef CTL_JSON_MAKE_H
#define CTL_JSON_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"

struct json_make {
    bool is_failed;
};

/** json_make_object, json_make_array - a new one below key of parent; parent NULL: a document
 * of its own; key NULL: parent is an array. Owned by the parent. */
cJSON *json_make_object(struct json_make *make, cJSON *parent, const char *key);
cJSON *json_make_array(struct json_make *make, cJSON *parent, const char *key);

void json_put(struct json_make *make, cJSON *object, const char *key, const char *text);
void json_put_integer(struct json_make *make, cJSON *object, const char *key, int64_t value);
void json_put_bool(struct json_make *make, cJSON *object, const char *key, bool value);

/** json_put_item - item, which may be NULL after a failure, becomes the object's */
void json_put_item(struct json_make *make, cJSON *object, const char *key, cJSON *item);

/** json_putf - a string made by a format */
void json_putf(struct json_make *make, cJSON *object, const char *key, const char *format, ...)
    PRINTF_LIKE(4, 5);

void json_append(struct json_make *make, cJSON *array, const char *text);
void json_appendf(struct json_make *make, cJSON *array, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** json_finish - the document, given; NULL with *err, and the document freed, after a failure
 */
MUST_CHECK cJSON *json_finish(const struct json_make *make, cJSON *document, struct err *err);

/** json_text - the document in one line, given (cJSON_free()); NULL with *err */
MUST_CHECK char *json_text(const cJSON *document, struct err *err);

/** json_print - the document on standard output, in lines */
MUST_CHECK bool json_print(const cJSON *document, struct err *err);

#endif
