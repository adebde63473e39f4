/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sni-filter/capture.h"

static char path[] = "/tmp/secctl-test-capture.XXXXXX";

static int make_file(void **state)
{
    int fd;

    (void)state;
    memcpy(strrchr(path, '.'), ".XXXXXX", 7);
    fd = mkstemp(path);
    if (fd < 0)
        return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put32(FILE *file, uint32_t value)
{
    assert_int_equal(fwrite(&value, sizeof(value), 1, file), 1); /* either byte order will do */
}

/* A pcap file: its header, and packets of microsecond resolution. */
static FILE *begin_pcap(uint32_t link_type)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    put32(file, 0xa1b2c3d4u);
    put32(file, 0x00040002u); /* version 2.4 as two 16-bit numbers, little endian machines */
    put32(file, 0);
    put32(file, 0);
    put32(file, 262144);
    put32(file, link_type);
    return file;
}

static void put_packet(FILE *file, uint32_t s, uint32_t us, const void *bytes, uint32_t len)
{
    put32(file, s);
    put32(file, us);
    put32(file, len);
    put32(file, len);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
}

static struct capture *open_good(void)
{
    struct err err = { .text = "" };
    struct capture *capture = capture_open(path, &err);

    if (capture == NULL)
        print_error("%s\n", err.text);
    assert_non_null(capture);
    return capture;
}

static void packets_come_with_their_times(void **state)
{
    FILE *file = begin_pcap(1);
    struct capture_packet packet;
    struct capture *capture;
    struct err err;

    (void)state;
    put_packet(file, 1700000000, 123456, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\0IP", 16);
    put_packet(file, 1700000001, 999999, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\6AR", 16);
    put_packet(file, 0, 2000000, "\1\2\3", 3);
    assert_int_equal(fclose(file), 0);
    capture = open_good();
    assert_int_equal(capture_next(capture, &packet, &err), 1);
    assert_int_equal(packet.ts_us, 1700000000123456u);
    assert_true(packet.has_ip);
    assert_false(packet.is_bad);
    assert_int_equal(packet.ip.len, 2);
    assert_memory_equal(packet.ip.base, "IP", 2);
    assert_int_equal(capture_next(capture, &packet, &err), 1);
    assert_int_equal(packet.ts_us, 1700000001999999u);
    assert_false(packet.has_ip);
    assert_false(packet.is_bad);
    assert_int_equal(capture_next(capture, &packet, &err), 1);
    assert_false(packet.has_ip);
    assert_true(packet.is_bad);
    assert_true(packet.ts_us < 3000000);
    assert_int_equal(capture_next(capture, &packet, &err), 0);
    assert_int_equal(capture_next(capture, &packet, &err), 0);
    capture_close(capture);
    capture_close(NULL);
}

/* LINKTYPE_ values as they stand in files, each with a frame that holds "IP". */
static void files_of_each_link_type_are_read(void **state)
{
    static const struct {
        uint32_t type;
        const char *bytes;
        uint32_t len;
    } cases[] = {
#define V(type, literal) { type, literal, sizeof(literal) - 1 }
        V(0, "\2\0\0\0IP"),
        V(1, "\1\2\3\4\5\6\1\2\3\4\5\6\x81\0\0\1\x08\0IP"),
        V(9, "\xff\3\0\x21IP"),
        V(50, "\xff\3\0\x21IP"),
        V(51, "\x11\0\0\1\0\4\0\x21IP"),
        V(101, "IP"),
        V(108, "\0\0\0\2IP"),
        V(113, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\0IP"),
        V(228, "IP"),
        V(229, "IP"),
        V(276, "\x08\0\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0IP"),
        V(105, "\x08\1\0\0\1\2\3\4\5\6\1\2\3\4\5\6\1\2\3\4\5\6\0\0\xaa\xaa\3\0\0\0\x08\0IP"),
        V(127, "\0\0\x08\0\0\0\0\0\x08\1\0\0\1\2\3\4\5\6\1\2\3\4\5\6\1\2\3\4\5\6\0\0"
               "\xaa\xaa\3\0\0\0\x08\0IP"),
#undef V
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FILE *file = begin_pcap(cases[i].type);
        struct capture_packet packet;
        struct capture *capture;
        struct err err;

        put_packet(file, 1, 0, cases[i].bytes, cases[i].len);
        assert_int_equal(fclose(file), 0);
        capture = open_good();
        assert_int_equal(capture_next(capture, &packet, &err), 1);
        assert_true(packet.has_ip);
        assert_int_equal(packet.ip.len, 2);
        assert_memory_equal(packet.ip.base, "IP", 2);
        capture_close(capture);
    }
}

static void an_unknown_link_type_is_named(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(fclose(begin_pcap(189)), 0);
    assert_null(capture_open(path, &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(
        strstr(err.text, "link type 189 (USB_LINUX) is not known; expected Ethernet"));
    assert_int_equal(fclose(begin_pcap(147)), 0);
    assert_null(capture_open(path, &err));
    assert_non_null(strstr(err.text, "link type 147"));
}

static void a_file_that_is_no_capture_is_an_error(void **state)
{
    FILE *file = fopen(path, "wb");
    struct err err;

    (void)state;
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_null(capture_open(path, &err));
    assert_non_null(strstr(err.text, "expected a pcap or pcapng file"));
    assert_null(capture_open("/nonexistent/capture", &err));
    assert_non_null(strstr(err.text, "open \"/nonexistent/capture\": No such file"));
}

static void what_stands_before_a_broken_end_is_read(void **state)
{
    FILE *file = begin_pcap(101);
    struct capture_packet packet;
    struct capture *capture;
    struct err err = { .text = "" };
    long len;

    (void)state;
    put_packet(file, 1, 0, "IP", 2);
    put_packet(file, 2, 0, "IP", 2);
    len = ftell(file);
    assert_int_equal(fclose(file), 0);
    for (long cut = len - 17; cut < len; cut++) {
        assert_int_equal(truncate(path, cut), 0);
        capture = open_good();
        assert_int_equal(capture_next(capture, &packet, &err), 1);
        assert_true(packet.has_ip);
        assert_int_equal(capture_next(capture, &packet, &err), -1);
        assert_non_null(strstr(err.text, path));
        capture_close(capture);
        file = begin_pcap(101);
        put_packet(file, 1, 0, "IP", 2);
        put_packet(file, 2, 0, "IP", 2);
        assert_int_equal(fclose(file), 0);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(packets_come_with_their_times),           T(files_of_each_link_type_are_read),
        T(an_unknown_link_type_is_named),           T(a_file_that_is_no_capture_is_an_error),
        T(what_stands_before_a_broken_end_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
