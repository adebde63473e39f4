/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/policy.h"
#include "common/record.h"
#include "common/siphash.h"
#include "sni-filter/capture.h"
#include "sni-filter/engine.h"
#include "sni-filter/quic_cipher.h"
#include "sni-filter/replay_kernel.h"

#define ALLOWLIST_MAX (64u << 20)
#define KEEP_S        86400 /* the defaults of dns.keep and dns.min-ttl */
#define MIN_TTL_S     60

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    const char *capture, *allowlist, *agent;
    bool is_binding_off;
    struct prefix internal[IPC_PREFIXES_MAX];
    uint32_t nr_internal;
};

struct replay {
    struct ipc_setup setup;
    struct policy *policy;
    struct replay_kernel *kernel;
    struct engine *engine;
    struct quic_cipher cipher;
    char run[24];
    uint64_t nr_records;
    bool has_write_error;
    uint64_t nr_other, nr_bad;
};

static const char usage[] =
    "usage: sni-filter --read CAPTURE --allowlist FILE [--agent NAME] [--binding on|off]\n"
    "                  [--internal CIDR]...\n"
    "Judges the packets of a pcap or pcapng file by an allowlist; prints one record a "
    "decision.\n"
    "  --agent NAME       name of the agents in the records (default: agent)\n"
    "  --binding off      an allowed name is allowed at any address (for captures without "
    "DNS)\n"
    "  --internal CIDR    which hosts are agents (default: whoever opens a connection)\n";

static bool bad_usage(const char *what, const char *value, const char *expected)
{
    (void)fprintf(stderr, "sni-filter: %s \"%.80s\", expected %s\n", what, value, expected);
    return false;
}

static bool read_internal(struct options *options, const char *text)
{
    if (options->nr_internal == IPC_PREFIXES_MAX)
        return bad_usage("--internal", text, "at most 256 of them");
    if (!prefix_parse(text, strlen(text), &options->internal[options->nr_internal]))
        return bad_usage("--internal", text, "a network such as 10.0.0.0/8 or 2001:db8::/32");
    options->nr_internal++;
    return true;
}

static bool read_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'r':
        options->capture = value;
        return true;
    case 'a':
        options->allowlist = value;
        return true;
    case 'n':
        options->agent = value;
        return conf_agent_name_is_valid(value, strlen(value)) ||
               bad_usage("--agent", value, "1 to 63 of a-z, 0-9, \"_\" and \"-\"");
    case 'b':
        options->is_binding_off = strcmp(value, "off") == 0;
        if (!options->is_binding_off && strcmp(value, "on") != 0)
            return bad_usage("--binding", value, "on or off");
        return true;
    case 'i':
        return read_internal(options, value);
    }
    return false;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        { "read", required_argument, NULL, 'r' },
        { "allowlist", required_argument, NULL, 'a' },
        { "agent", required_argument, NULL, 'n' },
        { "binding", required_argument, NULL, 'b' },
        { "internal", required_argument, NULL, 'i' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    *options = (struct options) { .agent = "agent" };
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (option == ':')
            return bad_usage("nothing after", argv[optind - 1], "its value");
        if (option == '?')
            return bad_usage("unknown option", argv[optind - 1],
                             "one that \"sni-filter --read --help\" lists");
        if (!read_option(options, option, optarg))
            return false;
    }
    if (optind < argc)
        return bad_usage("argument", argv[optind], "options only");
    if (options->capture == NULL || options->allowlist == NULL) {
        (void)fprintf(stderr, "sni-filter: no %s\n",
                      options->capture == NULL ? "capture, expected --read CAPTURE"
                                               : "policy, expected --allowlist FILE");
        return false;
    }
    return true;
}

static void fill_setup(struct ipc_setup *setup, const struct options *options)
{
    static const struct prefix everybody[] = { { .addr = { .family = ADDR_V4 } },
                                               { .addr = { .family = ADDR_V6 } } };
    const struct prefix *prefixes = everybody;
    uint32_t nr = ARRAY_LEN(everybody);

    if (options->nr_internal != 0) {
        prefixes = options->internal;
        nr = options->nr_internal;
    }
    *setup = (struct ipc_setup) { .nr_sources = nr,
                                  .dns_keep_s = KEEP_S,
                                  .dns_min_ttl_s = MIN_TTL_S,
                                  .is_ech_allowed = 1,
                                  .has_outside_v6 = 1 };
    for (uint32_t i = 0; i < nr; i++) {
        setup->sources[i].prefix = prefixes[i];
        (void)snprintf(setup->sources[i].agent, sizeof(setup->sources[i].agent), "%s",
                       options->agent);
    }
}

static struct policy *read_policy(const char *path, struct err *err)
{
    struct policy_source source = { .file = path };
    struct policy *policy;
    char *text = file_read(path, ALLOWLIST_MAX, &source.len, err);

    if (text == NULL)
        return NULL;
    source.text = text;
    policy = policy_new(&source, 1, NULL, err);
    free(text);
    return policy;
}

