/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Frames written by hand after RFC 9000 §19.
 */
#include "sni-filter/quic_frame.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/exact.h"

/* All frames of a payload; the rc that ends them. */
static enum parse_rc read_all(const uint8_t *bytes, size_t len, unsigned *nr, size_t *total)
{
    static const struct quic_frame zero;
    uint8_t *p = exact(bytes, len);
    struct cursor frames = { .base = p, .len = len };
    struct quic_frame frame;
    enum parse_rc rc;

    *nr = 0;
    *total = 0;
    while ((rc = quic_frame_next(&frames, &frame)) == PARSE_OK) {
        (*nr)++;
        *total += frame.data.len;
        if (frame.data.len != 0)
            assert_in_range(frame.data.base, p, p + len - frame.data.len);
    }
    assert_memory_equal(&frame, &zero, sizeof(zero));
    free(p);
    return rc;
}

static void each_frame_is_read_by_its_rules(void **state)
{
    static const struct {
        const char *what, *hex;
        enum parse_rc rc;
        unsigned nr;
        size_t total;
    } cases[] = {
        { "nothing", "", PARSE_ABSENT, 0, 0 },
        { "padding and ping", "000001000001", PARSE_ABSENT, 0, 0 },
        { "one", "06 00 03 aabbcc", PARSE_ABSENT, 1, 3 },
        { "many", "06 00 01 aa 01 06 09 02 bbcc 00 06 03 00", PARSE_ABSENT, 3, 3 },
        { "type of 2 bytes", "4006 00 01 aa", PARSE_ABSENT, 1, 1 },
        { "numbers of 8 bytes", "06 c000000000000001 c000000000000001 aa", PARSE_ABSENT, 1, 1 },
        { "data cut", "06 00 03 aabb", PARSE_BAD, 0, 0 },
        { "no length", "06 00", PARSE_BAD, 0, 0 },
        { "no offset", "06", PARSE_BAD, 0, 0 },
        { "length of 2^62-1", "06 00 ffffffffffffffff aa", PARSE_BAD, 0, 0 },
        { "ends at 2^62-1", "06 fffffffffffffffe 01 aa", PARSE_ABSENT, 1, 1 },
        { "ends at 2^62", "06 ffffffffffffffff 01 aa", PARSE_BAD, 0, 0 },
        { "good, then bad", "06 00 01 aa 07", PARSE_BAD, 1, 1 },
        { "ack", "02 05 00 00 05 06 00 01 aa", PARSE_ABSENT, 1, 1 },
        { "ack of what is below 0", "02 05 00 00 06", PARSE_BAD, 0, 0 },
        { "ack with a range", "02 0a 00 01 02 03 03", PARSE_ABSENT, 0, 0 },
        { "range below 0", "02 0a 00 01 02 03 04", PARSE_BAD, 0, 0 },
        { "gap below 0", "02 0a 00 01 02 07 00", PARSE_BAD, 0, 0 },
        { "gap to 1 below 0", "02 0a 00 01 09 00 00", PARSE_BAD, 0, 0 },
        { "range absent", "02 0a 00 01 02 03", PARSE_BAD, 0, 0 },
        { "2^62-1 ranges", "02 0a 00 ffffffffffffffff 02 03 03", PARSE_BAD, 0, 0 },
        { "ack cut", "02 0a 00 01", PARSE_BAD, 0, 0 },
        { "ack with ecn", "03 05 00 00 05 01 02 03", PARSE_ABSENT, 0, 0 },
        { "ecn cut", "03 05 00 00 05 01 02", PARSE_BAD, 0, 0 },
        { "close", "1c 00 00 02 6869", PARSE_ABSENT, 0, 0 },
        { "close, phrase cut", "1c 00 00 03 6869", PARSE_BAD, 0, 0 },
        { "close, no phrase", "1c 00 00", PARSE_BAD, 0, 0 },
        { "close by the application", "1d 00 02 6869", PARSE_BAD, 0, 0 },
        { "reset stream", "04 00 00 00", PARSE_BAD, 0, 0 },
        { "stop sending", "05 00 00", PARSE_BAD, 0, 0 },
        { "new token", "07 01 aa", PARSE_BAD, 0, 0 },
        { "stream", "08 00 aa", PARSE_BAD, 0, 0 },
        { "max data", "10 00", PARSE_BAD, 0, 0 },
        { "new connection id", "18 00 00 01 aa 000102030405060708090a0b0c0d0e0f", PARSE_BAD, 0,
          0 },
        { "path challenge", "1a 0001020304050607", PARSE_BAD, 0, 0 },
        { "handshake done", "1e", PARSE_BAD, 0, 0 },
        { "datagram", "30 aa", PARSE_BAD, 0, 0 },
        { "type cut", "40", PARSE_BAD, 0, 0 },
        { "type above 2^32", "c000000100000006 00 01 aa", PARSE_BAD, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len, total;
        unsigned nr;
        uint8_t *bytes = exact_hex(cases[i].hex, &len);
        enum parse_rc rc = read_all(bytes, len, &nr, &total);

        if (rc != cases[i].rc || nr != cases[i].nr || total != cases[i].total)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(nr, cases[i].nr);
        assert_int_equal(total, cases[i].total);
        free(bytes);
    }
}

static void every_cut_of_a_frame_is_refused(void **state)
{
    static const char *const frames[] = {
        "06 c000000000000001 4003 aabbcc",
        "02 4a00 4001 02 02 03 03 01 01",
        "03 05 00 00 05 4001 4002 4003",
        "1c 4001 06 4003 aabbcc",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        size_t len, total;
        unsigned nr;
        uint8_t *bytes = exact_hex(frames[i], &len);

        assert_int_equal(read_all(bytes, len, &nr, &total), PARSE_ABSENT);
        for (size_t cut = 1; cut < len; cut++)
            assert_int_equal(read_all(bytes, cut, &nr, &total), PARSE_BAD);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_frame_is_read_by_its_rules),
        cmocka_unit_test(every_cut_of_a_frame_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
