#!/usr/bin/env bash
# Fuzzes what `make fuzz-build` has built, one target after the other (test/fuzz/README.md).
#
#   tools/fuzz.sh [--keep] TARGET...      FUZZ_SECONDS: for each target, default 60
#
# A target starts from test/fuzz/corpus/TARGET, seeds, and what earlier runs found: build/fuzz/corpus/TARGET. Inputs with which something
# is wrong are left in build/fuzz/findings, and the exit status is 1. With --keep nothing is sought: what was found is
# reduced to few small files that go the same ways through the code, and put into test/fuzz/corpus.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

keep=
[ "${1:-}" != --keep ] || { keep=1; shift; }
[ $# -gt 0 ] || { sed -n '2,4p' "$0" | cut -c3- >&2; exit 2; }
find_pg_config || die "The PostgreSQL server headers are missing. Run 'make deps' (as root), or set PG_CONFIG."
seconds=${FUZZ_SECONDS:-60}
core=" model arch encoder "
common=(-max_len=4096 -malloc_limit_mb=256 -rss_limit_mb=3000 -timeout=20 -print_final_stats=1)

# All runs in a place that the server's user may write to; what it found is copied back, however it ends.
area=$(mktemp -d "${TMPDIR:-/var/tmp}/advfair-fuzz.XXXXXX")
finish() {
    local status=$?
    mkdir -p build/fuzz/findings
    for target in "${targets[@]}"; do
        mkdir -p "build/fuzz/corpus/$target"
        cp -r "$area/corpus/$target/." "build/fuzz/corpus/$target/" 2>/dev/null || true
    done
    cp -r "$area/findings/." build/fuzz/findings/ 2>/dev/null || true
    rm -rf "$area"
    exit "$status"
}
targets=("$@")
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Seeds of a target, into a folder.
seeds() {
    local n=0 json
    case $1 in
        model|encoder|functions) build/fuzz/seeds "$2" ;;
        arch)
            for json in '3 32 32 10 0 conv 32x3, maxpool 2, relu, dense 4' '5 1 1 2 1 dense 64, tanh' \
                '2 9 8 3 0 conv 5x3, leaky_relu 0.1, avgpool 2, dropout 0.25, globalpool, dense 3, sigmoid, gelu'; do
                n=$((n + 1))
                printf '%s' "$json" >"$2/seed-$n"
            done ;;
        state) printf '2pag\1\0\0\0\1\0\0\0\1\0\0\0\71\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\360\77\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0a' >"$2/seed-1" ;;
        task|job|build)            # every JSON object that a test or an example writes on one line
            grep -hoE "'\{\"[^']*\}'" test/sql/*.sql test/pgtap/*.sql examples/*.sql | sort -u | while read -r json; do
                n=$((n + 1))
                json=${json#\'}
                printf '%s' "${json%\'}" >"$2/seed-$n"
            done ;;
    esac
}

# A program that takes libFuzzer's arguments and runs a target of the server in a single-user backend of its own.
make_server() {
    local bin
    bin=$("$PG_CONFIG" --bindir)
    as_server_user "$bin/initdb" -D "$area/template" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$area/initdb.log"
    cp build/fuzz/fuzz-server.so "$area/"
    cat >"$area/run" <<END
#!/usr/bin/env bash
# run TARGET ARGUMENT...
data=\$(mktemp -d $area/data.XXXXXX)
trap 'rm -rf "\$data"' EXIT
cp -r $area/template/. "\$data"
target=\$1
shift
for argument; do arguments=\${arguments:-}", \\\$\\\$\$argument\\\$\\\$"; done
$bin/postgres --single -D "\$data" \\
    -c fsync=off -c log_min_messages=error postgres <<SQL
\$(grep -v ^-- $area/server.sql)
SELECT advfair_fuzz('\$target', ARRAY[\\\$\\\$$area/run \$target\\\$\\\$\${arguments:-}])
SQL
END
    chmod 755 "$area/run"
    sed "s|:module|$area/fuzz-server|" test/fuzz/server.sql >"$area/server.sql"
    chown "$server_user" "$area"/*
}

# fuzzer TARGET ARGUMENT...
fuzzer() {
    local program=("$area/run" "$1")
    if [[ $core == *" $1 "* ]]; then program=("$area/fuzz-$1"); fi
    shift
    (cd "$area" && as_server_user env UBSAN_OPTIONS=print_stacktrace=1 "${program[@]}" "$@" </dev/null)
}

# Reduce to one input for each new branch of the code (not for each new count of loops, which would keep thousands).
keep_corpus() {
    as_server_user mkdir "$area/kept"
    fuzzer "$1" "${common[@]}" -use_counters=0 -merge=1 "$area/kept" "$area/corpus/$1" >"$area/merge.log" 2>&1 ||
        { tail -n 20 "$area/merge.log" >&2; die "could not reduce what was found for $1"; }
    rm -rf "test/fuzz/corpus/$1"
    cp -r "$area/kept" "test/fuzz/corpus/$1"
    chmod -R u=rwX,go=rX "test/fuzz/corpus/$1"
    chown -R "$(id -u):$(id -g)" "test/fuzz/corpus/$1"
    rm -rf "$area/kept"
    echo "$1: $(find "test/fuzz/corpus/$1" -type f | wc -l) files, $(du -sb "test/fuzz/corpus/$1" | cut -f1) bytes"
}

seek() {
    local dictionary=() file=test/fuzz/$1.dict
    case $1 in functions) file=test/fuzz/model.dict ;; job|build) file=test/fuzz/task.dict ;; esac
    if [ -f "$file" ]; then
        cp "$file" "$area/$1.dict"
        dictionary=(-dict="$area/$1.dict")
    fi
    fuzzer "$1" "${common[@]}" "${dictionary[@]}" -use_value_profile=1 -max_total_time="$seconds" \
        -artifact_prefix="$area/findings/$1-" "$area/corpus/$1" >"$area/log" 2>&1 || status=1
    cp "$area/log" "build/fuzz/$1.log"
    if grep -q '^SUMMARY\|ERROR: \|Test unit written' "$area/log"; then
        status=1
        grep -B 30 -A 10 -m 1 '^SUMMARY\|ERROR: \|Test unit written' "$area/log" | cut -c1-300
    fi
    echo "$1: $(grep 'cov:' "$area/log" | tail -n 1 | tr -s '\t ' ' ')"
}

mkdir -p build/fuzz "$area/corpus" "$area/findings"
make_template=
for target in "${targets[@]}"; do
    mkdir -p "$area/corpus/$target"
    for folder in "test/fuzz/corpus/$target" "build/fuzz/corpus/$target"; do
        [ ! -d "$folder" ] || cp -r "$folder/." "$area/corpus/$target/"
    done
    seeds "$target" "$area/corpus/$target"
    if [[ $core == *" $target "* ]]; then cp "build/fuzz/fuzz-$target" "$area/"; else make_template=1; fi
done
chown -R "$server_user" "$area"
[ -z "$make_template" ] || make_server
status=0
for target in "${targets[@]}"; do
    if [ "$keep" ]; then keep_corpus "$target"; else seek "$target"; fi
done
exit "$status"
