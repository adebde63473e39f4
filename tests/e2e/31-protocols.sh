#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What else sandboxed tools speak: databases, package managers, WebSockets, server-sent events, gRPC, HTTP/2. Each works
# where it is allowed, and is refused at once, with a reason, where it is not.
# shellcheck disable=SC2317 # functions that check calls

. "$(dirname "$0")/../support/e2e.sh"
. "$(dirname "$0")/../support/services.sh"
CLIENTS=$SUPPORT/clients

e2e_begin
pki_up && resolver_up && database_up && packages_up && live_up && rpc_up && smart_git_up || exit 1
for name in packages live events rpc git; do expect_dns "$name.test"; done
expect_dns db.test
expect_out "ip.dst==$DB && tcp.dstport==5432"
for address in "$PACKAGES" "$PACKAGES6"; do
    expect_tls packages.test "$address"
    expect_http packages.test "$address"
done
expect_tls live.test "$LIVE"
expect_http live.test "$LIVE"
expect_tls events.test "$EVENTS"
expect_http events.test "$EVENTS"
expect_tls rpc.test "$RPC"
expect_tls git.test "$GIT"
expect_http git.test "$GIT"
expect_never EVIL
expect_never Upgrade:
policy='db.test        tcp/5432
packages.test  tls/443 http/80
live.test      tls/443 http/80
events.test    tls/443 http/80
rpc.test
git.test       tls/443 http/80'
gw_policy <<<"$policy"
gw_start || exit 1

# bare COMMAND... - without the settings of this machine, but with the test's CA
bare() {
    in_in timeout 60 env -i PATH="$PATH" HOME="$T" LC_ALL=C SSL_CERT_FILE="$T/ca.crt" CURL_CA_BUNDLE="$T/ca.crt" \
        NODE_EXTRA_CA_CERTS="$T/ca.crt" PIP_CERT="$T/ca.crt" PIP_DISABLE_PIP_VERSION_CHECK=1 npm_config_update_notifier=false \
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH="$T/ca.crt" "$@"
}
# denied_says SENTENCE TEXT "KEY=VALUE..." COMMAND... - as check_denied, and TEXT is in what COMMAND prints
denied_says() {
    local sentence=$1 text=$2 said
    local -a want

    read -r -a want <<<"$3"
    shift 3
    log_mark
    check_fast "$sentence: fails at once" "${FAST_MS:-1000}" "$@"
    said=$OUT
    note "$MS ms"
    check_log "$sentence: the log says why" verdict=deny "${want[@]}"
    OUT="expected to find \"$text\" in: $said"
    grep -qF -- "$text" <<<"$said"
    result $? "$sentence: it says \"$text\""
}
# one_connection SENTENCE N PATH - the packages' server had its last N requests for PATH on one connection
one_connection() {
    local got

    is_plain && return 0
    got=$(awk -v path="$3" '$7 == path { print $1 }' "$T/packages.access" | tail -n "$2")
    OUT=$got
    test "$(wc -l <<<"$got")" -eq "$2" -a "$(sort -u <<<"$got" | wc -l)" -eq 1
    result $? "$1"
}
NAME='event=dns reason=name-not-allowed name=denied.test'
ADDRESS='event=connect reason=address-not-bound dst=203.0.113.66'

# --- what takes its time, meanwhile: server-sent events, with silence between them

declare -A followers=([py-tls]='/usr/bin/python3 events.py https' [py-http]='/usr/bin/python3 events.py http'
    [js-tls]='node events.js https' [js-http]='node events.js http')
for key in "${!followers[@]}"; do
    (
        read -r program script scheme <<<"${followers[$key]}"
        bare "$program" "$CLIENTS/$script" "$scheme://events.test/" >"$T/events.$key" 2>&1
    ) &
    PIDS+=($!)
    event_pids+=($!)
done

# --- PostgreSQL: a tcp rule, because it does not begin with a ClientHello even where it uses TLS

sql() { bare psql -XqAt "user=agent dbname=agent host=$1 port=$2 sslmode=$3 sslrootcert=$T/ca.crt" -c "$4"; }
encrypted='select ssl from pg_stat_ssl where pid = pg_backend_pid()'
check_has 'psql by name' f sql db.test 5432 disable "$encrypted"
check_log 'it is logged' event=connect verdict=allow name=db.test dport=5432
check_has 'psql with TLS' t sql db.test 5432 require "$encrypted"
check_has 'psql with TLS and the name in the certificate' t sql db.test 5432 verify-full "$encrypted"
check_has 'what is written is there' 1000 sql db.test 5432 require \
    "create table t as select n, repeat('x', 1000) x from generate_series(1, 1000) n; select count(*) from t where length(x) = 1000"
