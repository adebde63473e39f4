/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/cmdline.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define EXTRAS_MAX 12
#define CONFIG     256
#define SETTING    257
#define FIRST      258 /* of the command's own */

static bool take(const char *command, struct config *config, bool is_setting, const char *text)
{
    struct err err = { 0 };

    if (config_add(config, is_setting, text, &err))
        return true;
    fprintf(stderr, "fwd: %s: %s\n", command, err.text);
    return false;
}

static void list_options(const struct config *config, const struct cmdline_option *extra,
                         struct option list[EXTRAS_MAX + 3])
{
    size_t nr = 0;

    if (config) {
        list[nr++] = (struct option) { "config", required_argument, NULL, CONFIG };
        list[nr++] = (struct option) { "set", required_argument, NULL, SETTING };
    }
    for (size_t i = 0; extra && extra[i].name && i < EXTRAS_MAX; i++)
        list[nr++] =
            (struct option) { extra[i].name, extra[i].text ? required_argument : no_argument,
                              NULL, FIRST + (int)i };
    list[nr] = (struct option) { NULL, 0, NULL, 0 };
}

/* The option with that letter; what it was when there is none. */
static int from_letter(int letter, const struct cmdline_option *extra)
{
    for (int i = 0; extra && extra[i].name; i++)
        if (extra[i].letter && extra[i].letter == letter)
            return FIRST + i;
    return letter;
}

static void list_letters(const struct cmdline_option *extra, char letters[2 * EXTRAS_MAX + 2])
{
    size_t len = 0;

    letters[len++] = ':';
    for (size_t i = 0; extra && extra[i].name && i < EXTRAS_MAX; i++) {
        if (!extra[i].letter)
            continue;
        letters[len++] = extra[i].letter;
        if (extra[i].text)
            letters[len++] = ':';
    }
    letters[len] = 0;
}

bool cmdline_read(int argc, char **argv, struct config *config,
                  const struct cmdline_option *extra, const char *expected, int *first)
{
    struct option list[EXTRAS_MAX + 3];
    char letters[2 * EXTRAS_MAX + 2];
    int c;

    list_options(config, extra, list);
    list_letters(extra, letters);
    optind = 0;
    while ((c = getopt_long(argc, argv, letters, list, NULL)) != -1) {
        if (c < CONFIG)
            c = from_letter(c, extra);
        if (c == CONFIG || c == SETTING) {
            if (!take(argv[0], config, c == SETTING, optarg))
                return false;
        } else if (c >= FIRST) {
            if (extra[c - FIRST].text)
                *extra[c - FIRST].text = optarg;
            else
                *extra[c - FIRST].flag = true;
        } else {
            fprintf(stderr, "fwd: %s: %s \"%.80s\", expected %s, see fwd help\n", argv[0],
                    c == ':' ? "no value after" : "unknown option", argv[optind - 1], expected);
            return false;
        }
    }
    *first = optind;
    return true;
}
