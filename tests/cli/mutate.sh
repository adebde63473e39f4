#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mutate.py on a module of a few lines: what a test notices, what none does, and the list of what none can.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap.sh
MUTATE=$PWD/tests/mutate.py
T=$(mktemp -d "${TMPDIR:-/tmp}/secctl-mutate.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
cd "$T" || exit 1
B=build/plain/of-a-test # ar keeps short names otherwise
mkdir -p "$B/tests/unit" tests/unit

cat >small.c <<'END'
int small(int n)
{
    if (n > 9)
        return -1;
    if (n < 0 || n == 3)
        return -2;
    return n;
}
END
cat >tests/unit/test_small.c <<'END'
int small(int n);
int main(void)
{
    return small(9) == 9 && small(10) == -1 && small(-1) == -2 && small(0) == 0 && small(4) == 4 ? 0 : 1;
}
END
gcc -c -fPIE -MMD -o $B/small.o small.c && gcc -c -fPIE -MMD -o $B/tests/unit/test_small.o tests/unit/test_small.c &&
    ar rcsP $B/modules.a $B/small.o || exit 1

# mutate STATUS
mutate() {
    local status

    OUT=$(python3 "$MUTATE" --objects $B --units tests/unit/test_small.c --listed listed --jobs 2 small.c 2>&1)
    status=$?
    [ "$status" -eq "$1" ] || OUT+=" (status $status)"
    [ "$status" -eq "$1" ]
}
has() { grep -qxF -- "$1" <<<"$OUT"; }

: >listed
mutate 1 && has 'small.c small: if (n < 0 || [[n == 3 => 0]])' && has '  small.c:5: survives'
result $? 'a check that no test needs is named'
! grep -q 'n > 9\|\[\[n < 0' <<<"$OUT"
result $? 'a check that a test needs is not'
grep survives -A1 <<<"$OUT" | grep '^small.c ' | sed 's/$/\n    three is as good as any other number/' >listed
mutate 0 && grep -q ', [1-9][0-9]* listed, 0 survive$' <<<"$OUT"
result $? 'what is listed with a reason is not asked about again'
printf 'small.c small: if ([[n > 9 => 0]])\n    no reason\n' >>listed
mutate 1 && has '  listed, but killed or no mutant:' && has 'small.c small: if ([[n > 9 => 0]])'
result $? 'what is listed and killed all the same is named'
echo 'small.c small: x' >listed
mutate 1 && has 'mutate: listed: no reason for small.c small: x'
result $? 'a line of the list needs a reason'
sed -i 's/small(9) == 9/small(9) == 8/' tests/unit/test_small.c
gcc -c -fPIE -o $B/tests/unit/test_small.o tests/unit/test_small.c
: >listed
mutate 1 && has 'mutate: test_small fails without a change'
result $? 'units that fail by themselves tell nothing'
[ "$TAP_FAILED" -eq 0 ]
