/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/json_make.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMATTED_MAX 4096

static void put_item(struct json_make *make, cJSON *parent, const char *key, cJSON *item)
{
    bool is_put = false;

    if (parent && item)
        is_put =
            key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item);
    if (is_put)
        return;
    cJSON_Delete(item);
    make->is_failed = true;
}

static cJSON *put_container(struct json_make *make, cJSON *parent, const char *key, cJSON *item)
{
    bool is_root = parent == NULL && !make->is_failed;

    if (is_root && item == NULL)
        make->is_failed = true;
    if (!is_root)
        put_item(make, parent, key, item);
    return make->is_failed ? NULL : item;
}

cJSON *json_make_object(struct json_make *make, cJSON *parent, const char *key)
{
    return put_container(make, parent, key, cJSON_CreateObject());
}

cJSON *json_make_array(struct json_make *make, cJSON *parent, const char *key)
{
    return put_container(make, parent, key, cJSON_CreateArray());
}

void json_put(struct json_make *make, cJSON *object, const char *key, const char *text)
{
    put_item(make, object, key, cJSON_CreateString(text));
}

void json_put_integer(struct json_make *make, cJSON *object, const char *key, int64_t value)
{
    put_item(make, object, key, cJSON_CreateNumber((double)value));
}

void json_put_bool(struct json_make *make, cJSON *object, const char *key, bool value)
{
    put_item(make, object, key, cJSON_CreateBool(value));
}

void json_put_item(struct json_make *make, cJSON *object, const char *key, cJSON *item)
{
    put_item(make, object, key, item);
}

/* A text that does not fit is a failure, never a shorter text. */
PRINTF_LIKE(4, 0)
static void put_formatted(struct json_make *make, cJSON *parent, const char *key,
                          const char *format, va_list args)
{
    char *text = malloc(FORMATTED_MAX);
    int len = text ? vsnprintf(text, FORMATTED_MAX, format, args) : -1;

    if (len < 0 || len >= FORMATTED_MAX)
        make->is_failed = true;
    else
        put_item(make, parent, key, cJSON_CreateString(text));
    free(text);
}

void json_putf(struct json_make *make, cJSON *object, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_formatted(make, object, key, format, args);
    va_end(args);
}

void json_append(struct json_make *make, cJSON *array, const char *text)
{
    put_item(make, array, NULL, cJSON_CreateString(text));
}

void json_appendf(struct json_make *make, cJSON *array, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_formatted(make, array, NULL, format, args);
    va_end(args);
}

cJSON *json_finish(const struct json_make *make, cJSON *document, struct err *err)
{
    if (document && !make->is_failed)
        return document;
    cJSON_Delete(document);
    err_set(err, ENOMEM, "out of memory, or a text of more than %d bytes", FORMATTED_MAX);
    return NULL;
}

char *json_text(const cJSON *document, struct err *err)
{
    char *text = cJSON_PrintUnformatted(document);

    if (text == NULL)
        err_set(err, ENOMEM, "out of memory");
    return text;
}

bool json_print(const cJSON *document, struct err *err)
{
    char *text = cJSON_Print(document);

    if (text == NULL)
        return err_set(err, ENOMEM, "out of memory");
    puts(text);
    cJSON_free(text);
    return true;
}
