/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hellos of OpenSSL 3.0 (s_client) and curl 7.88, recorded on the loopback interface, and
 * others built by hand.
 */
#include "sni-filter/tls_hello.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"
#include "tests/support/hello.h"

/* clang-format off */
static const char openssl_tls13[] =
    "010000df03038214d4b38fecb747bb4c9e8533fae49cb36f4a18dce6c270b97a4e032899fc3220da1bc66f9163"
    "b006a0fa876094eca9265168311f64084317cd1eef7c72290787000813021303130100ff0100008e0000001500"
    "130000106170692e616c6c6f7765642e74657374000b000403000102000a00040002001d002300000016000000"
    "170000000d001e001c040305030603080708080809080a080b080408050806040105010601002b000302030400"
    "2d00020101003300260024001d00204924ba120a93aeb34563290c8cd249b97ec7ceae0676e58057206cd2395a"
    "4e50";
static const char openssl_tls12[] =
    "010000980303dc376a936a043b8c03094123838a4db199f538bd421854cc86b9169836c1dadc000004c02f00ff"
    "0100006b0000001500130000106170692e616c6c6f7765642e74657374000b000403000102000a000c000a001d"
    "0017001e00190018002300000016000000170000000d002a0028040305030603080708080809080a080b080408"
    "050806040105010601030303010302040205020602";
static const char curl_http11_and_h2[] =
    "010001fc030315e924985474e1876d8e0b0d27f307cbdb643f1328ddce8ba1f082415462b0192097baadc36cc3"
    "a031e5a2f1d55089ca200420afd3602fae7ab303120fdee3f615003e130213031301c02cc030009fcca9cca8cc"
    "aac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff"
    "010001750000001500130000107777772e616c6c6f7765642e74657374000b000403000102000a00160014001d"
    "0017001e00190018010001010102010301040010000e000c02683208687474702f312e31001600000017000000"
    "310000000d002a0028040305030603080708080809080a080b0804080508060401050106010303030103020402"
    "05020602002b0009080304030303020301002d00020101003300260024001d002061363327fed48869e5b46cc4"
    "ec48d1dcfdf91a29f2ee06b5a7cffa7a7450e715001500ad000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000";
/* clang-format on */

static enum parse_rc parse(const struct bytes *b, struct tls_hello *out)
{
    uint8_t *p = exact(b->at, b->len);
    size_t used = 99;
    enum parse_rc rc =
        tls_hello_parse((struct cursor) { .base = p, .len = b->len }, out, &used);

    assert_int_equal(used, rc == PARSE_OK ? b->len : 0);
    if (rc != PARSE_OK) {
        static const struct tls_hello zero;

        assert_memory_equal(out, &zero, sizeof(zero));
    }
    if (out->alpn.len != 0)
        assert_in_range(out->alpn.base, p, p + b->len - out->alpn.len);
    free(p);
    return rc;
}

static void hellos_of_real_clients_are_read(void **state)
{
    static const struct {
        const char *hex, *name;
        size_t alpn_len;
    } real[] = {
        { openssl_tls13, "api.allowed.test", 0 },
        { openssl_tls12, "api.allowed.test", 0 },
        { curl_http11_and_h2, "www.allowed.test", 12 },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(real); i++) {
        struct tls_hello hello;

        b.len = 0;
        bytes_hex(&b, real[i].hex);
        assert_int_equal(parse(&b, &hello), PARSE_OK);
        assert_true(hello.has_name);
        assert_false(hello.is_name_ip);
        assert_string_equal(hello.name, real[i].name);
        assert_int_equal(hello.alpn.len, real[i].alpn_len);
        assert_int_equal(hello.version, 0x0303);
        assert_false(hello.has_ech || hello.has_esni || hello.has_early_data);
    }
}

