#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stack and the attacks on it, on engine 26.1.

export ENGINE=trixie
. "$(dirname "$0")/../support/attacks.sh"

stack_begin <<'POLICY'
www.allowed.test
POLICY
expect_allowed www.allowed.test 203.0.113.11
expect_allowed other.test 203.0.113.12
engine_core
