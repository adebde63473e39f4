/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket: only a whole request is one. Requests are written here byte by byte, as a
 * client that dies half-way leaves them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/control.h"
#include "tests/support/cm.h"

static char dir[] = "/tmp/secctl-test-control-XXXXXX";
static struct control control;

static int open_control(void **state)
{
    struct err err = { 0 };

    (void)state;
    log_set("test", LOG_LEVEL_NONE);
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    return mkdtemp(dir) && control_open(&control, dir, &err) ? 0 : -1;
}

static int close_control(void **state)
{
    (void)state;
    control_close(&control);
    return rmdir(dir);
}

static int join(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", control.path);
    assert_int_equal(connect(fd, (const void *)&address, sizeof(address)), 0);
    control_accept(&control, 0);
    assert_true(control.client_fd >= 0);
    return fd;
}

/* len bytes, then the end of them; returns the client's descriptor */
static int request(const char *bytes, size_t len)
{
    int fd = join();

    assert_int_equal(send(fd, bytes, len, 0), len);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (int i = 0; i < 3 && control.client_fd >= 0 && !control.is_whole; i++)
        control_read(&control);
    return fd;
}

static void assert_answer(int fd, const char *expected)
{
    char line[256];
    ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

    assert_true(n >= 0);
    line[n] = '\0';
    assert_string_equal(line, expected);
    close(fd);
}

static void a_whole_request_is_its_text(void **state)
{
    int fd = request("policy 4\na.b\n", 13);

    (void)state;
    assert_true(control.is_whole);
    assert_int_equal(control.len, 4);
    assert_memory_equal(control.text, "a.b\n", 4);
    control_answer(&control, true, "done");
    assert_answer(fd, "ok done\n");
    assert_int_equal(control.client_fd, -1);
}

static void an_empty_text_is_a_request_when_it_says_so(void **state)
{
    int fd = request("policy 0\n", 9);

    (void)state;
    assert_true(control.is_whole);
    assert_int_equal(control.len, 0);
    control_answer(&control, true, "done");
    assert_answer(fd, "ok done\n");
}

static void who_only_looks_whether_somebody_answers_asks_for_nothing(void **state)
{
    int fd = request("", 0);

    (void)state;
    assert_false(control.is_whole);
    assert_int_equal(control.client_fd, -1);
    assert_answer(fd, "");
}

static void a_second_gateway_is_refused_and_asks_for_nothing(void **state)
{
    struct control second;
    struct err err = { 0 };

    (void)state;
    assert_false(control_open(&second, dir, &err));
    assert_int_equal(err.code, EADDRINUSE);
    control_accept(&control, 0);
    control_read(&control);
    assert_false(control.is_whole);
    assert_int_equal(control.client_fd, -1);
}

static void a_request_cut_short_anywhere_is_none(void **state)
{
    static const char whole[] = "policy 17\na.b\n!telemetry.a\n";

    (void)state;
    assert_int_equal(sizeof(whole) - 1, 10 + 17);
    for (size_t len = 1; len < sizeof(whole) - 1; len++) {
        int fd = request(whole, len);

        assert_false(control.is_whole);
        assert_int_equal(control.client_fd, -1);
        assert_answer(fd, len < 10 ? "error no request, expected what is asked for and its "
                                     "length in the first line\n"
                                   : "error the request is cut short, expected all of it\n");
    }
}

static void more_than_was_announced_is_no_request(void **state)
{
    int fd = request("policy 3\na.b\n", 13);

    (void)state;
    assert_false(control.is_whole);
    assert_answer(fd, "error the request is cut short, expected all of it\n");
}

static void a_first_line_of_another_form_is_no_request(void **state)
{
    static const char *const heads[] = { "a.b\n",       "policy\n",    "policy 4x\na.b\n",
                                         "policy x4\n", "policy 4 \n", "load 4\na.b\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        int fd = request(heads[i], strlen(heads[i]));

        assert_false(control.is_whole);
        assert_answer(
            fd,
            "error no request, expected what is asked for and its length in the first line\n");
    }
}

static void a_client_that_is_silent_is_given_up(void **state)
{
    int fd = join();

    (void)state;
    control_tick(&control, 4999);
    assert_true(control.client_fd >= 0);
    control_tick(&control, 5000);
    assert_int_equal(control.client_fd, -1);
    assert_answer(fd, "error the request did not arrive within 5 s\n");
}

static void a_path_that_is_no_socket_address_is_refused(void **state)
{
    char long_dir[CONTROL_PATH_MAX], path[CONTROL_PATH_MAX];
    struct err err = { 0 };

    (void)state;
    memset(long_dir, 'a', sizeof(long_dir) - 1);
    long_dir[sizeof(long_dir) - 1] = '\0';
    assert_false(control_path(long_dir, path, &err));
    assert_int_equal(err.code, ENAMETOOLONG);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_control, close_control)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_whole_request_is_its_text),
        T(an_empty_text_is_a_request_when_it_says_so),
        T(who_only_looks_whether_somebody_answers_asks_for_nothing),
        T(a_second_gateway_is_refused_and_asks_for_nothing),
        T(a_request_cut_short_anywhere_is_none),
        T(more_than_was_announced_is_no_request),
        T(a_first_line_of_another_form_is_no_request),
        T(a_client_that_is_silent_is_given_up),
        T(a_path_that_is_no_socket_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
