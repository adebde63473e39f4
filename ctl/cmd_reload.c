/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/cmd.h"
#include "ctl/options.h"
#include "ctl/policy_change.h"
#include "ctl/settings.h"

int ctl_reload(int argc, char **argv, struct err *err)
{
    static struct settings settings;
    bool is_json = false;
    const struct option options[] = { { .name = "--json", .flag = &is_json } };

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    if (!settings_folders(&settings, err))
        return EXIT_FAILED;
    return policy_reload_run(settings.policy, is_json, err);
}
