/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/policy.h"
#include "common/record.h"
#include "ctl/cmd.h"
#include "ctl/settings.h"
#include "ctl/target.h"

#define ALLOWLIST_MAX  (16u << 20)
#define SERVICES_SHOWN 8

struct check {
    const char *policy_dir, *allowlist, *agent_name;
    bool is_json;
    struct settings settings; /* its folders, when the policy is secctl's own */
    struct policy *policy;
    unsigned agent;
};

/* One target and what the policy says to it. */
struct verdict {
    const char *text; /* the target as typed */
    struct target target;
    struct policy_answer answer;
    enum reason reason;
};

static struct policy_answer ask(const struct check *check, const struct target *target,
                                enum service_kind kind)
{
    if (target->name[0])
        return policy_name(check->policy, check->agent, target->name, kind, target->port);
    return policy_addr(check->policy, check->agent, &target->addr, kind, target->port);
}

/* When no protocol was given, a TLS rule for the port speaks before the port's usual protocol.
 */
static void decide(const struct check *check, struct verdict *verdict)
{
    struct target *target = &verdict->target;

    verdict->answer = ask(check, target, target->kind);
    if (!target->has_kind && target->kind != SERVICE_TLS) {
        struct policy_answer tls = ask(check, target, SERVICE_TLS);

        if (tls.result == POLICY_ALLOWED && verdict->answer.result != POLICY_ALLOWED) {
            verdict->answer = tls;
            target->kind = SERVICE_TLS;
        }
    }
    switch (verdict->answer.result) {
    case POLICY_ALLOWED:
        verdict->reason = REASON_RULE;
        return;
    case POLICY_DENIED:
        verdict->reason = REASON_NAME_DENIED;
        return;
    case POLICY_OTHER_SERVICE:
        verdict->reason = REASON_SERVICE_NOT_ALLOWED;
        return;
    case POLICY_UNKNOWN:
        break;
    }
    verdict->reason = target->name[0] ? REASON_NAME_NOT_ALLOWED : REASON_ADDRESS_NOT_BOUND;
}

/* " allows tls/443 tcp/22", for a name that is refused at another service */
static void print_services(const struct check *check, const struct target *target)
{
    struct policy_service services[SERVICES_SHOWN];
    size_t nr = 0;

    if (target->name[0])
        nr = policy_services(check->policy, check->agent, target->name, services,
                             SERVICES_SHOWN);
    if (nr)
        fputs(" allows", stdout);
    for (size_t i = 0; i < nr; i++) {
        printf(" %s/%u", service_name(services[i].kind), services[i].port_first);
        if (services[i].port_last != services[i].port_first)
            printf("-%u", services[i].port_last);
    }
}

static void print_verdict(const struct check *check, const struct verdict *verdict)
{
    const struct policy_answer *answer = &verdict->answer;
    const struct target *target = &verdict->target;
    bool is_allowed = answer->result == POLICY_ALLOWED;
    char addr[ADDR_TEXT_MAX];

    printf("%-5s  %s %s/%u  ", is_allowed ? "allow" : "deny",
           target->name[0] ? target->name : addr_format(&target->addr, addr),
           service_name(target->kind), target->port);
    if (!is_allowed)
        printf("%s: ", record_reason_name(verdict->reason));
    if (answer->rule) {
        printf("rule \"%s\" (%s:%u)", answer->rule, answer->file, answer->line);
        if (answer->result == POLICY_OTHER_SERVICE)
            print_services(check, target);
    } else {
        const char *nearest = NULL;

        if (target->name[0])
            nearest = policy_nearest(check->policy, check->agent, target->name);
        fputs("no rule names it", stdout);
        if (nearest)
            printf("; \"%s\" is the nearest", nearest);
    }
    putchar('\n');
}

static bool add_json(const struct check *check, const struct verdict *verdict, cJSON *array)
{
    const struct policy_answer *answer = &verdict->answer;
    cJSON *item = cJSON_CreateObject();
    bool is_good;

    if (item == NULL || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return false;
    }
    is_good = cJSON_AddStringToObject(item, "target", verdict->text) &&
              cJSON_AddStringToObject(item, "service", service_name(verdict->target.kind)) &&
              cJSON_AddNumberToObject(item, "port", verdict->target.port) &&
              cJSON_AddStringToObject(item, "verdict",
                                      answer->result == POLICY_ALLOWED ? "allow" : "deny") &&
              cJSON_AddStringToObject(item, "reason", record_reason_name(verdict->reason));
    if (is_good && answer->rule)
        is_good = cJSON_AddStringToObject(item, "rule", answer->rule) &&
                  cJSON_AddStringToObject(item, "file", answer->file) &&
                  cJSON_AddNumberToObject(item, "line", answer->line);
    return is_good && cJSON_AddStringToObject(item, "policy", policy_id(check->policy)) != NULL;
}

static bool put_json(const cJSON *json)
{
    char *text = cJSON_Print(json);

    if (text)
        puts(text);
    cJSON_free(text);
    return text != NULL;
}

static bool print_json(const struct check *check, const struct verdict *verdicts, size_t nr,
                       struct err *err)
{
    cJSON *array = cJSON_CreateArray();
    bool is_good = array != NULL;

