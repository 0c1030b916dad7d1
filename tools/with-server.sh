#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL server that has advfair, and leaves nothing behind.
#
#   tools/with-server.sh [--preload] [-c NAME=VALUE]... -- COMMAND...
#   tools/with-server.sh -- psql
#   tools/with-server.sh --preload -c work_mem=64MB -- psql -f examples/demo.sql
#
# The server listens on a private Unix socket only, so any number can run side by side. Root cannot run a
# server: then server and command run as user postgres. The command finds
#
#   PGHOST PGPORT PGUSER PGDATABASE    the server; PATH starts with its programs
#   ADVFAIR_STAGE                      the private installation (set it beforehand to reuse one)
#   ADVFAIR_LOG                        the server log
#   ADVFAIR_DATA                       the data sets, if there are any; default ../shared/data, then data
#   PG_CONFIG                          what describes the installation that the private one is a copy of
#   PG_REGRESS PERL5LIB TESTDIR ...    what PostgreSQL's own test modules want
#
# Exit status: the command's. If it fails, the end of the server log is shown.
set -euo pipefail
. "$(dirname "$0")/common.sh"

settings=()
while [ $# -gt 0 ]; do
    case $1 in
        --preload) settings+=("shared_preload_libraries=advfair"); shift ;;
        -c) settings+=("$2"); shift 2 ;;
        --) shift; break ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || { sed -n '2,7p' "$0" | cut -c3- >&2; exit 2; }

tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/advfair.XXXXXX")
command_pid=

# Also the children of the command: what is behind a shell or make would otherwise outlive it.
stop_tree() {
    local child
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do stop_tree "$child"; done
    kill -TERM "$1" 2>/dev/null || true
}

finish() {
    local status=$?
    set +e
    trap '' INT TERM HUP PIPE       # a reader of our output that went away must not keep the server alive
    [ -z "$command_pid" ] || stop_tree "$command_pid"
    if [ "$status" != 0 ] && [ -s "$tmp/log" ]; then
        say "--- exit status $status; the end of the server log:"
        tail -n 50 "$tmp/log" >&2
        say "---"
    fi
    if [ -f "$tmp/data/postmaster.pid" ]; then
        as_server_user "$bin/pg_ctl" -s -D "$tmp/data" -m fast -t 20 stop >/dev/null 2>&1 ||
            as_server_user "$bin/pg_ctl" -s -D "$tmp/data" -m immediate stop >/dev/null 2>&1
    fi
    rm -rf "$tmp"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'exit 141' PIPE

# Trust authentication is safe because nobody else can enter the directory of the socket.
chown "$server_user" "$tmp"
chmod 700 "$tmp"
find_pg_config || die "The PostgreSQL server headers are missing. Run 'make deps' (as root), or set PG_CONFIG."
if [ -z "${ADVFAIR_STAGE:-}" ]; then
    ADVFAIR_STAGE=$tmp/stage
    "$top/tools/stage.sh" "$ADVFAIR_STAGE"
fi
bin=$ADVFAIR_STAGE$("$PG_CONFIG" --bindir)
pgxs=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")

# A checkout below /root or a closed home is out of reach for user postgres: give it a copy.
reachable() { as_server_user test -r "$1" -a -x "$1"; }
here=$PWD
if ! reachable "$top" || ! reachable "$PWD"; then
    here=$tmp/advfair
    mkdir "$here"
    tar -C "$top" --exclude=./.git --exclude=./build --exclude=./data -cf - . | tar -C "$here" --no-same-owner -xf -
    chmod -R a+rX "$here"
    chmod a+rx "$here"
fi
for data in "${ADVFAIR_DATA:-$top/../shared/data}" "$top/data"; do
    if [ -d "$data" ]; then break; else data=; fi
done
[ -z "$data" ] || data=$(cd "$data" && pwd -P)
if [ -n "$data" ] && ! reachable "$data"; then
    cp -rL "$data" "$tmp/datasets"
    data=$tmp/datasets
    chmod -R a+rX "$data"
fi

unset PGHOSTADDR PGOPTIONS PGSERVICE PGSERVICEFILE PGPASSFILE PGSSLMODE PGDATA ADVFAIR_DATA
export PGHOST=$tmp PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PATH=$bin:$PATH
export PG_CONFIG ADVFAIR_STAGE ADVFAIR_LOG=$tmp/log PG_REGRESS=$pgxs/test/regress/pg_regress
export PERL5LIB=$pgxs/test/perl${PERL5LIB:+:$PERL5LIB}
export TESTDIR=${TESTDIR:-$tmp/test}
export TESTDATADIR=${TESTDATADIR:-$TESTDIR/tmp_check} TESTLOGDIR=${TESTLOGDIR:-$TESTDIR/log}
[ -z "$data" ] || export ADVFAIR_DATA=$data
[ "$server_user" != postgres ] || export HOME=$tmp
cd "$here"

as_server_user mkdir -p "$TESTDIR"
as_server_user "$bin/initdb" -D "$tmp/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$tmp/log" 2>&1 || die "could not create a server:" "$(cat "$tmp/log")"
{
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$tmp'"
    echo "max_worker_processes = 16"
    echo "fsync = off"
    for setting in ${settings[@]+"${settings[@]}"}; do echo "${setting%%=*} = '${setting#*=}'"; done
} >>"$tmp/data/postgresql.conf"
: >"$tmp/log"
chown "$server_user" "$tmp/log"
as_server_user "$bin/pg_ctl" -s -w -D "$tmp/data" -l "$tmp/log" start || die "could not start the server"

# In the background, so that a signal sent to this script is acted on at once; with the terminal's input and
# with Ctrl-C left working, which a shell takes away from background commands.
exec 3<&0
as_server_user env --default-signal=INT,QUIT "$@" <&3 3<&- &
command_pid=$!
status=0
wait "$command_pid" || status=$?
command_pid=
exit "$status"
