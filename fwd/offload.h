/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * UDP segmentation offload of a device: with it one packet is many datagrams, of which rules
 * see the first one's header only. Without it the kernel cuts them before the device.
 */
#ifndef FWD_OFFLOAD_H
#define FWD_OFFLOAD_H

#include <stdbool.h>

#include "common/attr.h"

/** offload_udp_off - 0 when it is off now, or a kernel that has none; -errno */
MUST_CHECK int offload_udp_off(const char *device);

/** offload_udp_is_on - 1, 0, or -errno; needs no privilege */
MUST_CHECK int offload_udp_is_on(const char *device);

#endif
