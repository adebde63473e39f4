/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/cmd.h"
#include "ctl/policy_change.h"
#include "ctl/settings.h"

int ctl_reload(int argc, char **argv, struct err *err)
{
    static struct settings settings;

    if (argc > 1) {
        err_set(err, 0, "%s: \"%.80s\", expected no argument", argv[0], argv[1]);
        return EXIT_USAGE;
    }
    if (!settings_folders(&settings, err))
        return EXIT_FAILED;
    return policy_reload_run(settings.policy, err);
}
