/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a Docker engine sends: heads, frames, versions, errors; where it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/engine_answer.h"
#include "ctl/engine_frames.h"
#include "ctl/engine_host.h"
#include "ctl/http.h"
#include "ctl/http_head.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static void a_version_that_both_speak_is_chosen(void **state)
{
    static const struct {
        const char *offered;
        unsigned api; /* 0: an error */
        const char *text;
    } cases[] = {
        { "1.41", 41, NULL },
        { "1.44", 44, NULL },
        { "1.51", 51, NULL },
        { "1.55", 51, NULL },
        { "1.40", 0,
          "it is too old: it speaks API 1.40, expected at least 1.41 (Docker 20.10)" },
        { "2.0", 0, "it offers API version \"2.0\", expected 1.N" },
        { "1.", 0, "it offers API version \"1.\", expected 1.N" },
        { "1.4x", 0, "it offers API version \"1.4x\", expected 1.N" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        unsigned api = 0;

        assert_int_equal(engine_api_choose(cases[i].offered, &api, &err), cases[i].api != 0);
        assert_int_equal(api, cases[i].api);
        if (cases[i].text)
            assert_string_equal(err.text, cases[i].text);
    }
}

static void an_error_is_the_engines_message(void **state)
{
    static const struct {
        long status;
        const char *body;
        int code;
        const char *text;
    } cases[] = {
        { 404, "{\"message\":\"No such container: x\"}\n", ENOENT, "No such container: x" },
        { 409, "{\"message\":\"Conflict.\"}", EEXIST, "Conflict." },
        { 400, "plain words\n", EINVAL, "plain words" },
        { 500, "", EIO, "the Docker engine answered 500 without a message" },
        { 500, "{\"message\":7}", EIO, "{\"message\":7}" },
        { 400, "{\"message\":\"client version 1.51 is too old. Minimum is 1.60\"}", EPROTO,
          "the Docker engine is too new for this secctl, which speaks API 1.41 to 1.51: client "
          "version 1.51 is too old. Minimum is 1.60" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;

        assert_false(
            engine_answer_fail(cases[i].status, cases[i].body, strlen(cases[i].body), &err));
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void heads_are_read_at_any_cut(void **state)
{
    static const char upgraded[] = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nbytes";
    static const char refused[] =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{}";
    static const char old[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";
    struct http_head head;
    size_t whole = sizeof(upgraded) - 1 - 5;

    (void)state;
    for (size_t len = 0; len < whole; len++) {
        uint8_t *copy = exact(upgraded, len);

        assert_int_equal(http_head_parse((char *)copy, len, &head), HTTP_HEAD_MORE);
        free(copy);
    }
    assert_int_equal(http_head_parse(upgraded, sizeof(upgraded) - 1, &head), HTTP_HEAD_OK);
    assert_int_equal(head.status, 101);
    assert_int_equal(head.len, whole);
    assert_true(head.is_upgraded);
    assert_int_equal(http_head_parse(refused, sizeof(refused) - 1, &head), HTTP_HEAD_OK);
    assert_int_equal(head.status, 404);
    assert_false(head.is_upgraded);
    assert_int_equal(http_head_parse(old, sizeof(old) - 1, &head), HTTP_HEAD_OK);
    assert_true(head.is_upgraded);
}

static void what_is_no_head_is_refused(void **state)
{
    struct http_head head;
    char *long_head = malloc(HTTP_HEAD_MAX);

    (void)state;
    assert_int_equal(http_head_parse("SSH-2.0", 7, &head), HTTP_HEAD_BAD);
    assert_int_equal(http_head_parse("HTTP/2", 6, &head), HTTP_HEAD_BAD);
    assert_int_equal(http_head_parse("HTTP/1.1 2x0 OK\r\n\r\n", 19, &head), HTTP_HEAD_BAD);
    assert_int_equal(http_head_parse("HTTP/1.1\r\n\r\n", 12, &head), HTTP_HEAD_BAD);
    memset(long_head, 'a', HTTP_HEAD_MAX);
    memcpy(long_head, "HTTP/1.1 ", 9);
    assert_int_equal(http_head_parse(long_head, HTTP_HEAD_MAX, &head), HTTP_HEAD_BAD);
    free(long_head);
}

#define STREAM                                                                                 \
    "\1\0\0\0\0\0\0\3out"                                                                      \
    "\2\0\0\0\0\0\0\2er"                                                                       \
    "\1\0\0\0\0\0\0\0"                                                                         \
    "\1\0\0\0\0\0\0\1!"

/* All of STREAM in pieces of at most step bytes. */
static void read_in_steps(size_t step)
{
    struct frames frames = { .left = 0 };
    char out[16] = "", errors[16] = "";
    struct frames_part part;
    struct err err;

    for (size_t at = 0; at < sizeof(STREAM) - 1; at += step) {
        size_t len = sizeof(STREAM) - 1 - at < step ? sizeof(STREAM) - 1 - at : step;
        uint8_t *copy = exact(&STREAM[at], len);
        const uint8_t *bytes = copy;

        do {
            assert_true(frames_next(&frames, &bytes, &len, &part, &err));
            if (part.len > 0)
                strncat(part.stream == FRAME_OUTPUT ? out : errors, (const char *)part.bytes,
                        part.len);
        } while (part.len);
        assert_int_equal(len, 0);
        free(copy);
    }
    assert_true(frames_is_whole(&frames));
    assert_string_equal(out, "out!");
    assert_string_equal(errors, "er");
}

static void frames_are_taken_apart_at_any_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof(STREAM); step++)
        read_in_steps(step);
}

static void a_bad_frame_is_refused(void **state)
{
    static const char bad[] = "\1\0\0\1\0\0\0\1x", unknown[] = "\4\0\0\0\0\0\0\1x";
    struct frames frames = { .left = 0 };
    const uint8_t *bytes = (const uint8_t *)bad;
    size_t len = sizeof(bad) - 1;
    struct frames_part part;
    struct err err;

    (void)state;
    assert_false(frames_next(&frames, &bytes, &len, &part, &err));
    assert_string_equal(err.text,
                        "the engine's stream has a frame that starts with 01 00 00 01, "
                        "expected 01 or 02 and three zero bytes");
    frames = (struct frames) { .left = 0 };
    bytes = (const uint8_t *)unknown;
    len = sizeof(unknown) - 1;
    assert_false(frames_next(&frames, &bytes, &len, &part, &err));
}

static void a_cut_stream_is_seen(void **state)
{
    struct frames frames = { .left = 0 };
    const uint8_t *bytes = (const uint8_t *)STREAM;
    size_t len = 10;
    struct frames_part part;
    struct err err;

    (void)state;
    assert_true(frames_next(&frames, &bytes, &len, &part, &err));
    assert_false(frames_is_whole(&frames));
}

static void engines_are_found_by_their_address(void **state)
{
    static const struct {
        const char *text, *tls;
        enum engine_transport transport;
        const char *url, *name;
    } cases[] = {
        { "unix:///var/run/docker.sock", NULL, ENGINE_UNIX, "http://docker",
          "unix:///var/run/docker.sock" },
        { "tcp://10.0.0.1", NULL, ENGINE_TCP, "http://10.0.0.1:2375", "tcp://10.0.0.1:2375" },
        { "tcp://h.example:99", NULL, ENGINE_TCP, "http://h.example:99", "tcp://h.example:99" },
        { "tcp://h.example", "/certs", ENGINE_TLS, "https://h.example:2376",
          "tcp://h.example:2376" },
        { "tcp://[2001:db8::1]:2375", NULL, ENGINE_TCP, "http://[2001:db8::1]:2375",
          "tcp://[2001:db8::1]:2375" },
        { "https://h:1", "/certs", ENGINE_TLS, "https://h:1", "tcp://h:1" },
    };
    struct engine_host host;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(engine_host_parse("DOCKER_HOST", cases[i].text, cases[i].tls, &host, &err));
        assert_int_equal(host.transport, cases[i].transport);
        assert_string_equal(host.url, cases[i].url);
        assert_string_equal(host.name, cases[i].name);
    }
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const cases[][2] = {
        { "unix://docker.sock", "DOCKER_HOST: \"unix://docker.sock\", expected unix:///PATH" },
        { "tcp://", "DOCKER_HOST: \"tcp://\", expected tcp://HOST[:PORT]" },
        { "tcp://h:0", "DOCKER_HOST: \"tcp://h:0\", expected tcp://HOST[:PORT]" },
        { "tcp://h:70000", "DOCKER_HOST: \"tcp://h:70000\", expected tcp://HOST[:PORT]" },
        { "tcp://h/x", "DOCKER_HOST: \"tcp://h/x\", expected tcp://HOST[:PORT]" },
        { "tcp://[::1", "DOCKER_HOST: \"tcp://[::1\", expected tcp://HOST[:PORT]" },
        { "tcp://user@h", "DOCKER_HOST: \"tcp://user@h\", expected tcp://HOST[:PORT]" },
        { "npipe:////./pipe/docker",
          "DOCKER_HOST: \"npipe:////./pipe/docker\", expected unix:///PATH or "
          "tcp://HOST[:PORT]" },
        { "ssh://u@h", "DOCKER_HOST: ssh:// is not supported; forward the socket with \"ssh -L "
                       "/tmp/docker.sock:/var/run/docker.sock u@h\" and set "
                       "DOCKER_HOST=unix:///tmp/docker.sock" },
        { "", "DOCKER_HOST: \"\", expected unix:///PATH or tcp://HOST[:PORT]" },
    };
    char path[200] = "unix:///";
    struct engine_host host;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(engine_host_parse("DOCKER_HOST", cases[i][0], NULL, &host, &err));
        assert_string_equal(err.text, cases[i][1]);
    }
    memset(path + 8, 'x', 120);
    assert_false(engine_host_parse("DOCKER_HOST", path, NULL, &host, &err));
    assert_string_equal(err.text,
                        "DOCKER_HOST: the socket's path has 121 bytes, expected at most 103");
}

static void contexts_are_read(void **state)
{
    static const char meta[] = "{\"Name\":\"far\",\"Endpoints\":{\"docker\":{\"Host\":"
                               "\"tcp://far:2376\",\"SkipTLSVerify\":true}}}";
    static const char config[] = "{\"auths\":{},\"currentContext\":\"far\"}";
    char name[ENGINE_CONTEXT_MAX], hex[DIGEST_TEXT_MAX];
    struct engine_host host;
    struct err err;

    (void)state;
    assert_true(engine_context_current(config, sizeof(config) - 1, name, &err));
    assert_string_equal(name, "far");
    assert_true(engine_context_current("{}", 2, name, &err));
    assert_string_equal(name, "");
    assert_true(engine_context_folder("desktop-linux", hex));
    assert_string_equal(hex,
                        "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e");
    assert_true(engine_context_parse("far", meta, sizeof(meta) - 1, "/tls", &host, &err));
    assert_int_equal(host.transport, ENGINE_TLS);
    assert_true(host.is_unverified);
    assert_false(engine_context_parse("far", "{}", 2, NULL, &host, &err));
    assert_string_equal(err.text, "docker context \"far\": field \"Endpoints/docker/Host\" is "
                                  "missing, expected a string");
    assert_false(engine_context_current("[", 1, name, &err));
}

static void texts_are_quoted_for_paths(void **state)
{
    char out[32];

    (void)state;
    assert_true(http_quote("a/b:c d?e&f%", out, sizeof(out)));
    assert_string_equal(out, "a/b:c%20d%3Fe%26f%25");
    assert_false(http_quote("0123456789012345678901234567890", out, sizeof(out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_that_both_speak_is_chosen),
        cmocka_unit_test(an_error_is_the_engines_message),
        cmocka_unit_test(heads_are_read_at_any_cut),
        cmocka_unit_test(what_is_no_head_is_refused),
        cmocka_unit_test(frames_are_taken_apart_at_any_cut),
        cmocka_unit_test(a_bad_frame_is_refused),
        cmocka_unit_test(a_cut_stream_is_seen),
        cmocka_unit_test(engines_are_found_by_their_address),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(contexts_are_read),
        cmocka_unit_test(texts_are_quoted_for_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
