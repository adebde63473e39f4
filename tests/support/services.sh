# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# More of the internet in NS_OUT, beside servers.sh: a database, package registries, web services that talk on.

CERT_NAMES+=" db.test packages.test live.test events.test rpc.test"
DB=203.0.113.81 PACKAGES=203.0.113.82 PACKAGES6=2001:db8::82 LIVE=203.0.113.83 EVENTS=203.0.113.84 RPC=203.0.113.85 GIT=203.0.113.30
TEST_PACKAGE=secctl-test-package

# database_up - PostgreSQL on $DB port 5432, with and without TLS, for a user "agent" of a database "agent"
database_up() {
    local bin data=$T/pg/data

    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups env -i LC_ALL=C PATH="$bin:$PATH" "$@"; }
    mkdir -p "$T/pg" && cp "$T/server.crt" "$T/server.key" "$T/pg/" && chmod 600 "$T/pg/server.key" &&
        chown -R postgres: "$T/pg" || return 1
    as_postgres initdb -D "$data" -U agent -A trust --no-sync -E UTF8 --locale C >"$T/pg.log" 2>&1 || return 1
    printf '%s\n' "listen_addresses = '$DB'" "unix_socket_directories = '$T/pg'" 'fsync = off' 'ssl = on' \
        "ssl_cert_file = '$T/pg/server.crt'" "ssl_key_file = '$T/pg/server.key'" 'shared_buffers = 16MB' \
        >>"$data/postgresql.conf"
    echo 'host all all all trust' >>"$data/pg_hba.conf"
    spawn "$NS_OUT" setpriv --reuid postgres --regid postgres --clear-groups env -i LC_ALL=C "$bin/postgres" -D "$data" \
        >>"$T/pg.log" 2>&1
    retry 20 database_answers || {
        cat "$T/pg.log" >&2
        return 1
    }
}
database_answers() { in_out psql -qAt "host=$DB user=agent dbname=postgres" -c 'create database agent' >/dev/null 2>&1; }

# registry_files - what npm and pip ask for a package, below $T/packages; its copies "elsewhere" say that the archive
# is on denied.test
registry_files() {
    /usr/bin/python3 - "$T/packages" "$TEST_PACKAGE" <<'END'
import base64, hashlib, io, json, os, sys, tarfile, zipfile

root, name = sys.argv[1:]

def put(path, data):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())

manifest, code = {"name": name, "version": "1.0.0", "main": "index.js"}, b"module.exports = 'from the registry';\n"
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    for path, data in ("package/package.json", json.dumps(manifest).encode()), ("package/index.js", code):
        member = tarfile.TarInfo(path)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
put(f"npm/{name}.tgz", packed.getvalue())
for folder, host in ("npm", "packages.test"), ("npm-elsewhere", "denied.test"):
    dist = {"tarball": f"https://{host}/npm/{name}.tgz", "shasum": hashlib.sha1(packed.getvalue()).hexdigest(),
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()}
    put(f"{folder}/{name}", json.dumps({"name": name, "dist-tags": {"latest": "1.0.0"},
                                        "versions": {"1.0.0": {**manifest, "dist": dist}}}))

module, wheel = name.replace("-", "_"), io.BytesIO()
with zipfile.ZipFile(wheel, "w") as z:
    info = f"{module}-1.0.dist-info"
    z.writestr(f"{module}.py", "print('from the index')\n")
    z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr(f"{info}/RECORD", "")
file = f"{module}-1.0-py3-none-any.whl"
put(f"pip/files/{file}", wheel.getvalue())
for folder, url in ("simple", "../../files"), ("elsewhere", "https://denied.test/pip/files"):
    digest = hashlib.sha256(wheel.getvalue()).hexdigest()
    put(f"pip/{folder}/{name}/index.html", f'<!DOCTYPE html><a href="{url}/{file}#sha256={digest}">{file}</a>')
END
}

