/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/policy_texts.h"

#define BAD(text, error)                                                                       \
    {                                                                                          \
        text, sizeof(text) - 1, "allowlist:" error                                             \
    }
#define WANTED      "expected tls/PORT, quic/PORT, http/PORT, tcp/PORT, udp/PORT or \"intranet\""
#define NAME_WANTED "expected a host name such as api.example.com"
#define LETTER      "not a letter, digit, \"-\", \"_\" or \".\""
#define IPV4_WANTED                                                                            \
    "expected four numbers 0 to 255 without leading zeros, and /BITS if it is a network"

static const struct {
    const char *text;
    size_t len;
    const char *error;
} errors[] = {
    BAD("a.example tsl/443", "1:11: unknown service \"tsl/443\", " WANTED),
    BAD("a.example TLS/443", "1:11: unknown service \"TLS/443\", " WANTED),
    BAD("# c\n\n  a.example\ttls/1 x", "3:19: unknown service \"x\", " WANTED),
    BAD("a.example tls", "1:11: service \"tls\" has no port, expected tls/PORT"),
    BAD("a.example tls/", "1:15: \"\" is no port, expected a number 1 to 65535"),
    BAD("a.example tls/x", "1:15: \"x\" is no port, expected a number 1 to 65535"),
    BAD("a.example tls/+1", "1:15: \"+1\" is no port, expected a number 1 to 65535"),
    BAD("a.example tls/0", "1:15: port 0 is out of range, expected 1 to 65535"),
    BAD("a.example tls/65536", "1:15: port 65536 is out of range, expected 1 to 65535"),
    BAD("a.example tls/18446744073709551617",
        "1:15: port 18446744073709551617 is out of range, expected 1 to 65535"),
    BAD("a.example tcp/1-65536", "1:17: port 65536 is out of range, expected 1 to 65535"),
    BAD("a.example tcp/8010-8000",
        "1:15: port range 8010-8000 is reversed, expected the smaller port first"),
    BAD("a.example tcp/8000-", "1:20: \"\" is no port, expected a number 1 to 65535"),
    BAD("a.example tcp/1-2-3", "1:17: \"2-3\" is no port, expected a number 1 to 65535"),
    BAD("a_b.ex!mple", "1:7: bad name \"a_b.ex!mple\": " LETTER ", " NAME_WANTED),
    BAD("a..example", "1:3: bad name \"a..example\": a label is empty, " NAME_WANTED),
    BAD(".", "1:2: bad name \"\": the name is empty, " NAME_WANTED),
    BAD("!.", "1:3: bad name \"\": the name is empty, " NAME_WANTED),
    BAD("*.", "1:3: bad name \"\": the name is empty, " NAME_WANTED),
    BAD("..a.example", "1:2: bad name \".a.example\": a label is empty, " NAME_WANTED),
    BAD("!!a.example", "1:2: bad name \"!a.example\": " LETTER ", " NAME_WANTED),
    BAD("a.0x7f", "1:3: bad name \"a.0x7f\": the last label is a number, as in an IPv4 "
                  "address, " NAME_WANTED),
    BAD("\xff.example", "1:1: \"\xff.example\" is no host name: string encoding error, "
                        "expected a name in letters"),
    BAD("https://x.example/p",
        "1:1: \"https://x.example/p\" is a URL, expected the name alone: "
        "\"x.example\""),
    BAD("!https://x.example:443",
        "1:2: \"https://x.example:443\" is a URL, expected the name alone: \"x.example\""),
    BAD("a.*.example",
        "1:3: \"*\" inside \"a.*.example\", expected it only as \"*.\" at the beginning"),
    BAD("*", "1:1: \"*\" inside \"*\", expected it only as \"*.\" at the beginning"),
    BAD("*a.example",
        "1:1: \"*\" inside \"*a.example\", expected it only as \"*.\" at the beginning"),
    BAD("*.*.example",
        "1:3: \"*\" inside \"*.example\", expected it only as \"*.\" at the beginning"),
    BAD("a.example:443",
        "1:10: \":\" in \"a.example:443\", expected the name alone and its port as "
        "a service: a.example tls/PORT"),
    BAD("a.example/x",
        "1:10: \"/\" in \"a.example/x\", expected the name alone, without a path"),
    BAD(".github.io",
        "1:1: \".github.io\" covers the public suffix \"github.io\", below which anybody "
        "can register a name, expected a wildcard on a name below it"),
    BAD("  *.co.uk",
        "1:3: \"*.co.uk\" covers the public suffix \"co.uk\", below which anybody can "
        "register a name, expected a wildcard on a name below it"),
    BAD("*.COM",
        "1:1: \"*.COM\" covers the public suffix \"com\", below which anybody can register a "
        "name, expected a wildcard on a name below it"),
    BAD("*.com intranet",
        "1:1: \"*.com\" covers the public suffix \"com\", below which anybody can "
        "register a name, expected a wildcard on a name below it"),
    BAD("*.\xd1\x80\xd1\x84", "1:1: \"*.\xd1\x80\xd1\x84\" covers the public suffix "
                              "\"xn--p1ai\", below which anybody can "
                              "register a name, expected a wildcard on a name below it"),
    BAD(".corp",
        "1:1: \".corp\" covers the top-level name \"corp\", below which anybody might register "
        "a name, expected a wildcard on a name below it, or \"intranet\""),
    BAD("10.0.0.1/8", "1:1: \"10.0.0.1/8\" has host bits set, expected 10.0.0.0/8"),
    BAD("2001:db8::1/32", "1:1: \"2001:db8::1/32\" has host bits set, expected 2001:db8::/32"),
    BAD("0.0.0.0/0",
        "1:1: \"0.0.0.0/0\" would open every address there is, expected a prefix length "
        "of at least 1"),
    BAD("::/0",
        "1:1: \"::/0\" would open every address there is, expected a prefix length of at "
        "least 1"),
    BAD("10.0.0.0/33", "1:10: bad prefix length \"33\", expected a number 1 to 32"),
    BAD("10.0.0.0/", "1:10: bad prefix length \"\", expected a number 1 to 32"),
    BAD("10.0.0.0/08", "1:10: bad prefix length \"08\", expected a number 1 to 32"),
    BAD("2001:db8::/129", "1:12: bad prefix length \"129\", expected a number 1 to 128"),
    BAD("10.0.0.256", "1:1: \"10.0.0.256\" is no IPv4 address, " IPV4_WANTED),
    BAD("10.0.0", "1:1: \"10.0.0\" is no IPv4 address, " IPV4_WANTED),
    BAD("10.0.0.01", "1:1: \"10.0.0.01\" is no IPv4 address, " IPV4_WANTED),
    BAD("2001:db8:::1",
        "1:1: \"2001:db8:::1\" is no IPv6 address, expected one such as 2001:db8::1, "
        "and /BITS if it is a network"),
    BAD("fe80::1%eth0",
        "1:1: \"fe80::1%eth0\" is no IPv6 address, expected one such as 2001:db8::1, "
        "and /BITS if it is a network"),
    BAD("[::1]",
        "1:1: \"[::1]\" has brackets, expected the IPv6 address alone and its ports as "
        "services such as tls/443"),
    BAD("10.0.0.1 intranet",
        "1:10: \"intranet\" on an address, expected it on a name only: it says "
        "that the name may resolve to a private address"),
    BAD("!a.example intranet",
        "1:12: \"intranet\" on a \"!\" rule, expected services or nothing"),
    BAD("a.example intranet tls/443",
        "1:20: \"tls/443\" after \"intranet\", expected the end of the line"),
    BAD("a.example intranet intranet",
        "1:20: \"intranet\" after \"intranet\", expected the end of the line"),
    BAD("!", "1:2: \"!\" alone, expected a target right after it"),
    BAD("! a.example", "1:2: \"!\" alone, expected a target right after it"),
    BAD("a.example\0", "1:10: control character 0x00, expected text"),
    BAD("\na\x1b.example", "2:2: control character 0x1b, expected text"),
    BAD("# \x7f", "1:3: control character 0x7f, expected text"),
    BAD("a.example\rb.example", "1:10: control character 0x0d, expected text"),
    BAD("a.example\r\r\n", "1:10: control character 0x0d, expected text"),
};

