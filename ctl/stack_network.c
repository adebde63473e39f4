/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/json_get.h"
#include "ctl/stack_spec.h"

/* The subnet of the first pool; "" when there is none. */
static bool find_subnet(const cJSON *answer, const char **subnet, struct err *err)
{
    const cJSON *pools;

    *subnet = "";
    if (!json_array_or_null(answer, "IPAM/Config", &pools, err))
        return false;
    return cJSON_GetArraySize(pools) == 0 ||
           json_string_or(cJSON_GetArrayItem(pools, 0), "Subnet", "", subnet, err);
}

static bool option_is(const cJSON *answer, const char *option, const char *value,
                      bool *is_equal, struct err *err)
{
    char path[128];
    const char *found;

    snprintf(path, sizeof(path), "Options/%s", option);
    if (!json_string_or(answer, path, "", &found, err))
        return false;
    *is_equal = strcmp(found, value) == 0;
    return true;
}

bool stack_network_differs(const struct settings *settings, const char *name, bool has_ipv6,
                           const cJSON *answer, char *difference, size_t size, struct err *err)
{
    bool is_internal = strcmp(name, STACK_INTERNAL) == 0, found, is_quiet = true,
         is_wide = true, found_ipv6;
    const char *project, *driver, *subnet;
    char wanted[PREFIX_TEXT_MAX];

    difference[0] = '\0';
    if (!json_string_or(answer, "Labels/" LABEL_PROJECT, "", &project, err) ||
        !json_string(answer, "Driver", &driver, err) ||
        !json_bool(answer, "Internal", &found, err) ||
        !json_bool_or(answer, "EnableIPv6", false, &found_ipv6, err) ||
        !find_subnet(answer, &subnet, err))
        return false;
    if (is_internal &&
        (!option_is(answer, "com.docker.network.bridge.inhibit_ipv4", "true", &is_quiet, err) ||
         !option_is(answer, "com.docker.network.driver.mtu", "1600", &is_wide, err)))
        return false;
    prefix_format(&settings->internal_subnet, wanted);
    if (strcmp(project, STACK_PROJECT) != 0)
        snprintf(difference, size, "was not made for project " STACK_PROJECT);
    else if (strcmp(driver, "bridge") != 0)
        snprintf(difference, size, "has driver %.40s, expected bridge", driver);
    else if (found != is_internal)
        snprintf(difference, size, "is%s internal, expected the contrary", found ? "" : " not");
    else if (is_internal && strcmp(subnet, wanted) != 0)
        snprintf(difference, size, "has subnet %.50s, expected %s (INTERNAL_SUBNET)",
                 subnet[0] ? subnet : "none", wanted);
    else if (!is_quiet)
        snprintf(difference, size, "gives the host an address on it (no inhibit_ipv4)");
    else if (!is_wide)
        snprintf(difference, size, "has another MTU than 1600");
    else if (found_ipv6 != (has_ipv6 && !is_internal))
        snprintf(difference, size, "has %sIPv6, expected %s (EXTERNAL_IPV6)",
                 found_ipv6 ? "" : "no ", found_ipv6 ? "none" : "it");
    return true;
}
