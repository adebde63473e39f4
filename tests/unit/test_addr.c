/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static bool parse(const char *text, struct addr *addr)
{
    uint8_t *copy = exact(text, strlen(text));
    bool is_good = addr_parse((char *)copy, strlen(text), addr);

    free(copy);
    return is_good;
}

static bool parse_prefix(const char *text, struct prefix *prefix)
{
    uint8_t *copy = exact(text, strlen(text));
    bool is_good = prefix_parse((char *)copy, strlen(text), prefix);

    free(copy);
    return is_good;
}

static void good_addresses_are_read_and_written_canonically(void **state)
{
    static const struct {
        const char *text, *canonical;
        int family;
    } cases[] = {
        { "0.0.0.0", "0.0.0.0", ADDR_V4 },
        { "192.0.2.7", "192.0.2.7", ADDR_V4 },
        { "255.255.255.255", "255.255.255.255", ADDR_V4 },
        { "::", "::", ADDR_V6 },
        { "::1", "::1", ADDR_V6 },
        { "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", ADDR_V6 },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", ADDR_V6 },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.1", ADDR_V6 },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_V6 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[ADDR_TEXT_MAX];
        struct addr addr;

        assert_true(parse(cases[i].text, &addr));
        assert_int_equal(addr.family, cases[i].family);
        assert_string_equal(addr_format(&addr, text), cases[i].canonical);
    }
}

static void what_is_no_address_is_refused_and_nothing_written(void **state)
{
    static const char *const cases[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "1.2.3.-4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "0x7f.0.0.1",
        "1.2.3.4:80",
        "[::1]",
        "::1%eth0",
        ":::",
        "1::2::3",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7",
        "::1.2.3",
        "::1.2.3.256",
        "example",
        "1.2.3.4/32",
        "1:2:3:4:5:6:7:8:9",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr addr = { .family = 99 };

        assert_false(parse(cases[i], &addr));
        assert_int_equal(addr.family, 99);
    }
}

static void a_nul_inside_is_refused(void **state)
{
    uint8_t *copy = exact("1.2.3.4\0", 8);
    struct addr addr;

    (void)state;
    assert_false(addr_parse((char *)copy, 8, &addr));
    free(copy);
}

static void no_address_is_written_as_a_dash(void **state)
{
    struct addr addr = { .family = ADDR_NONE };
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_string_equal(addr_format(&addr, text), "-");
}

static void bytes_make_an_address_that_is_equal_to_the_text(void **state)
{
    static const uint8_t bytes[16] = {
        192, 0, 2, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    };
    struct addr a, b;

    (void)state;
    a = addr_from_bytes(ADDR_V4, bytes);
    assert_true(parse("192.0.2.1", &b));
    assert_true(addr_equal(&a, &b));
    a = addr_from_bytes(ADDR_V6, bytes);
    assert_false(addr_equal(&a, &b));
    assert_true(parse("c000:201:506:708:90a:b0c:d0e:f10", &b));
    assert_true(addr_equal(&a, &b));
}

static void good_prefixes_are_read(void **state)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        { "10.0.0.0/8", "10.0.0.0/8" },       { "0.0.0.0/0", "0.0.0.0/0" },
        { "10.1.2.3", "10.1.2.3/32" },        { "10.1.2.3/32", "10.1.2.3/32" },
        { "10.1.2.2/31", "10.1.2.2/31" },     { "2001:db8::/32", "2001:db8::/32" },
        { "2001:db8::1", "2001:db8::1/128" }, { "::/0", "::/0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[PREFIX_TEXT_MAX];
        struct prefix prefix;

        assert_true(parse_prefix(cases[i].text, &prefix));
        assert_string_equal(prefix_format(&prefix, text), cases[i].canonical);
    }
}

