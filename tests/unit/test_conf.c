/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define ENDS "internal = in0\nexternal = out0\n"

static bool parse_len(const char *file, const char *text, size_t len, struct conf *conf,
                      struct err *err)
{
    uint8_t *copy = exact(text, len);
    bool is_good = conf_parse(file, (char *)copy, len, conf, err);

    free(copy);
    return is_good;
}

static void good(const char *file, const char *text, struct conf *conf)
{
    struct err err = { 0 };

    if (!parse_len(file, text, strlen(text), conf, &err))
        fail_msg("%s", err.text);
}

static void defaults_are_filled_in(void **state)
{
    struct conf conf;

    (void)state;
    good("gateway.conf", ENDS, &conf);
    assert_int_equal(conf.mode, CONF_ENFORCE);
    assert_string_equal(conf.internal, "in0");
    assert_string_equal(conf.external, "out0");
    assert_false(conf.has_tunnel);
    assert_int_equal(conf.nr_tunnel_addresses, 0);
    assert_int_equal(conf.nr_links, 0);
    assert_int_equal(conf.log_max, 64u << 20);
    assert_string_equal(conf.policy, ".");
    assert_string_equal(conf.state, "");
    assert_string_equal(conf.resolv_conf, "/etc/resolv.conf");
    assert_int_equal(conf.nr_upstreams, 0);
    assert_int_equal(conf.dns_keep_s, 86400);
    assert_int_equal(conf.dns_min_ttl_s, 60);
    assert_int_equal(conf.queues, 1);
    assert_string_equal(conf.log, "-");
    assert_string_equal(conf.user, "13");
    assert_true(conf.is_ech_allowed);
    assert_int_equal(conf.nr_private_allowed, 0);
    assert_int_equal(conf.nr_agents, 0);
}

static const char full[] = "# a gateway\r\n"
                           "\r\n"
                           "mode = learn\r\n"
                           "  internal=198.18.0.1   # an address on it\n"
                           "external = 2001:2::1\n"
                           "tunnel = none\n"
                           "tunnel.address = 198.18.1.1/24, fd00::1/64\n"
                           "policy = policy dir\n"
                           "state = /var/lib/secctl\n"
                           "dns.upstream = 192.0.2.53, 2001:db8::53#5353 ,192.0.2.54#54\n"
                           "dns.upstream.Corp.Example. = 198.18.0.53\n"
                           "dns.upstream.b\xc3\xbc"
                           "cher.example = 198.18.0.54, 198.18.0.55\n"
                           "dns.keep = 7d\n"
                           "dns.min-ttl = 90\n"
                           "queues = auto\n"
                           "log = verdicts.log\n"
                           "user = _secctl\n"
                           "ech = deny\n"
                           "private.allow = 10.20.0.0/16, 10.1.1.1\n"
                           "agent.claude = 198.18.0.2, 2001:2::2\n"
                           "agent.b_2-x = 198.18.0.16/28";

