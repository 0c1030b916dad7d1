#!/usr/bin/env bash
# Runs the test suites and ends with one line: N passed, N failed, N skipped.
#
#   tools/test.sh [core] [valgrind] [cross] [regress] [pgtap] [perl] [paper]       default: all
#
#   core      test/core/*.c       plain C under sanitizers, no server
#   valgrind  some of them once more, under valgrind
#   cross     some of them for aarch64 and s390x, in an emulator, if there is one
#   regress   test/sql/*.sql      output compared with expected/, each file counts as one test
#   pgtap     test/pgtap/*.sql    assertions written in SQL
#   perl      test/t/*.pl, *.t    crash, cancel, restart; these start servers of their own
#   paper     test/paper.sh       the paper's experiments, at their small scale
#
# Each suite that needs a server gets a fresh one. Full output, diffs and logs: build/results.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"
shopt -s nullglob extglob

passed=0 failed=0 skipped=0 table=()

# A place that the server's user can write to, wherever this checkout is.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/advfair-test.XXXXXX")
results=$work/results
mkdir "$results"
chmod 755 "$work"
chmod 777 "$results"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'exit 141' PIPE

# Reads TAP, or pg_regress's older "test x ... ok" lines. Shows all but what passed, writes the totals to $1.
tally() {
    awk -v totals="$1" '
        /^not ok [0-9]/ && !/# *TODO/ || /\.\.\. FAILED/ { failed++ }
        /^1\.\.0.*# *[Ss][Kk][Ii][Pp]/                   { skipped++ }
        /^ok [0-9].*# *[Ss][Kk][Ii][Pp]/                 { skipped++; print; next }
        /^ok [0-9]/ || /^not ok [0-9].*# *TODO/          { passed++; next }
        /\.\.\. ok/                                      { passed++ }
        /^1\.\.[0-9]+ *$/ || /^ *$/                      { next }
        { print; fflush() }
        END { print passed + 0, failed + 0, skipped + 0 >totals }'
}

# suite NAME COMMAND...: runs the command, counts its tests; a failure that no test accounts for counts as one.
suite() {
    local name=$1 start=$EPOCHREALTIME p f s seconds
    shift
    status=0
    printf '\n== %s\n' "$name"
    "$@" | tee "$results/$name.log" | tally "$work/totals" || status=$?
    read -r p f s <"$work/totals"
    [ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
    seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    table+=("$(printf '%-10s %8s s   %d passed, %d failed, %d skipped' "$name" "$seconds" "$p" "$f" "$s")")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

core()    { make -s --no-print-directory -j"$(nproc)" check-core PROVE="prove -v -j$(nproc)"; }
memory()  { make -s --no-print-directory -j"$(nproc)" check-valgrind PROVE="prove -v -j$(nproc)"; }
cross()   {
    command -v qemu-aarch64 qemu-s390x aarch64-linux-gnu-gcc s390x-linux-gnu-gcc >/dev/null ||
        { echo '1..0 # SKIP no compiler or emulator for aarch64 and s390x: tools/deps.sh cross'; return; }
    make -s --no-print-directory -j"$(nproc)" check-cross PROVE="prove -v -j$(nproc)"
}
build()   { tools/stage.sh "$ADVFAIR_STAGE"; }
pgtap()   { tools/with-server.sh -- pg_prove --verbose "${pgtap_files[@]}"; }
# These wait more than they compute, so several run side by side; all but the one that measures how fast a cancel is.
perl_t()  {
    TESTDIR=$results/perl tools/with-server.sh -- bash -c 'prove -v "$0"; status=$?
        prove -v -j4 "$@" && exit $status' test/t/cancel.pl "${perl_files[@]}"
}
paper()   { test/paper.sh "$results/paper.txt"; }
regress() {
    # Before version 16 expected/ is looked for in the output folder, since then in the current one.
    tools/with-server.sh -- bash -c 'ln -s "$PWD/expected" "$0/expected"
        exec "$PG_REGRESS" --bindir= --inputdir=test --outputdir="$0" --load-extension=advfair "$@"' \
        "$results" "${regress_files[@]}" && return
    cat "$results/regression.diffs" 2>/dev/null
    return 1
}

core_files=(test/core/test_*.c)
regress_files=(test/sql/*.sql)
pgtap_files=(test/pgtap/*.sql)
perl_files=(test/t/!(cancel).pl test/t/*.t)
regress_files=("${regress_files[@]##*/}")
regress_files=("${regress_files[@]%.sql}")
wanted=" ${*:-core valgrind cross regress pgtap perl paper} "
has() { [[ $wanted == *" $1 "* ]] && [ "$2" -gt 0 ]; }

if has core ${#core_files[@]}; then suite core core; fi
if has valgrind ${#core_files[@]}; then suite valgrind memory; fi
if has cross ${#core_files[@]}; then suite cross cross; fi
if has regress ${#regress_files[@]} || has pgtap ${#pgtap_files[@]} || has perl ${#perl_files[@]}; then
    export ADVFAIR_STAGE=$work/stage
    suite build build
    if [ "$status" = 0 ]; then
        if has regress ${#regress_files[@]}; then suite regress regress; fi
        if has pgtap ${#pgtap_files[@]}; then suite pgtap pgtap; fi
        if has perl ${#perl_files[@]}; then suite perl perl_t; fi
    fi
fi

if has paper 1; then suite paper paper; fi

rm -rf build/results "$results/expected"
mkdir -p build
cp -r "$results" build/results
printf '\n'
printf '%s\n' ${table[@]+"${table[@]}"}
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
