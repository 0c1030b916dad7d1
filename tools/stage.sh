#!/usr/bin/env bash
# Builds advfair and installs it into a private copy of the PostgreSQL installation, so that it can be tried
# without writing into the system.
#
#   tools/stage.sh DIR        afterwards DIR/usr/lib/postgresql/N/bin/postgres has the extension (on Debian)
#
# PostgreSQL finds its libraries and scripts relative to its program. So the programs are copied (a symlink
# would be resolved, back to the system) and everything else is linked, entry by entry, into the same layout.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || die "usage: tools/stage.sh DIR"
find_pg_config || die "The PostgreSQL server headers are missing. Run 'make deps' (as root), or set PG_CONFIG."
stage=$1
bin=$("$PG_CONFIG" --bindir) lib=$("$PG_CONFIG" --pkglibdir) share=$("$PG_CONFIG" --sharedir)

mkdir -p "$stage$bin" "$stage$lib" "$stage$share/extension"
cp -a "$bin/." "$stage$bin/"
for dir in "$lib" "$share" "$share/extension"; do
    find "$dir" -mindepth 1 -maxdepth 1 ! -name 'advfair*' ! -path "$share/extension" ! -path "$stage/*" \
        -exec ln -sfn -t "$stage$dir" {} +
done

# One build at a time: two scripts may be started in the same tree.
jobs=-j$(nproc)
[[ ${MAKEFLAGS:-} != *jobserver* ]] || jobs=
flock "$top/tools" make -s -C "$top" --no-print-directory $jobs install DESTDIR="$stage" PG_CONFIG="$PG_CONFIG" >&2
# Scripts of earlier versions are for tests of updates alone.
cp "$top"/test/upgrade/*.sql "$stage$share/extension/"
chmod -R a+rX "$stage"
