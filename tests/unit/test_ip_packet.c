/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets made by hand from RFC 791, RFC 8200, RFC 9293 and RFC 768.
 */
#include "sni-filter/ip_packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define V4_ADDRS "c6120001 cb007109"
#define V6_ADDRS                                                                               \
    "20010002000000000000000000000001"                                                         \
    "20010db8000000000000000000000009"
#define IP4(total, protocol) "4500" total "0000 4000 40" protocol "0000" V4_ADDRS
#define IP6(len, next)       "60000000" len next "40" V6_ADDRS
#define TCP(off_flags)       "a001 01bb 01020304 05060708" off_flags "ffff 0000 0000"
#define TCP_DATA             TCP("5018") "61626364"
#define UDP(len)             "a001 0035" len "0000"

static enum parse_rc parse(const char *hex, size_t cut, struct ip_packet *out, uint8_t **bytes)
{
    size_t len;
    uint8_t *all = exact_hex(hex, &len);
    enum parse_rc rc;

    assert_true(cut <= len);
    *bytes = exact(all, len - cut);
    free(all);
    rc = ip_packet_parse((struct cursor) { .base = *bytes, .len = len - cut }, out);
    if (rc != PARSE_OK) {
        static const struct ip_packet zero;

        assert_memory_equal(out, &zero, sizeof(zero));
    }
    return rc;
}

static void assert_rc(const char *hex, enum parse_rc rc)
{
    struct ip_packet packet;
    uint8_t *bytes;
    enum parse_rc got = parse(hex, 0, &packet, &bytes);

    if (got != rc)
        print_error("%s\n", hex);
    assert_int_equal(got, rc);
    free(bytes);
}

/* Parse what must be good; the payload is compared and not left pointing. */
static struct ip_packet good(const char *hex, const char *payload)
{
    struct ip_packet packet;
    uint8_t *bytes;

    if (parse(hex, 0, &packet, &bytes) != PARSE_OK)
        fail_msg("refused: %s", hex);
    assert_int_equal(cursor_left(&packet.payload), strlen(payload));
    if (*payload)
        assert_memory_equal(packet.payload.base + packet.payload.off, payload, strlen(payload));
    packet.payload = (struct cursor) { .base = NULL };
    free(bytes);
    return packet;
}

static void assert_tcp(const struct ip_packet *packet)
{
    assert_int_equal(packet->protocol, 6);
    assert_true(packet->has_ports);
    assert_int_equal(packet->sport, 0xa001);
    assert_int_equal(packet->dport, 443);
    assert_int_equal(packet->seq, 0x01020304);
    assert_int_equal(packet->ack, 0x05060708);
    assert_int_equal(packet->tcp_flags, TCP_PSH | TCP_ACK);
    assert_false(packet->has_odd_tcp);
    assert_false(packet->has_tcp_auth);
}

static void all_fields_of_a_tcp_segment_are_set(void **state)
{
    static const uint8_t src6[16] = { 0x20, 0x01, 0, 2, [15] = 1 };
    static const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
    struct addr src4 = addr_from_bytes(ADDR_V4, (const uint8_t *)"\xc6\x12\0\x01");
    struct addr dst4 = addr_from_bytes(ADDR_V4, (const uint8_t *)"\xcb\0\x71\x09");
    struct addr src = addr_from_bytes(ADDR_V6, src6), dst = addr_from_bytes(ADDR_V6, dst6);
    struct ip_packet packet = good(IP4("002c", "06") TCP_DATA, "abcd");

    (void)state;
    assert_tcp(&packet);
    assert_true(addr_equal(&packet.src, &src4));
    assert_true(addr_equal(&packet.dst, &dst4));
    assert_false(packet.has_ip_options || packet.is_fragment);

    packet = good(IP6("0018", "06") TCP_DATA, "abcd");
    assert_tcp(&packet);
    assert_true(addr_equal(&packet.src, &src));
    assert_true(addr_equal(&packet.dst, &dst));
    assert_false(packet.has_ip_options || packet.is_fragment);
}

