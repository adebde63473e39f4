# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A hostile agent on a machine with an engine (stack.sh): what docker/attacks/attack.py tries from inside of it, and
# what has to be seen of that elsewhere. Sourced by scripts in tests/docker, which then call attacks_up,
# attacks_core or attacks_whole, as often as they like, and attacks_end, which ends the test.
#
# Somebody listens on port 9999 of the machine, of a neighbour on claude-internal, and of both agents, and must hear
# nothing but the test's own call. On both bridges is a capture: links and gateway say nothing on claude-internal but
# frames of the tunnel to each other, and ARP about each other; the gateway on proxy-external nothing that is not
# allowed, to the machine itself neither.

. "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

ATTACKS=$ROOT/tests/docker/attacks
LISTEN=9999
GATEWAY4=10.213.76.2 ROUTER4=10.213.77.1
OUTER_A=10.213.76.3 INNER_A=10.213.77.3 # claude
OUTER_B=10.213.76.4 INNER_B=10.213.77.4 # other
NEIGHBOUR=10.213.76.130
BRIDGE_PIDS=()

# netns_of CONTAINER COMMAND... - as root of the machine in the container's network namespace
netns_of() {
    local pid

    pid=$(docker inspect --format '{{.State.Pid}}' "$1") || return 1
    in_machine nsenter -t "$pid" -n "${@:2}"
}

bridge_of() { echo "br-$(docker network inspect --format '{{.Id}}' "$1" | cut -c 1-12)"; }
link_local() { # COMMAND... DEVICE - of the namespace that COMMAND leads to
    "${@:1:$#-1}" ip -o -6 addr show dev "${!#}" scope link | awk '{ sub("/.*", "", $4); print $4; exit }'
}

# listen NAME COMMAND... - COMMAND python3 runs there; hears NAME COMMAND...: does it, when COMMAND calls from there?
listen() {
    "${@:2}" python3 - "$LISTEN" <"$ATTACKS/listen.py" >"$T/heard-$1" 2>&1 &
    PIDS+=($!)
}
hears() {
    retry 20 grep -qs ready "$T/heard-$1" && "${@:2}" bash -c "exec 3<>/dev/tcp/127.0.0.1/$LISTEN" &&
        retry 20 grep -q '127.0.0.1' "$T/heard-$1"
}
heard_nothing() {
    tail -n +3 "$T/heard-$1"
    [ "$(wc -l <"$T/heard-$1")" -eq 2 ]
}

neighbour_up() {
    docker run -d --name neighbour --network claude-internal --ip "$NEIGHBOUR" secctl-test-agent sleep infinity >/dev/null &&
        netns_of neighbour sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6' || return 1
    NEIGHBOUR6=$(link_local netns_of neighbour eth0)
    [ -n "$NEIGHBOUR6" ]
}

# bridge_capture NETWORK - all that goes over its bridge, in $T/NETWORK.pcap
bridge_capture() {
    spawn "$NS_GW" tcpdump -q -U -Z root -n -B 16384 -i "$(bridge_of "$1")" -w "$T/$1.pcap" 2>"$T/$1.log"
    BRIDGE_PIDS+=($!)
    retry 10 grep -qs 'listening on' "$T/$1.log"
}

# attacks_up - two agents, a neighbour, listeners, captures
attacks_up() {
    agent_up && agent_up other && neighbour_up || exit 1
    AGENT_A=$(agent_container claude) AGENT_B=$(agent_container other)
    listen machine in_machine
    listen neighbour docker exec -i neighbour
    listen claude docker exec -i "$AGENT_A"
    listen other docker exec -i "$AGENT_B"
    check 'the machine listens' hears machine in_machine
    check 'the neighbour listens' hears neighbour netns_of neighbour
    check 'the agent listens' hears claude netns_of "$AGENT_A"
    check 'the other agent listens' hears other netns_of "$AGENT_B"
    # its own, and what the bridge's would be
    HOSTS=$(in_machine ip -o -4 addr show | awk '$2 != "lo" { sub("/.*", "", $4); printf "%s,", $4 }')10.213.76.1
    EXTERNAL=$(docker inspect --format '{{(index .NetworkSettings.Networks "proxy-external").IPAddress}}' claude-secure-gateway-1)
    HOSTS6=$(link_local in_machine "$(bridge_of claude-internal)")
    bridge_capture claude-internal && bridge_capture proxy-external
}

