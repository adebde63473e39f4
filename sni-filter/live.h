/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_LIVE_H
#define SNI_FILTER_LIVE_H

/**
 * live_main - sni-filter live --in FD --out FD --user NAME|UID --internal IFINDEX
 *
 * Judge the packets of this network namespace's queue. argv[0] is the command's name. Returns
 * main()'s status.
 */
int live_main(int argc, char **argv);

#endif
