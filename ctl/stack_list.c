/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json_get.h"

/* Copy a string field that may be missing; one that is too long is an error, not cut. */
static bool copy(const cJSON *item, const char *path, char *out, size_t size, struct err *err)
{
    const char *text;

    if (!json_string_or(item, path, "", &text, err))
        return false;
    if (strlen(text) >= size)
        return err_set(err, EPROTO, "field \"%s\" has %zu bytes, expected at most %zu", path,
                       strlen(text), size - 1);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* The same for what is only shown: cut to fit. */
static bool copy_shown(const cJSON *item, const char *path, char *out, size_t size,
                       struct err *err)
{
    const char *text;

    if (!json_string_or(item, path, "", &text, err))
        return false;
    snprintf(out, size, "%.*s", (int)size - 1, text);
    return true;
}

static enum stack_service service_of(const char *text)
{
    static const char *const names[] = { "gateway", "link", "claude" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0)
            return (enum stack_service)i;
    return STACK_SERVICE_OTHER;
}

static bool read_name(const cJSON *item, struct stack_container *container, struct err *err)
{
    const cJSON *names, *name;

    if (!json_array(item, "Names", &names, err))
        return false;
    name = cJSON_GetArrayItem(names, 0);
    if (!cJSON_IsString(name))
        return err_set(err, EPROTO, "field \"Names\" holds no string, expected a name");
    snprintf(container->name, sizeof(container->name), "%s",
             name->valuestring + (name->valuestring[0] == '/'));
    return true;
}

static bool read_networks(const cJSON *item, struct stack_container *container, struct err *err)
{
    const cJSON *external;

    if (!copy(item, "NetworkSettings/Networks/" STACK_INTERNAL "/IPAddress",
              container->internal, sizeof(container->internal), err) ||
        !json_object_or_null(item, "NetworkSettings/Networks/" STACK_EXTERNAL, &external, err))
        return false;
    container->has_external = external != NULL;
    return true;
}

static bool read_container(const cJSON *item, struct stack_container *container,
                           struct err *err)
{
    char service[64], number[16];

    if (!copy(item, "Id", container->id, sizeof(container->id), err) ||
        !read_name(item, container, err) ||
        !copy_shown(item, "Image", container->image, sizeof(container->image), err) ||
        !copy(item, "ImageID", container->image_id, sizeof(container->image_id), err) ||
        !copy(item, "State", container->state, sizeof(container->state), err) ||
        !copy_shown(item, "Status", container->status, sizeof(container->status), err) ||
        !json_integer_or(item, "Created", 0, &container->created_s, err) ||
        !copy(item, "Labels/" LABEL_SERVICE, service, sizeof(service), err) ||
        !copy(item, "Labels/" LABEL_NUMBER, number, sizeof(number), err) ||
        !copy(item, "Labels/" LABEL_AGENT, container->agent, sizeof(container->agent), err) ||
        !copy(item, "Labels/" LABEL_SPEC, container->spec, sizeof(container->spec), err) ||
        !copy(item, "Labels/" LABEL_OWNER, container->owner, sizeof(container->owner), err) ||
        !read_networks(item, container, err))
        return false;
    container->service = service_of(service);
    container->number = (unsigned)strtoul(number, NULL, 10);
    container->is_running = strcmp(container->state, "running") == 0;
    return container->id[0] || err_set(err, EPROTO, "field \"Id\" is missing");
}

bool stack_list_parse(const cJSON *answer, struct stack_list *list, struct err *err)
{
    int nr = cJSON_GetArraySize(answer);
    const cJSON *item;

    *list = (struct stack_list) { .all = NULL };
    if (!cJSON_IsArray(answer))
        return err_set(err, EPROTO, "list the containers: the answer is no list");
    list->all = calloc((size_t)nr + 1, sizeof(*list->all));
    if (list->all == NULL)
        return err_set(err, ENOMEM, "list the containers: out of memory");
    cJSON_ArrayForEach(item, answer)
    {
        if (!read_container(item, &list->all[list->nr++], err)) {
            stack_list_clear(list);
            return err_wrap(err, "list the containers");
        }
    }
    return true;
}

void stack_list_clear(struct stack_list *list)
{
    free(list->all);
    *list = (struct stack_list) { .all = NULL };
}

const struct stack_container *stack_list_find(const struct stack_list *list, const char *name)
{
    for (size_t i = 0; i < list->nr; i++)
        if (strcmp(list->all[i].name, name) == 0)
            return &list->all[i];
    return NULL;
}

const struct stack_container *stack_list_slot(const struct stack_list *list,
                                              enum stack_service service, unsigned n)
{
    for (size_t i = 0; i < list->nr; i++)
        if (list->all[i].service == service && list->all[i].number == n)
            return &list->all[i];
    return NULL;
}

const struct stack_container *stack_list_agent(const struct stack_list *list,
                                               enum stack_service service, const char *agent)
{
    for (size_t i = 0; i < list->nr; i++)
        if (list->all[i].service == service && strcmp(list->all[i].agent, agent) == 0)
            return &list->all[i];
    return NULL;
}

static bool is_slot_free(const struct stack_list *list, const struct prefix *internal,
                         unsigned n)
{
    char link[STACK_NAME_MAX], agent[STACK_NAME_MAX], address[ADDR_TEXT_MAX];

    stack_link_name(n, link);
    stack_agent_container(n, agent);
    stack_address(internal, n + STACK_SLOT_OFFSET, address);
    for (size_t i = 0; i < list->nr; i++)
        if (strcmp(list->all[i].name, link) == 0 || strcmp(list->all[i].name, agent) == 0 ||
            strcmp(list->all[i].internal, address) == 0)
            return false;
    return true;
}

unsigned stack_list_free_slot(const struct stack_list *list, const struct prefix *internal,
                              unsigned first)
{
    for (unsigned n = first; n < STACK_SLOTS_MAX; n++)
        if (is_slot_free(list, internal, n))
            return n;
    return 0;
}

const char *stack_container_health(const struct stack_container *container)
{
    if (strstr(container->status, "(healthy)"))
        return "healthy";
    if (strstr(container->status, "(unhealthy)"))
        return "unhealthy";
    return strstr(container->status, "(health: starting)") ? "starting" : "";
}