# attack CONTAINER KEY=VALUE... - the program's lines as results
attack() {
    local container=$1 line patience=6 nr=0

    shift
    ! is_plain || patience=0.2 # nothing is judged then
    docker exec -i "$container" python3 - patience="$patience" limit_ms="${ATTACK_MS:-2000}" port="$LISTEN" \
        host="$HOSTS" host6="$HOSTS6" neighbour="$NEIGHBOUR" neighbour6="$NEIGHBOUR6" gw_outer="$GATEWAY4" \
        gw_inner="$ROUTER4" gw_external="$EXTERNAL" "$@" <"$ATTACKS/attack.py" >"$T/attack" 2>&1
    while IFS= read -r line; do
        case $line in
        'ok - '*) OUT='' result 0 "${line#ok - }" ;;
        'not ok - '*) OUT='' result 1 "${line#not ok - }" ;;
        1..*)
            [ "$nr" -eq "${line#1..}" ]
            OUT=$nr result $? "$nr attacks were tried"
            nr=end
            break
            ;;
        *) note "$line" ;;
        esac
        nr=$((nr + 1))
    done <"$T/attack"
    [ "$nr" = end ]
    OUT=$(tail -n 5 "$T/attack")
    result $? 'the attacking program came to its end'
}

as_claude() { attack "$AGENT_A" own_inner="$INNER_A" other_outer="$OUTER_B" other_inner="$INNER_B" "$@"; }
as_other() { attack "$AGENT_B" own_inner="$INNER_B" other_outer="$OUTER_A" other_inner="$INNER_A" part=others; }