    for (size_t i = 0; is_good && i < nr; i++)
        is_good = add_json(check, &verdicts[i], array);
    is_good = is_good && put_json(array);
    cJSON_Delete(array);
    return is_good || err_set(err, ENOMEM, "out of memory");
}

static bool load_file(struct check *check, struct err *err)
{
    struct policy_source source = { .file = check->allowlist };
    char *text = file_read(check->allowlist, ALLOWLIST_MAX, &source.len, err);

    if (text == NULL)
        return false;
    source.text = text;
    check->policy = policy_new(&source, 1, NULL, err);
    free(text);
    return check->policy != NULL;
}

static bool load_dir(struct check *check, struct err *err)
{
    struct policy_dir dir;
    struct err why;

    if (!check->policy_dir) {
        if (!settings_folders(&check->settings, err))
            return false;
        check->policy_dir = check->settings.policy;
    }
    if (!policy_dir_read(check->policy_dir, &dir, err))
        return false;
    check->policy = policy_new(dir.sources, dir.nr_sources, dir.ceiling, &why);
    policy_dir_clear(&dir);
    /* the policy's errors start with a file's name inside the folder */
    return check->policy != NULL ||
           err_set(err, why.code, "%s/%s", check->policy_dir, why.text);
}

static bool load(struct check *check, struct err *err)
{
    if (!(check->allowlist ? load_file(check, err) : load_dir(check, err)))
        return false;
    if (check->agent_name)
        check->agent = policy_agent(check->policy, check->agent_name);
    return true;
}

/* Read the options; returns the index of the first target, 0 with *err when they are wrong. */
static int read_options(struct check *check, int argc, char **argv, struct err *err)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = { { "--policy", &check->policy_dir },
                    { "--allowlist", &check->allowlist },
                    { "--agent", &check->agent_name } };
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        size_t k = 0;

        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--json") == 0) {
            check->is_json = true;
            continue;
        }
        while (k < ARRAY_LEN(options) && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k == ARRAY_LEN(options)) {
            err_set(err, 0,
                    "unknown option \"%.80s\", expected --policy, --allowlist, "
                    "--agent or --json",
                    argv[i]);
            return 0;
        }
        if (++i == argc) {
            err_set(err, 0, "%s without a value, expected one after it", options[k].name);
            return 0;
        }
        *options[k].value = argv[i];
    }
    if (check->policy_dir && check->allowlist) {
        err_set(err, 0, "--policy and --allowlist, expected one of them");
        return 0;
    }
    if (check->agent_name &&
        !conf_agent_name_is_valid(check->agent_name, strlen(check->agent_name))) {
        err_set(err, 0,
                "\"%.80s\" is no agent's name, expected 1 to 63 of a-z, 0-9, \"_\" "
                "and \"-\"",
                check->agent_name);
        return 0;
    }
    return i;
}

/* What a check without targets says. */
static bool print_summary(const struct check *check, struct err *err)
{
    const char *path = check->allowlist ? check->allowlist : check->policy_dir;
    size_t nr_rules = policy_nr_rules(check->policy);
    cJSON *object;
    bool is_good;

    if (!check->is_json) {
        printf("%s: %zu rule%s, %s\n", path, nr_rules, nr_rules == 1 ? "" : "s",
               policy_id(check->policy));
        return true;
    }
    object = cJSON_CreateObject();
    is_good = object && cJSON_AddNumberToObject(object, "rules", (double)nr_rules) &&
              cJSON_AddStringToObject(object, "policy", policy_id(check->policy)) &&
              put_json(object);
    cJSON_Delete(object);
    return is_good || err_set(err, ENOMEM, "out of memory");
}

static int answer(const struct check *check, struct verdict *verdicts, size_t nr,
                  struct err *err)
{
    int rc = EXIT_DONE;

    for (size_t i = 0; i < nr; i++) {
        decide(check, &verdicts[i]);
        if (verdicts[i].answer.result != POLICY_ALLOWED)
            rc = EXIT_FAILED;
        if (!check->is_json)
            print_verdict(check, &verdicts[i]);
    }
    if (nr == 0)
        return print_summary(check, err) ? EXIT_DONE : EXIT_FAILED;
    if (check->is_json && !print_json(check, verdicts, nr, err))
        rc = EXIT_FAILED;
    return rc;
}

/* Targets are read before the policy: a slip of the pen is a matter of usage. */
static int run(struct check *check, char **texts, size_t nr, struct err *err)
{
    struct verdict *verdicts = calloc(nr + 1, sizeof(*verdicts));
    int rc = EXIT_FAILED;

    if (verdicts == NULL) {
        err_set(err, ENOMEM, "out of memory");
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < nr; i++) {
        verdicts[i].text = texts[i];
        if (!target_parse(texts[i], &verdicts[i].target, err)) {
            rc = EXIT_USAGE;
            goto out;
        }
    }
    if (load(check, err))
        rc = answer(check, verdicts, nr, err);
out:
    free(verdicts);
    return rc;
}

int ctl_check(int argc, char **argv, struct err *err)
{
    static struct check check;
    int first = read_options(&check, argc, argv, err);
    int rc;

    if (first == 0)
        return EXIT_USAGE;
    rc = run(&check, argv + first, (size_t)(argc - first), err);
    policy_free(check.policy);
    return rc;
}
