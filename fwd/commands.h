/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_COMMANDS_H
#define FWD_COMMANDS_H

/* Exit statuses. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DIFFERS = 3 };

#define CONFIG_DEFAULT "/etc/secctl/gateway.conf"

/* One function per command: argv[0] is the command's name; returns an exit status. */
int cmd_gateway(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_check(int argc, char **argv);

#endif
