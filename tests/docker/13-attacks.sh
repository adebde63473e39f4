#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What an agent's programs try, and what a neighbour does: all of it fails at once, and nobody hears of it but the log.
# With bridged packets seen by the rules for routed ones, then a part of it without. A link connected to more networks
# than its own, and an agent in the place of another.

. "$(dirname "$0")/../support/attacks.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_out 'tcp.port == 7777 and ip.dst == 203.0.113.12'
attacks_up
check_has 'doctor names the neighbour' 'container neighbour is on network claude-internal' secctl doctor
attacks_whole
nf_call 0
note 'bridge-nf-call-iptables 0'
attacks_core
connected_elsewhere
same_slot
attacks_end
