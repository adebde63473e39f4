/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sample packets of RFC 9001 appendix A and RFC 9369 appendix A, and others sealed here.
 */
#include "sni-filter/quic_initial.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/quic_frame.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"
#include "tests/support/quic_seal.h"

/* clang-format off */
static const char client_hello[] =
    "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302"
    "010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007"
    "000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa"
    "71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d000201"
    "01001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff080110010480007530090110"
    "0f088394c8f03e51570806048000ffff";
static const char server_hello[] =
    "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00"
    "330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";
static const char v1_client[] =
    "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92"
    "ec356c0bab7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad6750"
    "0cadb8e7378c8eb7539ec4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711b39343"
    "fa028cea7f7fb5ff89eac2308249a02252155e2347b63d58c5457afd84d05dfffdb20392844ae812154682e9cf"
    "012f9021a6f0be17ddd0c2084dce25ff9b06cde535d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec4e"
    "15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760b7bad1db4ba3485e8a94dc250ae3fdb41ed15fb6"
    "a8e5eba0fc3dd60bc8e30c5c4287e53805db059ae0648db2f64264ed5e39be2e20d82df566da8dd5998ccabdae"
    "053060ae6c7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363aa5f89937f5a67258bf63"
    "ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d8743eeb524be2"
    "2b3dcbc2c7468d54119c7468449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663ac698"
    "90f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00f064c99e3dd97911d39fe9c5d0b23a"
    "229a234cb36186c4819e8b9c5927726632291d6a418211cc2962e20fe47feb3edf330f2c603a9d48c0fcb5699d"
    "bfe5896425c5bac4aee82e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2c25e50fd14de71e6c418559302"
    "f939b0e1abd576f279c4b2e0feb85c1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff28f5b76695333"
    "4113211996d20011a198e3fc433f9f2541010ae17c1bf202580f6047472fb36857fe843b19f5984009ddc32404"
    "4e847a4f4a0ab34f719595de37252d6235365e9b84392b061085349d73203a4a13e96f5432ec0fd4a1ee65accd"
    "d5e3904df54c1da510b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3d8b4dae6e705769d1de354270123cb"
    "11450efc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03adea2e1fbc5aa463d08ca19"
    "896d2bf59a071b851e6c239052172f296bfb5e72404790a2181014f3b94a4e97d117b438130368cc39dbb2d198"
    "065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e566d44575c29d39a03f0cda721984b6f440591f35"
    "5e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca06948109f23f350db82123535eb8a7433bd"
    "abcb909271a6ecbcb58b936a88cd4e8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f"
    "76f0be79e2fb8f5d5fbbe2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5af"
    "f4af300cd804a6b6279ab3ff3afb64491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc852"
    "44259ff2b19c41b9f96f3ca9ec1dde434da7d2d392b905ddf3d1f9af93d1af5950bd493f5aa731b4056df31bd2"
    "67b6b90a079831aaf579be0a39013137aac6d404f518cfd46840647e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c"
    "8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934";
static const char v1_server[] =
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554"
    "780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b"
    "562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";
static const char v1_retry[] =
    "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba";
