/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2] = { -1, -1 };
static volatile sig_atomic_t ending, nr_ending, has_resized;
static unsigned nr_holds;

static void on_signal(int number)
{
    int saved = errno;
    ssize_t ignored;

    if (number == SIGWINCH) {
        has_resized = 1;
    } else {
        if (!ending)
            ending = number;
        nr_ending = nr_ending + 1;
    }
    ignored = write(pipe_fds[1], "", 1); /* a full pipe is readable already */
    (void)ignored;
    errno = saved;
}

static bool set_up_pipe(void)
{
    if (pipe(pipe_fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (fcntl(pipe_fds[i], F_SETFL, O_NONBLOCK) < 0 ||
            fcntl(pipe_fds[i], F_SETFD, FD_CLOEXEC) < 0)
            return false;
    return true;
}

bool signals_catch(struct err *err)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
    struct sigaction action = { .sa_handler = on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    if (pipe_fds[0] >= 0)
        return true;
    if (!set_up_pipe())
        return err_set(err, errno, "make a pipe: %s", strerror(errno));
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct sigaction old;

        /* what the starter had ignored (nohup) stays so */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN &&
            numbers[i] != SIGWINCH)
            continue;
        if (sigaction(numbers[i], &action, NULL) != 0)
            return err_set(err, errno, "catch a signal: %s", strerror(errno));
    }
    sigaction(SIGPIPE, &ignore, NULL);
    return true;
}

int signals_fd(void)
{
    return pipe_fds[0];
}

void signals_drain(void)
{
    char bytes[64];

    while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
        ;
}

int signals_ending(void)
{
    return ending;
}

unsigned signals_count(void)
{
    return (unsigned)nr_ending;
}

bool signals_resized(void)
{
    bool was = has_resized;

    has_resized = 0;
    return was;
}

void signals_hold(bool is_held)
{
    if (is_held)
        nr_holds++;
    else if (nr_holds)
        nr_holds--;
}

bool signals_is_interrupted(void)
{
    return ending && nr_holds == 0;
}