static void padding_behind_the_packet_is_left_out(void **state)
{
    (void)state;
    good(IP4("002c", "06") TCP_DATA "0000000000", "abcd");
    good(IP6("0018", "06") TCP_DATA "00", "abcd");
}

static void every_cut_of_a_good_packet_wants_more(void **state)
{
    static const char *const packets[] = {
        IP4("002c", "06") TCP_DATA,
        IP6("0018", "06") TCP_DATA,
        IP4("0020", "11") UDP("000c") "61626364",
        IP6("0020", "3c") "0600 010400000000" TCP_DATA,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        size_t len;

        free(exact_hex(packets[i], &len));
        for (size_t cut = 1; cut <= len; cut++) {
            struct ip_packet packet;
            uint8_t *bytes;

            assert_int_equal(parse(packets[i], cut, &packet, &bytes), PARSE_MORE);
            free(bytes);
        }
    }
}

static void only_versions_4_and_6_are_read(void **state)
{
    (void)state;
    assert_rc("", PARSE_MORE);
    assert_rc("00", PARSE_BAD);
    assert_rc("55", PARSE_BAD);
    assert_rc("70", PARSE_BAD);
}

static void a_bad_ipv4_header_is_refused(void **state)
{
    (void)state;
    assert_rc("4400 002c 0000 4000 4006 0000" V4_ADDRS TCP_DATA, PARSE_BAD); /* 16 bytes */
    assert_rc("4f00 002c 0000 4000 4006 0000" V4_ADDRS TCP_DATA, PARSE_BAD); /* 60 bytes */
    assert_rc("4500 0013 0000 4000 4006 0000" V4_ADDRS TCP_DATA, PARSE_BAD); /* total 19 */
    assert_rc("4500 0000 0000 4000 4006 0000" V4_ADDRS TCP_DATA, PARSE_BAD);
    assert_rc("4500 002c 0000 8000 4006 0000" V4_ADDRS TCP_DATA, PARSE_BAD); /* reserved flag */
    assert_rc("4500 002d 0000 4000 4006 0000" V4_ADDRS TCP_DATA, PARSE_MORE);
    assert_rc(IP4("0014", "fd"), PARSE_OK);
}

static void ipv4_options_are_told(void **state)
{
    struct ip_packet packet =
        good("4600 0030 0000 4000 4006 0000" V4_ADDRS "01010100" TCP_DATA, "abcd");

    (void)state;
    assert_tcp(&packet);
    assert_true(packet.has_ip_options);
    assert_false(packet.is_fragment);
}

static void fragments_are_told_and_not_looked_into(void **state)
{
    static const char *const fragments[] = {
        "4500 0018 0000 2000 4006 0000" V4_ADDRS "61626364", /* more follow */
        "4500 0018 0000 0001 4006 0000" V4_ADDRS "61626364", /* the last one */
        "4500 0018 0000 1000 4006 0000" V4_ADDRS "61626364",
        IP6("000c", "2c") "06000001 00000007 61626364",
        IP6("000c", "2c") "06000000 00000007 61626364", /* atomic: RFC 6946 */
        IP6("000c", "2c") "06ff0000 00000007 61626364", /* the reserved byte is no length */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fragments); i++) {
        struct ip_packet packet = good(fragments[i], "abcd");

        assert_true(packet.is_fragment);
        assert_int_equal(packet.has_ip_options, i >= 3);
        assert_false(packet.has_ports);
        assert_int_equal(packet.protocol, 6);
    }
    /* What would be an extension header is part of the data that was cut up. */
    assert_int_equal(good(IP6("000c", "2c") "3c000001 00000007 61626364", "abcd").protocol, 60);
    assert_false(good("4500 0018 0000 2000 4011 0000" V4_ADDRS "61626364", "abcd").has_ports);
}

