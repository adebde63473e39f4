/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/tar_read.h"
#include "tests/support/cm.h"

static uint8_t archive[8192];
static size_t archive_len;
static char taken[4096];

/* A member as tar writes it: head, body, padding. */
static void add(char type, const char *body, size_t len)
{
    uint8_t *head = archive + archive_len;
    unsigned sum = 0;

    memset(head, 0, TAR_BLOCK);
    strcpy((char *)head, "name");
    snprintf((char *)head + 124, 12, "%011zo", len);
    head[156] = (uint8_t)type;
    memcpy(head + 257, "ustar", 6);
    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    memcpy(head + TAR_BLOCK, body, len);
    archive_len += TAR_BLOCK + (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static void begin(void)
{
    memset(archive, 0, sizeof(archive));
    archive_len = 0;
}

/* The whole archive, and the two blocks of zeros at its end, in pieces. */
static bool read_all(size_t piece, struct err *err)
{
    struct tar_read tar = { .head_len = 0 };
    size_t len = archive_len + 2 * TAR_BLOCK;

    taken[0] = '\0';
    for (size_t at = 0; at < len; at += piece) {
        const uint8_t *bytes = archive + at;
        size_t left = len - at < piece ? len - at : piece;
        struct tar_part part;

        while (left) {
            if (!tar_read_next(&tar, &bytes, &left, &part, err))
                return false;
            strncat(taken, (const char *)part.bytes, part.len);
        }
    }
    return true;
}

static void the_first_plain_file_is_found_in_any_pieces(void **state)
{
    static char long_body[1025];
    struct err err;

    (void)state;
    memset(long_body, 'x', sizeof(long_body) - 1);
    begin();
    add('x', "30 mtime=1795442400.123456789\n", 30);
    add('5', "", 0);
    add('0', long_body, sizeof(long_body) - 1);
    add('0', "second", 6);
    for (size_t piece = 1; piece < 2000; piece += 13) {
        assert_true(read_all(piece, &err));
        assert_string_equal(taken, long_body);
    }
}

static void an_empty_file_is_over_at_once(void **state)
{
    struct err err;

    (void)state;
    begin();
    add('0', "", 0);
    add('0', "second", 6);
    assert_true(read_all(100, &err));
    assert_string_equal(taken, "");
    begin();
    assert_true(read_all(100, &err));
    assert_string_equal(taken, "");
}

static void sizes_in_binary_are_read(void **state)
{
    struct err err;
    uint8_t *head = archive;
    unsigned sum = 0;

    (void)state;
    begin();
    add('0', "abc", 3);
    memset(head + 124, 0, 12);
    head[124] = 0x80;
    head[135] = 3;
    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    assert_true(read_all(100, &err));
    assert_string_equal(taken, "abc");
}

static void what_is_no_archive_is_refused(void **state)
{
    struct err err;

    (void)state;
    begin();
    memset(archive, '{', TAR_BLOCK);
    archive_len = TAR_BLOCK;
    assert_false(read_all(100, &err));
    assert_string_equal(err.text, "the engine's archive is no tar archive");
    begin();
    add('0', "abc", 3);
    archive[0] ^= 1; /* the checksum no longer holds */
    assert_false(read_all(100, &err));
    begin();
    add('0', "abc", 3);
    memcpy(archive + 124, "9", 1);
    assert_false(read_all(100, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_plain_file_is_found_in_any_pieces),
        cmocka_unit_test(an_empty_file_is_over_at_once),
        cmocka_unit_test(sizes_in_binary_are_read),
        cmocka_unit_test(what_is_no_archive_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
