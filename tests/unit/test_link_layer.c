/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Frames are written out by hand from the documents that link_layer.h names. "I" stands for the
 * first byte of an IP packet, "P" for its second and last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/link_layer.h"
#include "tests/support/packets.h"

#define V(what, type, literal, rc)                                                             \
    {                                                                                          \
        what, literal, sizeof(literal) - 1, type, rc                                           \
    }

#define MACS  "\1\2\3\4\5\6\7\10\11\12\13\14"
#define WLAN  "\0\0" MACS "\1\2\3\4\5\6\0\0" /* duration, three addresses, sequence */
#define SNAP  "\xaa\xaa\3\0\0\0"
#define PPPOE "\x11\0\0\1"

static const struct frame {
    const char *what, *bytes;
    size_t len;
    int type;
    enum parse_rc rc;
} cases[] = {
    V("Ethernet, IPv4", DLT_EN10MB, MACS "\x08\0IP", PARSE_OK),
    V("Ethernet, IPv6", DLT_EN10MB, MACS "\x86\xddIP", PARSE_OK),
    V("Ethernet, ARP", DLT_EN10MB, MACS "\x08\x06IP", PARSE_ABSENT),
    V("Ethernet, a length", DLT_EN10MB, MACS "\0\2IP", PARSE_ABSENT),
    V("802.1Q", DLT_EN10MB, MACS "\x81\0\0\5\x08\0IP", PARSE_OK),
    V("QinQ", DLT_EN10MB, MACS "\x88\xa8\0\5\x81\0\0\6\x86\xddIP", PARSE_OK),
    V("QinQ, the older type", DLT_EN10MB, MACS "\x91\0\0\5\x81\0\0\6\x08\0IP", PARSE_OK),
    V("four tags", DLT_EN10MB, MACS "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x08\0IP",
      PARSE_OK),
    V("five tags", DLT_EN10MB,
      MACS "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x81\0\0\5\x08\0IP", PARSE_BAD),
    V("PPPoE, IPv4", DLT_EN10MB, MACS "\x88\x64" PPPOE "\0\4\0\x21IP", PARSE_OK),
    V("PPPoE, padding", DLT_EN10MB, MACS "\x88\x64" PPPOE "\0\4\0\x57IP\0\0\0", PARSE_OK),
    V("PPPoE, LCP", DLT_EN10MB, MACS "\x88\x64" PPPOE "\0\4\xc0\x21IP", PARSE_ABSENT),
    V("PPPoE, too long", DLT_EN10MB, MACS "\x88\x64" PPPOE "\0\5\0\x21IP", PARSE_BAD),
    V("PPPoE, another version", DLT_EN10MB, MACS "\x88\x64\x21\0\0\1\0\4\0\x21IP", PARSE_BAD),
    V("PPPoE, a code", DLT_EN10MB, MACS "\x88\x64\x11\x09\0\1\0\4\0\x21IP", PARSE_BAD),
    V("PPPoE, discovery", DLT_EN10MB, MACS "\x88\x63" PPPOE "\0\4\0\x21IP", PARSE_ABSENT),
    V("PPPoE in a VLAN", DLT_EN10MB, MACS "\x81\0\0\5\x88\x64" PPPOE "\0\4\0\x21IP", PARSE_OK),
    V("PPPoE alone", DLT_PPP_ETHER, PPPOE "\0\4\0\x21IP", PARSE_OK),
    V("raw", DLT_RAW, "IP", PARSE_OK),
    V("raw IPv4", DLT_IPV4, "IP", PARSE_OK),
    V("raw IPv6", DLT_IPV6, "IP", PARSE_OK),
    V("cooked", DLT_LINUX_SLL, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\0IP", PARSE_OK),
    V("cooked, VLAN", DLT_LINUX_SLL, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x81\0\0\7\x86\xddIP",
      PARSE_OK),
    V("cooked, ARP", DLT_LINUX_SLL, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\x06IP", PARSE_ABSENT),
    V("cooked v2", DLT_LINUX_SLL2, "\x86\xdd\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0IP", PARSE_OK),
    V("cooked v2, ARP", DLT_LINUX_SLL2, "\x08\6\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0IP",
      PARSE_ABSENT),
    V("null, little endian", DLT_NULL, "\2\0\0\0IP", PARSE_OK),
    V("null, big endian", DLT_NULL, "\0\0\0\2IP", PARSE_OK),
    V("null, IPv6 of Linux", DLT_NULL, "\12\0\0\0IP", PARSE_OK),
    V("null, IPv6 of FreeBSD", DLT_NULL, "\34\0\0\0IP", PARSE_OK),
    V("null, IPv6 of macOS", DLT_NULL, "\36\0\0\0IP", PARSE_OK),
    V("loop, IPv6 of OpenBSD", DLT_LOOP, "\0\0\0\30IP", PARSE_OK),
    V("null, another family", DLT_NULL, "\7\0\0\0IP", PARSE_ABSENT),
    V("null, middle bytes", DLT_NULL, "\2\1\0\0IP", PARSE_ABSENT),
    V("PPP", DLT_PPP, "\xff\3\0\x21IP", PARSE_OK),
    V("PPP, address and control left out", DLT_PPP, "\0\x57IP", PARSE_OK),
    V("PPP, short protocol", DLT_PPP, "\x21IP", PARSE_OK),
    V("PPP, serial", DLT_PPP_SERIAL, "\xff\3\0\x21IP", PARSE_OK),
    V("PPP, IPCP", DLT_PPP, "\xff\3\x80\x21IP", PARSE_ABSENT),
    V("802.11", DLT_IEEE802_11, "\x08\1" WLAN SNAP "\x08\0IP", PARSE_OK),
    V("802.11, QoS", DLT_IEEE802_11, "\x88\1" WLAN "\0\0" SNAP "\x86\xddIP", PARSE_OK),
    V("802.11, QoS and order", DLT_IEEE802_11, "\x88\x81" WLAN "\0\0\0\0\0\0" SNAP "\x08\0IP",
      PARSE_OK),
    V("802.11, relayed", DLT_IEEE802_11, "\x08\3" WLAN "\1\2\3\4\5\6" SNAP "\x08\0IP",
      PARSE_OK),
    V("802.11, several in one", DLT_IEEE802_11, "\x88\1" WLAN "\x80\0" SNAP "\x08\0IP",
      PARSE_ABSENT),
    V("802.11, encrypted", DLT_IEEE802_11, "\x08\x41" WLAN SNAP "\x08\0IP", PARSE_ABSENT),
    V("802.11, beacon", DLT_IEEE802_11, "\x80\0" WLAN SNAP "\x08\0IP", PARSE_ABSENT),
    V("802.11, no data", DLT_IEEE802_11, "\x48\1" WLAN SNAP "\x08\0IP", PARSE_ABSENT),
    V("802.11, version 1", DLT_IEEE802_11, "\x09\1" WLAN SNAP "\x08\0IP", PARSE_ABSENT),
    V("802.11, no SNAP", DLT_IEEE802_11, "\x08\1" WLAN "\x42\x42\3\0\0\0\x08\0IP",
      PARSE_ABSENT),
    V("radiotap", DLT_IEEE802_11_RADIO, "\0\0\x0a\0\0\0\0\0\1\2\x08\1" WLAN SNAP "\x08\0IP",
      PARSE_OK),
    V("radiotap, length below its own", DLT_IEEE802_11_RADIO,
      "\0\0\7\0\0\0\0\x08\1" WLAN SNAP "\x08\0IP", PARSE_BAD),
    V("radiotap, version 1", DLT_IEEE802_11_RADIO,
      "\1\0\x08\0\0\0\0\0\x08\1" WLAN SNAP "\x08\0IP", PARSE_BAD),
    V("a type that is not known", DLT_USB_LINUX, "IP", PARSE_BAD),
};

static void frames_of_each_type_give_their_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *frame = packet_exact(cases[i].bytes, cases[i].len);
        struct cursor ip;
        enum parse_rc rc = link_layer_strip(
            cases[i].type, (struct cursor) { .base = frame, .len = cases[i].len }, &ip);

        if (rc != cases[i].rc)
            print_error("%s: status %d, expected %d\n", cases[i].what, rc, cases[i].rc);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(ip.off, 0);
        if (rc == PARSE_OK) {
            assert_true(ip.len >= 2);
            assert_memory_equal(ip.base, "IP", 2);
            assert_true(ip.base + ip.len <= frame + cases[i].len);
        } else {
            assert_null(ip.base);
            assert_int_equal(ip.len, 0);
        }
        free(frame);
    }
}

