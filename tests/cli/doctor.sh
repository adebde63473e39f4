#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl doctor: each finding, made to happen.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh
# shellcheck source=tests/support/engine_double.sh
. tests/support/engine_double.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
T=$(mktemp -d) || exit 1
trap 'engine_double_stop; rm -rf "$T"' EXIT
export LC_ALL=C
unset ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN WORKSPACE_DIR CA_FILE INTERNAL_SUBNET TUNNEL_SUBNET EXTERNAL_IPV6 \
    GATEWAY_IMAGE AGENT_IMAGE HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy \
    NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE GIT_SSL_CAINFO
engine_double_start "$T" || exit 1
echo 'a.example' >"$H/policy/allowlist"

# info [KEY=JSON...] - what the engine says of itself
info() {
    /usr/bin/python3 - "$T" "$@" >"$E/get/info" <<'PY'
import datetime, json, sys
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
info = {"OSType": "linux", "ServerVersion": "20.10.24", "KernelVersion": "6.1.0", "BridgeNfIptables": True,
        "SecurityOptions": ["name=seccomp,profile=default"], "SystemTime": now, "DockerRootDir": sys.argv[1]}
for change in sys.argv[2:]:
    key, _, value = change.partition("=")
    info[key] = json.loads(value)
print(json.dumps(info))
PY
}
good() {
    rm -f "$E"/get/* "$E"/status/* "$H/.env"
    info
    echo '[]' >"$E/get/networks"
    echo '[]' >"$E/get/containers%json"
    echo '{"Id":"sha256:1"}' >"$E/get/images%claude-secure-gateway:latest%json"
    echo '{"Id":"sha256:2"}' >"$E/get/images%claude-secure-claude:latest%json"
    echo '{"queue":"native","vxlan":true,"nftables":true,"ipv6":true,"flowtable":true}' >"$E/words"
}

# finds SENTENCE STATUS LINE - a line that contains LINE is printed, and the status is STATUS; - for any
finds() {
    local status

    OUT=$("$SECCTL" doctor 2>&1)
    status=$?
    { [ "$2" = - ] || [ "$status" -eq "$2" ]; } && [[ $OUT == *"$3"* ]]
    result $? "$1"
}

good
finds 'the engine' - 'ok       engine     Docker 20.10.24, API 1.43, kernel 6.1.0, at unix://'
finds 'br_netfilter' - 'ok       bridge     br_netfilter hands bridged packets to iptables: the tunnel works either way'
finds 'the clocks' - "ok       clock      the engine's and this machine's agree"
finds 'the disk' - " $T has "
finds 'the images' - 'ok       image      claude-secure-claude:latest'
finds 'the kernel' - 'ok       kernel     nftables, queue (native), vxlan, IPv6, flowtable'
: >"$E/log"
"$SECCTL" doctor >/dev/null 2>&1
check 'the probe container is removed' grep -q 'DELETE /containers/made?force=1' "$E/log"
finds 'the policy' - "ok       policy     1 rules in $H/policy"
finds 'no leftovers' - 'ok       leftovers  none'
check_has 'JSON says the same' '"topic":	"kernel"' bash -c "'$SECCTL' doctor --json; true"
check 'and is JSON' bash -c "'$SECCTL' doctor --json | /usr/bin/python3 -c 'import json, sys; d = json.load(sys.stdin); assert d[\"problems\"] == 0 and len(d[\"findings\"]) > 10'"

info 'OSType="windows"'
finds 'another kind of containers is a problem' 1 'problem  engine     runs windows containers'
info 'SecurityOptions=[]'
finds 'no seccomp is a problem' 1 'problem  engine     no seccomp: the agent could use any system call'
info 'SystemTime="2020-01-01T00:00:00Z"'
finds 'a clock that is off is a warning' - "warning  clock      the engine's clock (2020-01-01T00:00:00Z) and this machine's are more than a minute apart"
info 'HttpsProxy="http://p:1"'
finds "the engine's proxy is a warning" - 'warning  proxy      the engine pulls images through a proxy'
info 'OSType=7' 
finds 'an answer of the wrong type is named' 1 'field "OSType" is a number, expected a string'
info 'ServerVersion="\u001b[31m"'
finds 'an answer cannot act on the terminal' - 'Docker \x1b[31m, API'
good
echo 500 >"$E/status/info"
finds 'an engine that fails is a problem' 1 "problem  engine     the engine's state: "
good
echo '{"queue":"none","vxlan":false,"nftables":true}' >"$E/words"
finds 'a kernel without a queue is a problem' 1 'problem  kernel     no packet queue, neither native nor as a target'
finds 'a kernel without VXLAN is a problem' 1 'modprobe vxlan'
echo '{"queue":"native"}' >"$E/words"
finds 'an old gateway image is a problem' 1 'problem  kernel     fwd probe: field "vxlan" is missing'
rm "$E/words"
finds 'a probe that says nothing is a problem' 1 'fwd probe in image claude-secure-gateway:latest said nothing'
good
rm "$E"/get/images*
finds 'images that are not there: status 3' 3 'differs  image      claude-secure-gateway:latest is not there'
finds 'the kernel cannot be tried then' 3 'warning  kernel     not tried'
good
echo '[{"Name":"other","IPAM":{"Config":[{"Subnet":"10.213.0.0/16"}]}}]' >"$E/get/networks"
finds 'a network of the engine that overlaps is a problem' 1 \
    "problem  subnets    TUNNEL_SUBNET 10.213.77.0/24 overlaps 10.213.0.0/16, the engine's network other"
echo '[{"Name":"claude-internal","IPAM":{"Config":[{"Subnet":"10.213.76.0/24"}]}}]' >"$E/get/networks"
finds 'its own is none' - '10.213.76.0/24 and 10.213.77.0/24 collide with none'
if [ "$(id -u)" -eq 0 ]; then
    # in a network of its own: an interface 10.213.76.9/22, a route to 10.213.77.0/25
    good
    elsewhere() {
        # shellcheck disable=SC2016 # the inner shell's
        unshare -n sh -c 'ip link add d0 type veth peer name d1 && ip addr add "$1" dev d0 &&
            ip link set d0 up && ip link set d1 up && { [ -z "$2" ] || ip route add "$2" dev d0; } && exec "$3" doctor' \
            sh "$1" "$2" "$SECCTL"
    }
    OUT=$(elsewhere 10.213.76.9/24 '' 2>&1)
    [[ $OUT == *'warning  subnets    INTERNAL_SUBNET 10.213.76.0/24 overlaps 10.213.76.0/24, the network of interface d0'* ]]
    result $? "an interface's network is a warning"
    OUT=$(elsewhere 192.0.2.1/24 10.213.77.0/25 2>&1)
    [[ $OUT == *'warning  subnets    TUNNEL_SUBNET 10.213.77.0/24 overlaps 10.213.77.0/25, a route by d0'* ]]
    result $? "a VPN's route is a warning"
fi
good
echo '[{"Id":"1","Names":["/claude-secure-squid-1"],"Image":"squid","ImageID":"x","State":"running","Status":"Up","Created":1,"Labels":{"com.docker.compose.project":"claude-secure","com.docker.compose.service":"squid"},"NetworkSettings":{"Networks":{}}}]' \
    >"$E/get/containers%json"
finds 'a container of docker-claude: status 3' 3 \
    'differs  leftovers  container claude-secure-squid-1 (squid) is in project claude-secure, but none of secctl'
good
# gateway STATE STATUS [MORE] - containers: the gateway, and MORE
gateway() {
    cat >"$E/get/containers%json" <<END
[{"Id":"g1","Names":["/claude-secure-gateway-1"],"Image":"g","ImageID":"x","State":"$1","Status":"$2","Created":1,
"Labels":{"com.docker.compose.project":"claude-secure","com.docker.compose.service":"gateway"},"NetworkSettings":{"Networks":{}}}${3:-}]
END
}
AGENT_RUNS='{"Id":"a1","Names":["/claude-secure-claude-1"],"Image":"a","ImageID":"x","State":"running","Status":"Up","Created":1,
"Labels":{"com.docker.compose.project":"claude-secure","com.docker.compose.service":"claude"},"NetworkSettings":{"Networks":{}}}'
finds 'without a gateway all is well' - 'ok       gateway    none yet: "secctl start" makes one'
echo "[$AGENT_RUNS]" >"$E/get/containers%json"
finds 'but not with an agent' 1 'problem  gateway    there is none; agents run, without a network'
printf 'first\nfwd: find user "x": no such user\n' >"$E/words.g1"
gateway exited 'Exited (1) 2 minutes ago'
finds 'a gateway that has ended is a problem, with its last words' 1 \
    'problem  gateway    container claude-secure-gateway-1 does not run (Exited (1) 2 minutes ago); it said: fwd: find user "x": no such user'
finds 'what to do is said' 1 '-> "secctl start" starts it'
gateway exited 'Exited (1)' ",$AGENT_RUNS"
finds 'and who has no network for it' 1 '(Exited (1)); agents run, without a network; it said'
gateway paused 'Up 2 minutes (Paused)'
finds 'a gateway that is paused is a problem' 1 '-> "secctl start" makes it anew'
gateway restarting 'Restarting (1) 3 seconds ago'
finds 'a gateway that starts over and over is a problem' 1 '-> what it says is the reason'
gateway running 'Up 2 minutes (unhealthy)'
finds 'a gateway that cannot be asked is a problem' 1 'problem  gateway    it does not answer: '
# says HEALTHY DIFFERENCES - what fwd status does
says() {
    container_runs g1 <<END
#!/bin/sh
printf '%s\n' '{"policy":{"id":"i","rules":3},"healthy":$1,"differences":[$2],"links":[]}'
END
}
says false '"no rule \u001b[1m"'
finds 'what the gateway itself finds wrong is a problem' 1 'problem  gateway    it says: no rule \x1b[1m'
says false ''
finds 'one that is not healthy and does not know why is one too' 1 'problem  gateway    it is not healthy'
says true ''
finds 'a healthy one is told' - 'ok       gateway    it runs, 3 rules in force'
rm -f "$E/run/g1" "$E/words.g1"
good
echo '{"Name":"claude-internal","Id":"n","Internal":true,"Driver":"bridge","Options":{},"Labels":{},"Containers":{},"IPAM":{"Config":[{"Subnet":"172.30.0.0/16"}]}}' \
    >"$E/get/networks%claude-internal"
finds 'a network of docker-claude: status 3' 3 "differs  leftovers  network claude-internal is another's"
good
HTTPS_PROXY=http://p:3128 finds 'a proxy is a warning' - 'warning  proxy      HTTPS_PROXY is set here'
NODE_EXTRA_CA_CERTS=/corp.pem finds 'a CA of this machine is a warning' - 'warning  tls        NODE_EXTRA_CA_CERTS=/corp.pem is set here'
printf 'ANTHROPIC_API_KEY=sk-1\n' >"$H/.env"
chmod 644 "$H/.env"
finds 'a key that others can read is a warning' - "warning  settings   $H/.env can be read by others, and a key is set"
echo 'a..b' >"$H/policy/allowlist"
finds 'a policy that is not well formed is a problem' 1 'problem  policy     allowlist:1:3: bad name'
echo 'a.example' >"$H/policy/allowlist"
OUT=$("$SECCTL" doctor --fast 2>&1)
[ $? -eq 2 ] && [ "$OUT" = 'secctl: doctor: unknown option "--fast", expected --json' ]
result $? 'an unknown option'
engine_double_stop
finds 'no engine is a problem, and the rest is looked at' 1 'ok       policy     1 rules'
[ "$TAP_FAILED" -eq 0 ]
