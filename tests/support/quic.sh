# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# QUIC clients and servers (ngtcp2's), packets made by hand (rawquic.py), and a UDP server that echoes.

# the programs; a script may set others
SERVER=(gtlsserver) CLIENT=(gtlsclient)

# quicd_up ADDRESS [OPTION...] - HTTP/3 on port 443; $T/www is served
quicd_up() {
    local address=$1

    shift
    mkdir -p "$T/www"
    echo 'served by QUIC' >"$T/www/quic"
    spawn "$NS_OUT" "${SERVER[@]}" -q "$@" -d "$T/www" "$address" 443 "$T/server.key" "$T/server.crt" >>"$T/quicd.log" 2>&1
    retry 10 udp_listens "$address" 443
}

udp_listens() {
    local address=$1

    case $address in *:*) address="[$address]" ;; esac
    in_out ss -Hlun src "$address" sport = "$2" | grep -q .
}

# quic_get NAME [OPTION...] - prints what is served at https://NAME/quic
quic_get() {
    local name=$1

    shift
    rm -f "$T/got/quic"
    mkdir -p "$T/got"
    in_in timeout "${QUIC_SECONDS:-20}" "${CLIENT[@]}" -q --exit-on-all-streams-close --download="$T/got" "$@" "$name" 443 "https://$name/quic" &&
        cat "$T/got/quic"
}

# raw ADDRESS STEP... - see rawquic.py
raw() { in_in timeout 60 /usr/bin/python3 "$SUPPORT/rawquic.py" "$@"; }

# udpd_up PORT... - each datagram comes back
udpd_up() {
    local port

    for port; do
        spawn "$NS_OUT" /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO: answer from the address that was asked
s.bind(("", int(sys.argv[1])))
while True:
    data, ancillary, _, peer = s.recvmsg(65536, 256)
    s.sendmsg([data], [(l, t, bytes(4) + d[4:8] + bytes(4)) for l, t, d in ancillary], 0, peer)' "$port" 2>>"$T/udpd.err"
        retry 10 udp_listens 0.0.0.0 "$port"
    done
}
