/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the engine says of itself and of what it has.
 */
#include "ctl/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "ctl/image.h"
#include "ctl/json_get.h"
#include "ctl/log_record.h"
#include "ctl/stack_list.h"
#include "ctl/stack_spec.h"

#define DISK_LOW_MB   3000u
#define DISK_LEAST_MB 500u
#define CLOCK_OFF_S   60

static void add_error(struct doctor *doctor, const char *topic, const struct err *err)
{
    doctor_add(doctor, FINDING_PROBLEM, topic, "", "%s", err->text);
}

/* --- /info ------------------------------------------------------------------------------- */

static void check_kind(struct doctor *doctor, const cJSON *info)
{
    const char *os, *version, *kernel;
    const cJSON *options, *option;
    bool has_seccomp = false, is_rootless = false;
    struct err err;

    if (!json_string(info, "OSType", &os, &err) ||
        !json_string(info, "ServerVersion", &version, &err) ||
        !json_string_or(info, "KernelVersion", "", &kernel, &err) ||
        !json_array_or_null(info, "SecurityOptions", &options, &err)) {
        add_error(doctor, "engine", &err);
        return;
    }
    if (strcmp(os, "linux") != 0)
        doctor_add(doctor, FINDING_PROBLEM, "engine", "switch it to Linux containers",
                   "runs %.80s containers", os);
    else
        doctor_add(doctor, FINDING_OK, "engine", "",
                   "Docker %.60s, API 1.%u, kernel %.80s, at %.100s", version,
                   engine_api(doctor->engine), kernel, engine_name(doctor->engine));
    cJSON_ArrayForEach(option, options)
    {
        const char *text = cJSON_IsString(option) ? option->valuestring : "";

        has_seccomp = has_seccomp || strstr(text, "name=seccomp") != NULL;
        is_rootless = is_rootless || strstr(text, "name=rootless") != NULL;
    }
    if (!has_seccomp)
        doctor_add(doctor, FINDING_PROBLEM, "engine", "use an engine and a kernel with seccomp",
                   "no seccomp: the agent could use any system call");
    if (is_rootless)
        doctor_add(doctor, FINDING_WARNING, "engine", "if the gateway fails, use a rootful one",
                   "rootless: its network is in user space, and slower");
}

/* Known of engines up to 27 only; of interest to who reads their own rules. */
static void check_bridge(struct doctor *doctor, const cJSON *info)
{
    struct err err;
    bool is_on;

    if (json_bool_or(info, "BridgeNfIptables", false, &is_on, &err))
        doctor_add(doctor, FINDING_OK, "bridge", "",
                   "br_netfilter %s: the tunnel works either way",
                   is_on ? "hands bridged packets to iptables" : "is off, or not told");
}

static void check_daemon_proxy(struct doctor *doctor, const cJSON *info)
{
    const char *http, *https;
    struct err err;

    if (json_string_or(info, "HttpProxy", "", &http, &err) &&
        json_string_or(info, "HttpsProxy", "", &https, &err) && (http[0] || https[0]))
        doctor_add(doctor, FINDING_WARNING, "proxy",
                   "where it is the only way out, ask for a direct way: the gateway cannot use "
                   "a proxy",
                   "the engine pulls images through a proxy");
}

static void check_clock(struct doctor *doctor, const cJSON *info)
{
    char lower[LOG_TS_MAX], upper[LOG_TS_MAX];
    time_t now = time(NULL);
    const char *text;
    struct tm tm;
    struct err err;
    time_t low = now - CLOCK_OFF_S, high = now + CLOCK_OFF_S;

    if (!json_string_or(info, "SystemTime", "", &text, &err) || strlen(text) < 19 ||
        text[strlen(text) - 1] != 'Z')
        return;
    (void)strftime(lower, sizeof(lower), "%Y-%m-%dT%H:%M:%S", gmtime_r(&low, &tm));
    (void)strftime(upper, sizeof(upper), "%Y-%m-%dT%H:%M:%S", gmtime_r(&high, &tm));
    if (strncmp(text, lower, 19) < 0 || strncmp(text, upper, 19) > 0)
        doctor_add(doctor, FINDING_WARNING, "clock",
                   "set both clocks by NTP: certificates and the log's times depend on it",
                   "the engine's clock (%.40s) and this machine's are more than a minute apart",
                   text);
    else
        doctor_add(doctor, FINDING_OK, "clock", "", "the engine's and this machine's agree");
}

static void check_disk(struct doctor *doctor, const cJSON *info)
{
    const char *root;
    struct statvfs fs;
    struct err err;
    unsigned long long free_mb;

    if (!json_string_or(info, "DockerRootDir", "", &root, &err))
        return;
    if (!engine_is_local(doctor->engine) || root[0] == '\0' || statvfs(root, &fs) != 0) {
        doctor_add(doctor, FINDING_OK, "disk", "", "%.200s cannot be looked at from here",
                   root);
        return;
    }
    free_mb = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
    if (free_mb < DISK_LOW_MB)
        doctor_add(doctor, free_mb < DISK_LEAST_MB ? FINDING_PROBLEM : FINDING_WARNING, "disk",
                   "make room (docker system df, docker image prune): the images need about "
                   "1 GB, a build more",
                   "%.200s has %llu MB left", root, free_mb);
    else
        doctor_add(doctor, FINDING_OK, "disk", "", "%.200s has %llu GB left", root,
                   free_mb >> 10);
}