static void ipv6_extension_headers_are_stepped_over(void **state)
{
    static const char *const packets[] = {
        IP6("0020", "00") "0600 010400000000" TCP_DATA,
        IP6("0020", "2b") "0600 000000000000" TCP_DATA,
        IP6("0020", "3c") "0600 010400000000" TCP_DATA,
        IP6("0028", "3c") "0601 010c 000000000000000000000000" TCP_DATA,
        IP6("0020", "87") "0600 000000000000" TCP_DATA,
        IP6("0020", "8b") "0600 000000000000" TCP_DATA,
        IP6("0020", "8c") "0600 000000000000" TCP_DATA,
        IP6("0024", "33") "0601 0000 00000000 00000000" TCP_DATA, /* AH counts in fours */
        IP6("0028", "00") "3c00 010400000000"
                          "0600 010400000000" TCP_DATA,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        struct ip_packet packet = good(packets[i], "abcd");

        assert_tcp(&packet);
        assert_true(packet.has_ip_options);
        assert_false(packet.is_fragment);
    }
}

static void bad_extension_headers_are_refused(void **state)
{
    (void)state;
    /* hop-by-hop options anywhere but first */
    assert_rc(IP6("0028", "3c") "0000 010400000000"
                                "0600 010400000000" TCP_DATA,
              PARSE_BAD);
    assert_rc(IP6("0028", "00") "0000 010400000000"
                                "0600 010400000000" TCP_DATA,
              PARSE_BAD);
    assert_rc(IP6("0008", "3c") "0601 010400000000", PARSE_BAD); /* longer than the packet */
    assert_rc(IP6("0008", "33") "0601 010400000000", PARSE_BAD);
    assert_rc(IP6("0001", "3c") "06", PARSE_BAD);
    assert_rc(IP6("0000", "3c"), PARSE_BAD);
    assert_rc(IP6("0007", "2c") "06000001 000000", PARSE_BAD);
}

static void protocols_without_ports_are_good(void **state)
{
    struct ip_packet packet = good(IP4("0018", "01") "61626364", "abcd");

    (void)state;
    assert_int_equal(packet.protocol, 1);
    assert_false(packet.has_ports);
    assert_int_equal(good(IP6("0004", "3a") "61626364", "abcd").protocol, 58);
    assert_int_equal(good(IP6("0004", "3b") "61626364", "abcd").protocol, 59);
    assert_int_equal(good(IP6("0004", "32") "61626364", "abcd").protocol, 50);
    assert_int_equal(good(IP6("0000", "3b"), "").protocol, 59);
}

static void a_bad_tcp_header_is_refused(void **state)
{
    (void)state;
    assert_rc(IP4("0027", "06") "a001 01bb 01020304 05060708 5018 ffff 0000 00", PARSE_BAD);
    assert_rc(IP4("0014", "06"), PARSE_BAD);
    assert_rc(IP4("002c", "06") TCP("4018") "61626364",
              PARSE_BAD); /* offset below the header */
    assert_rc(IP4("002c", "06") TCP("7018") "61626364", PARSE_BAD); /* offset past the packet */
    assert_rc(IP6("0013", "06") "a001 01bb 01020304 05060708 5018 ffff 0000 00", PARSE_BAD);
}