static void every_key_is_read(void **state)
{
    char text[PREFIX_TEXT_MAX];
    struct conf conf;

    (void)state;
    good("/etc/secctl/gateway.conf", full, &conf);
    assert_int_equal(conf.mode, CONF_LEARN);
    assert_string_equal(conf.internal, "198.18.0.1");
    assert_string_equal(conf.external, "2001:2::1");
    assert_int_equal(conf.nr_tunnel_addresses, 2);
    assert_string_equal(addr_format(&conf.tunnel_addresses[0].addr, text), "198.18.1.1");
    assert_int_equal(conf.tunnel_addresses[0].bits, 24);
    assert_string_equal(addr_format(&conf.tunnel_addresses[1].addr, text), "fd00::1");
    assert_int_equal(conf.tunnel_addresses[1].bits, 64);
    assert_string_equal(conf.policy, "/etc/secctl/policy dir");
    assert_string_equal(conf.state, "/var/lib/secctl");
    assert_string_equal(conf.resolv_conf, "");
    assert_int_equal(conf.nr_upstreams, 6);
    assert_string_equal(addr_format(&conf.upstreams[0].addr, text), "192.0.2.53");
    assert_int_equal(conf.upstreams[0].port, 53);
    assert_string_equal(conf.upstreams[0].name, "");
    assert_string_equal(addr_format(&conf.upstreams[1].addr, text), "2001:db8::53");
    assert_int_equal(conf.upstreams[1].port, 5353);
    assert_int_equal(conf.upstreams[2].port, 54);
    assert_string_equal(conf.upstreams[3].name, "corp.example");
    assert_string_equal(conf.upstreams[4].name, "xn--bcher-kva.example");
    assert_string_equal(conf.upstreams[5].name, "xn--bcher-kva.example");
    assert_int_equal(conf.dns_keep_s, 7 * 86400);
    assert_int_equal(conf.dns_min_ttl_s, 90);
    assert_string_equal(conf.log, "/etc/secctl/verdicts.log");
    assert_string_equal(conf.user, "_secctl");
    assert_false(conf.is_ech_allowed);
    assert_int_equal(conf.nr_private_allowed, 2);
    assert_string_equal(prefix_format(&conf.private_allowed[1], text), "10.1.1.1/32");
    assert_int_equal(conf.nr_agents, 3);
    assert_string_equal(conf.agents[1].name, "claude");
    assert_string_equal(prefix_format(&conf.agents[1].prefix, text), "2001:2::2/128");
    assert_string_equal(conf.agents[2].name, "b_2-x");
    assert_string_equal(prefix_format(&conf.agents[2].prefix, text), "198.18.0.16/28");
}

static void every_cut_is_a_file_or_an_error_with_its_place(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(full) - 1; len++) {
        struct err err = { 0 };
        struct conf conf;

        if (parse_len("gateway.conf", full, len, &conf, &err))
            continue;
        assert_memory_equal(err.text, "gateway.conf:", 13);
        assert_non_null(strstr(err.text, "expected"));
    }
}

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        { "1", 1 },       { "90s", 90 },           { "15m", 900 },
        { "24h", 86400 }, { "366d", 366 * 86400 }, { "31622400", 31622400 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf conf;
        char text[100];

        snprintf(text, sizeof(text), ENDS "dns.keep = %s", cases[i].text);
        good("c", text, &conf);
        assert_int_equal(conf.dns_keep_s, cases[i].seconds);
    }
}

static void relative_paths_start_at_the_files_folder(void **state)
{
    struct conf conf;

    (void)state;
    good("/etc/x/c", ENDS, &conf);
    assert_string_equal(conf.policy, "/etc/x");
    good("/c", ENDS, &conf);
    assert_string_equal(conf.policy, "/");
    good("x/c", ENDS "policy = p\nstate = s\nlog = /l\n", &conf);
    assert_string_equal(conf.policy, "x/p");
    assert_string_equal(conf.state, "x/s");
    assert_string_equal(conf.log, "/l");
    good("x/c", ENDS "log = -\n", &conf);
    assert_string_equal(conf.log, "-");
    good("c", ENDS "policy = p\ndns.upstream = /run/resolv.conf", &conf);
    assert_string_equal(conf.policy, "p");
    assert_string_equal(conf.resolv_conf, "/run/resolv.conf");
}

static void an_upstream_for_a_name_leaves_the_default_for_the_others(void **state)
{
    struct conf conf;

    (void)state;
    good("c", ENDS "dns.upstream.a.example = 192.0.2.1", &conf);
    assert_string_equal(conf.resolv_conf, "/etc/resolv.conf");
    assert_int_equal(conf.nr_upstreams, 1);
}

#define DURATION "expected a duration such as 90s, 15m, 24h or 7d"
#define UPSTREAM                                                                               \
    "expected addresses such as 192.0.2.53 or 192.0.2.53#5353, or the path of a resolv.conf"
