# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The internet in NS_OUT. Everything is made at run time below $T: keys, certificates, configurations.

CERT_NAMES="far.test allowed.test www.allowed.test other.test rr.test git.test raw.test hrr.test denied.test
    shared.test exfil.denied.test"
WEB4="203.0.113.10 203.0.113.11 203.0.113.12 203.0.113.21 203.0.113.22 203.0.113.23 203.0.113.24
    203.0.113.30 203.0.113.66 198.51.100.10"
WEB6="2001:db8::10 2001:db8::11 2001:db8::12 2001:db8::66"

pki_up() { # a CA, and one certificate for all names and the addresses
    local san n

    san=$(for n in $CERT_NAMES; do printf 'DNS:%s,' "$n"; done)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj '/CN=test CA' -keyout "$T/ca.key" -out "$T/ca.crt" \
        -addext keyUsage=critical,keyCertSign,cRLSign &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=test server' \
            -keyout "$T/server.key" -out "$T/server.csr" &&
        openssl x509 -req -in "$T/server.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -days 2 \
            -CAcreateserial -out "$T/server.crt" \
            -extfile <(printf 'subjectAltName=%sIP:203.0.113.66\n' "$san")
} >"$T/pki.log" 2>&1

nginx_listen() { # the lines for all web addresses
    local a

    for a in $WEB4; do echo "listen $a:443 ssl fastopen=64; listen $a:80;"; done
    for a in $WEB6; do echo "listen [$a]:443 ssl fastopen=64; listen [$a]:80;"; done
    echo 'listen 203.0.113.10:8443 ssl;'
}

nginx_server() { # what every server answers; it says which name TLS really asked for
    cat <<END
        server_name _;
        root $T/www;
        dav_methods PUT;
        client_max_body_size 0;
        client_body_temp_path $T/nginx;
        create_full_put_path on;
        default_type text/plain;
        add_header served-name "\$ssl_server_name";
        location = / { return 200 "served-name: \$ssl_server_name\nhost: \$host\naddr: \$server_addr\n"; }
        location /slow/ { alias $T/www/; limit_rate 256k; }
        location /put/ { root $T/www; dav_methods PUT; }
END
}

nginx_conf() {
    cat <<END
daemon off;
master_process off;
user root;
pid $T/nginx/pid;
error_log $T/nginx/error.log notice;
events { worker_connections 4096; }
http {
    log_format served '\$server_addr \$ssl_server_name \$host \$status';
    access_log $T/nginx/access.log served;
    proxy_temp_path $T/nginx; fastcgi_temp_path $T/nginx; uwsgi_temp_path $T/nginx; scgi_temp_path $T/nginx;
    ssl_certificate $T/server.crt;
    ssl_certificate_key $T/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    sendfile on;
    server {
$(nginx_listen)
$(nginx_server)
    }
    server { # only P-384: a client that offers X25519 is asked again (HelloRetryRequest)
        listen 203.0.113.50:443 ssl; listen [2001:db8::50]:443 ssl;
        ssl_ecdh_curve secp384r1;
$(nginx_server)
    }
}
END
}

web_up() {
    mkdir -p "$T/www/put" "$T/nginx"
    [ -e "$T/ca.crt" ] || pki_up || return 1
    head -c 33554432 /dev/urandom >"$T/www/big"
    echo 'hello' >"$T/www/small"
    nginx_conf >"$T/nginx/conf"
    in_out sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_fastopen'
    # shellcheck disable=SC2094 # both append
    spawn "$NS_OUT" nginx -e "$T/nginx/error.log" -c "$T/nginx/conf" -p "$T/nginx/" 2>>"$T/nginx/error.log"
    retry 10 tcp_answers 203.0.113.10 443 || {
        cat "$T/nginx/error.log" >&2
        return 1
    }
}

