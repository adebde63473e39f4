#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Real clients without any setting reach allowed names, and are refused at once, with a reason, all else.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
CLIENTS=$SUPPORT/clients

e2e_begin
web_up && resolver_up && rawd_up && ssh_up || exit 1
expect_allowed allowed.test 203.0.113.10 2001:db8::10
expect_allowed www.allowed.test 203.0.113.11 2001:db8::11
expect_allowed rr.test 203.0.113.21 203.0.113.22 203.0.113.23 203.0.113.24
expect_allowed git.test 203.0.113.30
expect_dns raw.test
expect_out 'ip.dst==203.0.113.30 && tcp.dstport==22'
expect_out 'ip.dst==203.0.113.40 && tcp.dstport==7000'
expect_out 'ipv6.dst==2001:db8::40 && tcp.dstport==7000'
expect_out 'ip.dst==198.51.100.7 && tcp.dstport==7001'
gw_policy <<'END'
allowed.test
.allowed.test
rr.test
git.test        tls/443 tcp/22
raw.test        tcp/7000
198.51.100.7    tcp/7001
END
gw_start || exit 1

# line_of URL - what $OUT says about it
line_of() { grep -F "$1 " <<<"$OUT" | tail -n 1; }

# refused_line CLIENT URL - the client's line about URL names no server and took at most 1 s
refused_line() {
    local line ms status=0

    line=$(line_of "$2")
    ms=$(sed -n 's/^[^ ]* \([0-9]*\) ms .*/\1/p' <<<"$line")
    case $line in '' | *served-name*) status=1 ;; esac
    [ "${ms:-9999}" -le "${FAST_MS:-1000}" ] || status=1
    result "$status" "$1 is refused $2 within 1 s"
}

# refused_all CLIENT - the name, address and port that all clients try: each refused, each with its reason in the log
refused_all() {
    local url

    for url in https://denied.test/ https://203.0.113.66/ https://allowed.test:8443/; do refused_line "$1" "$url"; done
    check_log "$1: the log says why the name" verdict=deny event=dns reason=name-not-allowed name=denied.test
    check_log "$1: the log says why the address" verdict=deny event=connect reason=address-not-bound dst=203.0.113.66 dport=443
    check_log "$1: the log says why the port" verdict=deny event=connect \
        'reason~^(service-not-allowed|address-not-bound)$' 'dst~^(203.0.113.10|2001:db8::10)$' dport=8443
}

# served_line CLIENT URL NAME
served_line() {
    grep -qF "served-name: $3" <<<"$(line_of "$2")"
    result $? "$1 fetches $2"
}

