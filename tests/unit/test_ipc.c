/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/policy.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static int pipe_in, pipe_out; /* what is written to pipe_in is read from pipe_out */
static struct ipc_reader reader;

static int open_pipe(void **state)
{
    int fds[2];

    (void)state;
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    pipe_out = fds[0];
    pipe_in = fds[1];
    reader = (struct ipc_reader) { .fd = pipe_out };
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    ipc_reader_clear(&reader);
    close(pipe_out);
    if (pipe_in >= 0)
        close(pipe_in);
    return 0;
}

static int take(enum ipc_type *type, const void **body, size_t *len)
{
    return ipc_read(&reader, type, body, len);
}

static void a_frame_comes_out_as_it_went_in(void **state)
{
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    assert_int_equal(ipc_write(pipe_in, IPC_RECORD, "abc", 3), 0);
    assert_int_equal(ipc_write(pipe_in, IPC_READY, NULL, 0), 0);
    assert_int_equal(take(&type, &body, &len), 1);
    assert_int_equal(type, IPC_RECORD);
    assert_int_equal(len, 3);
    assert_memory_equal(body, "abc", 3);
    assert_int_equal((uintptr_t)body % 8, 0);
    assert_int_equal(take(&type, &body, &len), 1);
    assert_int_equal(type, IPC_READY);
    assert_int_equal(len, 0);
    assert_int_equal((uintptr_t)body % 8, 0);
    assert_int_equal(take(&type, &body, &len), 0);
}

static void a_frame_that_comes_byte_by_byte_is_whole_only_at_its_last(void **state)
{
    const struct ipc_header header = { .type = IPC_BINDING, .len = 5 };
    char frame[sizeof(header) + 5];
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    memcpy(frame, &header, sizeof(header));
    memcpy(frame + sizeof(header), "hello", 5);
    for (size_t i = 0; i < sizeof(frame); i++) {
        assert_int_equal(take(&type, &body, &len), 0);
        assert_int_equal(write(pipe_in, frame + i, 1), 1);
    }
    assert_int_equal(take(&type, &body, &len), 1);
    assert_int_equal(type, IPC_BINDING);
    assert_memory_equal(body, "hello", 5);
}

static void a_frame_larger_than_the_pipe_is_read_in_pieces(void **state)
{
    const size_t size = 300000;
    const struct ipc_header header = { .type = IPC_POLICY, .len = (uint32_t)size };
    uint8_t *big = malloc(size);
    enum ipc_type type;
    const void *body;
    size_t len, at = 0;

    (void)state;
    for (size_t i = 0; i < size; i++)
        big[i] = (uint8_t)(i * 7);
    assert_int_equal(write(pipe_in, &header, sizeof(header)), sizeof(header));
    while (at < size) {
        ssize_t n = write(pipe_in, big + at, size - at);

        assert_true(n > 0);
        at += (size_t)n;
        assert_int_equal(take(&type, &body, &len), at == size);
    }
    assert_int_equal(len, size);
    assert_memory_equal(body, big, size);
    free(big);
}

static void many_frames_in_one_read_come_out_in_order(void **state)
{
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    for (uint8_t i = 0; i < 200; i++)
        assert_int_equal(ipc_write(pipe_in, IPC_RECORD, &i, i % 2), 0);
    for (uint8_t i = 0; i < 200; i++) {
        assert_int_equal(take(&type, &body, &len), 1);
        assert_int_equal(len, i % 2);
        if (len > 0)
            assert_int_equal(*(const uint8_t *)body, i);
    }
}

static void a_frame_that_is_too_long_is_an_error(void **state)
{
    struct ipc_header header = { .type = IPC_RECORD, .len = IPC_BODY_MAX + 1 };
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    assert_int_equal(write(pipe_in, &header, sizeof(header)), sizeof(header));
    assert_int_equal(take(&type, &body, &len), -EPROTO);
    assert_int_equal(ipc_write(pipe_in, IPC_POLICY, "", (size_t)IPC_BODY_MAX + 1), -EMSGSIZE);
}

static void the_longest_frame_is_none(void **state)
{
    struct ipc_header header = { .type = IPC_RECORD, .len = IPC_BODY_MAX };
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    assert_int_equal(write(pipe_in, &header, sizeof(header)), sizeof(header));
    assert_int_equal(take(&type, &body, &len), 0);
}

static void the_end_is_told_from_nothing_yet(void **state)
{
    enum ipc_type type;
    const void *body;
    size_t len;

    (void)state;
    assert_int_equal(take(&type, &body, &len), 0);
    assert_int_equal(write(pipe_in, "half", 4), 4);
    close(pipe_in);
    pipe_in = -1;
    assert_int_equal(take(&type, &body, &len), -EPIPE);
}

