/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "fwd/commands.h"
#include "fwd/link_end.h"
#include "fwd/cmdline.h"

static int check(void)
{
    struct err err = { 0 };
    int nr = link_check(stdout, &err);

    if (nr < 0)
        return fail_netlink(&err);
    if (nr == 0)
        puts("the lock and the tunnel are the ones that are wanted");
    else
        printf("%d difference%s\n", nr, nr == 1 ? "" : "s");
    return nr == 0 ? EXIT_DONE : EXIT_DIFFERS;
}

int cmd_link(int argc, char **argv)
{
    struct link_wish wish = { .nr_inner = 0 };
    const char *gateway = NULL, *inner[2] = { NULL }, *router[2] = { NULL };
    const char *resolv_conf = "", *user = "13";
    bool is_check = false;
    const struct cmdline_option extra[] = {
        { "gateway", &gateway, NULL, 0 },
        { "inner", &inner[0], NULL, 0 },
        { "inner6", &inner[1], NULL, 0 },
        { "router", &router[0], NULL, 0 },
        { "router6", &router[1], NULL, 0 },
        { "resolv-conf", &resolv_conf, NULL, 0 },
        { "user", &user, NULL, 0 },
        { "check", NULL, &is_check, 0 },
        { NULL, NULL, NULL, 0 },
    };
    struct err err = { 0 };
    int first;

    if (!cmdline_read(argc, argv, NULL, extra, "--gateway, --inner, --router or --check",
                      &first))
        return EXIT_USAGE;
    if (first < argc) {
        fprintf(stderr, "fwd: link: argument \"%.80s\", expected options only, see fwd help\n",
                argv[first]);
        return EXIT_USAGE;
    }
    if (is_check)
        return check();
    if (strlen(resolv_conf) >= sizeof(wish.resolv_conf) || strlen(user) >= sizeof(wish.user)) {
        fprintf(stderr, "fwd: link: --resolv-conf or --user: too long\n");
        return EXIT_USAGE;
    }
    snprintf(wish.resolv_conf, sizeof(wish.resolv_conf), "%s", resolv_conf);
    snprintf(wish.user, sizeof(wish.user), "%s", user);
    if (!link_wish_parse(gateway, inner, router, &wish, &err)) {
        fprintf(stderr, "fwd: link: %s, see fwd help\n", err.text);
        return EXIT_USAGE;
    }
    return link_run(&wish, &err) ? EXIT_DONE : fail_netlink(&err);
}
