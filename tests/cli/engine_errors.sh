#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# secctl and an engine that is not there, refuses, stalls or answers nonsense: the sentence, the exit status, the
# time that it takes, and that nothing half-made stays. The engine is a fake (tests/support/fake_engine.py).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
SECCTL=$(realpath "${BUILD:-build}/secctl")
. tests/support/fake_engine.sh
WORK=$(mktemp -d) || exit 1
trap 'fake_stop; rm -rf "$WORK"' EXIT
export LC_ALL=C HOME=$WORK/nobody SECCTL_ENGINE_TIMEOUT=2
fake_start "$WORK" || exit 1
S=$DOCKER_HOST
TIME_MAX_MS=60000 # of one command; with the machine busy

# says SENTENCE STATUS LAST-LINE COMMAND... - the last line that it prints, streams together
says() {
    local sentence=$1 status=$2 expected=$3 got last

    shift 3
    MS=$(now_ms)
    OUT=$(timeout 120 "$SECCTL" "$@" 2>&1 </dev/null)
    got=$?
    MS=$(($(now_ms) - MS))
    last=${OUT##*$'\n'}
    if [ "$got" -eq "$status" ] && [ "$last" = "$expected" ] && [ "$MS" -lt "$TIME_MAX_MS" ]; then
        ok "$sentence"
    else
        not_ok "$sentence"
        note "status $got, expected $status; $MS ms; printed:
$OUT
expected at its end:
$expected"
    fi
}

# nothing_left SENTENCE [CONTAINER...]
nothing_left() {
    local sentence=$1

    shift
    OUT=$(containers | tr '\n' ' ')
    [ "$OUT" = "${*:+$* }" ]
    result $? "$sentence"
}

# --- no engine ----------------------------------------------------------------------------------
export DOCKER_HOST=unix://$WORK/none
for command in run start stop status shell build; do
    says "$command: no socket" 1 \
        "secctl: $command: no Docker engine at unix://$WORK/none: there is no such socket; install and start Docker, or set DOCKER_HOST" "$command"
done
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$WORK/dead"
DOCKER_HOST=unix://$WORK/dead says 'nobody listens at the socket' 1 \
    "secctl: status: no Docker engine at unix://$WORK/dead: nobody listens there; start Docker (sudo systemctl start docker)" status
DOCKER_HOST=tcp://127.0.0.1:9 says 'nobody listens at the port' 1 \
    'secctl: status: no Docker engine answers at tcp://127.0.0.1:9: Connection refused' status
DOCKER_HOST=ssh://me@far says 'ssh:// is refused with a way out' 1 \
    'secctl: status: DOCKER_HOST: ssh:// is not supported; forward the socket with "ssh -L /tmp/docker.sock:/var/run/docker.sock me@far" and set DOCKER_HOST=unix:///tmp/docker.sock' status
DOCKER_HOST=docker.sock says 'an address of no known kind' 1 \
    'secctl: status: DOCKER_HOST: "docker.sock", expected unix:///PATH or tcp://HOST[:PORT]' status
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$WORK" "$E" && chmod 600 "$E/s"
    OUT=$(DOCKER_HOST=$S setpriv --reuid 65534 --clear-groups "$SECCTL" status 2>&1)
    [ $? -eq 1 ] && [ "$OUT" = "secctl: status: no permission to talk to the Docker engine at $S: join the group that owns the socket (sudo usermod -aG docker \$USER, then log in again), or use sudo" ]
    result $? 'no permission on the socket'
fi
export DOCKER_HOST=$S

# --- contexts -----------------------------------------------------------------------------------
MINE=$WORK/docker/contexts/meta/$(printf mine | sha256sum | cut -d ' ' -f 1)
mkdir -p "$MINE"
echo '{"currentContext":"mine"}' >"$WORK/docker/config.json"
echo "{\"Name\":\"mine\",\"Endpoints\":{\"docker\":{\"Host\":\"$S\"}}}" \
    >"$MINE/meta.json"
export DOCKER_CONFIG=$WORK/docker
DOCKER_HOST='' says 'the current docker context names the engine' 0 'nothing is running' stop
DOCKER_HOST='' DOCKER_CONTEXT=other says 'a context that does not exist' 1 \
    "secctl: stop: docker context \"other\" does not exist (no $WORK/docker/contexts/meta/$(printf other | sha256sum | cut -d ' ' -f 1)/meta.json); \"docker context ls\" lists those that do" stop
echo '{"currentContext":7}' >"$WORK/docker/config.json"
DOCKER_HOST='' says 'a docker configuration that cannot be read' 1 \
    "secctl: stop: $WORK/docker/config.json: field \"currentContext\" is a number, expected a string" stop
unset DOCKER_CONFIG

# --- what answers is no engine, or a bad one ----------------------------------------------------
# spoiled SENTENCE EXPECTED METHOD REGEX FAULT... - of "run", with nothing there before
spoiled() {
    local sentence=$1 expected=$2

    shift 2
    fault "$@"
    says "$sentence" 1 "$expected" run -- true
    no_fault
}
spoiled 'garbage' "secctl: run: what listens at $S is no Docker engine: it does not speak HTTP" '*' . garbage
spoiled 'silence' "secctl: run: the Docker engine at $S said nothing for 2 s; is it stuck? (sudo systemctl restart docker)" '*' . stall
spoiled 'an answer that comes to a halt' "secctl: run: the Docker engine at $S said nothing for 2 s; is it stuck? (sudo systemctl restart docker)" '*' . drip
spoiled 'half an answer' "secctl: run: the answer of the Docker engine at $S broke off" '*' . half
spoiled 'a closed connection' "secctl: run: the Docker engine at $S closed the connection without an answer" '*' . close
spoiled 'an endless answer' "secctl: run: the Docker engine's answer has more than 16 MiB" '*' . huge
spoiled 'an engine that is too old' \
    "secctl: run: Docker engine at $S: it is too old: it speaks API 1.40, expected at least 1.41 (Docker 20.10)" GET _ping version 1.40
spoiled 'a version that is none' "secctl: run: Docker engine at $S: it offers API version \"new\", expected 1.N" GET _ping version new
spoiled 'an engine that is too new' \
    'secctl: run: list the containers: the Docker engine is too new for this secctl, which speaks API 1.41 to 1.51: client version 1.43 is too old. Minimum supported API version is 1.60' \
    GET containers/json status 400 'client version 1.43 is too old. Minimum supported API version is 1.60'
spoiled 'an error from the first request' "secctl: run: Docker engine at $S: Boom" '*' . status 500 Boom
spoiled 'a list that is none' 'secctl: run: list the containers: the answer is no list' GET containers/json body '{"a":1}'
spoiled 'a list that is no JSON' "secctl: run: list the containers: the Docker engine's answer is no JSON: \"[{\" at byte 2" \
    GET containers/json body '[{'
spoiled 'a container without a name' 'secctl: run: list the containers: field "Names" is missing, expected a list' \
    GET containers/json body '[{"Id":"1"}]'
spoiled 'a container whose state is a number' 'secctl: run: list the containers: field "State" is a number, expected a string' \
    GET containers/json body '[{"Id":"1","Names":["/a"],"State":7}]'
spoiled 'an image without an ID' 'secctl: run: look at image claude-secure-gateway:latest: field "Id" is missing, expected a string' \
    GET images/claude-secure-gateway body '{}'
spoiled 'a network that is no object' 'secctl: run: look at network claude-internal: the whole is a list, expected an object' \
    GET networks/claude-internal body '[]'
spoiled 'a container that is made without an ID' \
    'secctl: run: create container claude-secure-gateway-1: field "Id" is missing, expected a string' POST containers/create body '{}'
nothing_left 'none of these left a container'

# --- a stack that does not come up --------------------------------------------------------------
spoiled 'the engine refuses the gateway' 'secctl: run: create container claude-secure-gateway-1: no space left on device' \
    POST containers/create.name=claude-secure-gateway status 500 'no space left on device'
nothing_left 'a gateway that was refused leaves nothing'
fault PUT archive status 500 Boom
OUT=$("$SECCTL" run -- true 2>&1)
[ $? -eq 1 ] && grep -qx 'secctl: run: write to /etc/secctl/policy of container [0-9a-f]*: Boom' <<<"$OUT"
result $? 'the policy cannot be put into the volume'
no_fault
nothing_left 'and leaves nothing'
fault POST exec/.*/start die
says 'a gateway that ends at once is told by its last words' 1 \
    'secctl: run: the gateway ended with status 1: event=fatal detail="it cannot work"' run -- true
no_fault
nothing_left 'it leaves nothing'
fault POST exec/.*/start stall
OUT=$("$SECCTL" run -- true 2>&1)
[ $? -eq 1 ] && grep -q "the Docker engine at $S said nothing for 2 s" <<<"$OUT"
result $? 'a gateway that does not answer'
no_fault
nothing_left 'it leaves nothing either'
fault GET networks/claude-internal status 404 'No such network'
spoiled 'an address range in use' 'secctl: run: create network claude-internal: Pool overlaps with other one on this address space: set INTERNAL_SUBNET to a /24 that is not in use, in .env' \
    POST networks/create status 403 'Pool overlaps with other one on this address space'

# --- a run that does not come up, with the gateway there ----------------------------------------
says 'a run works when nothing is wrong' 7 'two' run -- sh -c 'echo one; echo two; exit 7'
nothing_left 'the gateway stays' claude-secure-gateway-1
NO_KEY="secctl: neither ANTHROPIC_API_KEY nor CLAUDE_CODE_OAUTH_TOKEN is set ($SECCTL_HOME/.env): Claude asks you to log in, once"
OUT=$("$SECCTL" run 2>&1 </dev/null)
[ "${OUT%%$'\n'*}" = "$NO_KEY" ]
result $? 'Claude without a key: what will happen is said'
OUT=$(ANTHROPIC_API_KEY=sk-1 "$SECCTL" run 2>&1 </dev/null)
[ "${OUT#*neither}" = "$OUT" ]
result $? 'with a key nothing is said'
spoiled 'the link cannot be made' 'secctl: run: create container claude-secure-link-1: Boom' POST name=claude-secure-link status 500 Boom
fault POST name=claude-secure-claude status 500 Boom
says 'the agent cannot be made' 1 'secctl: run: create container claude-secure-claude-1: Boom' run -- true
no_fault
nothing_left 'its link is removed' claude-secure-gateway-1
fault POST attach status 500 Boom
says 'the agent cannot be attached to' 1 'secctl: run: attach to the agent: Boom' run -- true
no_fault
nothing_left 'agent and link are removed' claude-secure-gateway-1
fault POST attach garbage
says 'garbage where the agent should be' 1 "secctl: run: attach to the agent: what listens at $S is no Docker engine: it does not speak HTTP" run -- true
no_fault
nothing_left 'agent and link are removed again' claude-secure-gateway-1
fault POST wait body '{"StatusCode":"no"}'
says 'an exit status that is none' 1 "secctl: run: wait for the agent's end: field \"StatusCode\" is a string, expected a whole number" run -- true
no_fault
nothing_left 'agent and link are removed even so' claude-secure-gateway-1
says 'an image that does not exist' 1 'secctl: run: image nothing:1 does not exist: "docker pull nothing:1" fetches it, "docker build -t nothing:1 FOLDER" makes it' run --image nothing:1
says 'a bad name for an agent' 2 \
    'secctl: run: "A" is no agent'"'"'s name, expected 1 to 63 of a-z, 0-9, "_" and "-"' run --name A
cp "$SECCTL_HOME/policy/allowlist" "$WORK/allowlist"
echo 'a.example tsl/443' >"$SECCTL_HOME/policy/allowlist"
says 'an error in the policy' 1 \
    "secctl: run: $SECCTL_HOME/policy/allowlist:1:11: unknown service \"tsl/443\", expected tls/PORT, quic/PORT, http/PORT, tcp/PORT, udp/PORT or \"intranet\"" run
cp "$WORK/allowlist" "$SECCTL_HOME/policy/allowlist"
mv "$SECCTL_HOME/seccomp.json" "$WORK"
says 'no seccomp profile' 1 "secctl: run: read $SECCTL_HOME/seccomp.json: No such file or directory" run
mv "$WORK/seccomp.json" "$SECCTL_HOME"
says 'a variable that is not set' 1 'secctl: run: -e NOT_SET: it is not set here, expected NOT_SET=VALUE' run -e NOT_SET
says 'a variable that is none' 1 'secctl: run: -e: "7=x", expected KEY=VALUE or KEY' run -e 7=x

# --- networks of others -------------------------------------------------------------------------
"$SECCTL" stop >/dev/null 2>&1
spoiled 'a network of that name with others on it' \
    'secctl: run: network claude-internal was not made for project claude-secure, and containers are on it: squid; end them ("secctl stop", or "docker rm -f" for another program'"'"'s such as docker-claude) and start again' \
    GET networks/claude-internal body '{"Name":"claude-internal","Driver":"bridge","Internal":true,"Labels":{},"Containers":{"1":{"Name":"squid"}}}'
nothing_left 'it is not touched'

# --- builds -------------------------------------------------------------------------------------
says 'both images are built' 0 'built 2 images; running agents keep theirs, the gateway is replaced by the next run' build
says 'and then are up to date' 0 'the images are up to date' build
fault POST build body '{"stream":"Step 1/1 : RUN false\n"}|||{"stream":"words of the step\n"}|||{"error":"The command returned a non-zero code: 1"}|||'
says 'a step that fails' 1 'secctl: update: build image claude-secure-gateway:latest: The command returned a non-zero code: 1' update
grep -qx 'words of the step' <<<"$OUT"
result $? 'its output is shown'
no_fault
fault POST build status 500 'no space left on device'
says 'a disk that is full while an image is built' 1 'secctl: update: build image claude-secure-gateway:latest: no space left on device' update
no_fault
fault POST build body '{"stream":"Step 1/1'
says 'progress that breaks off' 1 "secctl: update: build image claude-secure-gateway:latest: the build's progress broke off" update
no_fault
fault POST build half
says 'a build that breaks off' 1 "secctl: update: build image claude-secure-gateway:latest: the answer of the Docker engine at $S broke off" update
no_fault

# --- the rest of the command lines --------------------------------------------------------------
says 'status of nothing' 3 'differs: the gateway does not run: "secctl start" starts it' status
says 'stop of nothing' 0 'nothing is running' stop
says 'a shell where no agent runs' 1 'secctl: shell: no agent runs: "secctl start" or "secctl run" starts one' shell
says 'an unknown option' 2 'secctl: run: unknown option "--imgae", expected --image, --name or -e' run --imgae x
says 'an option without its value' 2 'secctl: run: --image without a value, expected one after it' run --image
says 'an option given twice' 2 'secctl: run: --image is given twice, expected it once' run --image a --image b
says 'a word too many' 2 'secctl: stop: "now", expected no argument' stop now

# each command says its name first, whatever is wrong: the words, the home folder, the engine
one_line() { [[ $OUT == "secctl: $1: "* && $OUT != "secctl: $1: $1: "* && $OUT != *$'\n'* ]]; }
mapfile -t COMMANDS < <("$SECCTL" help | sed -n 's/^  \([a-z][a-z]*\).*/\1/p')
[ "${#COMMANDS[@]}" -ge 15 ]
result $? "all ${#COMMANDS[@]} commands"
for command in "${COMMANDS[@]}"; do
    OUT=$("$SECCTL" "$command" --bogus 2>&1 </dev/null)
    [ $? -eq 2 ] && one_line "$command" && [[ $OUT == "secctl: $command: unknown option \"--bogus\", "* ]]
    result $? "$command: an unknown option"
    OUT=$("$SECCTL" "$command" --help 2>&1 >/dev/full)
    [ "$OUT" = "secctl: $command: write to standard output: No space left on device" ]
    result $? "$command: an output that cannot be written"
done
for command in "${COMMANDS[@]}"; do
    case $command in
    help | version | doctor) continue ;; # the first two need none, to the third it is a finding
    allow | deny) set -- "$command" a.example ;;
    *) set -- "$command" ;;
    esac
    OUT=$("$SECCTL" --home "$WORK/none" "$@" 2>&1 </dev/null)
    [ $? -eq 1 ] && one_line "$command" && [[ $OUT == *": --home \"$WORK/none\": No such file or directory" ]]
    result $? "$command: no home folder"
    [ "$command" != check ] || continue # needs no engine
    ! OUT=$(DOCKER_HOST=unix://$WORK/none "$SECCTL" "$@" 2>&1 >/dev/null </dev/null) && one_line "$command" && [[ $OUT == *"no Docker engine at unix://$WORK/none: "* ]]
    result $? "$command: no engine"
done

[ "$TAP_FAILED" -eq 0 ]