static void every_cut_of_a_good_hello_wants_more(void **state)
{
    size_t len, used;
    uint8_t *all = exact_hex(openssl_tls13, &len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        struct tls_hello hello;
        uint8_t *p = exact(all, cut);

        assert_int_equal(
            tls_hello_parse((struct cursor) { .base = p, .len = cut }, &hello, &used),
            PARSE_MORE);
        assert_int_equal(used, 0);
        free(p);
    }
    free(all);
}

/* The same hello with its length fields as they are and one of the bytes gone must not be read.
 */
static void a_hello_that_lacks_a_byte_is_refused(void **state)
{
    size_t len, used;
    uint8_t *all = exact_hex(openssl_tls13, &len);

    (void)state;
    for (size_t cut = 4; cut < len; cut++) {
        struct tls_hello hello;
        uint8_t *p = exact(all, cut);

        p[2] = (uint8_t)((cut - 4) >> 8);
        p[3] = (uint8_t)(cut - 4);
        /* 2 + 32 + 33 + 10 + 2 bytes are a whole hello without extensions. */
        assert_int_equal(
            tls_hello_parse((struct cursor) { .base = p, .len = cut }, &hello, &used),
            cut == 4 + 79 ? PARSE_OK : PARSE_BAD);
        free(p);
    }
    free(all);
}

static void what_follows_the_hello_is_left_alone(void **state)
{
    static struct bytes b;
    struct tls_hello hello;
    size_t used, len;

    (void)state;
    b.len = 0;
    hello_plain(&b, "a.test");
    len = b.len;
    bytes_fill(&b, 0x01, 30);
    assert_int_equal(
        tls_hello_parse((struct cursor) { .base = b.at, .len = b.len }, &hello, &used),
        PARSE_OK);
    assert_int_equal(used, len);
}

static void names_are_folded(void **state)
{
    static const struct {
        const char *sent, *name;
        bool is_ip;
    } names[] = {
        { "API.Allowed.TEST", "api.allowed.test", false },
        { "allowed.test.", "allowed.test", false },
        { "192.0.2.7", "192.0.2.7", true },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct tls_hello hello;

        b.len = 0;
        hello_plain(&b, names[i].sent);
        assert_int_equal(parse(&b, &hello), PARSE_OK);
        assert_true(hello.has_name);
        assert_int_equal(hello.is_name_ip, names[i].is_ip);
        assert_string_equal(hello.name, names[i].name);
    }
}

static void a_hello_without_a_name_is_good_but_nameless(void **state)
{
    static struct bytes b;
    struct hello_marks marks;
    struct tls_hello hello;

    (void)state;
    b.len = 0;
    hello_plain(&b, NULL);
    assert_int_equal(parse(&b, &hello), PARSE_OK);
    assert_false(hello.has_name);
    assert_string_equal(hello.name, "");

    b.len = 0;
    hello_open(&b, &marks);
    hello_extension(&b, 0, "0004 07 0001 78"); /* a name of another type */
    hello_close(&b, &marks);
    assert_int_equal(parse(&b, &hello), PARSE_OK);
    assert_false(hello.has_name);
}

/* X25519MLKEM768 (0x11ec): 1184 + 32 bytes of key share, as browsers and OpenSSL 3.5 send it,
 * beside X25519 and a GREASE entry. */
