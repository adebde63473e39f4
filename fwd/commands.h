/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FWD_COMMANDS_H
#define FWD_COMMANDS_H

/* Exit statuses. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DIFFERS = 3 };

#define CONFIG_DEFAULT  "/etc/secctl/gateway.conf"
#define CONFIG_EXPECTED "--config FILE or --set KEY=VALUE"

struct err;

/* Print what is wrong; EXIT_FAILED. fail_netlink: EPERM has one cause, which is named. */
int fail(const struct err *err);
int fail_netlink(struct err *err);

/* One function per command: argv[0] is the command's name; returns an exit status. */
int cmd_gateway(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_link(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_probe(int argc, char **argv);

#endif
