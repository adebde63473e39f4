# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Debian packages unpacked beside the system: nothing is installed. They come from this machine's own Debian mirror.
# The caller has fail(), which ends it.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

debian_mirror() {
    # shellcheck disable=SC2016 # apt's, not ours
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# apt_for RELEASE FOLDER - APT: the options for an apt that knows this release and no installed package; FOLDER is its own
apt_for() {
    local release=$1 work=$2 from

    from=$(debian_mirror)
    [ -n "$from" ] || fail 'this system has no Debian mirror among its apt sources'
    mkdir -p "$work"/{lists/partial,cache/archives/partial}
    echo "deb [signed-by=$KEYRING] $from $release main" >"$work/sources.list"
    : >"$work/status"
    APT=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::State::status=$work/status"
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1)
    apt-get "${APT[@]}" update >&2 || fail "$release: apt-get update failed"
}

# unpack_debs FOLDER DEB...
unpack_debs() {
    local folder=$1 deb

    shift
    for deb; do dpkg-deb -x "$deb" "$folder"; done
}