static void a_post_quantum_hello_is_read(void **state)
{
    static struct bytes b;
    struct hello_marks marks;
    struct tls_hello hello;
    size_t ext, list, key;

    (void)state;
    b.len = 0;
    hello_open(&b, &marks);
    hello_extension(&b, 0x3a3a, "");
    bytes_uint(&b, 2, 51);
    ext = bytes_open(&b, 2);
    list = bytes_open(&b, 2);
    bytes_hex(&b, "2a2a 0001 00 11ec");
    key = bytes_open(&b, 2);
    bytes_fill(&b, 0x77, 1216);
    bytes_close(&b, key, 2);
    bytes_hex(&b, "001d 0020");
    bytes_fill(&b, 0x66, 32);
    bytes_close(&b, list, 2);
    bytes_close(&b, ext, 2);
    hello_server_name(&b, "pq.allowed.test");
    hello_extension(&b, 10, "0008 2a2a11ec001d0017");
    hello_extension(&b, 16, "000c 026832 08687474702f312e31");
    hello_extension(&b, 0xfe0d, "00 00010001 07 0004 01020304 0003 050607");
    hello_extension(&b, 0x0a0a, "00");
    bytes_uint(&b, 2, 21);
    ext = bytes_open(&b, 2);
    bytes_fill(&b, 0, 230);
    bytes_close(&b, ext, 2);
    hello_close(&b, &marks);
    assert_in_range(b.len, 1650, 1750);
    assert_int_equal(parse(&b, &hello), PARSE_OK);
    assert_string_equal(hello.name, "pq.allowed.test");
    assert_int_equal(hello.alpn.len, 12);
    assert_true(hello.has_ech);
}

static void each_extension_is_read_by_its_rules(void **state)
{
    static const struct {
        const char *what;
        uint32_t type;
        const char *hex;
        enum parse_rc rc;
    } cases[] = {
        { "server_name: empty", 0, "", PARSE_BAD },
        { "server_name: bad name", 0, "0004 00 0001 2a", PARSE_BAD },
        { "alpn: one", 16, "0003 02 6832", PARSE_OK },
        { "alpn: empty", 16, "", PARSE_BAD },
        { "alpn: no protocol", 16, "0000", PARSE_BAD },
        { "alpn: empty protocol", 16, "0004 02 6832 00", PARSE_BAD },
        { "alpn: protocol too long", 16, "0003 03 6832", PARSE_BAD },
        { "alpn: byte after the list", 16, "0003 02 6832 00", PARSE_BAD },
        { "groups: one", 10, "0002 001d", PARSE_OK },
        { "groups: none", 10, "0000", PARSE_BAD },
        { "groups: half a group", 10, "0001 00", PARSE_BAD },
        { "groups: byte after the list", 10, "0002 001d 00", PARSE_BAD },
        { "groups: list too long", 10, "0003 001d", PARSE_BAD },
        { "key_share: empty list", 51, "0000", PARSE_OK },
        { "key_share: no list", 51, "", PARSE_BAD },
        { "key_share: byte after the list", 51, "0000 00", PARSE_BAD },
        { "key_share: list too long", 51, "0005 001d 0000", PARSE_BAD },
        { "psk: good and last", 41, "0007 0001 41 00000000 0002 01 42", PARSE_OK },
        { "psk: no identity", 41, "0000 0002 01 42", PARSE_BAD },
        { "psk: no binder", 41, "0007 0001 41 00000000 0000", PARSE_BAD },
        { "psk: binders absent", 41, "0007 0001 41 00000000", PARSE_BAD },
        { "psk: identities too long", 41, "0017 0001 41 00000000 0002 01 42", PARSE_BAD },
        { "psk: byte at the end", 41, "0007 0001 41 00000000 0002 01 42 00", PARSE_BAD },
        { "early_data", 42, "", PARSE_OK },
        { "early_data with data", 42, "00", PARSE_BAD },
        { "ech: outer", 0xfe0d, "00 00010001 07 0001 01 0001 02", PARSE_OK },
        { "ech: outer, second hello", 0xfe0d, "00 00010001 07 0000 0001 02", PARSE_OK },
        { "ech: inner", 0xfe0d, "01", PARSE_BAD },
        { "ech: inner with an outer's body", 0xfe0d, "01 00010001 07 0001 01 0001 02",
          PARSE_BAD },
        { "ech: empty", 0xfe0d, "", PARSE_BAD },
        { "ech: no payload", 0xfe0d, "00 00010001 07 0001 01 0000", PARSE_BAD },
        { "ech: payload cut", 0xfe0d, "00 00010001 07 0001 01 0002 02", PARSE_BAD },
        { "ech: enc too long", 0xfe0d, "00 00010001 07 0009 01 0001 02", PARSE_BAD },
        { "ech: byte at the end", 0xfe0d, "00 00010001 07 0001 01 0001 02 00", PARSE_BAD },
        { "ech: cut in the suite", 0xfe0d, "00 0001", PARSE_BAD },
        { "esni", 0xffce, "1301", PARSE_OK },
        { "unknown", 0x7777, "010203", PARSE_OK },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hello_marks marks;
        struct tls_hello hello;
        enum parse_rc rc;

        b.len = 0;
        hello_open(&b, &marks);
        hello_extension(&b, 0x1234, "00");
        hello_extension(&b, cases[i].type, cases[i].hex);
        hello_close(&b, &marks);
        rc = parse(&b, &hello);
        if (rc != cases[i].rc)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, cases[i].rc);
        if (rc != PARSE_OK)
            continue;
        assert_int_equal(hello.has_ech, cases[i].type == 0xfe0d);
        assert_int_equal(hello.has_esni, cases[i].type == 0xffce);
        assert_int_equal(hello.has_early_data, cases[i].type == 42);
        assert_int_equal(hello.alpn.len, cases[i].type == 16 ? 3 : 0);
    }
}

