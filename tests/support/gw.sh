# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The gateway under test, or plain forwarding in its place (MODE=plain).
#
# SC2016: awk's $1, not ours. SC2034: OUT is read in tap.sh. SC2119, SC2120: gw_conf's lines are optional.
# shellcheck disable=SC2016,SC2034,SC2119,SC2120

GW_PID=
GW_OPTIONS=() # beside --config
LOG_MARK=0

# queued - packets that user space has been given so far
queued() { in_gw awk '$1 == 13 { print $8 }' /proc/net/netfilter/nfnetlink_queue; }

# gw_policy - standard input becomes the allowlist
gw_policy() {
    mkdir -p "$T/policy"
    cat >"$T/policy/allowlist"
}

# gw_conf [LINE...] - write gateway.conf; LINEs are added, an upstream among them replaces the usual one
gw_conf() {
    mkdir -p "$T/state" "$T/policy"
    {
        printf '%s\n' 'mode = enforce' 'internal = gwin' 'external = gwout' 'tunnel = none' \
            "policy = $T/policy" "state = $T/state" "log = $T/verdicts" 'user = 13'
        [ $# -eq 0 ] || printf '%s\n' "$@"
        case "$*" in *dns.upstream\ =*) ;; *) echo "dns.upstream = $RESOLVER" ;; esac
    } >"$T/policy/gateway.conf"
}

# gw_spawn - with the privileges that it has in its container, and no other
gw_spawn() {
    spawn "$NS_GW" setpriv --bounding-set "${GW_CAPS--all,+net_admin,+setuid,+setgid,+setpcap}" --no-new-privs \
        "$BUILD/fwd" gateway --config "$T/policy/gateway.conf" ${GW_OPTIONS[@]+"${GW_OPTIONS[@]}"} 2>>"$T/fwd.err"
    GW_PID=$!
}

# gw_start - and wait until it says that it started
gw_start() {
    LOG=$T/verdicts
    [ -e "$T/policy/gateway.conf" ] || gw_conf
    if is_plain; then
        plain_start
        return
    fi
    : >>"$LOG"
    log_mark
    gw_spawn
    log_has event=start >/dev/null || {
        not_ok 'the gateway starts'
        note "$(cat "$T/fwd.err" "$LOG")"
        return 1
    }
}

plain_start() {
    local upstream

    : >>"$LOG"
    upstream=$(sed -n 's/^dns.upstream = \([0-9.]*\).*/\1/p' "$T/policy/gateway.conf")
    in_gw sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    in_gw nft -f - <<END
table inet plain {
    chain intake {
        type nat hook prerouting priority -100
        iifname gwin meta nfproto ipv4 udp dport 53 dnat ip to ${PLAIN_UPSTREAM:-$upstream}
        iifname gwin meta nfproto ipv4 tcp dport 53 dnat ip to ${PLAIN_UPSTREAM:-$upstream}
    }
    chain leave {
        type nat hook postrouting priority 100
        oifname gwout masquerade
    }
}
END
}

gw_stop() {
    [ -n "$GW_PID" ] || return 0
    stop_pid "$GW_PID"
    GW_PID=
}

# gw_reload - load the policy again and wait for the record
gw_reload() {
    is_plain && return 0
    log_mark
    kill -HUP "$GW_PID"
    log_has event=policy >/dev/null
}

# log_mark - log_has looks only at records after this point
log_mark() { LOG_MARK=$({ wc -l <"$LOG"; } 2>/dev/null || echo 0); }

# log_has KEY=VALUE... - a record with these values (KEY~REGEX, KEY!=VALUE too) is in the log within 3 s
log_has() { /usr/bin/python3 "$SUPPORT/logq.py" --after "$LOG_MARK" --wait "${LOG_WAIT:-3}" "$LOG" "$@"; }

# check_log SENTENCE KEY=VALUE...
check_log() {
    local sentence=$1

    is_plain && return 0
    shift
    OUT=$(log_has "$@" 2>&1)
    result $? "$sentence"
}

# check_denied SENTENCE "KEY=VALUE..." COMMAND... - COMMAND fails within 1 s, the reason is in the log
check_denied() {
    local sentence=$1
    local -a want

    read -r -a want <<<"$2"
    shift 2
    log_mark
    check_fast "$sentence: fails at once" "${FAST_MS:-1000}" "$@"
    check_log "$sentence: the log says why ($(printf '%s ' "${want[@]}" | sed 's/ $//'))" verdict=deny "${want[@]}"
}

# log_check - every record follows the schema, numbers have no gap
log_check() {
    [ -s "$LOG" ] || return 0
    if [ -e "$SUPPORT/validate_log.py" ]; then
        /usr/bin/python3 "$SUPPORT/validate_log.py" "$LOG"
    fi
}