#define INTERFACE "expected an interface's name or an address on it"
#define PRIVATE   "expected networks such as 10.20.0.0/16, without host bits, not /0"
#define TUNNEL                                                                                 \
    "expected an IPv4 address with its network's size such as 10.213.77.1/24, then at most "   \
    "one of IPv6"
#define SIZE  "expected a size such as 64M, from 64K to 64G"
#define AGENT "expected addresses or networks such as 10.213.77.2 or 10.213.77.0/24"

static const struct {
    const char *text, *error;
} errors[] = {
    { "", "c: the configuration ends, expected internal = INTERFACE or ADDRESS in it" },
    { "# x\nexternal = e\n",
      "c: the configuration ends, expected internal = INTERFACE or ADDRESS in it" },
    { "internal = i\n",
      "c: the configuration ends, expected external = INTERFACE, ADDRESS or auto in it" },
    { "mode", "c:1:1: no \"=\", expected key = value" },
    { "\n  = learn", "c:2:3: no key before \"=\", expected key = value" },
    { "mode =", "c:1:7: mode has no value, expected key = value" },
    { "mode = # learn", "c:1:7: mode has no value, expected key = value" },
    { "mode = strict", "c:1:8: mode = \"strict\", expected enforce or learn" },
    { "mode = learn#x", "c:1:8: mode = \"learn#x\", expected enforce or learn" },
    { "mode = learn\nmode = learn",
      "c:2:1: \"mode\" is set twice, in line 1 first, expected it once" },
    { "moed = learn", "c:1:1: unknown key \"moed\", expected \"mode\"?" },
    { "Mode = learn", "c:1:1: unknown key \"Mode\", expected \"mode\"?" },
    { "dns.upstrem = 192.0.2.1",
      "c:1:1: unknown key \"dns.upstrem\", expected \"dns.upstream\"?" },
    { "listen = 1",
      "c:1:1: unknown key \"listen\", expected one of mode, internal, external, tunnel, "
      "tunnel.address, link.NAME, policy, state, dns.upstream, dns.upstream.NAME, dns.keep, "
      "dns.min-ttl, queues, log, log.max, user, ech, private.allow, private.deny, "
      "agent.NAME" },
    { "internal = sixteen-bytes-xx", "c:1:12: internal = \"sixteen-bytes-xx\", " INTERFACE },
    { "internal = a/b", "c:1:12: internal = \"a/b\", " INTERFACE },
    { "internal = a b", "c:1:12: internal = \"a b\", " INTERFACE },
    { "internal = a\tb", "c:1:12: internal = \"a\tb\", " INTERFACE },
    { "internal = 2001:::1", "c:1:12: internal = \"2001:::1\", " INTERFACE },
    { "external = \"e\"", "c:1:12: external = \"\"e\"\", " INTERFACE },
    { "tunnel = gre", "c:1:10: tunnel = \"gre\", expected none or vxlan" },
    { "tunnel.address = x", "c:1:18: tunnel.address = \"x\", " TUNNEL },
    { "tunnel.address = 10.213.77.1", "c:1:18: tunnel.address = \"10.213.77.1\", " TUNNEL },
    { "tunnel.address = 10.213.77.1/31",
      "c:1:18: tunnel.address = \"10.213.77.1/31\", " TUNNEL },
    { "tunnel.address = 10.213.77.1/7", "c:1:18: tunnel.address = \"10.213.77.1/7\", " TUNNEL },
    { "tunnel.address = fd00::1/64", "c:1:18: tunnel.address = \"fd00::1/64\", " TUNNEL },
    { "tunnel.address = 10.1.1.1/24, 10.1.2.1/24",
      "c:1:31: tunnel.address = \"10.1.2.1/24\", " TUNNEL },
    { "tunnel.address = 10.1.1.1/24, fd00::1/64, fd00::2/64",
      "c:1:43: tunnel.address = \"fd00::2/64\", " TUNNEL },
    { ENDS "tunnel = vxlan\n", "c: the configuration ends, expected tunnel.address = "
                               "ADDRESS/BITS in it: tunnel = vxlan is set" },
    { ENDS "tunnel = vxlan\ntunnel.address = 10.1.1.1/24\nagent.a = 10.1.1.2",
      "c: agent.a is set, expected link.a: with tunnel = vxlan agents are known by their "
      "links" },
    { ENDS "link.a = 10.213.76.3 10.213.77.3",
      "c: link.a is set, expected tunnel = vxlan with it, or agent.a" },
    { "external = e\ninternal = 2001:2::1\ntunnel = vxlan\ntunnel.address = 10.1.1.1/24",
      "c: internal = 2001:2::1, expected an interface or an IPv4 address: it carries the "
      "tunnel" },
    { "link.a = 10.213.76.3", "c:1:10: link.a = \"10.213.76.3\", expected " LINK_SHAPE },
    { "link.a = 10.213.76.3 10.213.77.300",
      "c:1:10: link.a = \"10.213.76.3 10.213.77.300\", expected " LINK_SHAPE },
    { "link.a = 10.213.76.3 10.213.76.3",
      "c:1:10: link.a = \"10.213.76.3 10.213.76.3\", expected " LINK_SHAPE },
    { "link.a = 10.213.76.3 10.213.77.3 fd00::3 x",
      "c:1:10: link.a = \"10.213.76.3 10.213.77.3 fd00::3 x\", expected " LINK_SHAPE },
    { "link.a = 10.213.76.3 10.213.77.3 10.213.77.4",
      "c:1:10: link.a = \"10.213.76.3 10.213.77.3 10.213.77.4\", expected " LINK_SHAPE },
    { "link.a = fd00::4 10.213.77.3",
      "c:1:10: link.a = \"fd00::4 10.213.77.3\", expected " LINK_SHAPE },
    { "link.a = 224.0.0.1 10.213.77.3",
      "c:1:10: link.a = \"224.0.0.1 10.213.77.3\", expected " LINK_SHAPE },
    { "link.a = 10.213.76.3 10.213.77.3 fe80::1",
      "c:1:10: link.a = \"10.213.76.3 10.213.77.3 fe80::1\", expected " LINK_SHAPE },
    { "link.A = 10.213.76.3 10.213.77.3",
      "c:1:6: bad agent name \"A\", expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"" },
    { "link.a = 10.1.1.3 10.1.2.3\nlink.a = 10.1.1.4 10.1.2.4",
      "c:2:1: \"link.a\" is set twice, expected it once" },
    { "link.a = 10.1.1.3 10.1.2.3\nlink.b = 10.1.1.4 10.1.2.3",
      "c:2:10: 10.1.2.3 is link a's too, expected each address at one link" },
    { "link.a = 10.1.1.3 10.1.2.3\nlink.b = 10.1.2.3 10.1.2.4",
      "c:2:10: 10.1.2.3 is link a's too, expected each address at one link" },
    { "log.max = 63K", "c:1:11: log.max = \"63K\", " SIZE },
    { "log.max = 65G", "c:1:11: log.max = \"65G\", " SIZE },
    { "log.max = M", "c:1:11: log.max = \"M\", " SIZE },
    { "log.max = 1T", "c:1:11: log.max = \"1T\", " SIZE },
    { "log.max = 18446744073709551615G", "c:1:11: log.max = \"18446744073709551615G\", " SIZE },
    { "private.deny = 10.0.0.1/8", "c:1:16: private.deny = \"10.0.0.1/8\", " PRIVATE },
    { "dns.upstream = 192.0.2.300", "c:1:16: dns.upstream = \"192.0.2.300\", " UPSTREAM },
    { "dns.upstream = 192.0.2.3,", "c:1:26: dns.upstream = \"\", " UPSTREAM },
    { "dns.upstream = 192.0.2.3 192.0.2.4",
      "c:1:16: dns.upstream = \"192.0.2.3 192.0.2.4\", " UPSTREAM },
    { "dns.upstream = 192.0.2.3, 192.0.2.4#0",
      "c:1:27: dns.upstream = \"192.0.2.4#0\", " UPSTREAM },
    { "dns.upstream = 192.0.2.3#65536",
      "c:1:16: dns.upstream = \"192.0.2.3#65536\", " UPSTREAM },
    { "dns.upstream = 192.0.2.3#", "c:1:16: dns.upstream = \"192.0.2.3#\", " UPSTREAM },
    { "dns.upstream.a.example = /etc/resolv.conf",
      "c:1:26: dns.upstream.a.example = \"/etc/resolv.conf\", expected addresses such as "
      "192.0.2.53 "
      "or 192.0.2.53#5353" },
    { "dns.upstream.a..b = 192.0.2.1", "c:1:14: \"a..b\" is no host name: a label is empty "
                                       "(byte 3), expected dns.upstream.NAME" },
    { "dns.upstream. = 192.0.2.1",
      "c:1:14: \"\" is no host name: the name is empty (byte 1), expected dns.upstream.NAME" },
    { "dns.upstream.a.b = 192.0.2.1\ndns.upstream.A.B = 192.0.2.1",
      "c:2:1: \"dns.upstream.A.B\" is set twice, expected it once" },
    { "dns.keep = 0", "c:1:12: dns.keep = \"0\", " DURATION ", from 1s to 366d" },
    { "dns.keep = 367d", "c:1:12: dns.keep = \"367d\", " DURATION ", from 1s to 366d" },
    { "dns.keep = d", "c:1:12: dns.keep = \"d\", " DURATION ", from 1s to 366d" },
    { "dns.keep = -1", "c:1:12: dns.keep = \"-1\", " DURATION ", from 1s to 366d" },
    { "dns.keep = 1w", "c:1:12: dns.keep = \"1w\", " DURATION ", from 1s to 366d" },
    { "dns.keep = 1 h", "c:1:12: dns.keep = \"1 h\", " DURATION ", from 1s to 366d" },
    { "dns.keep = 1sh", "c:1:12: dns.keep = \"1sh\", " DURATION ", from 1s to 366d" },
    { "dns.min-ttl = 18446744073709551616",
      "c:1:15: dns.min-ttl = \"18446744073709551616\", " DURATION ", at most 366d" },
    { "queues = 2", "c:1:10: queues = \"2\", expected auto or 1" },
    { "user = a b", "c:1:8: user = \"a b\", expected a user's name or number" },
    { "user = root", "c:1:8: user = \"root\", expected a user other than root" },
    { "user = 00", "c:1:8: user = \"00\", expected a user other than root" },
    { "ech = yes", "c:1:7: ech = \"yes\", expected allow or deny" },
    { "private.allow = 10.0.0.1/8", "c:1:17: private.allow = \"10.0.0.1/8\", " PRIVATE },
    { "private.allow = 10.0.0.0/8,0.0.0.0/0",
      "c:1:28: private.allow = \"0.0.0.0/0\", " PRIVATE },
    { "agent.X = 198.18.0.2",
      "c:1:7: bad agent name \"X\", expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"" },
    { "agent. = 198.18.0.2",
      "c:1:7: bad agent name \"\", expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"" },
    { "agent.a = 0.0.0.0/0", "c:1:11: agent.a = \"0.0.0.0/0\", " AGENT },
    { "agent.a = 198.18.0.2\nagent.a = 198.18.0.3",
      "c:2:1: \"agent.a\" is set twice, expected it once" },
    { "agent.a = 198.18.0.2\nagent.b = 198.18.0.0/24",
      "c:2:11: \"198.18.0.0/24\" is agent a's too, expected each address at one agent" },
    { "agent.a = 198.18.0.0/24\nagent.b = 198.18.0.2",
      "c:2:11: \"198.18.0.2\" is agent a's too, expected each address at one agent" },
    { "mode = lea\x01rn", "c:1:11: control character 0x01, expected text" },
};

static void every_mistake_is_named_with_its_place_and_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct err err = { 0 };
        struct conf conf;

        if (parse_len("c", errors[i].text, strlen(errors[i].text), &conf, &err))
            fail_msg("accepted: %s", errors[i].text);
        assert_string_equal(err.text, errors[i].error);
    }
}

/* KEY = ITEM, ITEM... with nr items */
static bool parse_list(const char *key, const char *item, size_t nr, struct err *err)
{
    static char text[8192];
    size_t len = (size_t)snprintf(text, sizeof(text), ENDS "%s = %s", key, item);
    struct conf conf;

    for (size_t i = 1; i < nr; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ", %s", item);
    return parse_len("c", text, len, &conf, err);
}

static void lists_have_64_entries_at_most(void **state)
{
    static const char *const keys[] = { "dns.upstream", "dns.upstream.a.example",
                                        "private.allow", "agent.a" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct err err = { 0 };

        assert_true(parse_list(keys[i], "198.18.0.1", 64, &err));
        assert_false(parse_list(keys[i], "198.18.0.1", 65, &err));
        assert_non_null(strstr(err.text, "expected at most 64 such entries"));
    }
}

static void what_does_not_fit_is_refused_not_cut(void **state)
{
    static const struct {
        const char *key, *prefix;
        size_t max;
    } cases[] = { { "policy", "/", 255 },       { "state", "/", 255 }, { "log", "/", 255 },
                  { "dns.upstream", "/", 255 }, { "user", "", 32 },    { "internal", "", 15 },
                  { "policy", "", 253 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over < 2; over++) {
            size_t fill = cases[i].max + over - strlen(cases[i].prefix);
            bool is_internal = strcmp(cases[i].key, "internal") == 0;
            char text[512], value[300];
            struct err err = { 0 };
            struct conf conf;

            memset(value, 'x', fill);
            value[fill] = '\0';
            snprintf(text, sizeof(text), "external = e\n%s%s = %s%s",
                     is_internal ? "" : "internal = i\n", cases[i].key, cases[i].prefix, value);
            assert_int_equal(parse_len("d/c", text, strlen(text), &conf, &err), over == 0);
        }
    }
}

static bool add_layer(struct conf *conf, const char *file, const char *text, struct err *err)
{
    return conf_add(conf, file, text, strlen(text), err);
}

static void a_later_text_overrides_an_earlier_one(void **state)
{
    char text[LINK_TEXT_MAX];
    struct err err = { 0 };
    struct conf conf;

    (void)state;
    conf_init(&conf);
    assert_true(add_layer(&conf, "/etc/a/stack.conf",
                          "external = auto\ntunnel = vxlan\nlog.max = 1G\n"
                          "dns.upstream = 192.0.2.1\nprivate.deny = 10.0.0.0/8\n"
                          "link.a = 10.1.1.3 10.1.2.3\nlink.b = 10.1.1.4 10.1.2.4 fd00::4\n",
                          &err));
    assert_true(add_layer(&conf, "--set", "internal = 10.1.1.2", &err));
    assert_true(add_layer(&conf, "--set", "internal = 10.1.1.1", &err));
    assert_true(add_layer(&conf, "--set", "tunnel.address = 10.1.2.1/24", &err));
    assert_true(add_layer(&conf, "b/gateway.conf",
                          "dns.upstream = 192.0.2.9, 192.0.2.8\nlink.a = 10.1.1.5 10.1.2.5\n"
                          "private.deny = 10.2.0.0/16\nlog = x",
                          &err));
    assert_true(conf_finish(&conf, "b/gateway.conf", &err));
    assert_string_equal(conf.internal, "10.1.1.1");
    assert_string_equal(conf.policy, "/etc/a");
    assert_string_equal(conf.log, "b/x");
    assert_int_equal(conf.log_max, UINT64_C(1) << 30);
    assert_int_equal(conf.nr_upstreams, 2);
    assert_string_equal(addr_format(&conf.upstreams[0].addr, text), "192.0.2.9");
    assert_int_equal(conf.nr_private_denied, 1);
    assert_string_equal(prefix_format(&conf.private_denied[0], text), "10.2.0.0/16");
    assert_int_equal(conf.nr_links, 2);
    assert_string_equal(link_format(&conf.links[0].link, text), "b 10.1.1.4 10.1.2.4 fd00::4");
    assert_string_equal(link_format(&conf.links[1].link, text), "a 10.1.1.5 10.1.2.5");
}

static void a_resolv_conf_overrides_a_list_and_the_reverse(void **state)
{
    struct err err = { 0 };
    struct conf conf;

    (void)state;
    conf_init(&conf);
    assert_true(
        add_layer(&conf, "a", "dns.upstream = 192.0.2.1\ndns.upstream.x = 192.0.2.2", &err));
    assert_true(add_layer(&conf, "b", "dns.upstream = /run/r", &err));
    assert_int_equal(conf.nr_upstreams, 1);
    assert_string_equal(conf.resolv_conf, "/run/r");
    assert_true(
        add_layer(&conf, "c", "dns.upstream.x = 192.0.2.3\ndns.upstream = 192.0.2.4", &err));
    assert_int_equal(conf.nr_upstreams, 2);
    assert_string_equal(conf.resolv_conf, "");
}

static void a_link_has_a_mac_from_its_inner_address(void **state)
{
    static const uint8_t expected[6] = { 0x02, 0x53, 10, 213, 77, 3 };
    static const char text[] = "10.213.76.3  10.213.77.3";
    struct link link = { .agent = "a" };
    uint8_t mac[6];

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 2; len++) {
        uint8_t *copy = exact(text, len);

        assert_false(link_parse((char *)copy, len, &link));
        free(copy);
    }
    assert_true(link_parse(text, sizeof(text) - 1, &link));
    link_mac(&link.inner4, mac);
    assert_memory_equal(mac, expected, 6);
}