static const struct policy_source sources[] = {
    { "allowlist", NULL, "a.test\nb.test\n", 14 },
    { "agents/claude", "claude", "", 0 },
    { "agents/x", "x", "c\0d", 3 },
};

static void a_policy_comes_out_as_it_was_packed(void **state)
{
    struct policy_source *out;
    size_t len, nr;
    uint8_t *body = ipc_policy_pack(sources, 3, &len);

    (void)state;
    assert_non_null(body);
    assert_true(ipc_policy_unpack(body, len, &out, &nr));
    assert_int_equal(nr, 3);
    for (size_t i = 0; i < nr; i++) {
        assert_string_equal(out[i].file, sources[i].file);
        assert_int_equal(out[i].len, sources[i].len);
        assert_memory_equal(out[i].text, sources[i].text, sources[i].len);
    }
    assert_null(out[0].agent);
    assert_string_equal(out[1].agent, "claude");
    free(out);
    free(body);
}

static void a_policy_of_no_sources_can_be_packed(void **state)
{
    struct policy_source *out;
    size_t len, nr;
    uint8_t *body = ipc_policy_pack(NULL, 0, &len);

    (void)state;
    assert_true(ipc_policy_unpack(body, len, &out, &nr));
    assert_int_equal(nr, 0);
    free(out);
    free(body);
}

static void every_cut_of_a_packed_policy_is_refused(void **state)
{
    struct policy_source *out;
    size_t len, nr;
    uint8_t *body = ipc_policy_pack(sources, 3, &len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = exact(body, cut);

        assert_false(ipc_policy_unpack(copy, cut, &out, &nr));
        free(copy);
    }
    free(body);
}

/* Offsets in the packed form of sources[0] alone: count, three lengths, "allowlist" NUL, NUL,
 * text. */
#define AT_COUNT     0
#define AT_FILE_LEN  4
#define AT_AGENT_LEN 8
#define AT_TEXT_LEN  12
#define AT_FILE      16
#define AT_AGENT     26

static void refused_with(size_t at, uint32_t value, size_t width, size_t more)
{
    struct policy_source *out;
    size_t len, nr;
    uint8_t *body = ipc_policy_pack(sources, 1, &len), *copy;

    copy = calloc(1, len + more);
    memcpy(copy, body, len);
    memcpy(copy + at, &value, width);
    assert_false(ipc_policy_unpack(copy, len + more, &out, &nr));
    free(copy);
    free(body);
}

static void a_packed_policy_with_wrong_numbers_is_refused(void **state)
{
    (void)state;
    refused_with(AT_COUNT, 2, 4, 0);
    refused_with(AT_COUNT, UINT32_MAX, 4, 0);
    refused_with(AT_COUNT, 0, 4, 0); /* bytes are left */
    refused_with(AT_FILE_LEN, 8, 4, 0);
    refused_with(AT_FILE_LEN, UINT32_MAX, 4, 0);
    refused_with(AT_AGENT_LEN, 1, 4, 0);
    refused_with(AT_AGENT_LEN, UINT32_MAX - 1, 4, 0);
    refused_with(AT_TEXT_LEN, 13, 4, 0);
    refused_with(AT_TEXT_LEN, UINT32_MAX, 4, 0);
    refused_with(AT_FILE + 3, 0, 1, 0);   /* NUL inside the file's name */
    refused_with(AT_FILE + 9, 'x', 1, 0); /* no NUL at its end */
    refused_with(AT_AGENT, 'x', 1, 0);
    refused_with(AT_COUNT, 1, 4, 1); /* a byte behind the last source */
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        WITH_PIPE(a_frame_comes_out_as_it_went_in),
        WITH_PIPE(a_frame_that_comes_byte_by_byte_is_whole_only_at_its_last),
        WITH_PIPE(a_frame_larger_than_the_pipe_is_read_in_pieces),
        WITH_PIPE(many_frames_in_one_read_come_out_in_order),
        WITH_PIPE(a_frame_that_is_too_long_is_an_error),
        WITH_PIPE(the_longest_frame_is_none),
        WITH_PIPE(the_end_is_told_from_nothing_yet),
        cmocka_unit_test(a_policy_comes_out_as_it_was_packed),
        cmocka_unit_test(a_policy_of_no_sources_can_be_packed),
        cmocka_unit_test(every_cut_of_a_packed_policy_is_refused),
        cmocka_unit_test(a_packed_policy_with_wrong_numbers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
