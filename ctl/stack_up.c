/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From whatever is there to a gateway that forwards by the home folder's policy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json_get.h"
#include "ctl/signals.h"
#include "ctl/stack.h"
#include "ctl/stack_policy.h"
#include "ctl/stack_state.h"

#define OTHERS_MS     90000 /* for another secctl that makes the gateway */
#define OTHERS_PAUSE  100
#define NETWORK_TRIES 20 /* for another's network */

static const char *const check_command[] = { STACK_FWD, "check", NULL };

/* --- networks ----------------------------------------------------------------------------- */

static cJSON *inspect_network(struct stack *stack, const char *name, struct err *err)
{
    char path[ENGINE_PATH_MAX];
    cJSON *answer = NULL;

    engine_path(path, "/networks/%s", name);
    if (!engine_call(stack->engine, "GET", path, NULL, &answer, err, "look at network %s",
                     name))
        return NULL;
    if (answer == NULL)
        err_set(err, EPROTO, "look at network %s: the answer is empty", name);
    return answer;
}

bool stack_ipv6(struct stack *stack, struct err *err)
{
    if (!stack->is_ipv6_chosen)
        stack->is_ipv6_chosen = ipv6_choose(stack->engine, stack->settings, &stack->ipv6, err);
    return stack->is_ipv6_chosen;
}

static bool network_differs(struct stack *stack, const char *name, const cJSON *answer,
                            char *difference, size_t size, struct err *err)
{
    return stack_ipv6(stack, err) &&
           (stack_network_differs(stack->settings, name, stack->ipv6.is_wanted, answer,
                                  difference, size, err) ||
            err_wrap(err, "look at network %s", name));
}

bool stack_network_check(struct stack *stack, const char *name, char *difference, size_t size,
                         struct err *err)
{
    cJSON *answer = inspect_network(stack, name, err);
    bool is_good = answer && network_differs(stack, name, answer, difference, size, err);

    cJSON_Delete(answer);
    return is_good;
}

/* The names of the containers on a network, as a list for people; "" when there is none. */
static void list_attached(const cJSON *answer, char *text, size_t size)
{
    const cJSON *containers, *item;
    struct err ignored;
    size_t used = 0;

    text[0] = '\0';
    if (!json_object_or_null(answer, "Containers", &containers, &ignored))
        return;
    cJSON_ArrayForEach(item, containers)
    {
        const char *name;

        if (used < size && json_string_or(item, "Name", "?", &name, &ignored))
            used +=
                (size_t)snprintf(text + used, size - used, "%s%.60s", used ? " " : "", name);
    }
}

/* One that differs is made anew when nobody is on it. */
static bool network_replace(struct stack *stack, const char *name, const cJSON *answer,
                            const char *difference, struct err *err)
{
    char attached[256], path[ENGINE_PATH_MAX];

    list_attached(answer, attached, sizeof(attached));
    if (attached[0])
        return err_set(
            err, EEXIST,
            "network %s %s, and containers are on it: %s; end them (\"secctl stop\", or "
            "\"docker rm -f\" for another program's such as docker-claude) and start again",
            name, difference, attached);
    fprintf(stderr, "secctl: network %s %s: making it anew\n", name, difference);
    engine_path(path, "/networks/%s", name);
    return engine_call(stack->engine, "DELETE", path, NULL, NULL, err, "remove network %s",
                       name) ||
           err->code == ENOENT;
}

static bool network_create(struct stack *stack, const char *name, struct err *err)
{
    cJSON *body = stack_ipv6(stack, err)
                      ? stack_network(stack->settings, name, stack->ipv6.is_wanted, err)
                      : NULL;
    bool is_good = body && engine_call(stack->engine, "POST", "/networks/create", body, NULL,
                                       err, "create network %s", name);

    cJSON_Delete(body);
    if (!is_good && strstr(err->text, "overlaps"))
        err_set(err, err->code, "%.350s: set %s to a /24 that is not in use, in .env",
                err->text,
                strcmp(name, STACK_INTERNAL) == 0 ? "INTERNAL_SUBNET" : "TUNNEL_SUBNET");
    return is_good;
}