static void what_is_no_prefix_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/8/8",
        "10.0.0.0/+8",
        "10.0.0.0/8 ",
        "10.0.0.1/31",
        "10.0.0.1/8",
        "10.0.0.0/-1",
        "2001:db8::/129",
        "2001:db8::1/127",
        "2001:db8::/1000",
        "10.0.0.0/a",
        "x/8",
        "128.0.0.0/0",
        "2001:db8::/a",
        "2001:db8::/:",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct prefix prefix = { .bits = 99 };

        assert_false(parse_prefix(cases[i], &prefix));
        assert_int_equal(prefix.bits, 99);
    }
}

static void every_cut_of_a_prefix_is_another_prefix_or_none(void **state)
{
    static const char text[] = "203.0.113.128/25";
    size_t nr_good = 0;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        uint8_t *copy = exact(text, len);
        struct prefix prefix;

        /* "203.0.113.1", "203.0.113.12" and "203.0.113.128" are addresses, "/2" leaves host
         * bits */
        nr_good += prefix_parse((char *)copy, len, &prefix);
        free(copy);
    }
    assert_int_equal(nr_good, 3);
}

static void a_prefix_contains_its_addresses_alone(void **state)
{
    static const struct {
        const char *prefix, *addr;
        bool is_in;
    } cases[] = {
        { "10.0.0.0/8", "10.255.255.255", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.0/8", "9.255.255.255", false },
        { "10.64.0.0/10", "10.127.255.255", true },
        { "10.64.0.0/10", "10.128.0.0", false },
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.0", false },
        { "0.0.0.0/0", "255.1.2.3", true },
        { "0.0.0.0/0", "::", false },
        { "::/0", "0.0.0.0", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "a00::/8", "10.0.0.0", false },
    };
    struct prefix none = { .bits = 0 };
    struct addr no_addr = { .family = ADDR_NONE };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct prefix prefix;
        struct addr addr;

        assert_true(parse_prefix(cases[i].prefix, &prefix));
        assert_true(parse(cases[i].addr, &addr));
        assert_int_equal(prefix_contains(&prefix, &addr), cases[i].is_in);
    }
    assert_false(prefix_contains(&none, &no_addr));
}

static void special_addresses_are_known(void **state)
{
    static const char *const special[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.168.0.0",
        "192.168.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "febf:ffff::",
        "fec0::",
        "feff::1",
        "fc00::",
        "fdff::1",
        "ff02::1",
        "2001::1",
        "2001:0:ffff::1",
        "64:ff9b:1::",
        "64:ff9b:1:ffff::808:808",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:a00:1::",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
    };
    static const char *const common[] = {
        "1.0.0.0",          "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",      "126.255.255.255", "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",      "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
        "192.0.1.0",        "192.167.255.255", "192.169.0.0",     "223.255.255.255",
        "192.0.2.1",        "198.18.0.1",      "198.51.100.1",    "203.0.113.1",
        "2001:db8::1",      "2001:2::1",       "2001:1::1",       "2606:4700::1111",
        "fbff::1",          "fe00::1",         "fe7f::1",         "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8", "64:ff9b:2::",     "2002:808:808::1", "2003::1",
        "::8.8.8.8",
    };
    struct addr addr = { .family = ADDR_NONE };

    (void)state;
    assert_true(addr_is_special(&addr));
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        assert_true(parse(special[i], &addr));
        if (!addr_is_special(&addr))
            fail_msg("%s is special", special[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        assert_true(parse(common[i], &addr));
        if (addr_is_special(&addr))
            fail_msg("%s is not special", common[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_read_and_written_canonically),
        cmocka_unit_test(what_is_no_address_is_refused_and_nothing_written),
        cmocka_unit_test(a_nul_inside_is_refused),
        cmocka_unit_test(no_address_is_written_as_a_dash),
        cmocka_unit_test(bytes_make_an_address_that_is_equal_to_the_text),
        cmocka_unit_test(good_prefixes_are_read),
        cmocka_unit_test(what_is_no_prefix_is_refused),
        cmocka_unit_test(every_cut_of_a_prefix_is_another_prefix_or_none),
        cmocka_unit_test(a_prefix_contains_its_addresses_alone),
        cmocka_unit_test(special_addresses_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