static const char v2_client[] =
    "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162"
    "e75d6c96058bdbfb127cdfcbf903388e99ad049f9a3dd4425ae4d0992cfff18ecf0fdb5a842d09747052f17ac2"
    "053d21f57c5d250f2c4f0e0202b70785b7946e992e58a59ac52dea6774d4f03b55545243cf1a12834e3f249a78"
    "d395e0d18f4d766004f1a2674802a747eaa901c3f10cda5500cb9122faa9f1df66c392079a1b40f0de1c605419"
    "6a11cbea40afb6ef5253cd6818f6625efce3b6def6ba7e4b37a40f7732e093daa7d52190935b8da58976ff3312"
    "ae50b187c1433c0f028edcc4c2838b6a9bfc226ca4b4530e7a4ccee1bfa2a3d396ae5a3fb512384b2fdd851f78"
    "4a65e03f2c4fbe11a53c7777c023462239dd6f7521a3f6c7d5dd3ec9b3f233773d4b46d23cc375eb198c63301c"
    "21801f6520bcfb7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b877045636e7c0c0fe4eb0f"
    "697545460c806910d2c355f1d253bc9d2452aaa549e27a1fac7cf4ed77f322e8fa894b6a83810a34b361901751"
    "a6f5eb65a0326e07de7c1216ccce2d0193f958bb3850a833f7ae432b65bc5a53975c155aa4bcb4f7b2c4e54df1"
    "6efaf6ddea94e2c50b4cd1dfe06017e0e9d02900cffe1935e0491d77ffb4fdf85290fdd893d577b1131a610ef6"
    "a5c32b2ee0293617a37cbb08b847741c3b8017c25ca9052ca1079d8b78aebd47876d330a30f6a8c6d61dd1ab55"
    "89329de714d19d61370f8149748c72f132f0fc99f34d766c6938597040d8f9e2bb522ff99c63a344d6a2ae8aa8"
    "e51b7b90a4a806105fcbca31506c446151adfeceb51b91abfe43960977c87471cf9ad4074d30e10d6a7f03c63b"
    "d5d4317f68ff325ba3bd80bf4dc8b52a0ba031758022eb025cdd770b44d6d6cf0670f4e990b22347a7db848265"
    "e3e5eb72dfe8299ad7481a408322cac55786e52f633b2fb6b614eaed18d703dd84045a274ae8bfa73379661388"
    "d6991fe39b0d93debb41700b41f90a15c4d526250235ddcd6776fc77bc97e7a417ebcb31600d01e57f32162a85"
    "60cacc7e27a096d37a1a86952ec71bd89a3e9a30a2a26162984d7740f81193e8238e61f6b5b984d4d3dfa033c1"
    "bb7e4f0037febf406d91c0dccf32acf423cfa1e7071010d3f270121b493ce85054ef58bada42310138fe081adb"
    "04e2bd901f2f13458b3d6758158197107c14ebb193230cd1157380aa79cae1374a7c1e5bbcb80ee23e06ebfde2"
    "06bfb0fcbc0edc4ebec309661bdd908d532eb0c6adc38b7ca7331dce8dfce39ab71e7c32d318d136b6100671a1"
    "ae6a6600e3899f31f0eed19e3417d134b90c9058f8632c798d4490da4987307cba922d61c39805d072b589bd52"
    "fdf1e86215c2d54e6670e07383a27bbffb5addf47d66aa85a0c6f9f32e59d85a44dd5d3b22dc2be80919b49043"
    "7ae4f36a0ae55edf1d0b5cb4e9a3ecabee93dfc6e38d209d0fa6536d27a5d6fbb17641cde27525d61093f1b280"
    "72d111b2b4ae5f89d5974ee12e5cf7d5da4d6a31123041f33e61407e76cffcdcfd7e19ba58cf4b536f4c4938ae"
    "79324dc402894b44faf8afbab35282ab659d13c93f70412e85cb199a37ddec600545473cfb5a05e08d0b209973"
    "b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc";
static const char v2_server[] =
    "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf"
    "87263017915358230035f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e4275"
    "7507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140";
static const char v2_retry[] =
    "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6";
/* clang-format on */

#define DCID "8394c8f03e515708"

static struct quic_cipher cipher;
static uint8_t scratch[QUIC_DATAGRAM_MAX];
static unsigned long nr_allocations;

static void *count_malloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    nr_allocations++;
    return malloc(len);
}

static void *count_realloc(void *at, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    nr_allocations++;
    return realloc(at, len);
}

static void plain_free(void *at, const char *file, int line)
{
    (void)file;
    (void)line;
    free(at);
}

static struct quic_cid cid_of(const char *hex)
{
    struct quic_cid cid = { .len = 0 };
    size_t len;
    uint8_t *bytes = exact_hex(hex, &len);

    assert_in_range(len, 0, QUIC_CID_MAX);
    memcpy(cid.bytes, bytes, len);
    cid.len = (uint8_t)len;
    free(bytes);
    return cid;
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    size_t want_len;
    uint8_t *want = exact_hex(hex, &want_len);

    assert_int_equal(len, want_len);
    assert_memory_equal(bytes, want, len);
    free(want);
}