static void tcp_options_must_close(void **state)
{
    static const struct {
        const char *options;
        enum parse_rc rc;
        bool is_auth;
    } cases[] = {
        { "02040218", PARSE_OK, false },
        { "01010100", PARSE_OK, false },
        { "00000000", PARSE_OK, false },
        { "01010402", PARSE_OK, false },
        { "01010101", PARSE_OK, false },
        { "01 fd0300", PARSE_OK, false },
        { "13020101", PARSE_OK, true },
        { "011d0300", PARSE_OK, true },
        { "00000001", PARSE_BAD, false }, /* something behind the end */
        { "00130200", PARSE_BAD, false },
        { "02050218", PARSE_BAD, false }, /* past the header */
        { "01010102", PARSE_BAD, false }, /* no length */
        { "fd020102", PARSE_BAD, false }, /* nor the one before's */
        { "02010101", PARSE_BAD, false }, /* length that does not count itself */
        { "02000101", PARSE_BAD, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_packet packet;
        char hex[200];
        uint8_t *bytes;
        enum parse_rc rc;

        snprintf(hex, sizeof(hex), "%s%s61626364", IP4("0030", "06") TCP("6018"),
                 cases[i].options);
        rc = parse(hex, 0, &packet, &bytes);
        if (rc != cases[i].rc)
            print_error("%s\n", cases[i].options);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(packet.has_tcp_auth, cases[i].is_auth);
        free(bytes);
    }
}

static bool is_odd(unsigned off_flags, unsigned urgent)
{
    char hex[200];

    snprintf(hex, sizeof(hex), "%s a001 01bb 01020304 05060708 %04x ffff 0000 %04x",
             IP4("0028", "06"), off_flags, urgent);
    return good(hex, "").has_odd_tcp;
}

static void odd_tcp_headers_are_told(void **state)
{
    static const uint8_t fine[] = {
        TCP_SYN,           TCP_SYN | TCP_ACK,           TCP_RST, TCP_RST | TCP_ACK,
        TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK | TCP_URG, TCP_ACK, TCP_ACK | TCP_URG,
    };

    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        unsigned core = flags & ~(unsigned)(TCP_PSH | TCP_ECE | TCP_CWR);

        assert_int_equal(is_odd(0x5000 | flags, 0),
                         memchr(fine, (int)core, sizeof(fine)) == NULL);
    }
    assert_true(is_odd(0x5210, 0));
    assert_true(is_odd(0x5410, 0));
    assert_true(is_odd(0x5810, 0));
    assert_false(is_odd(0x5110, 0)); /* AE */
    assert_false(is_odd(0x51c2, 0)); /* a SYN that asks for accurate ECN */
    assert_true(is_odd(0x5010, 1));
    assert_false(is_odd(0x5030, 1));
}

static void a_udp_length_must_be_ips(void **state)
{
    struct ip_packet packet = good(IP4("0020", "11") UDP("000c") "61626364", "abcd");

    (void)state;
    assert_int_equal(packet.protocol, 17);
    assert_true(packet.has_ports);
    assert_int_equal(packet.sport, 0xa001);
    assert_int_equal(packet.dport, 53);
    good(IP6("0008", "11") UDP("0008"), "");
    assert_rc(IP4("0020", "11") UDP("000b") "61626364", PARSE_BAD);
    assert_rc(IP4("0020", "11") UDP("000d") "61626364", PARSE_BAD);
    assert_rc(IP6("000c", "11") UDP("0000") "61626364", PARSE_BAD);
    assert_rc(IP4("001b", "11") "a001 0035 0007 00", PARSE_BAD);
    assert_rc(IP4("0016", "11") "a001", PARSE_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields_of_a_tcp_segment_are_set),
        cmocka_unit_test(padding_behind_the_packet_is_left_out),
        cmocka_unit_test(every_cut_of_a_good_packet_wants_more),
        cmocka_unit_test(only_versions_4_and_6_are_read),
        cmocka_unit_test(a_bad_ipv4_header_is_refused),
        cmocka_unit_test(ipv4_options_are_told),
        cmocka_unit_test(fragments_are_told_and_not_looked_into),
        cmocka_unit_test(ipv6_extension_headers_are_stepped_over),
        cmocka_unit_test(bad_extension_headers_are_refused),
        cmocka_unit_test(protocols_without_ports_are_good),
        cmocka_unit_test(a_bad_tcp_header_is_refused),
        cmocka_unit_test(tcp_options_must_close),
        cmocka_unit_test(odd_tcp_headers_are_told),
        cmocka_unit_test(a_udp_length_must_be_ips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
