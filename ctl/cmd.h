/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "common/attr.h"
#include "common/err.h"

/* Exit statuses. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,  /* *err says why, unless its text is empty */
    EXIT_USAGE = 2,   /* likewise */
    EXIT_DIFFERS = 3, /* the state is not the one that was asked for; likewise */
};

/* One command of secctl. argv[0] is its name, which main() puts before what *err says. */
struct cmd {
    const char *name;
    const char *arguments;
    const char *summary;
    int (*run)(int argc, char **argv, struct err *err);
};

int ctl_allow(int argc, char **argv, struct err *err);
int ctl_deny(int argc, char **argv, struct err *err);
int ctl_reload(int argc, char **argv, struct err *err);
int ctl_start(int argc, char **argv, struct err *err);
int ctl_run(int argc, char **argv, struct err *err);
int ctl_stop(int argc, char **argv, struct err *err);
int ctl_build(int argc, char **argv, struct err *err);
int ctl_update(int argc, char **argv, struct err *err);
int ctl_status(int argc, char **argv, struct err *err);
int ctl_shell(int argc, char **argv, struct err *err);
int ctl_logs(int argc, char **argv, struct err *err);
int ctl_doctor(int argc, char **argv, struct err *err);
int ctl_check(int argc, char **argv, struct err *err);

#endif
