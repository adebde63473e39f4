/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/resolver.h"
#include "tests/support/cm.h"

static char top[64];
static struct resolver resolver;

static int set_up(void **state)
{
    (void)state;
    strcpy(top, "/tmp/secctl-resolver.XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(chdir(top), 0);
    return system("mkdir -p etc run/systemd/resolve run/NetworkManager mnt/wsl");
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command);
}

static void put(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void servers_that_a_container_can_ask_are_found(void **state)
{
    static const struct {
        const char *text, *out;
        size_t nr;
    } cases[] = {
        { "", "", 0 },
        { "nameserver 192.0.2.1", "nameserver 192.0.2.1\n", 1 },
        { "# x\nsearch corp.example\nnameserver\t192.0.2.1 \r\n  nameserver 2001:db8::1\n"
          "options edns0\n",
          "nameserver 192.0.2.1\nnameserver 2001:db8::1\n", 2 },
        { "nameserver 127.0.0.53\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 0.0.0.0\n",
          "", 0 },
        { "nameserver ::ffff:127.0.0.1\nnameserver fe80::1%eth0\nnameserver fe80::1\n", "", 0 },
        { "nameserver\nnameserver x\nnameservers 192.0.2.1\n#nameserver 192.0.2.1\n", "", 0 },
    };
    char out[RESOLVER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(resolver_text(cases[i].text, strlen(cases[i].text), out), cases[i].nr);
        assert_string_equal(out, cases[i].out);
    }
}

static void more_servers_than_fit_are_left_out_whole(void **state)
{
    static char text[4096];
    char out[RESOLVER_TEXT_MAX];
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "nameserver 192.0.2.%d\n", i);
    assert_int_equal(resolver_text(text, used, out), 46);
    assert_int_equal(out[strlen(out) - 1], '\n');
}

static void systemds_real_list_is_followed(void **state)
{
    (void)state;
    put("run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
    put("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\n");
    assert_int_equal(symlink("../run/systemd/resolve/stub-resolv.conf", "etc/resolv.conf"), 0);
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_FOLDER);
    assert_string_equal(resolver.folder, "/run/systemd/resolve");
    assert_string_equal(resolver.upstream, "/run/secctl/resolver/resolv.conf");
    assert_string_equal(resolver.text, "nameserver 192.0.2.1\n");
}

static void a_plain_file_that_names_systemds_stub_leads_there_too(void **state)
{
    (void)state;
    put("etc/resolv.conf", "nameserver 127.0.0.53\n");
    put("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\n");
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_FOLDER);
    assert_string_equal(resolver.folder, "/run/systemd/resolve");
}

static void another_managers_file_is_followed_by_its_name(void **state)
{
    (void)state;
    put("run/NetworkManager/no-stub-resolv.conf", "nameserver 192.0.2.1\n");
    assert_int_equal(symlink("../run/NetworkManager/no-stub-resolv.conf", "etc/resolv.conf"),
                     0);
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_FOLDER);
    assert_string_equal(resolver.folder, "/run/NetworkManager");
    assert_string_equal(resolver.upstream, "/run/secctl/resolver/no-stub-resolv.conf");
}

static void a_plain_file_is_handed_over(void **state)
{
    (void)state;
    put("etc/resolv.conf", "nameserver 127.0.0.1\nnameserver 192.0.2.1\n");
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_HANDED_OVER);
    assert_string_equal(resolver.upstream, "/var/lib/secctl/resolv.conf");
    assert_string_equal(resolver.text, "nameserver 192.0.2.1\n");
    assert_string_equal(resolver.folder, "");
    unlink("etc/resolv.conf");
    put("mnt/wsl/resolv.conf", "nameserver 192.0.2.2\n");
    assert_int_equal(symlink("../mnt/wsl/resolv.conf", "etc/resolv.conf"), 0);
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_HANDED_OVER);
    assert_string_equal(resolver.text, "nameserver 192.0.2.2\n");
}

static void a_file_in_run_itself_is_handed_over(void **state)
{
    (void)state;
    put("run/resolv.conf", "nameserver 192.0.2.1\n");
    assert_int_equal(symlink("../run/resolv.conf", "etc/resolv.conf"), 0);
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_HANDED_OVER);
}

static void docker_is_asked_when_nobody_else_can_be(void **state)
{
    (void)state;
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_DOCKER);
    assert_string_equal(resolver.why, "/etc/resolv.conf is not there");
    put("etc/resolv.conf", "nameserver 127.0.0.1\n");
    resolver_choose(top, true, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_DOCKER);
    assert_string_equal(resolver.why,
                        "/etc/resolv.conf names no server that a container can ask");
    put("etc/resolv.conf", "nameserver 192.0.2.1\n");
    resolver_choose(top, false, &resolver);
    assert_int_equal(resolver.kind, RESOLVER_DOCKER);
    assert_string_equal(resolver.why, "the engine is on another machine");
    assert_string_equal(resolver.upstream, "");
    assert_string_equal(resolver.text, "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_that_a_container_can_ask_are_found),
        cmocka_unit_test(more_servers_than_fit_are_left_out_whole),
        T(systemds_real_list_is_followed),
        T(a_plain_file_that_names_systemds_stub_leads_there_too),
        T(another_managers_file_is_followed_by_its_name),
        T(a_plain_file_is_handed_over),
        T(a_file_in_run_itself_is_handed_over),
        T(docker_is_asked_when_nobody_else_can_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