bool stack_network_ensure(struct stack *stack, const char *name, struct err *err)
{
    struct err why = { .code = 0 };

    for (int i = 0; i < NETWORK_TRIES; i++) {
        cJSON *answer = inspect_network(stack, name, err);
        char difference[256] = "";
        bool is_good;

        if (answer == NULL && err->code != ENOENT)
            return false;
        if (answer == NULL) {
            if (network_create(stack, name, &why))
                return true;
            /* another was quicker: look at theirs. That its addresses are taken may show before
             * it does itself */
            *err = why;
            if ((why.code != EEXIST && !strstr(why.text, "overlaps")) ||
                !stack_pause(OTHERS_PAUSE, err))
                return false;
            continue;
        }
        is_good = network_differs(stack, name, answer, difference, sizeof(difference), err);
        if (is_good && difference[0])
            is_good = network_replace(stack, name, answer, difference, err);
        cJSON_Delete(answer);
        if (!is_good)
            return false;
        if (difference[0] == '\0')
            return true;
    }
    if (strstr(why.text, "overlaps"))
        *err = why;
    else
        err_set(err, EAGAIN, "network %s keeps changing: is another program making it?", name);
    return false;
}

/* One that is there, but not as it should be, is in the way of a container on it. */
static bool network_mend(struct stack *stack, const char *name, struct err *err)
{
    cJSON *answer = inspect_network(stack, name, err);
    bool is_there = answer != NULL;

    cJSON_Delete(answer);
    return is_there ? stack_network_ensure(stack, name, err) : err->code == ENOENT;
}

/* --- the gateway -------------------------------------------------------------------------- */

static bool find_image(struct stack *stack, char id[80], struct err *err)
{
    char path[ENGINE_PATH_MAX], name[3 * SETTINGS_IMAGE_MAX];
    cJSON *answer = NULL;
    const char *text;
    bool is_good;

    if (!http_quote(stack->settings->gateway_image, name, sizeof(name)))
        return err_set(err, EINVAL, "GATEWAY_IMAGE: the name is too long");
    engine_path(path, "/images/%s/json", name);
    if (!engine_call(stack->engine, "GET", path, NULL, &answer, err, "look at image %s",
                     stack->settings->gateway_image)) {
        if (err->code == ENOENT)
            err_set(err, ENOENT,
                    "image %s does not exist: \"secctl start\" or \"secctl build\" makes it",
                    stack->settings->gateway_image);
        return false;
    }
    is_good = json_string(answer, "Id", &text, err) ||
              err_wrap(err, "look at image %s", stack->settings->gateway_image);
    if (is_good)
        snprintf(id, 80, "%.79s", text);
    cJSON_Delete(answer);
    return is_good;
}

/* What the gateway should be, as far as it has been worked out. */
struct wanted {
    struct stack_policy policy;
    char image_id[80];
    char spec[STACK_SPEC_MAX];
};

static cJSON *gateway_body(struct stack *stack, struct wanted *wanted, struct err *err)
{
    const struct resolver *resolver = &wanted->policy.resolver;
    struct stack_gateway_spec spec = {
        .settings = stack->settings,
        .image_id = wanted->image_id,
        .gateway_conf = wanted->policy.gateway_conf,
        .owner = stack->owner,
        .has_ipv6 = stack->ipv6.is_wanted,
    };

    if (resolver->kind != RESOLVER_DOCKER)
        spec.resolver.setting = resolver->upstream;
    if (resolver->kind == RESOLVER_FOLDER)
        spec.resolver.folder = resolver->folder;
    return stack_gateway(&spec, wanted->spec, err);
}

static bool work_out(struct stack *stack, struct wanted *wanted, struct err *err)
{
    cJSON *body;

    memset(wanted, 0, sizeof(*wanted));
    if (!stack_ipv6(stack, err) ||
        !stack_policy_read(stack->settings, engine_is_local(stack->engine), &wanted->policy,
                           err) ||
        !find_image(stack, wanted->image_id, err))
        return false;
    body = gateway_body(stack, wanted, err);
    cJSON_Delete(body);
    return body != NULL;
}

