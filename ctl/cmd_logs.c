/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: what the log holds now is read first, from the gateway or from the volume;
 * then, with -f, what comes after the last record that was shown, from one gateway after the
 * other.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/textfile.h"
#include "ctl/cmd.h"
#include "ctl/engine.h"
#include "ctl/log_since.h"
#include "ctl/log_source.h"
#include "ctl/log_view.h"
#include "ctl/settings.h"
#include "ctl/signals.h"

#define TAIL_MAX       1000000
#define RETRY_MS       500
#define OPTIONS_WANTED "expected -f, -n N, --denied, --since TIME, --agent A or --json"

struct logs {
    struct settings settings;
    struct log_view view;
    struct engine *engine;
    bool is_following, is_json;
};

/* --- options ----------------------------------------------------------------------------- */

static bool read_value(struct logs *logs, const char *option, const char *value,
                       struct err *err)
{
    struct log_view *view = &logs->view;
    unsigned long number;

    if (value == NULL)
        return err_set(err, 0, "%s without a value, expected one after it", option);
    if (strcmp(option, "-n") == 0) {
        if (!token_number((struct token) { value, strlen(value) }, TAIL_MAX, &number) ||
            number == 0)
            return err_set(err, 0, "-n \"%.80s\", expected a number of records, 1 to %d", value,
                           TAIL_MAX);
        view->tail = number;
        return true;
    }
    if (strcmp(option, "--since") == 0)
        return log_since_parse(value, time(NULL), view->filter.since, err);
    if (!conf_agent_name_is_valid(value, strlen(value)))
        return err_set(err, 0,
                       "\"%.80s\" is no agent's name, expected 1 to 63 of a-z, 0-9, \"_\" "
                       "and \"-\"",
                       value);
    view->filter.agent = value;
    return true;
}

static bool read_options(struct logs *logs, int argc, char **argv, struct err *err)
{
    const struct {
        const char *name, *also;
        bool *flag; /* NULL: it takes a value */
    } options[] = {
        { "-f", "--follow", &logs->is_following },
        { "-n", "--tail", NULL },
        { "--denied", "--denied", &logs->view.filter.is_denied_only },
        { "--since", "--since", NULL },
        { "--agent", "--agent", NULL },
        { "--json", "--json", &logs->is_json },
    };

    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(options) && strcmp(argv[i], options[k].name) != 0 &&
               strcmp(argv[i], options[k].also) != 0)
            k++;
        if (k == ARRAY_LEN(options))
            return err_set(err, 0, "%s\"%.80s\", " OPTIONS_WANTED,
                           argv[i][0] == '-' ? "unknown option " : "", argv[i]);
        if (options[k].flag)
            *options[k].flag = true;
        else if (!read_value(logs, options[k].name, i + 1 < argc ? argv[i + 1] : NULL, err))
            return false;
        else
            i++;
    }
    return true;
}

/* --- the terminal ------------------------------------------------------------------------ */

static size_t terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    unsigned long number;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col;
    if (columns && token_number((struct token) { columns, strlen(columns) }, 1000, &number))
        return number;
    return 80;
}

static void set_table(struct logs *logs)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

    logs->view.is_table = !logs->is_json && isatty(STDOUT_FILENO);
    logs->view.table.width = terminal_width();
    logs->view.table.has_color =
        (none == NULL || none[0] == '\0') && term && strcmp(term, "dumb") != 0;
}

static void print_hint(struct logs *logs)
{
    static char text[LOG_HINT_MAX];

    log_hint_text(&logs->view.hint, logs->view.filter.agent, text);
    if (logs->view.is_table && logs->view.filter.is_denied_only && text[0])
        printf("\nif the agent is meant to reach them:\n%s", text);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool is_absent(const struct err *err)
{
    return err->code == ENOENT || err->code == EEXIST;
}

static bool read_history(struct logs *logs, struct err *err)
{
    struct log_view *view = &logs->view;
    bool is_good =
        log_source_gateway(logs->engine, false, view->filter.since, log_view_take, view, err);

    if (!is_good && is_absent(err)) {
        log_lines_restart(&view->lines);
        is_good = log_source_volume(logs->engine, logs->settings.gateway_image, log_view_take,
                                    view, err);
        /* one that is not there yet may come */
        is_good = is_good || (logs->is_following && err->code == ENOENT);
    }
    return is_good && log_view_flush(view, err);
}

/* Say once what keeps the log from going on. */
static void tell(char told[sizeof(((struct err *)0)->text)], const char *text)
{
    if (strcmp(told, text) != 0)
        fprintf(stderr, "secctl: logs: waiting for the gateway%s%s\n", text[0] ? ": " : "",
                text);
    memcpy(told, text, strlen(text) + 1);
}

static bool is_output_gone(void)
{
    return ferror(stdout) != 0;
}

/* Until a signal comes, or nobody reads any more. */
static void follow(struct logs *logs, struct err *err)
{
    char told[sizeof(err->text)] = "-";

    while (!signals_ending() && !is_output_gone()) {
        struct log_view *view = &logs->view;
        const char *since = view->place.ts[0] ? view->place.ts : view->filter.since;
        struct pollfd wait = { .fd = signals_fd(), .events = POLLIN };

        log_lines_restart(&view->lines);
        if (log_source_gateway(logs->engine, true, since, log_view_take, view, err))
            memcpy(told, "-", 2);
        else if (err->code == EINTR || is_output_gone())
            return;
        else
            tell(told, is_absent(err) ? "" : err->text);
        (void)poll(&wait, 1, RETRY_MS);
    }
}

/* A signal, and a reader that has gone ("| head"), need no words. */
static int ended(struct err *err)
{
    if (signals_ending() || is_output_gone())
        err->text[0] = '\0';
    return signals_ending() ? 128 + signals_ending() : EXIT_FAILED;
}

static int run(struct logs *logs, struct err *err)
{
    size_t nr_bad;

    if (!settings_read(&logs->settings, err) || !signals_catch(err))
        return EXIT_FAILED;
    logs->engine = engine_open(err);
    if (logs->engine == NULL)
        return EXIT_FAILED;
    if (!read_history(logs, err))
        return ended(err);
    if (logs->is_following)
        follow(logs, err);
    nr_bad = logs->view.nr_bad + logs->view.lines.nr_too_long;
    if (nr_bad)
        fprintf(stderr, "secctl: warning: %zu line%s left out: no record of fwd's\n", nr_bad,
                nr_bad == 1 ? "" : "s");
    if (logs->is_following)
        return ended(err);
    print_hint(logs);
    return EXIT_DONE;
}

int ctl_logs(int argc, char **argv, struct err *err)
{
    struct logs *logs = calloc(1, sizeof(*logs));
    int rc = EXIT_USAGE;

    if (logs == NULL) {
        err_set(err, ENOMEM, "out of memory");
        return EXIT_FAILED;
    }
    if (read_options(logs, argc, argv, err)) {
        set_table(logs);
        rc = run(logs, err);
    }
    engine_close(logs->engine);
    log_view_clear(&logs->view);
    free(logs);
    return rc;
}
