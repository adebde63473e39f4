# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by every end-to-end script, which then calls:
#
#   e2e_begin              namespaces and the capture; all is gone when the script ends, however it ends
#   web_up, resolver_up... the servers that it needs
#   expect_...             what may leave the gateway
#   gw_policy, gw_start    the gateway, or plain forwarding with MODE=plain
#   check...               what clients see and what the log says
#   e2e_end                the capture and the log are checked
#
# Status 0: all passed. 42: packets left that were not declared; so must every script end with
# MODE=plain, or its capture check proves nothing. 1: anything else.
# DECLARED: a file for the declarations of a run with the gateway; with plain forwarding one that is there ends the
# run as soon as the capture proves it (capture_watch).
# BUILD names the programs' folder. Files are written below TMPDIR only (and /etc/netns/NAME while running).

SUPPORT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$SUPPORT/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$ROOT/build}")
ENDED=0
T=
CAPTURE_PID=

. "$SUPPORT/tap.sh"
. "$SUPPORT/net.sh"
. "$SUPPORT/servers.sh"
. "$SUPPORT/capture.sh"
. "$SUPPORT/gw.sh"

unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export LC_ALL=C

e2e_cleanup() {
    local status=$?

    trap '' INT TERM HUP PIPE
    if [ "$ENDED" -eq 0 ] && [ -n "$T" ] && [ -e "$T/seen" ]; then
        note "$(cat "$T/seen")"
        ENDED=1 status=42
    fi
    "${E2E_DOWN:-net_down}" 2>/dev/null
    if [ -n "${KEEP:-}" ]; then
        note "kept: $T"
    else
        [ -z "$T" ] || rm -rf "$T"
    fi
    if [ "$ENDED" -eq 0 ]; then
        not_ok "${0##*/} runs to its end (status $status)"
        [ "$status" -ne 0 ] || status=1
    fi
    exit "$status"
}

e2e_begin() {
    trap e2e_cleanup EXIT
    trap 'exit 130' INT TERM HUP PIPE
    T=${TMPDIR:-/tmp}/secctl-e2e.$$ # known before it exists: an interrupt cannot leave it behind
    mkdir -m 755 "$T" || {
        T=
        exit 1
    }
    "${E2E_UP:-net_up}" && capture_up || exit 1
    if is_plain && [ -s "${DECLARED:-}" ]; then
        capture_watch &
        PIDS+=($!)
    fi
    # the test's CA, as the machine's own would be known to clients
    export SSL_CERT_FILE=$T/ca.crt CURL_CA_BUNDLE=$T/ca.crt GIT_SSL_CAINFO=$T/ca.crt NODE_EXTRA_CA_CERTS=$T/ca.crt
    # shellcheck disable=SC2031 # it is this shell whose environment counts
    export WGETRC=$T/wgetrc HOME=$T GIT_CONFIG_NOSYSTEM=1
    echo "ca_certificate = $T/ca.crt" >"$WGETRC"
}

e2e_end() {
    local status text served

    gw_stop
    capture_stop
    text=$(capture_check 40)
    status=$?
    served=$(served_check) || [ "$status" -ne 0 ] || status=42
    ENDED=1
    note "$text"
    [ -z "$served" ] || note "$served"
    is_plain && exit "$status"
    [ -z "${DECLARED:-}" ] || cp "$T/expected" "$DECLARED"
    if [ "$status" -eq 0 ]; then
        ok 'no packet left the gateway that the policy does not allow'
    else
        not_ok 'no packet left the gateway that the policy does not allow'
    fi
    check 'every record of the verdict log follows the schema' log_check
    [ "$status" -eq 0 ] || exit "$status"
    [ "$TAP_FAILED" -eq 0 ] || exit 1
    exit 0
}
