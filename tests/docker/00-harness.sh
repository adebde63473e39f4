#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The machine that the tests of this folder run on: its engine, its images, its internet, and that nothing
# leaves it that is not declared.

. "$(dirname "$0")/../support/docker.sh"

docker_begin
web_up && resolver_up || exit 1

images() { docker image ls --format '{{.Repository}}:{{.Tag}}'; }
check_has 'the test agent is there' secctl-test-agent:latest images
[ "$ENGINE" != system ] || check_has 'the image of Claude Code is there' claude-secure-claude:latest images

bare() { docker run --rm "$@"; }
check_has 'a container runs, as UID 1000' 'uid=1000(claude)' bare --network none secctl-test-agent id
check_fast 'an image that is not there is not fetched from anywhere' 60000 docker pull -q nothing.test/image

expect_allowed www.allowed.test 203.0.113.11
expect_dns nothing.test
web() { docker run --rm -v "$T/ca.crt:/ca.crt:ro" secctl-test-agent curl -sS -m 10 --cacert /ca.crt "$@"; }
check_has 'a container on a plain bridge reaches the internet' 'served-name: www.allowed.test' web https://www.allowed.test/
# what plain forwarding lets out, which the capture has to see
is_plain && web -k https://denied.test/

e2e_end