tcp_answers() { in_out bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

# resolver_up - a real one, which follows the CNAMEs of zone.test and caches; RESOLVER_MORE: more lines for its server
resolver_up() {
    mkdir -p "$T/unbound"
    cat >"$T/unbound/conf" <<END
server:
    interface: $RESOLVER
    interface: $RESOLVER6
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    chroot: ""
    username: ""
    directory: "$T/unbound"
    pidfile: "$T/unbound/pid"
    use-syslog: no
    logfile: "$T/unbound/log"
    log-queries: yes
    do-daemonize: no
    local-zone: "test." nodefault
    rrset-roundrobin: yes
    module-config: "iterator"
    num-threads: 1
${RESOLVER_MORE:-}
auth-zone:
    name: "test"
    zonefile: "$SUPPORT/zone.test"
    for-upstream: yes
    for-downstream: no
END
    spawn "$NS_OUT" unbound -d -c "$T/unbound/conf" >>"$T/unbound/out" 2>&1
    retry 10 resolver_answers || {
        cat "$T/unbound/out" "$T/unbound/log" >&2
        return 1
    }
}

resolver_answers() { in_out dig +short +time=1 +tries=1 "@$RESOLVER" www.allowed.test | grep -q '^203'; }

# dnsd_up LOG [RULE...] - the odd resolver of dnsd.py
dnsd_up() {
    local log=$1

    shift
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/dnsd.py" --log "$log" "$@" 2>>"$T/dnsd.err"
    retry 10 grep -qs '"ready"' "$log"
}

# rawd_up - TCP servers for bytes of any kind (rawd.py); $T/rawd.log gets a line for each connection and its bytes
rawd_up() {
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/rawd.py" "$T/rawd.log" 7000 7001 203.0.113.41@443 2>>"$T/rawd.err"
    retry 10 grep -qs ready "$T/rawd.log"
}

# ssh_up - sshd on 203.0.113.30 port 22 with a user "git" and a repository, which nginx serves too
ssh_up() {
    local etc=/etc/netns/$NS_OUT

    mkdir -p "$T/ssh" "$T/home"
    ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/host" && ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/id" || return 1
    cp "$T/ssh/id.pub" "$T/ssh/authorized"
    printf 'git.test %s\n' "$(cut -d' ' -f1,2 "$T/ssh/host.pub")" >"$T/ssh/known"
    # accounts of this namespace only
    printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' \
        'nobody:x:65534:65534::/:/usr/sbin/nologin' "git:x:0:0::$T/home:/bin/sh" >"$etc/passwd"
    printf '%s\n' 'root:*:1::::::' 'sshd:*:1::::::' 'git:*:1::::::' >"$etc/shadow"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$etc/group"
    cat >"$T/ssh/conf" <<END
ListenAddress 203.0.113.30:22
HostKey $T/ssh/host
AuthorizedKeysFile $T/ssh/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
END
    git_repository || return 1
    # shellcheck disable=SC2016
    spawn "$NS_OUT" sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f "$1"' \
        sshd "$T/ssh/conf" 2>>"$T/ssh/log"
    retry 10 tcp_answers 203.0.113.30 22
}

git_repository() {
    local g=(git -c init.defaultBranch=main -c user.name=t -c user.email=t@allowed.test)

    (
        export HOME=$T/home GIT_CONFIG_NOSYSTEM=1
        "${g[@]}" init -q "$T/work" && cd "$T/work" && echo text >file && "${g[@]}" add file &&
            "${g[@]}" commit -q -m first && "${g[@]}" clone -q --bare . "$T/www/repo.git" &&
            cd "$T/www/repo.git" && git update-server-info
    ) >"$T/git.log" 2>&1
}

# mirror_up - a package and its index below $T/www/mirror, and an apt that knows no other source: $T/apt/conf
mirror_up() {
    local root=$T/package mirror=$T/www/mirror deb=secctl-test-package_1.0_all.deb

    mkdir -p "$root/DEBIAN" "$mirror" "$T/apt/parts" "$T/apt/state/lists/partial" "$T/apt/cache/archives/partial"
    printf '%s\n' 'Package: secctl-test-package' 'Version: 1.0' 'Architecture: all' 'Maintainer: test <t@allowed.test>' \
        'Description: nothing' >"$root/DEBIAN/control"
    dpkg-deb -b "$root" "$mirror/$deb" >"$T/apt/log" || return 1
    {
        cat "$root/DEBIAN/control"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$mirror/$deb")" \
            "$(sha256sum "$mirror/$deb" | cut -d' ' -f1)"
    } >"$mirror/Packages"
    : >"$T/apt/status"
    echo 'deb [trusted=yes] http://allowed.test/mirror ./' >"$T/apt/sources"
    printf '%s;\n' "Dir::Etc::SourceList \"$T/apt/sources\"" "Dir::Etc::SourceParts \"$T/apt/parts\"" \
        "Dir::Etc::Parts \"$T/apt/parts\"" "Dir::State \"$T/apt/state\"" "Dir::State::status \"$T/apt/status\"" \
        "Dir::Cache \"$T/apt/cache\"" 'APT::Sandbox::User "root"' 'Acquire::Languages "none"' >"$T/apt/conf"
}

# far_up - one more hop, 192.0.2.77, behind a link with MTU 1280; a web server there that takes uploads
far_up() {
    ip netns add "$NS_FAR" && ip -n "$NS_FAR" link set lo up &&
        ip link add tofar netns "$NS_OUT" type veth peer name far0 netns "$NS_FAR" &&
        in_out sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' &&
        ip -n "$NS_OUT" -b - <<END && ip -n "$NS_FAR" -b - <<END2 || return 1
link set tofar mtu 1280 up
addr add 198.18.2.1/24 dev tofar
addr add 2001:2:0:3::1/64 dev tofar nodad
route add 192.0.2.77/32 via 198.18.2.2
route add 2001:db8:77::77/128 via 2001:2:0:3::2
END
link set far0 mtu 1500 up
addr add 198.18.2.2/24 dev far0
addr add 192.0.2.77/32 dev far0
addr add 2001:2:0:3::2/64 dev far0 nodad
addr add 2001:db8:77::77/128 dev far0 nodad
route add default via 198.18.2.1
route add default via 2001:2:0:3::1
END2
    mkdir -p "$T/far"
    nginx_conf | sed -e '/listen/d' -e "/access_log/!s|$T/nginx|$T/far|g" -e "s|^ *root $T/www|listen 192.0.2.77:443 ssl; listen [2001:db8:77::77]:443 ssl; &|" |
        sed '/only P-384/,/^    }/d' >"$T/far/conf"
    # shellcheck disable=SC2094 # both append
    spawn "$NS_FAR" nginx -e "$T/far/error.log" -c "$T/far/conf" -p "$T/far/" 2>>"$T/far/error.log"
    retry 10 tcp_answers 192.0.2.77 443
}
