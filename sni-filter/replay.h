/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_REPLAY_H
#define SNI_FILTER_REPLAY_H

/**
 * replay_main - sni-filter --read CAPTURE --allowlist FILE [--agent NAME] [--binding on|off]
 * [--internal CIDR]...
 *
 * What would this policy have done? The engine judges the packets of a capture file; records go
 * to standard output, a summary to standard error. argc, argv: main()'s own. Returns main()'s
 * status: 0 done; 1 the capture, or a part of it, or the allowlist could not be read; 2 usage.
 * Needs no privilege and no network.
 */
int replay_main(int argc, char **argv);

#endif
