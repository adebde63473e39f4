/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The commands that speak to the running gateway.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/link.h"
#include "fwd/commands.h"
#include "fwd/control.h"
#include "fwd/links.h"
#include "fwd/cmdline.h"
#include "fwd/policy_store.h"

/* All of standard input; NULL with *err. */
static char *read_input(size_t *len, struct err *err)
{
    size_t size = 65536;
    char *text = malloc(size);

    *len = 0;
    while (text) {
        ssize_t n = read(STDIN_FILENO, text + *len, size - *len);
        char *bigger;

        if (n == 0)
            return text;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || *len + (size_t)n > POLICY_INPUT_MAX) {
            err_set(err, n < 0 ? errno : E2BIG, "read standard input: %s",
                    strerror(n < 0 ? errno : E2BIG));
            break;
        }
        *len += (size_t)n;
        if (*len < size)
            continue;
        bigger = realloc(text, size *= 2);
        if (!bigger) {
            err_set(err, ENOMEM, "read standard input: %s", strerror(ENOMEM));
            break;
        }
        text = bigger;
    }
    free(text);
    return NULL;
}

/* The state directory of that configuration, which need not be whole. */
static bool state_of(struct config *config, char state[256], struct err *err)
{
    struct conf *conf = malloc(sizeof(*conf));
    const bool is_read = conf && config_read(config, conf, err);

    if (is_read)
        snprintf(state, 256, "%s", conf->state);
    free(conf);
    return is_read;
}

static bool is_there(const char *state, char path[CONTROL_PATH_MAX], struct err *err)
{
    return control_path(state, path, err) && access(path, F_OK) == 0;
}

/* Where the gateway of this configuration listens; without one: the gateway without a state
 * directory of this network namespace, CONFIG_DEFAULT's, the one in STATE_DEFAULT. */
static bool find_gateway(struct config *config, char path[CONTROL_PATH_MAX], struct err *err)
{
    char state[256] = "";

    if (config->nr == 0) {
        if (is_there("", path, err))
            return true;
        if (access(CONFIG_DEFAULT, R_OK) != 0) {
            if (is_there(STATE_DEFAULT, path, err))
                return true;
            return control_path("", path, err);
        }
        if (!config_add(config, false, CONFIG_DEFAULT, err))
            return false;
    }
    return state_of(config, state, err) && control_path(state, path, err);
}

/* Ask, print the answer; an exit status. */
static int ask(struct config *config, enum control_verb verb, const char *text, size_t len)
{
    char path[CONTROL_PATH_MAX], *answer;
    struct err err = { 0 };
    int rc;

    if (!find_gateway(config, path, &err))
        return fail(&err);
    rc = control_ask(path, verb, text, len, &answer, &err);
    if (rc < 0)
        return fail(&err);
    if (rc == 1 || verb == CONTROL_STATUS)
        puts(answer);
    else
        fprintf(stderr, "fwd: %s\n", answer);
    free(answer);
    if (rc == 1)
        return EXIT_DONE;
    return verb == CONTROL_STATUS ? EXIT_DIFFERS : EXIT_FAILED;
}

int cmd_load(int argc, char **argv)
{
    struct config config = { .nr = 0 };
    struct err err = { 0 };
    char path[CONTROL_PATH_MAX], *text;
    size_t len;
    int first, rc;

    if (!cmdline_read(argc, argv, &config, NULL, CONFIG_EXPECTED, &first))
        return EXIT_USAGE;
    if (argc - first != 1) {
        fprintf(stderr,
                "fwd: %s: %d arguments, expected \"-\": the policy comes from standard input\n",
                argv[0], argc - first);
        return EXIT_USAGE;
    }
    if (strcmp(argv[first], "-") != 0) {
        fprintf(stderr,
                "fwd: load: argument \"%.80s\", expected \"-\": the policy comes from "
                "standard input\n",
                argv[first]);
        return EXIT_USAGE;
    }
    if (!find_gateway(&config, path, &err))
        return fail(&err);
    text = read_input(&len, &err);
    if (text && len == 0) {
        err_set(&err, EINVAL,
                "load: standard input is empty, expected rules, or a comment for none at all");
        free(text);
        text = NULL;
    }
    if (!text)
        return fail(&err);
    rc = ask(&config, CONTROL_POLICY, text, len);
    free(text);
    return rc;
}

int cmd_attach(int argc, char **argv)
{
    struct config config = { .nr = 0 };
    struct err err = { 0 };
    char text[512] = "";
    struct link link;
    int first;

    if (!cmdline_read(argc, argv, &config, NULL, CONFIG_EXPECTED, &first))
        return EXIT_USAGE;
    if (argc - first != 3 && argc - first != 4) {
        fprintf(stderr, "fwd: attach: %d arguments, expected NAME " LINK_SHAPE "\n",
                argc - first);
        return EXIT_USAGE;
    }
    for (int i = first; i < argc; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.100s",
                 i > first ? " " : "", argv[i]);
    if (!links_parse_one(text, strlen(text), &link, &err)) {
        fprintf(stderr, "fwd: attach: %s\n", err.text);
        return EXIT_USAGE;
    }
    return ask(&config, CONTROL_ATTACH, text, strlen(text));
}

int cmd_detach(int argc, char **argv)
{
    struct config config = { .nr = 0 };
    int first;

    if (!cmdline_read(argc, argv, &config, NULL, CONFIG_EXPECTED, &first))
        return EXIT_USAGE;
    if (argc - first != 1 || !conf_agent_name_is_valid(argv[first], strlen(argv[first]))) {
        fprintf(stderr, "fwd: detach: %s, expected NAME of a link, of a-z, 0-9, \"_\", \"-\"\n",
                argc - first == 1 ? "bad name" : "no name, or more than one");
        return EXIT_USAGE;
    }
    return ask(&config, CONTROL_DETACH, argv[first], strlen(argv[first]));
}

int cmd_status(int argc, char **argv)
{
    struct config config = { .nr = 0 };
    bool is_json = false;
    const struct cmdline_option extra[] = { { "json", NULL, &is_json, 0 },
                                            { NULL, NULL, NULL, 0 } };
    const char *form;
    int first;

    if (!cmdline_read(argc, argv, &config, extra, CONFIG_EXPECTED ", --json", &first))
        return EXIT_USAGE;
    if (first < argc) {
        fprintf(stderr,
                "fwd: status: argument \"%.80s\", expected options only, see fwd help\n",
                argv[first]);
        return EXIT_USAGE;
    }
    form = is_json ? "json" : "text";
    return ask(&config, CONTROL_STATUS, form, strlen(form));
}
