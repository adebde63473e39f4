/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Headers written by hand after RFC 9000 §17, RFC 9369 §3.2 and RFC 8999 §5.
 */
#include "sni-filter/quic_packet.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define V1    "00000001"
#define V2    "6b3343cf"
#define TAG   "000102030405060708090a0b0c0d0e0f"
#define BODY  "000102030405060708090a0b0c0d0e0f10111213" /* 20 bytes: the least */
#define CID20 "14" BODY
#define CID21 "15" BODY "14"

static enum parse_rc next(const uint8_t *bytes, size_t len, struct quic_packet *out,
                          size_t *used)
{
    static const struct quic_packet zero;
    uint8_t *p = exact(bytes, len);
    struct cursor datagram = { .base = p, .len = len };
    enum parse_rc rc = quic_packet_next(&datagram, out);

    *used = datagram.off;
    if (rc != PARSE_OK) {
        assert_memory_equal(out, &zero, sizeof(zero));
        assert_int_equal(*used, rc == PARSE_ABSENT ? len : 0);
    } else {
        assert_ptr_equal(out->whole.base, p);
        assert_int_equal(out->whole.len, *used);
        assert_int_equal(out->whole.off, 0);
        if (out->token.len != 0)
            assert_in_range(out->token.base, p, p + len - out->token.len);
    }
    free(p);
    return rc;
}

static void headers_are_read_by_their_rules(void **state)
{
    static const struct {
        const char *what, *hex;
        enum parse_rc rc;
        enum quic_type type;
        size_t behind; /* bytes that are left over */
    } cases[] = {
        { "v1 Initial", "c0" V1 "0101 0102 00 14" BODY, PARSE_OK, QUIC_INITIAL, 0 },
        { "v1 0-RTT", "d0" V1 "0101 0102 14" BODY, PARSE_OK, QUIC_ZERO_RTT, 0 },
        { "v1 Handshake", "e0" V1 "0101 0102 14" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "v1 Retry", "f0" V1 "0101 0102 aa" TAG, PARSE_OK, QUIC_RETRY, 0 },
        { "v2 Retry", "c0" V2 "0101 0102 aa" TAG, PARSE_OK, QUIC_RETRY, 0 },
        { "v2 Initial", "d0" V2 "0101 0102 00 14" BODY, PARSE_OK, QUIC_INITIAL, 0 },
        { "v2 0-RTT", "e0" V2 "0101 0102 14" BODY, PARSE_OK, QUIC_ZERO_RTT, 0 },
        { "v2 Handshake", "f0" V2 "0101 0102 14" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "coalesced", "e0" V1 "0101 0102 14" BODY "e0", PARSE_OK, QUIC_HANDSHAKE, 1 },
        { "short", "40aabb", PARSE_OK, QUIC_SHORT, 0 },
        { "short, one byte", "40", PARSE_OK, QUIC_SHORT, 0 },
        { "padding", "000000", PARSE_OK, QUIC_SHORT, 0 },
        { "nothing", "", PARSE_BAD, 0, 0 },
        { "empty IDs", "e0" V1 "00 00 14" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "longest DCID", "e0" V1 CID20 "00 14" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "longest SCID", "e0" V1 "00" CID20 "14" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "DCID too long", "e0" V1 CID21 "00 14" BODY, PARSE_BAD, 0, 0 },
        { "SCID too long", "e0" V1 "00" CID21 "14" BODY, PARSE_BAD, 0, 0 },
        { "token", "c0" V1 "00 00 02 aabb 14" BODY, PARSE_OK, QUIC_INITIAL, 0 },
        { "token length of 8 bytes", "c0" V1 "00 00 c000000000000002 aabb 14" BODY, PARSE_OK,
          QUIC_INITIAL, 0 },
        { "token beyond the end", "c0" V1 "00 00 4040 aabb 14" BODY, PARSE_BAD, 0, 0 },
        { "token of 2^62-1", "c0" V1 "00 00 ffffffffffffffff aabb 14" BODY, PARSE_BAD, 0, 0 },
        { "no Length", "c0" V1 "00 00 00", PARSE_BAD, 0, 0 },
        { "Length of 2 bytes", "e0" V1 "00 00 4014" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "Length of 4 bytes", "e0" V1 "00 00 80000014" BODY, PARSE_OK, QUIC_HANDSHAKE, 0 },
        { "Length too long", "e0" V1 "00 00 15" BODY, PARSE_BAD, 0, 0 },
        { "Length of 2^62-1", "e0" V1 "00 00 ffffffffffffffff" BODY, PARSE_BAD, 0, 0 },
        { "too short for a sample", "e0" V1 "00 00 13" BODY, PARSE_BAD, 0, 0 },
        { "Retry with no token", "f0" V1 "00 00" TAG, PARSE_OK, QUIC_RETRY, 0 },
        { "Retry without a tag", "f0" V1 "00 00 000102030405060708090a0b0c0d0e", PARSE_BAD, 0,
          0 },
        { "versions", "80 00000000 0101 0102 00000001", PARSE_OK, QUIC_VERSIONS, 0 },
        { "no versions", "80 00000000 0101 0102", PARSE_BAD, 0, 0 },
        { "a version and a half", "80 00000000 0101 0102 00000001 6b33", PARSE_BAD, 0, 0 },
        { "versions, DCID too long", "80 00000000" CID21 "00 00000001", PARSE_BAD, 0, 0 },
        { "draft 29", "c0 ff00001d 0101 0102 00 14" BODY, PARSE_ABSENT, 0, 0 },
        { "GREASE version", "c0 0a0a0a0a 0101 0102", PARSE_ABSENT, 0, 0 },
        { "other version, long DCID", "c0 0a0a0a0a" CID21 "00", PARSE_ABSENT, 0, 0 },
        { "other version, DCID cut", "c0 0a0a0a0a 15" BODY, PARSE_BAD, 0, 0 },
        { "other version, SCID cut", "c0 0a0a0a0a 00 15" BODY, PARSE_BAD, 0, 0 },
        { "v2's neighbour", "d0 6b3343ce 0101 0102 00 14" BODY, PARSE_ABSENT, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quic_packet packet;
        size_t len, used;
        uint8_t *bytes = exact_hex(cases[i].hex, &len);
        enum parse_rc rc = next(bytes, len, &packet, &used);

        if (rc != cases[i].rc)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, cases[i].rc);
        if (rc == PARSE_OK) {
            assert_int_equal(packet.type, cases[i].type);
            assert_int_equal(len - used, cases[i].behind);
        }
        free(bytes);
    }
}