check_has 'an answer of 8 MB is whole' 8000000 \
    eval "sql db.test 5432 require \"select repeat('x', 7999999)\" | wc -c"
check_has 'by the address that its name has' f sql "$DB" 5432 disable "$encrypted"
denied_says 'psql, denied name' 'could not translate host name "denied.test"' "$NAME" sql denied.test 5432 prefer 'select 1'
denied_says 'psql, denied address' 'Connection refused' "$ADDRESS dport=5432" sql 203.0.113.66 5432 prefer 'select 1'
denied_says 'psql, denied port' 'Connection refused' "event=connect reason~^(service-not-allowed|address-not-bound)\$ dst=$DB dport=5434" \
    sql db.test 5434 prefer 'select 1'
gw_policy <<<"${policy/tcp?5432/tls/5432}"
gw_reload
denied_says 'psql where the rule says tls' 'server closed the connection unexpectedly' 'event=tls reason=not-tls dst=203.0.113.81 dport=5432' \
    sql db.test 5432 require 'select 1'
gw_policy <<<"$policy"
gw_reload

# --- apt: many requests at once on one connection; redirects

apt_in() { # SOURCE ARGUMENT...
    local root=$T/root.${1//[^a-z]/} source=$1

    shift
    mkdir -p "$root"/{etc/apt,var/{lib/{apt/lists/partial,dpkg/{info,updates}},cache/apt/archives/partial,log/apt}} &&
        touch "$root/var/lib/dpkg/status" && echo "deb [trusted=yes] $source ./" >"$root/etc/apt/sources.list" || return 1
    bare APT_CONFIG=/dev/null apt-get -q -y -o Dir="$root" -o Dir::State::status="$root/var/lib/dpkg/status" \
        -o Dir::Bin::dpkg=/usr/bin/dpkg -o Dpkg::Options::="--root=$root" -o APT::Sandbox::User=root \
        -o APT::Update::Error-Mode=any -o Acquire::Languages=none "$@"
}
ARCHIVE=http://packages.test/debian
mapfile -t all < <(seq -f "$TEST_PACKAGE-%g" 20)
installed() { test "$(find "$T/root.httppackagestestdebian/usr/share/doc" -type f | wc -l)" -eq 20; }
check 'apt updates' apt_in "$ARCHIVE" update
check 'apt installs 20 packages' apt_in "$ARCHIVE" install "${all[@]}"
check 'they are installed' installed
if ! is_plain; then
    OUT=$(grep '\.deb$' "$T/packages.access")
    test "$(awk '{ print $1 }' <<<"$OUT" | sort -u | wc -l)" -eq 1 -a "$(grep -c ' p HTTP' <<<"$OUT")" -ge 5
    result $? 'apt asked for them at once, on one connection'
    note "$(grep -c ' p HTTP' <<<"$OUT") of $(wc -l <<<"$OUT") requests were pipelined"
fi
denied_says 'apt, redirected to a denied name' "Could not resolve 'denied.test'" "$NAME" \
    apt_in http://packages.test/moved/debian -o Acquire::Retries=0 update
denied_says 'apt, redirected to a denied port' 'Could not connect to packages.test:8080' 'event=connect name=packages.test dport=8080' \
    apt_in http://packages.test/other-port/debian -o Acquire::Retries=0 update
denied_says 'apt, redirected to the address as a name' '403  Refused by the network policy (name-not-allowed)' "event=http reason=name-not-allowed name=$PACKAGES" \
    apt_in http://packages.test/by-address/debian -o Acquire::Retries=0 update

# --- npm and pip: a registry by TLS; one that has its archives elsewhere

# from here on clients that take seconds to start on a busy machine, but would wait longer than this for an answer
FAST_MS=${FAST_MS:-10000}

npm_in() { # FOLDER REGISTRY OPTION...
    local folder=$T/npm.$1 registry=$2

    shift 2
    mkdir -p "$folder" && echo '{"name":"x","version":"1.0.0"}' >"$folder/package.json" || return 1
    bare npm --prefix "$folder" --cache "$folder/cache" --registry "$registry" --no-audit --no-fund "$@" install "$TEST_PACKAGE"
}
if command -v npm >/dev/null; then
    check 'npm installs from a registry' npm_in good https://packages.test/npm/
    check_has 'it is the package' 'from the registry' bare node -p "require('$T/npm.good/node_modules/$TEST_PACKAGE')"
    denied_says 'npm, denied registry' ENOTFOUND "$NAME" npm_in name https://denied.test/npm/ --fetch-retries=0
    denied_says 'npm, denied address' ECONNREFUSED "$ADDRESS" npm_in address https://203.0.113.66/npm/ --fetch-retries=0
    denied_says 'npm, archive on a denied name' ENOTFOUND "$NAME" npm_in elsewhere https://packages.test/npm-elsewhere/ --fetch-retries=0
else
    skip 'npm installs and is refused' 'no npm on this machine'
fi
pip_in() { # FOLDER INDEX OPTION...
    local folder=$T/pip.$1 index=$2

    shift 2
    bare /usr/bin/python3 -m pip install -q --no-cache-dir --target "$folder" --index-url "$index" "$@" "$TEST_PACKAGE"
}
if /usr/bin/python3 -m pip --version >/dev/null 2>&1; then
    check 'pip installs from an index' pip_in good https://packages.test/pip/simple/
    check_has 'it is the package' 'from the index' bare PYTHONPATH="$T/pip.good" /usr/bin/python3 -c 'import secctl_test_package'
    denied_says 'pip, denied index' 'No matching distribution found' "$NAME" pip_in name https://denied.test/pip/simple/ --retries 0
    denied_says 'pip, archive on a denied name' 'Name or service not known' "$NAME" pip_in elsewhere https://packages.test/pip/elsewhere/ --retries 0
else
    skip 'pip installs and is refused' 'no pip on this machine'
fi

# --- git's smart protocol: small things, and a pack that is sent in chunks

git_in() { bare env GIT_SSL_CAINFO="$T/ca.crt" GIT_TERMINAL_PROMPT=0 git -c user.name=t -c user.email=t@git.test "$@"; }
for scheme in https http; do
    url=$scheme://git.test/smart.git clone=$T/clone.$scheme
    check "git clones over $scheme" git_in clone -q "$url" "$clone"
    head -c 3000000 /dev/urandom >"$clone/$scheme"
    check "git has something to push" eval "git_in -C '$clone' add . && git_in -C '$clone' commit -q -m $scheme"
    check "git pushes 3 MB over $scheme" git_in -C "$clone" push -q origin HEAD:main
    check "git fetches them over $scheme" git_in clone -q -b main "$url" "$clone.again"
    is_plain || check 'they are the same' cmp "$clone/$scheme" "$clone.again/$scheme"
done
is_plain || check 'the big pack came in chunks' grep -q '^80 POST /smart.git/git-receive-pack chunked' "$T/git.log"
denied_says 'git pushes to a denied name' 'Could not resolve host: denied.test' "$NAME" \
    git_in -C "$T/clone.https" push -q https://denied.test/smart.git HEAD:main

# --- HTTP/2 and connections that are kept

check_has '300 streams of one HTTP/2 connection' '300 answered' bare node "$CLIENTS/streams.js" https://packages.test \
    "/npm/$TEST_PACKAGE" 300
one_connection 'it was one connection' 300 "/npm/$TEST_PACKAGE"
check 'curl: 200 requests, 50 at a time' bare curl -sSfZ --parallel-max 50 -o /dev/null "https://packages.test/?[1-200]"
for scheme in https http; do
    check "curl keeps its connection: 50 requests by $scheme" bare curl -sSf --http1.1 -o /dev/null "$scheme://packages.test/?[1-50]"
    one_connection "it was one connection ($scheme)" 50 /
done

# --- WebSockets

check_has 'a WebSocket by TLS' '37 frames came back' bare /usr/bin/python3 "$CLIENTS/frames.py" wss://live.test/
denied_says 'a WebSocket in plain text' 'HTTP 403' 'event=http reason=http-malformed detail~wss' bare /usr/bin/python3 "$CLIENTS/frames.py" ws://live.test/
denied_says 'it has a page' 'a WebSocket in plain text cannot be read, use TLS' 'event=http reason=http-malformed' bare curl -sS \
    --fail-with-body -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: EVIL' \
    http://live.test/
denied_says 'a WebSocket, denied name' 'Name or service not known' "$NAME" bare /usr/bin/python3 "$CLIENTS/frames.py" wss://denied.test/
denied_says 'a WebSocket, denied address' 'Connect call failed' "$ADDRESS" bare /usr/bin/python3 "$CLIENTS/frames.py" wss://203.0.113.66/

# --- gRPC

check_has 'gRPC calls of all kinds' '203 messages came back' bare /usr/bin/python3 "$CLIENTS/rpc.py" rpc.test:443 "$T/ca.crt"
denied_says 'gRPC, denied name' 'UNAVAILABLE: DNS resolution failed for denied.test' "$NAME" bare /usr/bin/python3 "$CLIENTS/rpc.py" denied.test:443 "$T/ca.crt"
denied_says 'gRPC, denied address' 'UNAVAILABLE: failed to connect to all addresses' "$ADDRESS" \
    bare /usr/bin/python3 "$CLIENTS/rpc.py" 203.0.113.66:443 "$T/ca.crt"
denied_says 'gRPC, denied port' 'UNAVAILABLE: failed to connect to all addresses' "event=connect dst=$RPC dport=50051" \
    bare /usr/bin/python3 "$CLIENTS/rpc.py" rpc.test:50051 "$T/ca.crt"

# --- Java's own client: HTTP/2 by TLS, in plain text with an offer of it; WebSocket

java_says() { # URL TEXT... - in its line
    local url=$1 line text status=0

    shift
    line=$(grep -F "$url " <<<"$OUT")
    for text; do [[ $line == *"$text"* ]] || status=1; done
    result "$status" "java.net.http, $url: $*"
    note "$line"
}
keytool -importcert -noprompt -alias ca -file "$T/ca.crt" -keystore "$T/trust.p12" -storepass secret >"$T/keytool.log" 2>&1
log_mark
OUT=$(bare java "-Djavax.net.ssl.trustStore=$T/trust.p12" -Djavax.net.ssl.trustStorePassword=secret "$CLIENTS/Talk.java" \
    https://packages.test/ http://packages.test/ wss://live.test/ ws://live.test/ https://denied.test/ https://203.0.113.66/ HTTP_1_1 \
    'http://packages.test/?1' 2>&1)
java_says https://packages.test/ "HTTP_2 200 $TEST_PACKAGE"
java_says wss://live.test/ '20 frames'
java_says http://packages.test/ '403 This request was refused by the network policy' 'use HTTP/1.1 or TLS'
java_says 'http://packages.test/?1' "HTTP_1_1 200 $TEST_PACKAGE"
java_says ws://live.test/ 'status code 403'
java_says https://denied.test/ ConnectException
java_says https://203.0.113.66/ ConnectException
check_log 'the log says what Java offered' event=http verdict=deny reason=http-malformed dst="$PACKAGES" 'detail~HTTP/2 in plain text'

# --- a name whose IPv6 address does not answer: node tries the next one soon, Java begins with IPv4, python waits for its
# own timeout of 5 s

in_out nft -f - <<END
table inet hole {
    chain intake {
        type filter hook input priority 0
        ip6 daddr $PACKAGES6 drop
    }
}
END
bare /usr/bin/python3 "$CLIENTS/fetch.py" https://packages.test/ >"$T/hole.python" 2>&1 &
hole=($!)
bare node "$CLIENTS/fetch.js" https://packages.test/ >"$T/hole.node" 2>&1 &
hole+=($!)
bare java "$CLIENTS/Fetch.java" "$T/ca.crt" https://packages.test/ >"$T/hole.java" 2>&1 &
hole+=($!)
wait "${hole[@]}"
for name in node java python; do
    OUT=$(cat "$T/hole.$name")
    ms=$(sed -n 's/.* \([0-9]*\) ms .*'"$TEST_PACKAGE"'.*/\1/p' <<<"$OUT")
    case $name in python) from=4900 to=9000 ;; *) from=0 to=4000 ;; esac
    test "${ms:-99999}" -ge "$from" -a "${ms:-99999}" -le "$to"
    result $? "$name gets there though IPv6 does not"
    note "$OUT"
done
in_out nft delete table inet hole

# --- server-sent events

wait ${event_pids[@]+"${event_pids[@]}"}
for key in "${!followers[@]}"; do
    OUT=$(cat "$T/events.$key")
    read -r count _ ms late <<<"$OUT"
    test "$count" = 30 -a "${ms:-0}" -ge 5000 -a "${late:-9999}" -le 1000
    result $? "30 events come, each when it is sent: ${followers[$key]}"
    note "$OUT"
done

e2e_end
