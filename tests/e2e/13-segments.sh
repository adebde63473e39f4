#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# However a ClientHello is cut, ordered and repeated: the allowed name works, the denied one does not.
# SEGMENT_STEP: distance between the cuts that are tried (1: every one).
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
STEP=${SEGMENT_STEP:-1}
DENIED_STEP=$((STEP * 7))
PERMUTE=$((STEP * 13)) # each cut is tried in all orders
[ "$PERMUTE" -le 150 ] || PERMUTE=150 # some have to lie in the hello
if is_plain; then STEP=300 DENIED_STEP=300 PERMUTE=80; fi

e2e_begin
web_up && resolver_up && rawd_up && far_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed hrr.test 203.0.113.50 2001:db8::50
expect_allowed silent.test 203.0.113.41
expect_allowed far.test 192.0.2.77 2001:db8:77::77
# a client that is stalled by the holding is helped on, but never past the hello's last byte
expect_released 203.0.113.10 443 1700
expect_released 2001:db8::10 443 1700
gw_policy <<'END'
allowed.test
hrr.test
silent.test
far.test
END
gw_start || exit 1

curl_in() { in_in curl -sS -m 8 "$@"; }
raw() { in_in /usr/bin/python3 "$SUPPORT/rawtls.py" "$@"; }
tcp() { in_in /usr/bin/python3 "$SUPPORT/rawtcp.py" "$@"; }
tcp_asked_again() { # ADDRESS STEP... - the first answer is a HelloRetryRequest
    [ "$(tcp "$@" --wait 1)" = asked-again ]
}
never_served() { # COMMAND... - it ran, and no outcome is "served" or "asked-again"
    local text

    text=$("$@")
    echo "$text"
    [ -n "$text" ] && ! grep -qE 'served|asked-again' <<<"$text"
}
/usr/bin/python3 "$SUPPORT/rawtcp.py" --rules | in_in nft -f - || exit 1
for name in allowed hrr silent far; do
    check "$name.test is looked up" in_in dig +short "$name.test"
    check "$name.test is looked up, IPv6" in_in dig +short "$name.test" AAAA
done

# --- sizes, cuts and records, over the kernel's TCP

A4=203.0.113.10 A6=2001:db8::10
for address in $A4 $A6; do
    check "a hello of post-quantum size to $address" raw "$address" allowed.test --pq
    check "two segments to $address, every cut" raw "$address" allowed.test --pq --every "$STEP"
    check "denied name: two segments to $address, every cut" never_served raw "$address" denied.test --pq --every "$DENIED_STEP"
done
check 'three segments, every cut' raw $A4 allowed.test --pq --every "$STEP" --and-cut 97
check 'denied name: three segments, every cut' never_served raw $A4 denied.test --pq --every "$DENIED_STEP" --and-cut 97
check 'three segments with pauses' raw $A4 allowed.test --pq --cuts 80,900 --pause 0.2
check 'denied name: three segments with pauses' never_served raw $A4 denied.test --pq --cuts 80,900 --pause 0.2
for size in 1 2 7 100; do
    check "segments of $size bytes" raw $A4 allowed.test --segment "$size"
    check "denied name: segments of $size bytes" never_served raw $A4 denied.test --segment "$size"
    check "records of $size bytes" raw $A4 allowed.test --record-size "$size"
    check "denied name: records of $size bytes" never_served raw $A4 denied.test --record-size "$size"
done
check 'segments of 1 byte, post-quantum size' raw $A4 allowed.test --pq --segment 1
check 'denied name: segments of 1 byte, post-quantum size' never_served raw $A4 denied.test --pq --segment 1
check 'records of 1 byte in segments of 1 byte' raw $A4 allowed.test --record-size 1 --segment 1 --wait 8
check 'denied name: records of 1 byte in segments of 1 byte' never_served raw $A4 denied.test --record-size 1 --segment 1

# --- order, by a TCP of our own

for address in $A4 $A6; do
    check "two pieces to $address, in any order, many cuts" tcp "$address" --step "$PERMUTE" permute:2:allowed.test
    check "denied name: two pieces to $address, in any order" never_served \
        tcp "$address" --step "$((PERMUTE * 5))" --wait 1.5 permute:2:denied.test
done
check 'three pieces in any order, many cuts' tcp $A4 --step "$((PERMUTE * 2))" permute:3:allowed.test
check 'denied name: three pieces in any order' never_served tcp $A4 --step "$((PERMUTE * 8))" --wait 1.5 permute:3:denied.test
check 'the same bytes twice' tcp $A4 0:allowed.test:0-900 0:allowed.test:0-900 0:allowed.test
check 'pieces that overlap and agree' tcp $A4 0:allowed.test:500-1200 0:allowed.test:0-700 0:allowed.test:1000-

# --- pieces that disagree. The names are of equal length, so are the hellos