static void the_parts_of_a_header_are_found(void **state)
{
    struct quic_packet packet;
    size_t len, used;
    uint8_t *bytes = exact_hex("d3" V2 "03010203 020405 04deadbeef 4014" BODY, &len);

    (void)state;
    assert_int_equal(next(bytes, len, &packet, &used), PARSE_OK);
    assert_int_equal(packet.version, QUIC_V2);
    assert_true(packet.has_fixed_bit);
    assert_int_equal(packet.dcid.len, 3);
    assert_memory_equal(packet.dcid.bytes, "\1\2\3", 4);
    assert_int_equal(packet.scid.len, 2);
    assert_memory_equal(packet.scid.bytes, "\4\5", 3);
    assert_int_equal(packet.token.len, 4);
    assert_int_equal(packet.pn_at, len - 20);
    free(bytes);
    bytes = exact_hex("93" V2 "00 00 00 14" BODY, &len);
    assert_int_equal(next(bytes, len, &packet, &used), PARSE_OK);
    assert_false(packet.has_fixed_bit);
    free(bytes);
    bytes = exact_hex("f0" V1 "00 00 aabbcc" TAG, &len);
    assert_int_equal(next(bytes, len, &packet, &used), PARSE_OK);
    assert_int_equal(packet.version, QUIC_V1);
    assert_int_equal(packet.token.len, 3);
    free(bytes);
}

static void every_cut_of_a_long_header_is_refused(void **state)
{
    static const char *const packets[] = {
        "c0" V1 "03010203 020405 04deadbeef 4014" BODY,
        "c0" V2 "03010203 020405" TAG,
        "80 00000000 0101 0102 00000001",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        struct quic_packet packet;
        size_t len, used;
        uint8_t *bytes = exact_hex(packets[i], &len);

        assert_int_equal(next(bytes, len, &packet, &used), PARSE_OK);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(next(bytes, cut, &packet, &used), PARSE_BAD);
        free(bytes);
    }
}

static void numbers_of_all_lengths_are_read(void **state)
{
    static const struct {
        const char *hex;
        uint64_t value;
    } cases[] = {
        /* the first four: RFC 9000 §A.1 */
        { "c2197c5eff14e88c", 151288809941952652 },
        { "9d7f3e7d", 494878333 },
        { "7bbd", 15293 },
        { "25", 37 },
        { "4025", 37 },
        { "80000025", 37 },
        { "c000000000000025", 37 },
        { "ffffffffffffffff", 4611686018427387903 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len;
        uint8_t *bytes = exact_hex(cases[i].hex, &len);

        for (size_t cut = 0; cut <= len; cut++) {
            uint8_t *p = exact(bytes, cut);
            struct cursor c = { .base = p, .len = cut };
            uint64_t value = 99;

            assert_int_equal(quic_varint(&c, &value), cut == len);
            assert_int_equal(c.off, cut == len ? len : 0);
            assert_int_equal(value, cut == len ? cases[i].value : 99);
            free(p);
        }
        free(bytes);
    }
}

static void ids_are_equal_by_length_and_bytes(void **state)
{
    struct quic_cid a = { .len = 2, .bytes = { 1, 2 } }, b = a;

    (void)state;
    assert_true(quic_cid_equal(&a, &b));
    b.bytes[1] = 3;
    assert_false(quic_cid_equal(&a, &b));
    b = (struct quic_cid) { .len = 3, .bytes = { 1, 2, 0 } };
    assert_false(quic_cid_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_by_their_rules),
        cmocka_unit_test(the_parts_of_a_header_are_found),
        cmocka_unit_test(every_cut_of_a_long_header_is_refused),
        cmocka_unit_test(numbers_of_all_lengths_are_read),
        cmocka_unit_test(ids_are_equal_by_length_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