static void keys_are_those_of_the_rfcs(void **state)
{
    static const struct {
        enum quic_version version;
        enum quic_side side;
        const char *key, *iv, *hp;
    } cases[] = {
        { QUIC_V1, QUIC_CLIENT, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
          "9f50449e04a0e810283a1e9933adedd2" },
        { QUIC_V1, QUIC_SERVER, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
          "c206b8d9b9f0f37644430b490eeaa314" },
        { QUIC_V2, QUIC_CLIENT, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
          "45b95e15235d6f45a6b19cbcb0294ba9" },
        { QUIC_V2, QUIC_SERVER, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
          "edf6d05c83121201b436e16877593c3a" },
    };
    struct quic_cid dcid = cid_of(DCID);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quic_keys keys;

        assert_true(quic_initial_keys(cases[i].version, &dcid, cases[i].side, &keys));
        assert_hex(keys.key, sizeof(keys.key), cases[i].key);
        assert_hex(keys.iv, sizeof(keys.iv), cases[i].iv);
        assert_hex(keys.hp, sizeof(keys.hp), cases[i].hp);
    }
}

/* Open bytes of exactly this size; the frames are copied to the end of them. */
static enum parse_rc open_bytes(const uint8_t *bytes, size_t len, enum quic_side side,
                                const char *keys_from, uint64_t next, struct quic_opened *out)
{
    uint8_t *p = exact(bytes, len), *room;
    struct cursor datagram = { .base = p, .len = len };
    struct quic_cid dcid = cid_of(keys_from);
    struct quic_packet packet;
    struct quic_keys keys;
    enum parse_rc rc = quic_packet_next(&datagram, &packet);

    if (rc == PARSE_OK) {
        room = exact(scratch, packet.whole.len); /* no more than it may use */
        assert_true(quic_initial_keys(packet.version, &dcid, side, &keys));
        rc = quic_initial_open(&cipher, &keys, &packet, next, room, out);
        if (rc == PARSE_OK) {
            memcpy(scratch, out->frames.base, out->frames.len);
            out->frames.base = scratch;
        } else {
            assert_int_equal(out->number, 0);
            assert_int_equal(out->frames.len, 0);
        }
        free(room);
    }
    free(p);
    return rc;
}

static enum parse_rc open_hex(const char *hex, enum quic_side side, uint64_t next,
                              struct quic_opened *out)
{
    size_t len;
    uint8_t *bytes = exact_hex(hex, &len);
    enum parse_rc rc = open_bytes(bytes, len, side, DCID, next, out);

    free(bytes);
    return rc;
}

static void sample_packets_are_opened(void **state)
{
    static const struct {
        const char *packet;
        enum quic_side side;
        uint64_t number;
        const char *message;
    } cases[] = {
        { v1_client, QUIC_CLIENT, 2, client_hello },
        { v2_client, QUIC_CLIENT, 2, client_hello },
        { v1_server, QUIC_SERVER, 1, server_hello },
        { v2_server, QUIC_SERVER, 1, server_hello },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quic_opened opened;
        struct quic_frame frame;

        assert_int_equal(open_hex(cases[i].packet, cases[i].side, 0, &opened), PARSE_OK);
        assert_int_equal(opened.number, cases[i].number);
        assert_int_equal(quic_frame_next(&opened.frames, &frame), PARSE_OK);
        assert_int_equal(frame.offset, 0);
        assert_hex(frame.data.base, frame.data.len, cases[i].message);
        assert_int_equal(quic_frame_next(&opened.frames, &frame), PARSE_ABSENT);
        assert_int_equal(open_hex(cases[i].packet, 1 - cases[i].side, 0, &opened),
                         PARSE_ABSENT);
    }
}

static void only_initial_packets_are_opened(void **state)
{
    size_t len;
    uint8_t *bytes = exact_hex(v1_client, &len);
    struct cursor datagram = { .base = bytes, .len = len };
    struct quic_cid dcid = cid_of(DCID);
    struct quic_packet packet;
    struct quic_opened opened;
    struct quic_keys keys;

    (void)state;
    assert_int_equal(quic_packet_next(&datagram, &packet), PARSE_OK);
    assert_true(quic_initial_keys(QUIC_V1, &dcid, QUIC_CLIENT, &keys));
    packet.type = QUIC_HANDSHAKE;
    assert_int_equal(quic_initial_open(&cipher, &keys, &packet, 0, scratch, &opened),
                     PARSE_ABSENT);
    packet.type = QUIC_INITIAL;
    assert_int_equal(quic_initial_open(&cipher, &keys, &packet, 0, scratch, &opened), PARSE_OK);
    packet.whole.len = QUIC_DATAGRAM_MAX + 1;
    assert_int_equal(quic_initial_open(&cipher, &keys, &packet, 0, scratch, &opened),
                     PARSE_ABSENT);
    free(bytes);
}