web() { agent curl -sS -m 20 https://www.allowed.test/; }
allowed_works() { check_has "$1" 'served-name: www.allowed.test' web; }

inner_mac() { # of an inner address
    local a b c d

    IFS=. read -r a b c d <<<"$1"
    printf '02:53:%02x:%02x:%02x:%02x\n' "$a" "$b" "$c" "$d"
}

# forged COMMAND... - COMMAND runs python3 there: frames to the gateway and to the other link, from every socket
forged() {
    local to

    for to in "$GATEWAY4" "$OUTER_B"; do
        "$@" python3 - "$to" "$OUTER_A" "$(inner_mac "$ROUTER4")" "$(inner_mac "$INNER_A")" "$INNER_A" "$INNER_B" 203.0.113.67 \
            <"$SUPPORT/forge.py" || return 1
    done >"$T/forged" 2>&1
    [ "$(wc -l <"$T/forged")" -gt 800 ]
}

# logged_attack WHAT KEY=VALUE...
logged_attack() { check_log "in the log: $1" verdict=deny agent=claude "${@:2}"; }
not_logged() { # SENTENCE KEY=VALUE...
    is_plain && return 0
    ! OUT=$(LOG_WAIT=0 log_has "${@:2}" 2>&1)
    result $? "$1"
}

core_in_log() {
    local address

    for address in ${HOSTS//,/ }; do
        [ "$address" != 10.213.76.1 ] || continue # on the underlay: nothing of it gets to the gateway
        logged_attack "TCP to the host at $address" event=connect proto=tcp "dst=$address" dport="$LISTEN"
        logged_attack "UDP to the host at $address" proto=udp "dst=$address" dport="$LISTEN"
        logged_attack "a ping of the host at $address" event=packet proto=icmp "dst=$address"
    done
    for address in "$NEIGHBOUR" "$OUTER_B" "$INNER_B"; do
        logged_attack "TCP to $address" proto=tcp "dst=$address" dport="$LISTEN"
        logged_attack "UDP to $address" proto=udp "dst=$address" dport="$LISTEN"
    done
    for address in "$ROUTER4" "$GATEWAY4" "$EXTERNAL"; do
        logged_attack "TCP to the gateway at $address" proto=tcp "dst=$address" dport="$LISTEN"
        logged_attack "UDP to the gateway at $address" proto=udp "dst=$address" dport=4789
    done
    not_logged 'no frame that was made by hand came to the gateway' dport=5555
    not_logged 'none with a foreign source' reason=spoofed
}

# attacks_core - where engines, and what bridges hand to rules, could make a difference
attacks_core() {
    is_plain || log_mark
    allowed_works 'the allowed name works before the attacks'
    as_claude core=1
    check 'frames made by hand, from every socket there is' forged docker exec -i "$AGENT_A"
    not_logged 'none of them came to the gateway' dst=203.0.113.67
    as_other
    core_in_log
    allowed_works 'the allowed name works after them'
}

attacks_whole() {
    is_plain || log_mark
    allowed_works 'the allowed name works before the attacks'
    as_claude
    as_other
    core_in_log
    for what in udp tcp; do
        logged_attack "a name off the list, of a resolver, $what" event=dns proto=$what dst=9.9.9.9 name=$what.9.9.9.9.denied.test
    done
    logged_attack 'a name off the list' event=dns dst="$ROUTER4" name=denied.test reason=name-not-allowed
    logged_attack 'a text record' event=dns name=www.allowed.test reason=qtype
    logged_attack 'control bytes in a name' event=dns 'name~2J"'
    check_fast 'and none of them as it is' 1000 grep -aq $'\x1b' "$LOG"
    logged_attack 'DNS over TLS' event=connect dst=9.9.9.9 dport=853
    logged_attack 'DoH by address' event=connect dst=9.9.9.9 dport=443
    logged_attack 'the metadata address' event=connect dst=169.254.169.254 dport=80 proto=tcp
    logged_attack 'the metadata address, UDP' dst=169.254.169.254 proto=udp
    logged_attack 'QUIC to an address' dst=203.0.113.66 proto=udp dport=443
    logged_attack 'a ping' dst=203.0.113.66 proto=icmp
    not_logged "nothing that Docker's resolver was asked" name=leak.denied.test
    is_plain || log_mark
    check 'frames made by hand, from every socket there is' forged docker exec -i "$AGENT_A"
    not_logged 'none of them came to the gateway' dst=203.0.113.67
    neighbour_attacks
    allowed_works 'the allowed name works after them'
}

# neighbour_attacks - from a container that has no business on claude-internal; it may make any packet
neighbour_attacks() {
    local before

    before=$(docker exec "$AGENT_A" sh -c 'ip -6 address; ip -6 route; ip route')
    check 'a neighbour sends router advertisements and redirects' netns_of neighbour python3 "$ATTACKS/neighbour.py" "$OUTER_A"
    check_has 'addresses and routes are what they were' "$before" docker exec "$AGENT_A" sh -c 'ip -6 address; ip -6 route; ip route'
    is_plain || log_mark
    check 'a neighbour makes frames' forged netns_of neighbour
    not_logged 'the gateway takes none of them' dst=203.0.113.67
    for to in "$OUTER_A $LISTEN" "$OUTER_A 53" "$GATEWAY4 $LISTEN" "$GATEWAY4 53" "$GATEWAY4 22"; do
        check_fast "a neighbour does not reach ${to/ / port }" 3000 netns_of neighbour timeout 0.5 bash -c "exec 3<>/dev/tcp/${to/ //}"
    done
}

# connected_elsewhere - somebody gives a link two networks more: the lock knows of none but its own
connected_elsewhere() {
    local device address

    for network in proxy-external bridge; do
        docker network connect "$network" claude-secure-link-1 >/dev/null 2>&1 # the route that it wants is taken
    done
    for device in eth1 eth2; do
        check "a link connected elsewhere has $device" docker exec "$AGENT_A" ip link show "$device"
        for address in ${HOSTS//,/ } 203.0.113.66; do
            check_fast "and does not lead to $address by it" "$FAST_MS" docker exec "$AGENT_A" \
                curl -sS -m 10 --interface "$device" "http://$address:$LISTEN/"
        done
    done
    check_fast "nor does Docker's resolver answer" "$FAST_MS" docker exec "$AGENT_A" dig +tries=1 +time=8 @127.0.0.11 leak.denied.test
    allowed_works 'the allowed name works all the same'
    for network in proxy-external bridge; do docker network disconnect "$network" claude-secure-link-1 >/dev/null 2>&1; done
}

is_gone() { [ -z "$(docker ps -aq --filter "name=$1")" ]; }

# same_slot - an agent with no list of its own in the place of one with a connection that its list allowed
same_slot() {
    local container

    echo '203.0.113.12 tcp/443' >"$STACK_HOME/policy/agents/first"
    check 'a list for one agent' secctl reload
    agent_up first || return 1
    container=$(agent_container first)
    docker exec -i "$container" python3 - >"$T/first" 2>&1 <<'END' &
import socket, time
s = socket.create_connection(("203.0.113.12", 443), 20, ("", 7777))
print("connected", flush=True)
time.sleep(600)
END
    PIDS+=($!)
    check 'it is connected' retry 20 grep -q connected "$T/first"
    docker rm -f "$container" >/dev/null
    retry 20 is_gone claude-secure-link-3
    agent_up second || return 1
    check_has 'the next agent has its place' 10.213.77.5 docker exec "$(agent_container second)" ip -4 addr show sec0
    is_plain || check 'and nothing of its connections' retry 20 is_closed "$NS_OUT" src 203.0.113.12
    AGENT=second
    check_denied 'nor of its list' 'agent=second dst=203.0.113.12 dport=443' agent \
        curl -sSk -m 10 --local-port 7777 https://203.0.113.12/
    AGENT=claude
}

# said_on_bridge CONTAINER ADDRESS PEER... - what the container sent there that is no frame for a PEER, and no ARP:
# questions about a PEER, answers, and that it has its own address (engines from 28 on say so for it)
said_on_bridge() {
    local own peers=()

    own=$(netns_of "$1" ip -o link show eth0 | sed 's/.*link\/ether \([^ ]*\).*/\1/')
    for peer in "${@:3}"; do peers+=("or" dst host "$peer"); done
    in_machine tcpdump -n -r "$T/claude-internal.pcap" "ether src $own and not (src host $2 and (${peers[*]:1}) and
        ((udp src port 4789 and udp dst port 4789) or arp)) and not (arp and (arp[6:2] = 2 or arp[14:4] = arp[24:4]))" 2>/dev/null
}
is_quiet() {
    OUT=$(said_on_bridge "$@" | head -n 5)
    [ -z "$OUT" ]
}

# attacks_end - what others heard and saw; ends the test
attacks_end() {
    local name pid gateway=claude-secure-gateway-1

    for name in machine neighbour claude other; do check "the listener at $name heard nothing" heard_nothing "$name"; done
    sleep 1.2 # the kernel hands packets over in blocks
    for pid in "${BRIDGE_PIDS[@]}"; do stop_pid "$pid"; done
    is_quiet "$AGENT_A" "$OUTER_A" "$GATEWAY4"
    result $? "the agent's link says nothing on the bridge but frames for the gateway"
    is_quiet "$AGENT_B" "$OUTER_B" "$GATEWAY4"
    result $? "nor does the other agent's"
    is_quiet "$gateway" "$GATEWAY4" "$OUTER_A" "$OUTER_B"
    result $? 'nor the gateway but frames for links'
    OUT=$(tcpdump -n -r "$T/claude-internal.pcap" "udp port 4789 and src host $OUTER_A and dst host $GATEWAY4" 2>/dev/null | wc -l)
    [ "$OUT" -gt 100 ]
    result $? 'and there were frames'
    OUT=$(tcpdump -n -r "$T/proxy-external.pcap" "ip and src host $EXTERNAL and not (dst host $RESOLVER and port 53) and
        not (tcp port 443 and (dst host 203.0.113.11 or dst host 203.0.113.12))" 2>/dev/null | head -n 5)
    [ -z "$OUT" ]
    result $? 'on its other side the gateway speaks to the resolver and to what is allowed, and not to the machine'
    check_has 'secctl finds all as asked' gateway secctl status
    e2e_end
}

run() { secctl run "$@" </dev/null; }
# a command that is not there: its status, and no container of it stays
run_nothing() {
    run -- nosuch
    [ $? -eq 127 ] && [ "$(docker ps -a --format '{{.Names}}')" = claude-secure-gateway-1 ]
}
run_status() { run -- sh -c 'exit 7'; [ $? -eq 7 ]; }
apart() { run -- sh -c 'echo out; echo err >&2' 2>"$T/err" && [ "$(cat "$T/err")" = err ]; }

# engine_core - the stack's life in short, then the attacks with both settings; ends the test
engine_core() {
    check_has 'a command runs behind the gateway' 'served-name: www.allowed.test' run -- curl -sS -m 20 https://www.allowed.test/
    check "the command's exit status is run's" run_status
    check_has 'a command that is not there is told' 'secctl: run: command "nosuch" is not in image' run_nothing
    check_has 'output and errors stay apart' out apart
    attacks_up
    attacks_core
    nf_call 0
    note 'bridge-nf-call-iptables 0'
    attacks_core
    connected_elsewhere
    check 'allow opens a name while the agent runs' secctl allow other.test
    check_has 'at once' 'served-name: other.test' agent curl -sS -m 20 https://other.test/
    check 'deny closes it' secctl deny other.test
    check_denied 'at once' 'agent=claude event=dns name=other.test' agent curl -sS -m 20 https://other.test/
    attacks_end
}
