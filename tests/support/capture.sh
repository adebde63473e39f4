# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The capture assertion: all that left the gateway's outer interface is declared, or the test fails.

capture_up() {
    : >"$T/expected"
    : >"$T/tcpdump.log"
    # shellcheck disable=SC2086 # several options
    spawn "$NS_GW" tcpdump -q -U -Z root -n ${CAPTURE_OPTIONS:--B 65536} -Q out -i gwout -w "$T/out.pcap" 2>"$T/tcpdump.log"
    CAPTURE_PID=$!
    retry 10 grep -q 'listening on' "$T/tcpdump.log"
}

# expect_out FILTER - packets that match this display filter may leave
expect_out() { echo "out $1" >>"$T/expected"; }

# expect_tls NAME ADDRESS [PORT] - TLS connections to ADDRESS whose every ClientHello names NAME
expect_tls() { echo "tls $1 $2 ${3:-443}" >>"$T/expected"; }

# expect_http NAME ADDRESS [PORT] - HTTP connections to ADDRESS whose every request names NAME
expect_http() { echo "http $1 $2 ${3:-80}" >>"$T/expected"; }

# expect_quic NAME ADDRESS [PORT] - QUIC connections to ADDRESS whose every ClientHello names NAME
expect_quic() { echo "quic $1 $2 ${3:-443}" >>"$T/expected"; }

# expect_never TEXT - no payload to an address of expect_http holds it
expect_never() { echo "never $1" >>"$T/expected"; }

# expect_dns NAME [SERVER...] - A and AAAA questions for NAME and nothing else, to SERVER
expect_dns() {
    local name=$1 server

    shift
    for server in "${@:-$RESOLVER}"; do echo "dns $name $server" >>"$T/expected"; done
}

# expect_released ADDRESS PORT BYTES - connections that were helped on with so many first bytes, without a name
expect_released() { echo "released $1 $2 $3" >>"$T/expected"; }

# expect_allowed NAME ADDRESS... - the usual: it is looked up and reached by TLS on 443
expect_allowed() {
    local name=$1 address

    shift
    expect_dns "$name"
    for address; do expect_tls "$name" "$address"; done
}

# capture_stop - when all that has left by now is in the file: the kernel hands packets over in blocks,
# up to a second late, so a frame of a type that nobody else uses marks the end
capture_stop() {
    [ -n "$CAPTURE_PID" ] || return 0
    in_gw /usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("gwout", 0))
s.send(b"\xff" * 6 + s.getsockname()[4] + b"\x88\xb5" + b"end of capture".ljust(46, b"."))'
    retry 10 capture_has_end
    stop_pid "$CAPTURE_PID"
    CAPTURE_PID=
}

# capture_watch - with plain forwarding: end this script as soon as something has left that its whole run with the
# gateway, whose declarations are in the file DECLARED, never declared. There is no need to see more
capture_watch() {
    local main=$$

    while sleep 3; do
        cp "$T/out.pcap" "$T/watched.pcap"
        sort -u "$T/expected" "$DECLARED" >"$T/watched"
        /usr/bin/python3 "$SUPPORT/capcheck.py" "$T/watched.pcap" "$T/watched" "$(in_gw cat /sys/class/net/gwout/address)" \
            >"$T/seen.new" 2>/dev/null
        [ $? -eq 42 ] || continue # too early, or the file ends within a packet
        mv "$T/seen.new" "$T/seen"
        kill -TERM "$main"
        return
    done
}

capture_has_end() { tail -c 20000 "$T/out.pcap" | grep -aq 'end of capture'; }

# capture_check LINES - 0 when every packet was declared; 42 and a list of so many when not; 1 when it cannot say
capture_check() {
    local dropped

    dropped=$(sed -n 's/^\([0-9]*\) packets\{0,1\} dropped by kernel.*/\1/p' "$T/tcpdump.log")
    if [ "$dropped" != 0 ]; then
        echo "the capture lacks ${dropped:-an unknown number of} packets"
        return 1
    fi
    capture_has_end || {
        echo 'the capture lacks its end'
        return 1
    }
    /usr/bin/python3 "$SUPPORT/capcheck.py" "$T/out.pcap" "$T/expected" "$(in_gw cat /sys/class/net/gwout/address)" "$1"
}

# served_check - the other end's word: nginx served no name at an address that was not declared
served_check() {
    local addr name rest status=0

    [ -s "$T/nginx/access.log" ] || return 0
    while read -r addr name rest; do
        # a request without TLS, or without a name in it, is "-": the capture decides
        [ "$name" = - ] || grep -qix "tls ${name%.} $addr [0-9]*" "$T/expected" || {
            echo "server $addr served $name"
            status=42
        }
    done < <(sort -u "$T/nginx/access.log")
    return "$status"
}