static void no_byte_of_a_packet_can_be_changed(void **state)
{
    size_t len;
    uint8_t *bytes = exact_hex(v1_server, &len);
    struct quic_opened opened;

    (void)state;
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 0x01;
        assert_int_not_equal(open_bytes(bytes, len, QUIC_SERVER, DCID, 0, &opened), PARSE_OK);
        bytes[i] ^= 0x01;
    }
    assert_int_equal(open_bytes(bytes, len, QUIC_SERVER, DCID, 0, &opened), PARSE_OK);
    free(bytes);
}

static void every_cut_of_a_packet_is_refused(void **state)
{
    size_t len;
    uint8_t *bytes = exact_hex(v1_server, &len);
    struct quic_opened opened;

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(open_bytes(bytes, cut, QUIC_SERVER, DCID, 0, &opened), PARSE_BAD);
    free(bytes);
}

/* A PING, sealed with this number, opened when next is expected. */
static enum parse_rc open_ping(const struct quic_seal *seal, uint64_t next,
                               struct quic_opened *out)
{
    static struct bytes datagram, frames;

    datagram.len = frames.len = 0;
    bytes_uint(&frames, 1, 1);
    bytes_fill(&frames, 0, 4);
    quic_seal_initial(&datagram, seal, &frames);
    return open_bytes(datagram.at, datagram.len, seal->side, seal->dcid, next, out);
}