curl_in() { in_in curl -sS -m 5 "$@"; }
wget_in() { in_in wget -q -O - --tries=1 --timeout=5 "$@"; }
s_client() { in_in timeout 6 openssl s_client -connect "$1:${2:-443}" -servername "$1" -verify_return_error -brief </dev/null; }
ssh_in() { in_in ssh -F none -i "$T/ssh/id" -o UserKnownHostsFile="$T/ssh/known" -o ConnectTimeout=5 -o BatchMode=yes "$@"; }
git_in() { in_in timeout 20 env GIT_SSH_COMMAND="ssh -F none -i $T/ssh/id -o UserKnownHostsFile=$T/ssh/known -o ConnectTimeout=5 -o BatchMode=yes" git "$@"; }
same_big() { curl_in -m 60 https://allowed.test/big | cmp - "$T/www/big"; }
raw_talk() { # ADDRESS PORT TEXT - what comes back
    # shellcheck disable=SC2016
    in_in timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "%s\n" "$3" >&3 && head -n 1 <&3' talk "$@"
}

for family in -4 -6; do
    check_has "curl $family https://allowed.test/" 'served-name: allowed.test' curl_in "$family" https://allowed.test/
done
check_log 'the log has the allowed question' event=dns verdict=allow name=allowed.test
check_log 'the log has what was answered' event=answer name=allowed.test
check_log 'the log has the allowed connection' event=tls verdict=allow reason=rule name=allowed.test dport=443
check_has 'curl through a CNAME chain' 'served-name: www.allowed.test' curl_in https://www.allowed.test/
check_has 'curl with TLS 1.2' 'served-name: allowed.test' curl_in --tls-max 1.2 https://allowed.test/
check_has 'curl with TLS 1.3' 'served-name: allowed.test' curl_in --tlsv1.3 https://allowed.test/
check 'a download of 32 MiB is whole' same_big
check 'an upload of 32 MiB is taken' curl_in -m 60 -f -T "$T/www/big" https://allowed.test/put/big
is_plain || check 'an upload of 32 MiB is whole' cmp "$T/www/big" "$T/www/put/big"
check_has 'wget https://allowed.test/' 'served-name: allowed.test' wget_in https://allowed.test/
check_has 'openssl s_client to allowed.test' 'Verification: OK' s_client allowed.test
check 'git clones over https' git_in clone -q https://git.test/repo.git "$T/clone-https"
check_has 'ssh to git.test' text ssh_in git@git.test cat "$T/work/file"
check 'git clones over ssh' git_in clone -q "ssh://git@git.test$T/www/repo.git" "$T/clone-ssh"
check_log 'the log has ssh by its rule' event=connect verdict=allow name=git.test dport=22
check_has 'bytes of any kind to a tcp rule by name' ping raw_talk raw.test 7000 ping
check_has 'bytes of any kind to a tcp rule by address' banner raw_talk 198.51.100.7 7001 ping

# 20 connections of a bound name: user space reads the hellos, and commonly nothing else
if ! is_plain; then
    before=$(queued)
    for ((i = 0; i < 20; i++)); do curl_in -o /dev/null --resolve allowed.test:443:203.0.113.10 https://allowed.test/; done
    OUT="$(($(queued) - before)) packets for 20 connections"
    note "user space: $OUT"
    test "$(($(queued) - before))" -ge 20 -a "$(($(queued) - before))" -le 22
    result $? 'a TLS connection costs user space one packet'
fi

log_mark
OUT=$(in_in timeout 20 /usr/bin/python3 "$CLIENTS/fetch.py" https://allowed.test/ https://denied.test/ https://203.0.113.66/ \
    https://allowed.test:8443/ 2>&1)
served_line python https://allowed.test/ allowed.test
refused_all python
if command -v node >/dev/null; then
    log_mark
    OUT=$(in_in timeout 30 node "$CLIENTS/fetch.js" https://allowed.test/ https://denied.test/ https://203.0.113.66/ \
        https://allowed.test:8443/ 2>&1)
    served_line node https://allowed.test/ allowed.test
    refused_all node
else
    skip 'node fetches and is refused' 'no node on this machine'
fi
if [ -n "${SECCTL_VM:-}" ]; then
    skip 'Java fetches and is refused' 'half a minute under emulation'
elif command -v javac >/dev/null; then
    # the same name again and again, by the address of its first answer, while others rotate the answers
    urls=()
    log_mark
    spawn "$NS_IN" sh -c 'while sleep 0.3; do dig +short +tries=1 rr.test; done' >"$T/rotated"
    rotate=$!
    for i in 1 2 3 4 5; do urls+=("https://rr.test/$i/../" sleep:1100); done
    OUT=$(in_in timeout 60 java "$CLIENTS/Fetch.java" "$T/ca.crt" https://allowed.test/ "${urls[@]}" https://denied.test/ \
        https://203.0.113.66/ https://allowed.test:8443/ 2>&1)
    stop_pid "$rotate"
    served_line Java https://allowed.test/ allowed.test
    for i in 1 2 3 4 5; do served_line Java "https://rr.test/$i/../" rr.test; done
    refused_all Java
    check 'the answers rotated meanwhile' test "$(sort -u "$T/rotated" | wc -l)" -eq 4
else
    skip 'Java fetches and is refused' 'no JDK on this machine'
fi

NAME='event=dns reason=name-not-allowed name=denied.test'
ADDRESS='event=connect reason=address-not-bound dst=203.0.113.66'
PORT='event=connect reason~^(service-not-allowed|address-not-bound)$ dst=203.0.113.10'
check_denied 'curl, denied name' "$NAME" curl_in https://denied.test/
check_denied 'curl, denied address' "$ADDRESS dport=443" curl_in -k https://203.0.113.66/
check_denied 'curl, denied IPv6 address' 'event=connect reason=address-not-bound dst=2001:db8::66' curl_in -k 'https://[2001:db8::66]/'
check_denied 'curl, denied port' "$PORT dport=8443" curl_in -4 https://allowed.test:8443/
check_denied 'curl, HTTP without TLS' "$PORT dport=80" curl_in -4 http://allowed.test/
check_denied 'wget, denied name' "$NAME" wget_in https://denied.test/
check_denied 'wget, denied address' "$ADDRESS dport=443" wget_in --no-check-certificate https://203.0.113.66/
check_denied 'wget, denied port' "$PORT dport=8443" wget_in -4 https://allowed.test:8443/
check_denied 'openssl, denied name' "$NAME" s_client denied.test
check_denied 'openssl, denied address' "$ADDRESS dport=443" s_client 203.0.113.66
check_denied 'openssl, denied port' "$PORT dport=8443" s_client 203.0.113.10 8443
check_denied 'git over https, denied name' "$NAME" git_in clone -q https://denied.test/repo.git "$T/clone-denied"
check_denied 'git over https, denied address' "$ADDRESS" git_in -c http.sslVerify=false clone -q https://203.0.113.66/repo.git "$T/clone-denied"
check_denied 'git over https, denied port' "event=connect reason~^(service-not-allowed|address-not-bound)\$ dst=203.0.113.30 dport=8443" \
    git_in clone -q https://git.test:8443/repo.git "$T/clone-denied"
check_denied 'ssh, denied name' "$NAME" ssh_in git@denied.test true
check_denied 'ssh, denied address' "$ADDRESS dport=22" ssh_in git@203.0.113.66 true
check_denied 'ssh, denied port of an allowed name' "$PORT dport=22" ssh_in -o AddressFamily=inet git@allowed.test true
check_denied 'tcp rule, other port' 'event=connect dst=203.0.113.40 dport=7001' raw_talk 203.0.113.40 7001 ping
check_denied 'ping, allowed address' 'event=packet reason=protocol proto=icmp dst=203.0.113.10' in_in ping -c 1 -W 3 203.0.113.10
check_denied 'ping, denied address' 'event=packet reason=protocol proto=icmp dst=203.0.113.66' in_in ping -c 1 -W 3 203.0.113.66
check_denied 'ping, IPv6' 'event=packet reason=protocol proto=icmpv6 dst=2001:db8::10' in_in ping -c 1 -W 3 2001:db8::10
for address in 203.0.113.10 203.0.113.66 2001:db8::10; do
    check_denied "UDP to $address" "reason~^(protocol|address-not-bound|service-not-allowed)\$ proto=udp dst=$address dport=9999" \
        in_in /usr/bin/python3 "$CLIENTS/udp.py" "$address" 9999
done
check_denied 'QUIC port' 'proto=udp dst=203.0.113.10 dport=443' in_in /usr/bin/python3 "$CLIENTS/udp.py" 203.0.113.10 443
check_denied 'the gateway itself' "dst=$GWIN4 dport=22" in_in nc -w 3 "$GWIN4" 22

e2e_end