static void pppoe_padding_is_left_out(void **state)
{
    static const uint8_t frame[] = PPPOE "\0\4\0\x57IP\0\0";
    struct cursor ip;

    (void)state;
    assert_int_equal(link_layer_strip(DLT_PPP_ETHER,
                                      (struct cursor) { .base = frame, .len = sizeof(frame) },
                                      &ip),
                     PARSE_OK);
    assert_int_equal(ip.len, 2);
}

/* The exception: "ff" alone looks like a short protocol number of PPP. */
static enum parse_rc status_of_cut(const struct frame *frame, size_t len)
{
    bool is_hdlc = frame->type == DLT_PPP || frame->type == DLT_PPP_SERIAL;

    return is_hdlc && len == 1 && frame->bytes[0] == '\xff' ? PARSE_ABSENT : PARSE_BAD;
}

static void every_cut_inside_the_headers_of_a_good_frame_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *body = memchr(cases[i].bytes, 'I', cases[i].len);

        assert_non_null(body);
        for (size_t len = 0; cases[i].rc == PARSE_OK && len <= (size_t)(body - cases[i].bytes);
             len++) {
            uint8_t *frame = packet_exact(cases[i].bytes, len);
            struct cursor ip;
            enum parse_rc rc = link_layer_strip(
                cases[i].type, (struct cursor) { .base = frame, .len = len }, &ip);

            free(frame);
            assert_int_equal(rc, status_of_cut(&cases[i], len));
            assert_null(ip.base);
        }
    }
}

static void the_known_types_are_those_that_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(link_layer_is_known(cases[i].type), cases[i].type != DLT_USB_LINUX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_each_type_give_their_packet),
        cmocka_unit_test(pppoe_padding_is_left_out),
        cmocka_unit_test(every_cut_inside_the_headers_of_a_good_frame_is_refused),
        cmocka_unit_test(the_known_types_are_those_that_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