static void packet_numbers_are_made_whole(void **state)
{
    static const struct {
        uint64_t number, next;
        unsigned len;
        enum parse_rc rc;
    } cases[] = {
        { 0, 0, 1, PARSE_OK },
        { 255, 0, 1, PARSE_OK },
        { 256, 0, 1, PARSE_ABSENT }, /* looks like 0 */
        { 256, 256, 1, PARSE_OK },
        { 256, 128, 1, PARSE_OK },
        { 256, 127, 1, PARSE_ABSENT }, /* 0 is nearer */
        { 255, 256, 1, PARSE_OK },     /* late */
        { 255, 383, 1, PARSE_ABSENT }, /* too late: 511 is as near */
        { 256, 383, 1, PARSE_OK },
        { 300, 0, 2, PARSE_OK },
        { 9000000, 0, 3, PARSE_OK },
        { 0xffffffff, 0, 4, PARSE_OK },
        { 0xa82f9b32, 0xa82f30eb, 2, PARSE_OK }, /* RFC 9000 §A.3 */
        { 0x100000003, 0x100000000, 4, PARSE_OK },
        { 0x0fffffff0, 0x100000000, 4, PARSE_OK },
        { 0x3fffffffffffff00, 0x3fffffffffffffff, 1, PARSE_OK }, /* none is above 2^62 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quic_seal seal = { .dcid = DCID,
                                  .number = cases[i].number,
                                  .number_len = cases[i].len };
        struct quic_opened opened;
        enum parse_rc rc = open_ping(&seal, cases[i].next, &opened);

        if (rc != cases[i].rc)
            print_error("case %zu\n", i);
        assert_int_equal(rc, cases[i].rc);
        if (rc == PARSE_OK)
            assert_int_equal(opened.number, cases[i].number);
    }
}

static void reserved_bits_are_refused_once_they_can_be_believed(void **state)
{
    struct quic_opened opened;

    (void)state;
    for (uint8_t bits = 0; bits <= 0x0c; bits = (uint8_t)(bits + 4)) {
        struct quic_seal seal = { .dcid = DCID, .reserved = bits };

        assert_int_equal(open_ping(&seal, 0, &opened), bits == 0 ? PARSE_OK : PARSE_BAD);
    }
}

static void a_packet_without_frames_is_refused(void **state)
{
    static struct bytes datagram, frames;
    struct quic_seal seal = { .dcid = DCID };
    struct quic_opened opened;

    (void)state;
    quic_seal_initial(&datagram, &seal, &frames);
    assert_int_equal(open_bytes(datagram.at, datagram.len, QUIC_CLIENT, DCID, 0, &opened),
                     PARSE_BAD);
}

static bool is_genuine(const uint8_t *bytes, size_t len, const char *original)
{
    uint8_t *p = exact(bytes, len);
    struct cursor datagram = { .base = p, .len = len };
    struct quic_cid cid = cid_of(original);
    struct quic_packet packet;
    bool is_it = quic_packet_next(&datagram, &packet) == PARSE_OK &&
                 packet.type == QUIC_RETRY &&
                 quic_retry_is_genuine(&cipher, &packet, &cid, scratch);

    free(p);
    return is_it;
}

static void sample_retries_are_genuine_and_nothing_else_is(void **state)
{
    static const char *const samples[] = { v1_retry, v2_retry };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        size_t len;
        uint8_t *bytes = exact_hex(samples[i], &len);

        assert_true(is_genuine(bytes, len, DCID));
        assert_false(is_genuine(bytes, len, "8394c8f03e515709"));
        assert_false(is_genuine(bytes, len, "8394c8f03e5157"));
        for (size_t at = 0; at < len; at++) {
            bytes[at] ^= 0x01;
            assert_false(is_genuine(bytes, len, DCID));
            bytes[at] ^= 0x01;
            assert_false(is_genuine(bytes, at, DCID));
        }
        free(bytes);
    }
}

static void a_retry_too_long_for_the_scratch_is_refused(void **state)
{
    struct quic_packet packet = { .type = QUIC_RETRY };
    struct quic_cid original = cid_of(DCID);
    uint8_t *bytes = calloc(1, QUIC_DATAGRAM_MAX + 16), *room = malloc(QUIC_DATAGRAM_MAX);

    (void)state;
    assert_non_null(bytes);
    assert_non_null(room);
    packet.whole = (struct cursor) { .base = bytes, .len = QUIC_DATAGRAM_MAX + 16 };
    assert_false(quic_retry_is_genuine(&cipher, &packet, &original, room));
    free(bytes);
    free(room);
}

static void secrets_and_labels_have_their_bounds(void **state)
{
    uint8_t secret[QUIC_SECRET_LEN] = { 0 }, out[QUIC_SECRET_LEN + 1], long_salt[65] = { 0 };
    struct cursor salt = { .base = long_salt, .len = 64 }, none = { .base = NULL };

    (void)state;
    assert_true(quic_cipher_expand(secret, "twelve bytes", out, QUIC_SECRET_LEN));
    assert_false(quic_cipher_expand(secret, "thirteen byte", out, QUIC_SECRET_LEN));
    assert_false(quic_cipher_expand(secret, "x", out, QUIC_SECRET_LEN + 1));
    assert_true(quic_cipher_extract(salt, none, out));
    salt.len = 65;
    assert_false(quic_cipher_extract(salt, none, out));
    salt.len = QUIC_SAMPLE_LEN - 1;
    assert_false(quic_cipher_mask(&cipher, secret, salt, out));
    salt.len = QUIC_TAG_LEN - 1;
    assert_false(quic_cipher_open(&cipher, secret, secret, none, salt, out));
}

/* The packet path must not depend on the heap. */
static void nothing_is_allocated_after_the_start(void **state)
{
    size_t len, server_len, retry_len;
    uint8_t *client = exact_hex(v1_client, &len), *server = exact_hex(v1_server, &server_len),
            *retry = exact_hex(v1_retry, &retry_len);
    struct quic_opened opened;
    unsigned long before = nr_allocations;

    (void)state;
    assert_int_not_equal(before, 0); /* it is counted at all */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(open_bytes(client, len, QUIC_CLIENT, DCID, 0, &opened), PARSE_OK);
        assert_int_equal(open_bytes(server, server_len, QUIC_CLIENT, DCID, 0, &opened),
                         PARSE_ABSENT);
        assert_true(is_genuine(retry, retry_len, DCID));
    }
    assert_int_equal(nr_allocations, before);
    free(client);
    free(server);
    free(retry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_rfcs),
        cmocka_unit_test(sample_packets_are_opened),
        cmocka_unit_test(only_initial_packets_are_opened),
        cmocka_unit_test(no_byte_of_a_packet_can_be_changed),
        cmocka_unit_test(every_cut_of_a_packet_is_refused),
        cmocka_unit_test(packet_numbers_are_made_whole),
        cmocka_unit_test(reserved_bits_are_refused_once_they_can_be_believed),
        cmocka_unit_test(a_packet_without_frames_is_refused),
        cmocka_unit_test(sample_retries_are_genuine_and_nothing_else_is),
        cmocka_unit_test(a_retry_too_long_for_the_scratch_is_refused),
        cmocka_unit_test(secrets_and_labels_have_their_bounds),
        cmocka_unit_test(nothing_is_allocated_after_the_start),
    };
    int status;

    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, plain_free) != 1 ||
        !quic_cipher_init(&cipher))
        return 1;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    quic_cipher_clear(&cipher);
    return status;
}
