#!/usr/bin/env bash
# Installs the Debian packages that a task needs, and only those that are missing.
#
#   tools/deps.sh [build] [test] [data] [bench] [fuzz] [report] [browser] [paper] [cross]       default: build
#
# PostgreSQL's major version is the one already here, else the distribution's own. Existing database clusters
# are not touched and none is created.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# Prints the major version to install for, or nothing if apt knows no PostgreSQL yet.
postgres_major() {
    local postgres
    if find_pg_config; then
        "$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'
        return
    fi
    for postgres in $(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -rV); do
        if [ -x "$postgres" ]; then
            echo "$postgres" | cut -d/ -f5
            return
        fi
    done
    { apt-cache depends postgresql 2>/dev/null || true; } | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p'
}

# Sets missing: the packages of the tasks that are not installed.
find_missing() {
    local task package packages=()
    n=$(postgres_major)
    for task in "${tasks[@]}"; do
        case $task in
            build) find_pg_config && [ -x "$("$PG_CONFIG" --bindir)/postgres" ] ||
                       packages+=("postgresql-$n" "postgresql-server-dev-$n")
                   packages+=(gcc libc6-dev make libopenblas0) ;;
            test)  packages+=(perl libipc-run-perl "postgresql-$n-cron" "postgresql-$n-pgtap" libtap-parser-sourcehandler-pgtap-perl
                             valgrind xz-utils) ;;
            data)  packages+=(ca-certificates curl unzip xz-utils) ;;
            bench) packages+=(python3-torch python3-numpy python3-matplotlib procps util-linux) ;;
            fuzz)  packages+=(clang libclang-rt-dev llvm) ;;
            report) command -v npm >/dev/null || packages+=(nodejs npm) ;;
            paper) packages+=(librsvg2-bin) ;;
            cross) packages+=(qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross) ;;
            browser) packages+=(chromium) ;;
            *)     die "tools/deps.sh: unknown task \"$task\"; known are build, test, data, bench, fuzz, report, browser, paper, cross" ;;
        esac
    done
    missing=()
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
}

# Runs a command, showing its output only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || { say "$output"; die "failed: $*"; }
}

tasks=("${@:-build}")
command -v apt-get >/dev/null || {
    find_pg_config || die "advfair needs gcc, make, PostgreSQL with its server headers, and OpenBLAS (libopenblas.so.0)."
    exit 0
}
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    say "Some packages are missing. Run as root:"
    [ -n "$n" ] || { say "  apt-get update"; die "and then this again, to see which packages."; }
    say "  apt-get install --no-install-recommends ${missing[*]}"
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
quietly apt-get update -q
find_missing            # again: only now may apt know which PostgreSQL this distribution has
say "installing ${missing[*]}"

# Debian's postgresql package creates and starts a cluster; nobody asked for one here.
no_cluster=/etc/postgresql-common/createcluster.d/advfair.conf
clean_up() { rm -f "$no_cluster"; rmdir -p --ignore-fail-on-non-empty "$(dirname "$no_cluster")" 2>/dev/null || true; }
trap clean_up EXIT
mkdir -p "$(dirname "$no_cluster")"
echo "create_main_cluster = off" >"$no_cluster"
quietly apt-get install -y -q --no-install-recommends "${missing[@]}"