CONFLICT='reason=overlap-conflict verdict=deny'
conflict() { # SENTENCE STEP...
    local sentence=$1

    shift
    is_plain || sleep 1.1 # equal refusals within a second fold into one record
    log_mark
    check "$sentence: is not served" never_served tcp $A4 --wait 2 "$@"
    # shellcheck disable=SC2086 # conditions
    check_log "$sentence: is logged" $CONFLICT
}
conflict 'other bytes in a retransmission' 0:allowed.test:0-900 0:blocked.test:0-900 0:allowed.test:900-
conflict 'the denied name first' 0:blocked.test:0-900 0:allowed.test:0-900 0:allowed.test:900-
conflict 'other bytes out of order' 0:blocked.test:100-900 0:allowed.test:50-1000 0:allowed.test:0-100 0:allowed.test:1000-
log_mark
check 'other bytes after the verdict, before the answer, reset it' never_served \
    tcp 203.0.113.41 --wait 2 0:silent.test sleep:0.2 0:blocke.test sleep:0.1
check_log 'and are logged' reason=overlap-conflict dst=203.0.113.41
for decoy in ttl:1 badsum md5 urg; do
    case $decoy in
    ttl:1) steps=(ttl:1 0:allowed.test:0-900 ttl:0 0:blocked.test:0-900 0:blocked.test:900-) ;;
    urg) steps=("urg:0=1603" 0:blocked.test) ;;
    *) steps=("$decoy" 0:allowed.test:0-900 0:blocked.test) ;;
    esac
    check "a decoy by $decoy opens nothing" never_served tcp $A4 --wait 2 "${steps[@]}"
done
log_mark
check 'a checksum that is filled in over the name opens nothing' never_served in_in /usr/bin/python3 \
    "$SUPPORT/clients/vnet.py" $A4 allowed.test in0 "$(in_gw cat /sys/class/net/gwin/address)"
check_log 'the name is read as it would have left' event=tls verdict=deny name=xxlowed.test
check 'a fake FIN opens nothing' never_served tcp $A4 --wait 2 ttl:1 fin ttl:0 0:blocked.test
check 'a fake RST opens nothing' never_served tcp $A4 --wait 2 ttl:1 rst ttl:0 0:blocked.test
check 'a second SYN opens nothing' never_served tcp $A4 --wait 2 syn 0:blocked.test
check 'bytes beyond a window that is never filled' never_served tcp $A4 --wait 2 5000:blocked.test

# --- clients that save round trips

tfo_twice() { # the second one has a cookie, if the first got one
    raw "$1" "$2" --tfo
    raw "$1" "$2" --tfo
}
check 'a TCP Fast Open client falls back and gets the allowed name' tfo_twice $A4 allowed.test
check 'a TCP Fast Open client is refused the denied name' never_served tfo_twice $A4 denied.test
check 'over IPv6 too' tfo_twice $A6 allowed.test
check 'a denied name over IPv6 as well' never_served tfo_twice $A6 denied.test
check_has 'curl --tcp-fastopen' 'served-name: allowed.test' curl_in -4 --tcp-fastopen https://allowed.test/
mptcp() { in_in /usr/bin/python3 "$SUPPORT/clients/mptcp.py" "$@"; }
mptcp $A4 allowed.test >/dev/null 2>&1
if [ $? -eq 77 ]; then
    skip 'an MPTCP client falls back and gets the allowed name' 'this kernel has no MPTCP'
    skip 'an MPTCP client is refused the denied name' 'this kernel has no MPTCP'
else
    check_has 'an MPTCP client falls back and gets the allowed name' 'served-name: allowed.test' mptcp $A4 allowed.test
    check_fast 'an MPTCP client is refused the denied name' "${FAST_MS:-1000}" mptcp $A4 denied.test
fi

# --- HelloRetryRequest

HRR='203.0.113.50 2001:db8::50'
for address in $HRR; do
    check "asked again by $address, the same name" raw "$address" hrr.test --hrr hrr.test
    check "asked again by $address, the same name after a ChangeCipherSpec" raw "$address" hrr.test --hrr hrr.test --ccs
    for name in denied.test allowed.test; do
        log_mark
        check "asked again by $address, $name in the second hello" never_served raw "$address" hrr.test --hrr $name --ccs --wait 2
        check_log 'is logged' event=tls verdict=deny "dst=$address"
    done
done
for address in $HRR; do
    log_mark
    check "$address sends its request again from the client's session id on" \
        tcp_asked_again "$address" 0:hrr.test sleep:0.3 ack:44 sleep:0.8 next:denied.test sleep:0.3
    check_log 'the second hello is judged all the same' event=tls verdict=deny "dst=$address" name=denied.test
done
check_has 'curl to a server that asks again' 'served-name: hrr.test' curl_in https://hrr.test/

# --- addresses and sizes of packets

log_mark
check 'a source address that is not ours' never_served raw $A6 allowed.test --source 2001:db8::99 --wait 1.5
check_log 'is logged' reason=spoofed src=2001:db8::99
for family in -4 -6; do
    head -c 8388608 "$T/www/big" >"$T/upload"
    check "an upload over a path with MTU 1280, curl $family" curl_in "$family" -m 30 -f -T "$T/upload" "https://far.test/put/mtu$family"
    is_plain || check 'it is whole' cmp "$T/upload" "$T/www/put/mtu$family"
done
check 'a post-quantum hello over a path with MTU 1280' raw 192.0.2.77 far.test --pq

e2e_end
