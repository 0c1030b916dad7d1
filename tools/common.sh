# What the scripts in tools/ share: where things are, which PostgreSQL is meant, and who may run it.
# Sourced, not run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Sets PG_CONFIG: the caller's choice, else the one in PATH, else the newest of Debian's. True if it is one to build with: Debian's client
# package, too, brings pg_config and PGXS, but not the server's headers.
find_pg_config() {
    [ -n "${PG_CONFIG:-}" ] || PG_CONFIG=$(command -v pg_config) ||
        PG_CONFIG=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V | tail -n 1)
    [ -x "$PG_CONFIG" ] && [ -f "$("$PG_CONFIG" --pgxs)" ] && [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ]
}

# Runs a command as the user who may run a server, which root must not.
if [ "$(id -u)" = 0 ]; then
    server_user=postgres
    as_server_user() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
else
    server_user=$(id -u)
    as_server_user() { "$@"; }
fi