bool stack_gateway_spec_wanted(struct stack *stack, char spec[STACK_SPEC_MAX],
                               char policy_id[POLICY_ID_MAX], struct err *err)
{
    struct wanted wanted;
    bool is_good = work_out(stack, &wanted, err);

    snprintf(spec, STACK_SPEC_MAX, "%s", wanted.spec);
    snprintf(policy_id, POLICY_ID_MAX, "%s", wanted.policy.id);
    stack_policy_clear(&wanted.policy);
    return is_good;
}

/* The gateway's name is taken: by one that another secctl makes? Else *err names who has it. */
static bool is_taken_by_secctl(struct stack *stack, struct err *err)
{
    cJSON *answer = engine_inspect_container(stack->engine, STACK_GATEWAY, err);
    const char *project, *image;
    bool is_secctl = answer == NULL && err->code == ENOENT; /* it was */

    if (answer && json_string_or(answer, "Config/Labels/" LABEL_PROJECT, "", &project, err) &&
        json_string_or(answer, "Config/Image", "?", &image, err)) {
        is_secctl = strcmp(project, STACK_PROJECT) == 0;
        if (!is_secctl)
            err_set(err, EEXIST,
                    "container " STACK_GATEWAY " (image %.200s) is no gateway but has its "
                    "name, expected none: \"docker rename\" or \"docker rm -f\" it",
                    image);
    }
    cJSON_Delete(answer);
    return is_secctl;
}

/* Container, networks, policy, second network, start, wait. What fails leaves no container.
 * is_taken: out, another secctl was quicker. */
static bool gateway_make(struct stack *stack, struct wanted *wanted, bool *is_taken,
                         struct err *err)
{
    char id[72], path[ENGINE_PATH_MAX];
    struct err ignored;
    cJSON *connect = NULL;
    bool is_good;

    /* the container first: its name is the claim, and networks have none (two may be of one
     * name) */
    *is_taken = false;
    if (!network_mend(stack, STACK_INTERNAL, err) || !network_mend(stack, STACK_EXTERNAL, err))
        return false;
    if (!stack_create(stack, STACK_GATEWAY, gateway_body(stack, wanted, err), id, err)) {
        *is_taken = err->code == EEXIST && is_taken_by_secctl(stack, err);
        return false;
    }
    fprintf(stderr, "secctl: starting the gateway\n");
    engine_path(path, "/networks/" STACK_EXTERNAL "/connect");
    is_good = stack_network_ensure(stack, STACK_INTERNAL, err) &&
              stack_network_ensure(stack, STACK_EXTERNAL, err) &&
              stack_policy_put(stack, id, &wanted->policy, err) &&
              (connect = stack_connect(id, err)) != NULL &&
              engine_call(stack->engine, "POST", path, connect, NULL, err,
                          "connect the gateway to " STACK_EXTERNAL) &&
              stack_start(stack, id, err) &&
              stack_wait_ready(stack, id, "the gateway", check_command, err) &&
              /* a volume that was there may hold agents' files that are gone here */
              stack_policy_load(stack, &wanted->policy, err);
    cJSON_Delete(connect);
    if (!is_good) {
        signals_hold(true);
        if (!stack_remove(stack, id, &ignored))
            fprintf(stderr, "secctl: %s\n", ignored.text);
        signals_hold(false);
    }
    return is_good;
}

/* Is this container of no use, its maker gone? One that was made but does not run yet may be in
 * the making. */
static bool is_given_up(const struct stack_container *gateway, const char *self)
{
    bool is_making = strcmp(gateway->state, "created") == 0;

    return is_making &&
           (owner_look(gateway->owner) == OWNER_GONE || strcmp(gateway->owner, self) == 0);
}

/* What one look at the gateway led to. */
enum step { STEP_DONE, STEP_AGAIN, STEP_WAIT, STEP_FAILED };

