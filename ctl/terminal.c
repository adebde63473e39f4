/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool is_raw;

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static void at_exit(void)
{
    terminal_restore(true);
}

bool terminal_raw(struct err *err)
{
    static bool is_registered;
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &saved) != 0)
        return err_set(err, errno, "ask for the terminal's settings: %s", strerror(errno));
    if (!is_registered && atexit(at_exit) == 0)
        is_registered = true;
    raw = saved;
    raw.c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0)
        return err_set(err, errno, "set the terminal: %s", strerror(errno));
    is_raw = true;
    return true;
}

bool terminal_reset(void)
{
    /* the other screen, bracketed paste and mouse reports off, the cursor on, plain letters */
    static const char reset[] =
        "\033[?1049l\033[?2004l\033[?1000l\033[?1002l\033[?1003l\033[?1006l"
        "\033[?25h\033[0m\r\n";

    return write(STDOUT_FILENO, reset, sizeof(reset) - 1) == (ssize_t)(sizeof(reset) - 1);
}

void terminal_restore(bool is_broken_off)
{
    if (!is_raw)
        return;
    is_raw = false;
    if (is_broken_off && !terminal_reset())
        return; /* the terminal is gone */
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}
