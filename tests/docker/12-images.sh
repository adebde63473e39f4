#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What is in the images, and that both ways to the gateway's give the same.
# no counter-check: nothing here uses the network
#
# shellcheck disable=SC2016 # the containers' shells expand

. "$(dirname "$0")/../support/stack.sh"

docker_begin
check 'the gateway is built from its archive, without a network' gateway_image

# files IMAGE - with the owner and the mode of each
files() {
    local id

    id=$(docker create "$1" version) && docker export "$id" | tar --numeric-owner -tvf - |
        grep -vE ' ((dev|proc|sys)/.*|\.dockerenv|etc/(hosts|hostname|resolv.conf|mtab.*))$' | awk '{ print $1, $2, $NF }' | sort
    docker rm "$id" >/dev/null
}
inspect() { docker image inspect --format "$2" "$1"; }

files claude-secure-gateway >"$T/prebuilt"
check_has 'it has the forwarding plane in it' '-rwxr-xr-x 0/0 usr/sbin/fwd' cat "$T/prebuilt"
check_has 'it has a policy to fill an empty volume with' '-rw-r--r-- 0/0 etc/secctl/policy/allowlist' cat "$T/prebuilt"
check_fast 'it has no program but fwd and sni-filter' 5000 grep -vE ' (LICENSE|usr/sbin/(fwd|sni-filter)|.*\.so\.[0-9.]+|etc/.*|.*/)$' "$T/prebuilt"
check_fast 'nothing in it is set-uid, and only /tmp is for all to write' 5000 grep -E '^-..[sS]|^-.....[sS]|^[-d].......w' <(grep -v ' tmp/$' "$T/prebuilt")
check 'it is smaller than 20 MB' test "$(inspect claude-secure-gateway '{{.Size}}')" -lt 20000000
note "$(inspect claude-secure-gateway '{{.Size}}') bytes"
check_has 'it starts fwd' '[/usr/sbin/fwd]' inspect claude-secure-gateway '{{.Config.Entrypoint}}'
check_has 'its health is what fwd says' '[CMD /usr/sbin/fwd check]' inspect claude-secure-gateway '{{.Config.Healthcheck.Test}}'
check_has 'fwd runs in it' fwd docker run --rm --network none --read-only --cap-drop ALL claude-secure-gateway version

full() { # what "make images" does where there is no archive
    BUILD=$T/none GATEWAY_IMAGE=full NO_PULL=1 DOCKER_BUILD_OPTIONS='--network none' in_machine "$ROOT/compose/images.sh" gateway
}
if [ "$ENGINE" = system ]; then
    check 'the gateway is built from source in a Debian stage' full
    files full >"$T/full"
    # of the libraries Debian's may be newer than this system's
    check 'both ways give the same files' diff <(sed 's/[0-9.]*$//' "$T/prebuilt") <(sed 's/[0-9.]*$//' "$T/full")

    claude() { docker run --rm --network none --cap-drop ALL claude-secure-claude "$@"; }
    check_has 'Claude Code has the version that is pinned' \
        "$(sed -n 's/^ARG CLAUDE_CODE_VERSION=//p' "$ROOT/compose/agent/Dockerfile") (Claude Code)" claude claude --version
    check_has 'it runs as UID 1000' 'uid=1000(claude) gid=1000(claude) groups=1000(claude)' claude id
    check 'the workspace and its settings are its own' claude sh -c 'touch /workspace/x "$CLAUDE_CONFIG_DIR/x"'
    check_has 'it is told of its network' 'secctl allow NAME' claude cat /etc/claude-code/CLAUDE.md
    check_has 'it does not update itself' 1 claude sh -c 'echo $DISABLE_AUTOUPDATER'
    check 'a developer finds the usual tools' claude sh -c 'for p in git rg curl ssh less jq python3 make gcc; do command -v $p || exit 1; done'
    check_has 'no CA of the machine that built it is in it' '0 0' \
        claude sh -c 'echo $(ls /usr/local/share/ca-certificates | wc -l) $(ls /etc/ssl/certs/*.pem | wc -l | xargs -I{} expr {} - $(grep -c "^mozilla" /etc/ca-certificates.conf))'
    check_fast 'nothing in it is set-uid but what Debian has' 20000 claude sh -c \
        'find / -xdev -perm /6000 -type f 2>/dev/null | grep -vE "/(passwd|su|mount|umount|chsh|chfn|newgrp|gpasswd|chage|expiry|unix_chkpwd|ssh-agent|ssh-keysign)$"'
fi

e2e_end