void doctor_engine(struct doctor *doctor)
{
    cJSON *info = NULL;
    struct err err;

    if (!engine_call(doctor->engine, "GET", "/info", NULL, &info, &err, "the engine's state")) {
        add_error(doctor, "engine", &err);
        return;
    }
    check_kind(doctor, info);
    check_bridge(doctor, info);
    check_daemon_proxy(doctor, info);
    check_clock(doctor, info);
    check_disk(doctor, info);
    cJSON_Delete(info);
}

/* --- IPv6 --------------------------------------------------------------------------------- */

void doctor_ipv6(struct doctor *doctor)
{
    struct ipv6 *ipv6 = &doctor->ipv6;
    char obstacle[IPV6_WHY_MAX] = "";
    struct err err;

    if (!ipv6_choose(doctor->engine, &doctor->settings, ipv6, &err)) {
        add_error(doctor, "ipv6", &err);
        return;
    }
    if (ipv6->is_wanted)
        ipv6_obstacle(doctor->engine, obstacle);
    if (obstacle[0])
        doctor_add(
            doctor, FINDING_WARNING, "ipv6",
            "nothing, if it works all the same; else set EXTERNAL_IPV6=off in .env, then "
            "\"secctl stop\" and start",
            "the agents have it (%s), but %s", ipv6->why, obstacle);
    else
        doctor_add(doctor, FINDING_OK, "ipv6", "", "the agents have %s: %s",
                   ipv6->is_wanted ? "it" : "IPv4 only", ipv6->why);
}

/* --- leftovers --------------------------------------------------------------------------- */

/* Who else is on claude-internal. A container there that may make raw packets can pretend to
 * be the gateway or a link. */
static void check_neighbours(struct doctor *doctor, const cJSON *answer)
{
    const cJSON *containers, *one;
    const char *name;
    struct err err;

    if (!json_object_or_null(answer, "Containers", &containers, &err)) {
        add_error(doctor, "leftovers", &err);
        return;
    }
    cJSON_ArrayForEach(one, containers)
    {
        if (!json_string_or(one, "Name", "", &name, &err))
            add_error(doctor, "leftovers", &err);
        else if (strncmp(name, STACK_PROJECT "-", strlen(STACK_PROJECT "-")) != 0)
            doctor_add(doctor, FINDING_WARNING, "neighbours",
                       "take it off, by docker network disconnect",
                       "container %.80s is on network " STACK_INTERNAL
                       ", where only the gateway and the links belong",
                       name);
    }
}

static void check_network(struct doctor *doctor, const char *name)
{
    char path[ENGINE_PATH_MAX], difference[256];
    cJSON *answer = NULL;
    struct err err;

    engine_path(path, "/networks/%s", name);
    if (!engine_call(doctor->engine, "GET", path, NULL, &answer, &err, "network %s", name)) {
        if (err.code != ENOENT)
            add_error(doctor, "leftovers", &err);
        return;
    }
    if (!stack_network_differs(&doctor->settings, name, doctor->ipv6.is_wanted, answer,
                               difference, sizeof(difference), &err))
        add_error(doctor, "leftovers", &err);
    else if (difference[0])
        doctor_add(
            doctor, FINDING_DIFFERENT, "leftovers",
            "nothing: \"secctl start\" makes it anew when no container is on it; volumes "
            "are kept",
            "network %s is another's, of docker-claude for one: %.200s", name, difference);
    else if (strcmp(name, STACK_INTERNAL) == 0)
        check_neighbours(doctor, answer);
    cJSON_Delete(answer);
}

static void check_containers(struct doctor *doctor)
{
    struct stack_list list;
    cJSON *answer = NULL;
    struct err err;

    if (!engine_call(doctor->engine, "GET",
                     "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22" LABEL_PROJECT
                     "%3D" STACK_PROJECT "%22%5D%7D",
                     NULL, &answer, &err, "list containers")) {
        add_error(doctor, "leftovers", &err);
        return;
    }
    if (!stack_list_parse(answer, &list, &err)) {
        add_error(doctor, "leftovers", &err);
        cJSON_Delete(answer);
        return;
    }
    cJSON_Delete(answer);
    for (size_t i = 0; i < list.nr; i++)
        if (list.all[i].service == STACK_SERVICE_OTHER)
            doctor_add(doctor, FINDING_DIFFERENT, "leftovers",
                       "\"secctl stop\" removes the project's containers, or docker rm -f it; "
                       "its volumes are kept",
                       "container %.80s (%.100s) is in project " STACK_PROJECT
                       ", but none of secctl's: docker-claude's, or one of your own",
                       list.all[i].name, list.all[i].image);
    stack_list_clear(&list);
}

void doctor_leftovers(struct doctor *doctor)
{
    size_t before = doctor->nr;

    check_network(doctor, STACK_INTERNAL);
    check_network(doctor, STACK_EXTERNAL);
    check_containers(doctor);
    if (doctor->nr == before)
        doctor_add(doctor, FINDING_OK, "leftovers", "", "none");
}
