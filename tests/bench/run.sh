#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run.sh [ROUNDS] [SECONDS] - the gateway against plain forwarding, in turn, on the same machine: new TLS
# connections a second, time to the first answer, bulk throughput, DNS queries a second, and
# packets of a connection that user space sees. Prints medians and ratios; writes nothing outside TMPDIR.

. "$(dirname "$0")/../support/e2e.sh"

ROUNDS=${1:-3}
LENGTH=${2:-3}
BENCH=$BUILD/plain/bench_connect
ADDRESS=203.0.113.10

field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; } # NAME - its value in a line of JSON

# measure MODE - one line: MODE per_second p50 p99 mbit dns
measure() {
    local rate latency mbit dns before per_connection

    # shellcheck disable=SC2034 # read by is_plain
    MODE=$1
    gw_start || exit 1
    in_in getent ahostsv4 allowed.test >/dev/null || exit 1
    is_plain || before=$(queued)
    rate=$(in_in "$BENCH" client "$ADDRESS" 4430 allowed.test "$LENGTH" 64) || exit 1
    per_connection=0
    is_plain || per_connection=$(awk -v n="$(($(queued) - before))" -v s="$LENGTH" \
        '{ sub(/.*per_second":/, ""); printf "%.2f", n / ($1 * s) }' <<<"$rate")
    latency=$(in_in "$BENCH" client "$ADDRESS" 4430 allowed.test "$LENGTH" 1) || exit 1
    mbit=$(in_in curl -s -o /dev/null -w '%{speed_download}' --resolve "allowed.test:443:$ADDRESS" \
        https://allowed.test/big)
    dns=$(in_in /usr/bin/python3 "$ROOT/tests/bench/dns_rate.py" "$GWIN4" allowed.test "$LENGTH")
    if is_plain; then
        in_gw nft delete table inet plain
    else
        gw_stop
        in_gw nft flush ruleset
    fi
    printf '%s %s %s %s %s %s %s\n' "$1" "$(field per_second <<<"$rate")" \
        "$(field p50_us <<<"$latency")" "$(field p99_us <<<"$latency")" \
        "$(awk '{ printf "%.0f", $1 * 8 / 1e6 }' <<<"$mbit")" "$dns" "$per_connection"
}

e2e_begin
web_up && resolver_up || exit 1
gw_policy <<'END'
allowed.test  tls/443 tls/4430
END
spawn "$NS_OUT" "$BENCH" server "$ADDRESS" 4430
capture_stop
for ((i = 0; i < ROUNDS; i++)); do
    measure plain
    measure gateway
done | tee "$T/rows" | sed 's/^/# /'
ENDED=1
/usr/bin/python3 - "$T/rows" <<'END'
import statistics, sys

rows = [line.split() for line in open(sys.argv[1])]
names = ["connections/s, 64 at once", "latency p50, us", "latency p99, us", "bulk, Mbit/s",
         "DNS queries/s, 16 at once"]
print(f"{'':28}{'plain':>10}{'gateway':>10}{'ratio':>8}")
for i, name in enumerate(names, 1):
    plain, gateway = (statistics.median(float(r[i]) for r in rows if r[0] == mode)
                      for mode in ("plain", "gateway"))
    print(f"{name:28}{plain:10.0f}{gateway:10.0f}{gateway / plain:8.2f}")
packets = statistics.median(float(r[6]) for r in rows if r[0] == "gateway")
print(f"packets of a connection that user space saw: {packets:.2f}")
END
