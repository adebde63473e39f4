/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/json_get.h"

#include <errno.h>
#include <string.h>

#define FIELD_MAX     128
#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: beyond it a double skips whole numbers */

enum presence { IS_MISSING, IS_THERE, IS_WRONG };

static const char *type_name(const cJSON *item)
{
    if (cJSON_IsString(item))
        return "a string";
    if (cJSON_IsNumber(item))
        return "a number";
    if (cJSON_IsBool(item))
        return "a boolean";
    if (cJSON_IsArray(item))
        return "a list";
    if (cJSON_IsObject(item))
        return "an object";
    return "null";
}

cJSON *json_parse(const char *what, const char *text, size_t len, struct err *err)
{
    const char *end = text;
    cJSON *document = cJSON_ParseWithLengthOpts(text, len, &end, false);

    if (document == NULL) {
        err_set(err, EPROTO, "%s is no JSON: \"%.*s\" at byte %zu", what,
                (int)(len < 60 ? len : 60), text, (size_t)(end - text) + 1);
        return NULL;
    }
    while (end < text + len && *end && strchr(" \t\r\n", *end))
        end++;
    if (end == text + len)
        return document;
    err_set(err, EPROTO, "%s goes on after its JSON, at byte %zu", what,
            (size_t)(end - text) + 1);
    cJSON_Delete(document);
    return NULL;
}

/* Walk along path; *item is NULL when it ends early, null counts as missing. */
static enum presence find(const cJSON *object, const char *path, const cJSON **item,
                          struct err *err)
{
    const char *name = path;

    *item = object;
    while (*name) {
        size_t len = strcspn(name, "/");
        char field[FIELD_MAX];

        if (*item == NULL || cJSON_IsNull(*item))
            return IS_MISSING;
        if (!cJSON_IsObject(*item) && name == path) {
            err_set(err, EPROTO, "the whole is %s, expected an object", type_name(*item));
            return IS_WRONG;
        }
        if (!cJSON_IsObject(*item)) {
            err_set(err, EPROTO, "field \"%.*s\" is %s, expected an object",
                    (int)(name - path - 1), path, type_name(*item));
            return IS_WRONG;
        }
        if (len >= sizeof(field)) {
            err_set(err, EINVAL, "field \"%.80s\": the name is too long", name);
            return IS_WRONG;
        }
        memcpy(field, name, len);
        field[len] = '\0';
        *item = cJSON_GetObjectItemCaseSensitive(*item, field);
        name += len + (name[len] == '/');
    }
    return *item == NULL || cJSON_IsNull(*item) ? IS_MISSING : IS_THERE;
}

static bool is_integer(const cJSON *item)
{
    double value = item->valuedouble;

    return cJSON_IsNumber(item) && value >= -INTEGER_LIMIT && value <= INTEGER_LIMIT &&
           (double)(int64_t)value == value;
}

static bool is_string(const cJSON *item)
{
    return cJSON_IsString(item) && item->valuestring;
}

static bool is_bool(const cJSON *item)
{
    return cJSON_IsBool(item);
}

static bool is_object(const cJSON *item)
{
    return cJSON_IsObject(item);
}

static bool is_array(const cJSON *item)
{
    return cJSON_IsArray(item);
}

/* find() and a look at the type; wanted: "a string", as the error says it. */
static enum presence find_typed(const cJSON *object, const char *path,
                                bool (*is_wanted)(const cJSON *), const char *wanted,
                                const cJSON **item, struct err *err)
{
    enum presence presence = find(object, path, item, err);

    if (presence != IS_THERE || is_wanted(*item))
        return presence;
    err_set(err, EPROTO, "field \"%.100s\" is %s, expected %s", path, type_name(*item), wanted);
    return IS_WRONG;
}

static bool is_found(enum presence presence, const char *path, const char *wanted,
                     struct err *err)
{
    if (presence == IS_MISSING)
        err_set(err, EPROTO, "field \"%.100s\" is missing, expected %s", path, wanted);
    return presence == IS_THERE;
}

bool json_string(const cJSON *object, const char *path, const char **out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_string, "a string", &item, err);

    if (!is_found(presence, path, "a string", err))
        return false;
    *out = item->valuestring;
    return true;
}

bool json_string_or(const cJSON *object, const char *path, const char *fallback,
                    const char **out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_string, "a string", &item, err);

    if (presence != IS_WRONG)
        *out = presence == IS_THERE ? item->valuestring : fallback;
    return presence != IS_WRONG;
}

bool json_bool(const cJSON *object, const char *path, bool *out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_bool, "a boolean", &item, err);

    if (!is_found(presence, path, "a boolean", err))
        return false;
    *out = cJSON_IsTrue(item);
    return true;
}

bool json_bool_or(const cJSON *object, const char *path, bool fallback, bool *out,
                  struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_bool, "a boolean", &item, err);

    if (presence != IS_WRONG)
        *out = presence == IS_THERE ? cJSON_IsTrue(item) : fallback;
    return presence != IS_WRONG;
}

bool json_integer(const cJSON *object, const char *path, int64_t *out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_integer, "a whole number", &item, err);

    if (!is_found(presence, path, "a whole number", err))
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

bool json_integer_or(const cJSON *object, const char *path, int64_t fallback, int64_t *out,
                     struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_integer, "a whole number", &item, err);

    if (presence != IS_WRONG)
        *out = presence == IS_THERE ? (int64_t)item->valuedouble : fallback;
    return presence != IS_WRONG;
}

bool json_object(const cJSON *object, const char *path, const cJSON **out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_object, "an object", &item, err);

    if (!is_found(presence, path, "an object", err))
        return false;
    *out = item;
    return true;
}

bool json_object_or_null(const cJSON *object, const char *path, const cJSON **out,
                         struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_object, "an object", &item, err);

    if (presence != IS_WRONG)
        *out = presence == IS_THERE ? item : NULL;
    return presence != IS_WRONG;
}

bool json_array(const cJSON *object, const char *path, const cJSON **out, struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_array, "a list", &item, err);

    if (!is_found(presence, path, "a list", err))
        return false;
    *out = item;
    return true;
}

bool json_array_or_null(const cJSON *object, const char *path, const cJSON **out,
                        struct err *err)
{
    const cJSON *item;
    enum presence presence = find_typed(object, path, is_array, "a list", &item, err);

    if (presence != IS_WRONG)
        *out = presence == IS_THERE ? item : NULL;
    return presence != IS_WRONG;
}
