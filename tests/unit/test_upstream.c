/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/upstream.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static const struct {
    const char *what, *text, *servers;
} cases[] = {
    { "one", "nameserver 192.0.2.1\n", "192.0.2.1" },
    { "no newline at the end", "nameserver 192.0.2.1", "192.0.2.1" },
    { "both families, in order", "nameserver 2001:db8::1\nnameserver 192.0.2.1\n",
      "2001:db8::1 192.0.2.1" },
    { "blanks and tabs", " \tnameserver\t 192.0.2.1 \t\n", "192.0.2.1" },
    { "Windows line ends", "nameserver 192.0.2.1\r\nnameserver 192.0.2.2\r\n",
      "192.0.2.1 192.0.2.2" },
    { "comments and other lines",
      "# nameserver 192.0.2.9\n;nameserver 192.0.2.9\nsearch a.test\noptions ndots:1\n"
      "nameserver 192.0.2.1 # why\n",
      "192.0.2.1" },
    { "a word that begins alike", "nameservers 192.0.2.9\nnameserver192.0.2.9\n", "" },
    { "nothing behind it", "nameserver\nnameserver \nnameserver \r\n", "" },
    { "no address", "nameserver dns.test\nnameserver 192.0.2\n", "" },
    { "an address with a zone", "nameserver fe80::1%eth0\nnameserver 192.0.2.1\n",
      "192.0.2.1" },
    { "nothing at all", "", "" },
    { "empty lines", "\n\n\n", "" },
    { "more than are used",
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"
      "nameserver 192.0.2.5\nnameserver 192.0.2.6\nnameserver 192.0.2.7\nnameserver 192.0.2.8\n"
      "nameserver 192.0.2.9\n",
      "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8" },
};

static void join(const struct addr *servers, size_t nr, char *out, size_t size)
{
    char text[ADDR_TEXT_MAX];

    out[0] = 0;
    for (size_t i = 0; i < nr; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "",
                 addr_format(&servers[i], text));
}

static void the_servers_of_a_resolv_conf_are_found(void **state)
{
    struct addr servers[RESOLV_SERVERS_MAX];
    char found[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const size_t len = strlen(cases[i].text);
        uint8_t *text = exact(cases[i].text, len);

        join(servers, resolv_parse((char *)text, len, servers), found, sizeof(found));
        free(text);
        if (strcmp(found, cases[i].servers) != 0)
            fail_msg("%s: %s, expected %s", cases[i].what, found, cases[i].servers);
    }
}

static void bytes_of_any_kind_are_survived(void **state)
{
    static const char bytes[] = "nameserver \0 192.0.2.1\nnameserver 192.0.2.2\0\n\xff\x00\n";
    struct addr servers[RESOLV_SERVERS_MAX];

    (void)state;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint8_t *text = exact(bytes, len);

        assert_true(resolv_parse((char *)text, len, servers) <= 1);
        free(text);
    }
}

static struct conf conf;
static struct upstream upstream;

static int make_file(void **state)
{
    int fd;

    (void)state;
    log_set("test", LOG_LEVEL_ERROR);
    memset(&conf, 0, sizeof(conf));
    memset(&upstream, 0, sizeof(upstream));
    upstream.conf = &conf;
    strcpy(conf.resolv_conf, "/tmp/secctl-test-resolv-XXXXXX");
    fd = mkstemp(conf.resolv_conf);
    if (fd < 0)
        return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    unlink(conf.resolv_conf);
    return 0;
}

static void write_file(const char *text)
{
    char other[sizeof(conf.resolv_conf) + 4];
    FILE *out;

    snprintf(other, sizeof(other), "%s.new", conf.resolv_conf);
    out = fopen(other, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    fclose(out);
    assert_int_equal(rename(other, conf.resolv_conf), 0);
}

static void a_change_is_told_once(void **state)
{
    (void)state;
    write_file("nameserver 192.0.2.1\n");
    assert_true(upstream_refresh(&upstream));
    assert_int_equal(upstream.nr, 1);
    assert_int_equal(upstream.list[0].port, 53);
    assert_false(upstream_refresh(&upstream));
    write_file("nameserver 192.0.2.1\n"); /* another file, the same servers */
    assert_false(upstream_refresh(&upstream));
    write_file("nameserver 192.0.2.2\n");
    assert_true(upstream_refresh(&upstream));
    assert_int_equal(upstream.list[0].addr.bytes[3], 2);
}

static void a_file_without_servers_changes_nothing(void **state)
{
    (void)state;
    write_file("nameserver 192.0.2.1\n");
    assert_true(upstream_refresh(&upstream));
    write_file("# being written\n");
    assert_false(upstream_refresh(&upstream));
    assert_int_equal(upstream.nr, 1);
    unlink(conf.resolv_conf);
    assert_false(upstream_refresh(&upstream));
    assert_int_equal(upstream.nr, 1);
    write_file("nameserver 192.0.2.3\n");
    assert_true(upstream_refresh(&upstream));
}

static void servers_of_single_names_stand_beside_the_followed_ones(void **state)
{
    (void)state;
    conf.nr_upstreams = 1;
    strcpy(conf.upstreams[0].name, "corp.test");
    assert_true(addr_parse("10.0.0.1", 8, &conf.upstreams[0].addr));
    conf.upstreams[0].port = 5353;
    write_file("nameserver 192.0.2.1\n");
    assert_true(upstream_refresh(&upstream));
    assert_int_equal(upstream.nr, 2);
    assert_string_equal(upstream.list[1].name, "corp.test");
    assert_int_equal(upstream.list[1].port, 5353);
}

static void a_loopback_server_that_nobody_runs_is_left_out(void **state)
{
    (void)state;
    write_file("nameserver 127.99.88.77\nnameserver 192.0.2.1\n");
    assert_true(upstream_refresh(&upstream));
    assert_int_equal(upstream.nr, 1);
    assert_int_equal(upstream.list[0].addr.bytes[0], 192);
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_of_a_resolv_conf_are_found),
        cmocka_unit_test(bytes_of_any_kind_are_survived),
        WITH_FILE(a_change_is_told_once),
        WITH_FILE(a_file_without_servers_changes_nothing),
        WITH_FILE(servers_of_single_names_stand_beside_the_followed_ones),
        WITH_FILE(a_loopback_server_that_nobody_runs_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