# archive_files N - a Debian archive with N small packages: $T/packages/debian
archive_files() {
    local root=$T/deb out=$T/packages/debian i name

    mkdir -p "$root/DEBIAN" "$root/usr/share/doc" "$out"
    for ((i = 1; i <= $1; i++)); do
        name=$TEST_PACKAGE-$i
        printf '%s\n' "Package: $name" 'Version: 1.0' 'Architecture: all' 'Maintainer: test <t@packages.test>' \
            'Description: nothing' >"$root/DEBIAN/control"
        rm -f "$root"/usr/share/doc/*
        echo "$name" >"$root/usr/share/doc/$name"
        dpkg-deb -Znone -b "$root" "$out/$name.deb" >>"$T/packages.log" || return 1
        cat "$root/DEBIAN/control"
        printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$out/$name.deb")" \
            "$(sha256sum "$out/$name.deb" | cut -d' ' -f1)"
    done >"$out/Packages"
}

# packages_up - npm's and pip's registries and a Debian archive on packages.test, by HTTP/1.1, HTTP/2 and plain HTTP;
# $T/packages.access gets a line for each request: connection, its number on it, "p" when it was pipelined, what
packages_up() {
    registry_files && archive_files 20 || return 1
    mkdir -p "$T/packages.nginx"
    cat >"$T/packages.conf" <<END
daemon off;
master_process off;
user root;
pid $T/packages.nginx/pid;
events { worker_connections 1024; }
http {
    log_format asked '\$connection \$connection_requests \$pipe \$server_protocol \$status \$host \$uri';
    access_log $T/packages.access asked;
    client_body_temp_path $T/packages.nginx; proxy_temp_path $T/packages.nginx; fastcgi_temp_path $T/packages.nginx;
    uwsgi_temp_path $T/packages.nginx; scgi_temp_path $T/packages.nginx;
    ssl_certificate $T/server.crt;
    ssl_certificate_key $T/server.key;
    keepalive_requests 10000;
    server {
        listen $PACKAGES:443 ssl http2; listen [$PACKAGES6]:443 ssl http2; listen $PACKAGES:80; listen [$PACKAGES6]:80;
        root $T/packages;
        default_type application/json;
        types { text/html html; }
        location = / { return 200 "$TEST_PACKAGE\n"; }
        location /moved/ { rewrite ^/moved/(.*) http://denied.test/\$1 redirect; }
        location /other-port/ { rewrite ^/other-port/(.*) http://packages.test:8080/\$1 redirect; }
        location /by-address/ { rewrite ^/by-address/(.*) http://$PACKAGES/\$1 redirect; }
    }
}
END
    # shellcheck disable=SC2094 # both append
    spawn "$NS_OUT" nginx -e "$T/packages.err" -c "$T/packages.conf" -p "$T/packages.nginx/" 2>>"$T/packages.err"
    retry 10 tcp_answers "$PACKAGES" 443 || {
        cat "$T/packages.err" >&2
        return 1
    }
}

# live_up - WebSockets on live.test, server-sent events on events.test
live_up() {
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/lived.py" "$T/server.crt" "$T/server.key" "$LIVE" "$EVENTS" \
        >"$T/live.log" 2>&1
    retry 10 grep -qx ready "$T/live.log" || {
        cat "$T/live.log" >&2
        return 1
    }
}

# rpc_up - a gRPC server on rpc.test
rpc_up() {
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/rpcd.py" "$RPC" "$T/server.crt" "$T/server.key" >"$T/rpc.log" 2>&1
    retry 10 grep -qx ready "$T/rpc.log" || {
        cat "$T/rpc.log" >&2
        return 1
    }
}

# smart_git_up - a repository to fetch from and push to: https://git.test/smart.git, http://git.test/smart.git
smart_git_up() {
    mkdir -p "$T/smart" && git -c init.defaultBranch=main init -q --bare "$T/smart/smart.git" || return 1
    spawn "$NS_OUT" /usr/bin/python3 "$SUPPORT/gitd.py" "$T/server.crt" "$T/server.key" "$GIT" "$T/smart" >"$T/git.log" 2>&1
    retry 10 grep -qx ready "$T/git.log" || {
        cat "$T/git.log" >&2
        return 1
    }
}
