/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/commands.h"

#include <errno.h>
#include <getopt.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "fwd/control.h"
#include "fwd/gateway.h"
#include "fwd/nft_check.h"
#include "fwd/nft_load.h"
#include "fwd/nft_sock.h"
#include "fwd/policy_store.h"

static int fail(const struct err *err)
{
    fprintf(stderr, "fwd: %s\n", err->text);
    return EXIT_FAILED;
}

/* EPERM has one cause here. */
static int fail_netlink(struct err *err)
{
    if (err->code == EPERM && !strstr(err->text, "CAP_NET_ADMIN"))
        err_set(err, EPERM, "%s, expected CAP_NET_ADMIN", err->text);
    return fail(err);
}

/* "--config FILE", and nr_words further words; false: what is wrong has been printed. */
static bool options(int argc, char **argv, const char **config, int nr_words)
{
    static const struct option known[] = { { "config", required_argument, NULL, 'c' },
                                           { NULL, 0, NULL, 0 } };
    int c;

    optind = 0;
    *config = NULL;
    while ((c = getopt_long(argc, argv, ":c:", known, NULL)) != -1) {
        if (c != 'c') {
            fprintf(stderr, "fwd: %s: %s \"%.80s\", expected --config FILE, see fwd help\n",
                    argv[0], c == ':' ? "no value after" : "unknown option", argv[optind - 1]);
            return false;
        }
        *config = optarg;
    }
    if (argc - optind == nr_words)
        return true;
    if (nr_words == 1)
        fprintf(stderr,
                "fwd: %s: %d arguments, expected \"-\": the policy comes from standard input\n",
                argv[0], argc - optind);
    else
        fprintf(stderr, "fwd: %s: argument \"%.80s\", expected options only, see fwd help\n",
                argv[0], argv[optind]);
    return false;
}

static bool options_with_config(int argc, char **argv, const char **config)
{
    if (!options(argc, argv, config, 0))
        return false;
    if (!*config)
        fprintf(stderr, "fwd: %s: no configuration, expected --config FILE, see fwd help\n",
                argv[0]);
    return *config != NULL;
}

int cmd_gateway(int argc, char **argv)
{
    struct err err = { 0 };
    const char *config;

    if (!options_with_config(argc, argv, &config))
        return EXIT_USAGE;
    return gateway_run(config, &err) ? EXIT_DONE : fail(&err);
}

int cmd_show(int argc, char **argv)
{
    struct nft_endpoint endpoints[IPC_UPSTREAMS_MAX];
    struct err err = { 0 }, untried = { 0 };
    struct ruleset rs = { .nr_rules = 0 };
    struct mnl_socket *sock;
    struct wanted *wanted;
    const char *config;
    int rc = EXIT_FAILED;

    if (!options_with_config(argc, argv, &config))
        return EXIT_USAGE;
    wanted = malloc(sizeof(*wanted));
    if (!wanted || !wanted_read(config, wanted, &err)) {
        free(wanted);
        return fail(&err);
    }
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
    const char *config;
    int nr = -1;

    if (!options_with_config(argc, argv, &config))
        return EXIT_USAGE;
    wanted = malloc(sizeof(*wanted));
    if (!wanted || !wanted_read(config, wanted, &err)) {
        free(wanted);
        return fail(&err);
    }
    sock = nft_sock_open(&err);
    if (sock) {
        nr = nft_check(sock, &wanted->wish, stdout, &err);
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

/* --- load -------------------------------------------------------------------------------- */

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

/* Where the gateway of this configuration, or else the only one here, listens. */
static bool find_gateway(const char *config, char path[CONTROL_PATH_MAX], struct err *err)
{
    struct conf *conf;
    char *text;
    size_t len;
    bool is_found;

    if (!config && access(CONFIG_DEFAULT, R_OK) != 0)
        return control_path("", path, err);
    if (!config)
        config = CONFIG_DEFAULT;
    text = file_read(config, 1u << 20, &len, err);
    conf = malloc(sizeof(*conf));
    is_found = text && conf && conf_parse(config, text, len, conf, err) &&
               control_path(conf->state, path, err);
    free(conf);
    free(text);
    return is_found;
}

int cmd_load(int argc, char **argv)
{
    char path[CONTROL_PATH_MAX], answer[1024], *text;
    struct err err = { 0 };
    const char *config;
    size_t len;
    int rc;

    if (!options(argc, argv, &config, 1))
        return EXIT_USAGE;
    if (strcmp(argv[argc - 1], "-") != 0) {
        fprintf(stderr,
                "fwd: load: argument \"%.80s\", expected \"-\": the policy comes from "
                "standard input\n",
                argv[argc - 1]);
        return EXIT_USAGE;
    }
    if (!find_gateway(config, path, &err))
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
    rc = control_ask(path, text, len, answer, &err);
    free(text);
    if (rc < 0)
        return fail(&err);
    if (rc == 0) {
        fprintf(stderr, "fwd: %s\n", answer);
        return EXIT_FAILED;
    }
    puts(answer);
    return EXIT_DONE;
}
