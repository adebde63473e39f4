/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool fail_unknown(const char *word, const struct option *options, size_t nr,
                         struct err *err)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < nr && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
                                 i == 0        ? ""
                                 : i + 1 == nr ? " or "
                                               : ", ",
                                 options[i].name);
    if (nr == 0)
        return err_set(err, 0, "unknown option \"%.80s\", it has none", word);
    return err_set(err, 0, "unknown option \"%.80s\", expected %s", word, names);
}

static bool put_value(const struct option *option, const char *value, struct err *err)
{
    if (option->value) {
        if (*option->value)
            return err_set(err, 0, "%s is given twice, expected it once", option->name);
        *option->value = value;
        return true;
    }
    if (option->list->nr == OPTION_LIST_MAX)
        return err_set(err, 0, "%s is given more than %d times", option->name, OPTION_LIST_MAX);
    option->list->all[option->list->nr++] = value;
    return true;
}

int options_read(int argc, char **argv, const struct option *options, size_t nr,
                 struct err *err)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        size_t k = 0;

        if (strcmp(argv[i], "--") == 0)
            return i + 1;
        while (k < nr && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k == nr) {
            fail_unknown(argv[i], options, nr, err);
            return 0;
        }
        if (options[k].flag) {
            *options[k].flag = true;
            continue;
        }
        if (++i == argc) {
            err_set(err, 0, "%s without a value, expected one after it", options[k].name);
            return 0;
        }
        if (!put_value(&options[k], argv[i], err))
            return 0;
    }
    return i;
}

bool options_alone(int argc, char **argv, const struct option *options, size_t nr,
                   struct err *err)
{
    int first = options_read(argc, argv, options, nr, err);

    if (first == 0)
        return false;
    return first == argc || err_set(err, 0, "\"%.80s\", expected no argument", argv[first]);
}