static void a_name_in_a_key_that_is_too_long_is_refused(void **state)
{
    static char text[4000];

    (void)state;
    for (size_t len = 254; len < 3500; len += 61) {
        size_t used = (size_t)snprintf(text, sizeof(text), "dns.upstream.");
        struct err err = { 0 };
        struct conf conf;

        memset(text + used, 'a', len);
        snprintf(text + used + len, sizeof(text) - used - len, " = 192.0.2.1");
        assert_false(parse_len("c", text, strlen(text), &conf, &err));
        assert_memory_equal(err.text, "c:1:14: ", 8);
        assert_non_null(
            strstr(err.text, len > 1012 ? "bytes long, expected" : "is no host name"));
    }
}

static void a_path_of_the_file_that_does_not_fit_is_refused(void **state)
{
    char file[300];
    struct err err = { 0 };
    struct conf conf;

    (void)state;
    memset(file, 'd', sizeof(file));
    memcpy(file + 255, "/c", 3);
    good(file, ENDS, &conf);
    assert_int_equal(strlen(conf.policy), 255);
    assert_false(parse_len(file, ENDS "log = x", sizeof(ENDS "log = x") - 1, &conf, &err));
    assert_non_null(strstr(err.text, "expected a shorter path of the file's folder"));
    memcpy(file + 255, "d/c", 4);
    assert_false(parse_len(file, ENDS, sizeof(ENDS) - 1, &conf, &err));
    assert_non_null(
        strstr(err.text, "the file's path is too long, expected at most 255 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(every_cut_is_a_file_or_an_error_with_its_place),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(relative_paths_start_at_the_files_folder),
        cmocka_unit_test(an_upstream_for_a_name_leaves_the_default_for_the_others),
        cmocka_unit_test(every_mistake_is_named_with_its_place_and_what_was_expected),
        cmocka_unit_test(lists_have_64_entries_at_most),
        cmocka_unit_test(what_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(a_later_text_overrides_an_earlier_one),
        cmocka_unit_test(a_resolv_conf_overrides_a_list_and_the_reverse),
        cmocka_unit_test(a_link_has_a_mac_from_its_inner_address),
        cmocka_unit_test(a_name_in_a_key_that_is_too_long_is_refused),
        cmocka_unit_test(a_path_of_the_file_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
