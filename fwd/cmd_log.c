/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "fwd/cmdline.h"
#include "fwd/commands.h"
#include "fwd/log_reader.h"

#define LOG_DEFAULT  "/var/log/secctl/verdicts.log"
#define LOG_EXPECTED "-f, -n LINES, --since TIME, --file PATH or --config FILE"

/* The log of that configuration, or of the running gateway's, or LOG_DEFAULT. */
static bool find_log(struct config *config, char path[256], struct err *err)
{
    struct conf *conf = malloc(sizeof(*conf));
    struct err none = { 0 };
    const bool is_given = config->nr > 0;
    bool is_found = false;

    if (conf && (is_given || config_recall(NULL, config, &none)))
        is_found = config_read(config, conf, is_given ? err : &none);
    snprintf(path, 256, "%s",
             is_found && strcmp(conf->log, "-") != 0 ? conf->log : LOG_DEFAULT);
    free(conf);
    config_clear(config);
    return is_found || !is_given;
}

static int usage(const char *what, const char *value, const char *expected)
{
    fprintf(stderr, "fwd: log: %s \"%.80s\", expected %s\n", what, value, expected);
    return EXIT_USAGE;
}

int cmd_log(int argc, char **argv)
{
    const char *file = NULL, *lines = NULL, *since = NULL;
    struct config config = { .nr = 0 };
    struct log_wish wish = { .since = "" };
    const struct cmdline_option own[] = {
        { "follow", NULL, &wish.is_followed, 'f' },
        { "lines", &lines, NULL, 'n' },
        { "since", &since, NULL, 0 },
        { "file", &file, NULL, 0 },
        { NULL, NULL, NULL, 0 },
    };
    char path[256], from[LOG_TIME_MAX], *end = NULL;
    struct err err = { 0 };
    int first;

    if (!cmdline_read(argc, argv, &config, own, LOG_EXPECTED, &first))
        return EXIT_USAGE;
    if (first < argc)
        return usage("argument", argv[first], "options only, see fwd help");
    if (lines) {
        wish.last = strtoul(lines, &end, 10);
        if (lines[0] < '0' || lines[0] > '9' || *end || wish.last < 1 ||
            wish.last > LOG_LINES_MAX)
            return usage("-n", lines, "a number of lines from 1 to 1000000");
    }
    if (since) {
        if (!log_time_parse(since, from))
            return usage("--since", since, "a time such as 2026-11-23T14:00:00Z");
        wish.since = from;
    }
    if (!file && !find_log(&config, path, &err))
        return fail(&err);
    wish.path = file ? file : path;
    return log_print(&wish, stdout, &err) ? EXIT_DONE : fail(&err);
}
