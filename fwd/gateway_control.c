/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "fwd/gateway_internal.h"

/* Those that end with a policy in force wait until no other is on its way. */
void gateway_request(struct gateway *gateway)
{
    static void (*const run[NR_CONTROL_VERBS])(struct gateway * gateway) = {
        [CONTROL_POLICY] = gateway_load,
        [CONTROL_ATTACH] = gateway_attach,
        [CONTROL_DETACH] = gateway_detach,
        [CONTROL_STATUS] = gateway_status,
    };
    const enum control_verb verb = gateway->control.verb;

    if (verb == CONTROL_STATUS || !gateway->is_policy_sent)
        run[verb](gateway);
}