static void every_mistake_is_named_with_its_place_and_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct err err = { 0 };
        struct policy *policy =
            policy_texts_try(errors[i].text, errors[i].len, NULL, NULL, &err);

        if (policy)
            fail_msg("accepted: %s", errors[i].text);
        assert_string_equal(err.text, errors[i].error);
    }
}

static void a_line_may_have_4096_bytes(void **state)
{
    static char text[4100];
    struct err err = { 0 };
    struct policy *policy;

    (void)state;
    memset(text, '#', sizeof(text));
    policy = policy_texts_try(text, 4096, NULL, NULL, &err);
    assert_non_null(policy);
    policy_free(policy);
    assert_null(policy_texts_try(text, 4097, NULL, NULL, &err));
    assert_string_equal(err.text,
                        "allowlist:1:4097: the line is 4097 bytes long, expected at most 4096");
}

static void a_name_of_any_length_is_refused_past_253_bytes(void **state)
{
    static char text[4096];

    (void)state;
    for (size_t len = 254; len <= sizeof(text); len += 61) {
        struct err err = { 0 };

        memset(text, 'a', len);
        assert_null(policy_texts_try(text, len, NULL, NULL, &err));
        assert_non_null(strstr(err.text, "expected"));
        memset(text, '\xc3', len); /* not ASCII: goes to the conversion */
        assert_null(policy_texts_try(text, len, NULL, NULL, &err));
        assert_non_null(strstr(err.text, "expected"));
    }
}

static void a_line_full_of_services_is_read_to_its_end(void **state)
{
    static char text[4097];
    struct policy *policy;
    size_t len;

    (void)state;
    len = (size_t)snprintf(text, sizeof(text), "a.b");
    while (len + 6 <= 4096)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " tls/%zu", len % 9 + 1);
    policy = policy_texts(text, NULL, NULL);
    assert_string_equal(policy_texts_name(policy, "", "a.b", SERVICE_TLS, 1),
                        "allow a.b allowlist:1");
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_named_with_its_place_and_what_was_expected),
        cmocka_unit_test(a_line_may_have_4096_bytes),
        cmocka_unit_test(a_name_of_any_length_is_refused_past_253_bytes),
        cmocka_unit_test(a_line_full_of_services_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