static void a_psk_that_is_not_the_last_extension_is_refused(void **state)
{
    static struct bytes b;
    struct hello_marks marks;
    struct tls_hello hello;

    (void)state;
    b.len = 0;
    hello_open(&b, &marks);
    hello_extension(&b, 41, "0007 0001 41 00000000 0002 01 42");
    hello_extension(&b, 43, "02 0304");
    hello_close(&b, &marks);
    assert_int_equal(parse(&b, &hello), PARSE_BAD);
}

static void an_extension_that_comes_twice_is_refused(void **state)
{
    static const uint32_t types[] = { 0, 1, 63, 64, 0x7777, 0xffff };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        for (int times = 1; times <= 2; times++) {
            struct hello_marks marks;
            struct tls_hello hello;

            b.len = 0;
            hello_open(&b, &marks);
            hello_extension(&b, types[i] ^ 64, "0004 00 0001 61"); /* same word, other bit */
            hello_extension(&b, types[i] ^ 1, "0004 00 0001 61");
            for (int n = 0; n < times; n++)
                hello_extension(&b, types[i], "0004 00 0001 61");
            hello_close(&b, &marks);
            assert_int_equal(parse(&b, &hello), times == 1 ? PARSE_OK : PARSE_BAD);
        }
    }
}

/* The body of a hello from its version on; the header is put before it. */
static void each_field_is_read_by_its_rules(void **state)
{
#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ID33   "21" RANDOM "20"
    static const struct {
        const char *what, *hex;
        enum parse_rc rc;
    } cases[] = {
        { "smallest", "0303" RANDOM "00 0002 1301 01 00", PARSE_OK },
        { "SSL 3.0", "0300" RANDOM "00 0002 1301 01 00", PARSE_OK },
        { "empty extensions", "0303" RANDOM "00 0002 1301 01 00 0000", PARSE_OK },
        { "session id of 32", "0303" RANDOM "20" RANDOM "0002 1301 01 00", PARSE_OK },
        { "session id of 33", "0303" RANDOM ID33 "0002 1301 01 00", PARSE_BAD },
        { "version 2.0", "0200" RANDOM "00 0002 1301 01 00", PARSE_BAD },
        { "DTLS", "fefd" RANDOM "00 0002 1301 01 00", PARSE_BAD },
        { "no cipher suite", "0303" RANDOM "00 0000 01 00 0000", PARSE_BAD },
        { "half a cipher suite", "0303" RANDOM "00 0003 130113 01 00", PARSE_BAD },
        { "cipher suites too long", "0303" RANDOM "00 0008 1301 01 00", PARSE_BAD },
        { "no compression", "0303" RANDOM "00 0002 1301 00 0000", PARSE_BAD },
        { "compression too long", "0303" RANDOM "00 0002 1301 02 00", PARSE_BAD },
        { "session id too long", "0303" RANDOM "1f 0002 1301 01 00", PARSE_BAD },
        { "one byte behind", "0303" RANDOM "00 0002 1301 01 00 00", PARSE_BAD },
        { "extensions too short", "0303" RANDOM "00 0002 1301 01 00 0003 0017 0000",
          PARSE_BAD },
        { "extensions too long", "0303" RANDOM "00 0002 1301 01 00 0005 0017 0000", PARSE_BAD },
        { "extension cut", "0303" RANDOM "00 0002 1301 01 00 0004 0017 0001", PARSE_BAD },
        { "half an extension", "0303" RANDOM "00 0002 1301 01 00 0003 0017 00", PARSE_BAD },
        { "bytes behind", "0303" RANDOM "00 0002 1301 01 00 0004 0017 0000 00", PARSE_BAD },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_hello hello;
        enum parse_rc rc;
        size_t mark;

        b.len = 0;
        bytes_uint(&b, 1, 1);
        mark = bytes_open(&b, 3);
        bytes_hex(&b, cases[i].hex);
        bytes_close(&b, mark, 3);
        rc = parse(&b, &hello);
        if (rc != cases[i].rc)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, cases[i].rc);
    }
}

