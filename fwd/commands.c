/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/commands.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fwd/gateway.h"
#include "fwd/nft_check.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"
#include "fwd/cmdline.h"

int fail(const struct err *err)
{
    fprintf(stderr, "fwd: %s\n", err->text);
    return EXIT_FAILED;
}

int fail_netlink(struct err *err)
{
    if (err->code == EPERM && !strstr(err->text, "CAP_NET_ADMIN"))
        err_set(err, EPERM, "%s, expected CAP_NET_ADMIN", err->text);
    return fail(err);
}

/* Options and no word; recalls: without any the running gateway's are taken. */
static bool options_alone(int argc, char **argv, bool recalls, struct config *config)
{
    struct err err = { 0 };
    int first;

    *config = (struct config) { .nr = 0 };
    if (!cmdline_read(argc, argv, config, NULL, CONFIG_EXPECTED, &first))
        return false;
    if (first < argc) {
        fprintf(stderr, "fwd: %s: argument \"%.80s\", expected options only, see fwd help\n",
                argv[0], argv[first]);
        return false;
    }
    if (config->nr > 0 || (recalls && config_recall(NULL, config, &err)))
        return true;
    fprintf(stderr, "fwd: %s: no configuration, expected --config FILE, see fwd help\n",
            argv[0]);
    return false;
}

int cmd_gateway(int argc, char **argv)
{
    struct config config;
    struct err err = { 0 };

    if (!options_alone(argc, argv, false, &config))
        return EXIT_USAGE;
    return gateway_run(&config, &err) ? EXIT_DONE : fail(&err);
}

/* What is wanted by those options, malloc'd; NULL with *err. */
static struct wanted *read_wanted(struct config *config, struct err *err)
{
    struct wanted *wanted = malloc(sizeof(*wanted));

    if (!wanted)
        err_set(err, ENOMEM, "read the configuration: %s", strerror(ENOMEM));
    if (wanted && !wanted_read(config, wanted, err)) {
        free(wanted);
        wanted = NULL;
    }
    config_clear(config);
    return wanted;
}

int cmd_show(int argc, char **argv)
{
    struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX];
    struct err err = { 0 }, untried = { 0 };
    struct ruleset rs = { .nr_rules = 0 };
    struct mnl_socket *sock;
    struct wanted *wanted;
    struct config config;
    int rc = EXIT_FAILED;

    if (!options_alone(argc, argv, true, &config))
        return EXIT_USAGE;
    wanted = read_wanted(&config, &err);
    if (!wanted)
        return fail(&err);
    sock = nft_sock_open(&untried);
    if ((sock &&
         nft_load(sock, &wanted->wish, endpoints,
                  wanted_endpoints(&wanted->upstream, endpoints), true, &rs, &untried)) ||
        ruleset_gateway(&wanted->wish, &rs))
        rc = EXIT_DONE;
    if (untried.text[0])
        printf("# not tried on this kernel: %s\n", untried.text);
    printf("# queue: %s; flowtable: %s\n",
           wanted->wish.is_queue_native ? "native" : "xt target NFQUEUE",
           wanted->wish.has_flowtable ? "yes" : "no");
    ruleset_print(&rs, stdout);
    ruleset_clear(&rs);
    if (sock)
        mnl_socket_close(sock);
    free(wanted);
    return rc;
}

int cmd_check(int argc, char **argv)
{
    struct err err = { 0 };
    struct mnl_socket *sock;
    struct wanted *wanted;
    struct config config;
    int nr = -1;

    if (!options_alone(argc, argv, true, &config))
        return EXIT_USAGE;
    wanted = read_wanted(&config, &err);
    if (!wanted)
        return fail(&err);
    sock = nft_sock_open(&err);
    if (sock) {
        nr = wanted_check(sock, wanted, stdout, &err);
        mnl_socket_close(sock);
    }
    free(wanted);
    if (nr < 0)
        return fail_netlink(&err);
    if (nr == 0)
        puts("the kernel's ruleset is the one that is wanted");
    else
        printf("%d difference%s\n", nr, nr == 1 ? "" : "s");
    return nr == 0 ? EXIT_DONE : EXIT_DIFFERS;
}