static enum step gateway_replace(struct stack *stack, const struct stack_container *gateway,
                                 const char *why, struct err *err)
{
    fprintf(stderr, "secctl: replacing the gateway: %s\n", why);
    return stack_remove(stack, gateway->id, err) ? STEP_AGAIN : STEP_FAILED;
}

static bool verify(struct stack *stack, const struct stack_container *gateway,
                   const struct stack_policy *policy, struct err *err)
{
    struct stack_state state;
    bool is_good = stack_state_ask(stack, gateway->id, &state, err);

    if (!is_good) { /* it may be on its way up, or another secctl is putting it there */
        if (err->code == EINTR ||
            !stack_wait_ready(stack, gateway->id, "the gateway", check_command, err))
            return false;
        is_good = stack_state_ask(stack, gateway->id, &state, err);
    }
    if (is_good && strcmp(state.policy_id, policy->id) != 0)
        is_good = stack_policy_load(stack, policy, err);
    is_good = is_good && stack_state_repair(stack, &state, err);
    stack_state_clear(&state);
    return is_good;
}

bool stack_verify(struct stack *stack, struct err *err)
{
    const struct stack_container *gateway = stack_list_find(&stack->list, STACK_GATEWAY);
    struct stack_policy policy;
    bool is_good;

    if (gateway == NULL)
        return err_set(err, ENOENT, "the gateway is gone");
    is_good =
        stack_policy_read(stack->settings, engine_is_local(stack->engine), &policy, err) &&
        verify(stack, gateway, &policy, err);
    stack_policy_clear(&policy);
    stack->is_unverified = false;
    return is_good;
}

static enum step gateway_step(struct stack *stack, struct wanted *wanted, struct err *err)
{
    const struct stack_container *gateway = stack_list_find(&stack->list, STACK_GATEWAY);
    bool is_taken;

    if (gateway == NULL) { /* another look, at the links that were there before */
        if (gateway_make(stack, wanted, &is_taken, err))
            return STEP_AGAIN;
        return is_taken ? STEP_WAIT : STEP_FAILED;
    }
    if (is_given_up(gateway, stack->owner))
        return gateway_replace(stack, gateway, "it was left half made", err);
    if (strcmp(gateway->state, "created") == 0 || strcmp(gateway->state, "removing") == 0)
        return STEP_WAIT;
    if (gateway->spec[0] && strcmp(gateway->spec, wanted->spec) != 0)
        return gateway_replace(stack, gateway, "its image or settings have changed", err);
    if (gateway->spec[0] == '\0' && strcmp(gateway->image_id, wanted->image_id) != 0)
        return gateway_replace(stack, gateway, "it runs another image", err);
    if (strcmp(gateway->state, "dead") == 0 || !gateway->has_external ||
        strcmp(gateway->state, "paused") == 0)
        return gateway_replace(stack, gateway, "it is not as it should be", err);
    if (gateway->is_running) {
        stack->is_unverified = true;
        return STEP_DONE;
    }
    if (strcmp(gateway->state, "restarting") == 0)
        return gateway_replace(stack, gateway, "it keeps ending", err);
    return stack_start(stack, gateway->id, err) ? STEP_AGAIN : STEP_FAILED;
}

bool stack_up(struct stack *stack, struct err *err)
{
    uint64_t end_ms = stack_now_ms() + OTHERS_MS;
    struct wanted wanted;
    enum step step = STEP_AGAIN;
    bool is_good = work_out(stack, &wanted, err) && stack_sweep(stack, err);

    while (is_good && step != STEP_DONE) {
        step = gateway_step(stack, &wanted, err);
        if (step == STEP_FAILED)
            is_good = false;
        else if (step == STEP_WAIT && stack_now_ms() > end_ms)
            is_good = err_set(err, ETIMEDOUT,
                              "another secctl has been making the gateway for %d s; when none "
                              "runs: secctl stop, and start again",
                              OTHERS_MS / 1000);
        else if (step != STEP_DONE)
            is_good = stack_pause(step == STEP_WAIT ? OTHERS_PAUSE : 1, err) &&
                      stack_refresh(stack, err);
    }
    stack_policy_clear(&wanted.policy);
    return is_good;
}