static void a_header_that_nothing_can_mend_is_refused_at_once(void **state)
{
    static const struct {
        const char *hex;
        enum parse_rc rc;
    } cases[] = {
        { "01", PARSE_MORE },       { "02", PARSE_BAD }, /* ServerHello */
        { "00", PARSE_BAD },                             /* HelloRequest */
        { "01000028", PARSE_BAD },                       /* 40 bytes: one too few for a hello */
        { "01000029", PARSE_MORE }, { "0100fffc", PARSE_MORE }, /* TLS_HELLO_MAX */
        { "0100fffd", PARSE_BAD },  { "01ffffff", PARSE_BAD },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_hello hello;

        b.len = 0;
        bytes_hex(&b, cases[i].hex);
        assert_int_equal(parse(&b, &hello), cases[i].rc);
    }
}

static void a_hello_of_the_largest_size_is_read(void **state)
{
    static struct bytes b;
    struct hello_marks marks;
    struct tls_hello hello;
    size_t ext;

    (void)state;
    b.len = 0;
    hello_open(&b, &marks);
    bytes_uint(&b, 2, 21);
    ext = bytes_open(&b, 2);
    bytes_fill(&b, 0, TLS_HELLO_MAX - b.len - 4 - 5 - 6);
    bytes_close(&b, ext, 2);
    hello_server_name(&b, "a.test");
    hello_close(&b, &marks);
    assert_int_equal(b.len, TLS_HELLO_MAX);
    assert_int_equal(parse(&b, &hello), PARSE_OK);
    assert_string_equal(hello.name, "a.test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos_of_real_clients_are_read),
        cmocka_unit_test(every_cut_of_a_good_hello_wants_more),
        cmocka_unit_test(a_hello_that_lacks_a_byte_is_refused),
        cmocka_unit_test(what_follows_the_hello_is_left_alone),
        cmocka_unit_test(names_are_folded),
        cmocka_unit_test(a_hello_without_a_name_is_good_but_nameless),
        cmocka_unit_test(a_post_quantum_hello_is_read),
        cmocka_unit_test(each_extension_is_read_by_its_rules),
        cmocka_unit_test(a_psk_that_is_not_the_last_extension_is_refused),
        cmocka_unit_test(an_extension_that_comes_twice_is_refused),
        cmocka_unit_test(each_field_is_read_by_its_rules),
        cmocka_unit_test(a_header_that_nothing_can_mend_is_refused_at_once),
        cmocka_unit_test(a_hello_of_the_largest_size_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
