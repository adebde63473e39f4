/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ctl/target.h"
#include "tests/support/cm.h"

static void targets_are_read(void **state)
{
    static const struct {
        const char *text, *host;
        enum service_kind kind;
        uint16_t port;
        bool has_kind;
    } cases[] = {
        { "Api.Example.com", "api.example.com", SERVICE_TLS, 443, false },
        { "a.example:443", "a.example", SERVICE_TLS, 443, false },
        { "a.example:80", "a.example", SERVICE_HTTP, 80, false },
        { "a.example:22", "a.example", SERVICE_TCP, 22, false },
        { "a.example:65535", "a.example", SERVICE_TCP, 65535, false },
        { "a.example/tls", "a.example", SERVICE_TLS, 443, true },
        { "a.example/quic", "a.example", SERVICE_QUIC, 443, true },
        { "a.example/http", "a.example", SERVICE_HTTP, 80, true },
        { "a.example:8443/tls", "a.example", SERVICE_TLS, 8443, true },
        { "a.example:123/udp", "a.example", SERVICE_UDP, 123, true },
        { "_x.b\xc3\xbc"
          "cher.example",
          "_x.xn--bcher-kva.example", SERVICE_TLS, 443, false },
        { "10.0.0.1", "10.0.0.1", SERVICE_TLS, 443, false },
        { "10.0.0.1:5432/tcp", "10.0.0.1", SERVICE_TCP, 5432, true },
        { "2001:db8::1", "2001:db8::1", SERVICE_TLS, 443, false },
        { "2001:db8::1/quic", "2001:db8::1", SERVICE_QUIC, 443, true },
        { "[2001:db8::1]", "2001:db8::1", SERVICE_TLS, 443, false },
        { "[2001:db8::1]:443", "2001:db8::1", SERVICE_TLS, 443, false },
        { "[2001:db8::1]:53/udp", "2001:db8::1", SERVICE_UDP, 53, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target target;
        struct err err = { 0 };
        char text[ADDR_TEXT_MAX];

        if (!target_parse(cases[i].text, &target, &err))
            fail_msg("%s", err.text);
        assert_string_equal(target.name[0] ? target.name : addr_format(&target.addr, text),
                            cases[i].host);
        assert_int_equal(target.kind, cases[i].kind);
        assert_int_equal(target.port, cases[i].port);
        assert_int_equal(target.has_kind, cases[i].has_kind);
    }
}

static void what_is_no_target_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "target: \"\" is no host name: the name is empty (byte 1)" },
        { "https://a.example/",
          "target \"https://a.example/\" is a URL, expected NAME[:PORT][/PROTO]" },
        { "a..b", "target: \"a..b\" is no host name: a label is empty (byte 3)" },
        { "a:", "target \"a:\": bad port \"\", expected 1 to 65535" },
        { "a:0", "target \"a:0\": bad port \"0\", expected 1 to 65535" },
        { "a:65536", "target \"a:65536\": bad port \"65536\", expected 1 to 65535" },
        { "a:x", "target \"a:x\": bad port \"x\", expected 1 to 65535" },
        { "a/", "target \"a/\": unknown protocol \"\", expected tls, quic, http, tcp or udp" },
        { "a/TLS",
          "target \"a/TLS\": unknown protocol \"TLS\", expected tls, quic, http, tcp or udp" },
        { "a/tls/x", "target \"a/tls/x\": unknown protocol \"tls/x\", expected tls, quic, "
                     "http, tcp or udp" },
        { "a/tcp", "target \"a/tcp\": tcp without a port, expected a:PORT/tcp" },
        { "a/udp", "target \"a/udp\": udp without a port, expected a:PORT/udp" },
        { "[::1", "target \"[::1\": no \"]\", expected [ADDRESS]:PORT" },
        { "[::1]x", "target \"[::1]x\": expected \":\" after \"]\"" },
        { "[::1]:", "target \"[::1]:\": bad port \"\", expected 1 to 65535" },
        { "[10.0.0.1]:1", "target \"[10.0.0.1]:1\": expected an IPv6 address in brackets" },
        { "[a.example]", "target \"[a.example]\": expected an IPv6 address in brackets" },
        { "[]", "target \"[]\": expected an IPv6 address in brackets" },
        { "[1:2]",
          "target \"[1:2]\": \"1:2\" is no IPv6 address, expected one such as 2001:db8::1" },
        { "1:2:3",
          "target \"1:2:3\": \"1:2:3\" is no IPv6 address, expected one such as 2001:db8::1" },
        { "10.0.0.300", "target: \"10.0.0.300\" is no host name: the last label is a number, "
                        "as in an IPv4 address "
                        "(byte 8)" },
        { "*.example",
          "target: \"*.example\" is no host name: not a letter, digit, \"-\", \"_\" or "
          "\".\" (byte 1)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target target = { .port = 7 };
        struct err err = { 0 };

        if (target_parse(cases[i].text, &target, &err))
            fail_msg("accepted: %s", cases[i].text);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(target.port, 7);
    }
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    static char text[2000];
    struct target target;
    struct err err = { 0 };

    (void)state;
    for (size_t len = 254; len < sizeof(text); len += 58) {
        memset(text, 'a', len);
        text[len] = '\0';
        assert_false(target_parse(text, &target, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_read),
        cmocka_unit_test(what_is_no_target_is_refused_with_the_reason),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