/* A run's name is the capture's: the same replay prints the same lines. */
static void name_run(const char *path, char run[24])
{
    static const uint8_t key[16] = "replay";
    const char *slash, *name;

    assert(path != NULL);
    slash = strrchr(path, '/');
    name = slash != NULL ? slash + 1 : path;

    (void)snprintf(run, 24, "%016" PRIx64, siphash(key, name, strlen(name)));
}

static void print_record(void *arg, const struct record *record)
{
    struct replay *replay = arg;
    char line[RECORD_LINE_MAX];
    size_t len = record_format(record, replay->run, ++replay->nr_records, line);

    if (fwrite(line, 1, len, stdout) != len)
        replay->has_write_error = true;
}

static bool start(struct replay *replay, const struct options *options, struct err *err)
{
    struct engine_ops ops;
    uint8_t seed[16];

    name_run(options->capture, replay->run);
    fill_setup(&replay->setup, options);
    replay->policy = read_policy(options->allowlist, err);
    if (replay->policy == NULL)
        return false;
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return err_set(err, errno, "get random bytes: %s", strerror(errno));
    replay->kernel = replay_kernel_new(&replay->setup, 0, seed, print_record, replay);
    if (replay->kernel == NULL)
        return err_set(err, ENOMEM, "allocate the table of connections: out of memory");
    if (!quic_cipher_init(&replay->cipher))
        return err_set(err, ENOMEM,
                       "prepare OpenSSL for QUIC: no AES-128, GCM or HKDF, or no "
                       "memory");
    ops = replay_kernel_ops(replay->kernel);
    replay->engine = engine_new(&replay->setup, replay->policy, &(struct engine_limits) { 0 },
                                &ops, seed, options->is_binding_off, &replay->cipher);
    if (replay->engine == NULL)
        return err_set(err, ENOMEM, "allocate the engine's tables: out of memory");
    replay_kernel_attach(replay->kernel, replay->engine);
    return true;
}

/* Returns false when the rest of the capture cannot be read; what came before it is judged. */
static bool judge_all(struct replay *replay, struct capture *capture, struct err *err)
{
    struct capture_packet packet;
    int rc;

    while ((rc = capture_next(capture, &packet, err)) == 1) {
        if (packet.is_bad)
            replay->nr_bad++;
        else if (!packet.has_ip)
            replay->nr_other++;
        else
            replay_kernel_packet(replay->kernel, packet.ts_us, packet.ip);
        if (replay->has_write_error)
            break;
    }
    replay_kernel_end(replay->kernel);
    return rc == 0 || (rc == 1 && replay->has_write_error);
}

static void print_count(uint64_t nr, const char *what)
{
    if (nr != 0)
        (void)fprintf(stderr, "  %" PRIu64 " %s\n", nr, what);
}

static void print_summary(const struct replay *replay, const char *path)
{
    struct replay_kernel_counts n;

    replay_kernel_counts(replay->kernel, &n);
    (void)fprintf(stderr,
                  "%s: %" PRIu64 " IP packets, %" PRIu64 " flows, %" PRIu64
                  " packets judged, %" PRIu64 " records\n",
                  path, n.packets, n.connections, n.judged, replay->nr_records);
    print_count(n.dns_answers, "DNS answers taken from the capture");
    print_count(n.late, "connections without their SYN, judged as if it were there");
    print_count(n.unjudged, "flows that began before the capture, not judged");
    print_count(n.foreign, "packets to and from hosts that are no agents, not judged");
    print_count(n.link_local, "multicast, link-local and ICMP error packets, not judged");
    print_count(n.fragments, "IP fragments");
    print_count(n.cut, "packets of which the capture holds a part only, not judged");
    print_count(n.malformed, "packets with malformed headers, not judged");
    print_count(n.invalid, "TCP packets that fit no connection, not judged");
    print_count(n.dns_lost, "TCP segments of DNS out of order, not judged");
    print_count(n.evicted, "flows forgotten: too many at once");
    print_count(replay->nr_other, "frames that carry no IP");
    print_count(replay->nr_bad, "frames that end inside their headers");
}

static bool run(struct replay *replay, const struct options *options, struct err *err)
{
    struct capture *capture;
    bool is_whole;

    if (!start(replay, options, err))
        return false;
    capture = capture_open(options->capture, err);
    if (capture == NULL)
        return false;
    is_whole = judge_all(replay, capture, err);
    capture_close(capture);
    if (fflush(stdout) != 0 || replay->has_write_error)
        is_whole = err_set(err, errno, "write records to standard output: %s", strerror(errno));
    print_summary(replay, options->capture);
    return is_whole;
}

int replay_main(int argc, char **argv)
{
    struct replay replay = { .policy = NULL };
    struct options options;
    struct err err = { .code = 0 };
    bool is_done;

    if (strcmp(argv[argc - 1], "--help") == 0 || strcmp(argv[argc - 1], "-h") == 0) {
        (void)fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (!read_options(argc, argv, &options))
        return EXIT_USAGE;
    is_done = run(&replay, &options, &err);
    if (!is_done)
        (void)fprintf(stderr, "sni-filter: %s\n", err.text);
    engine_free(replay.engine);
    quic_cipher_clear(&replay.cipher);
    replay_kernel_free(replay.kernel);
    policy_free(replay.policy);
    return is_done ? EXIT_DONE : EXIT_FAILED;
}
