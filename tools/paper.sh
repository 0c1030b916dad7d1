#!/usr/bin/env bash
# Runs the paper's experiments again (docs/paper), in a server of its own that is kept until all is done: what was interrupted goes on.
#
#   tools/paper.sh [full|small]       default: full. Results: docs/paper, or build/paper-small
#
# The server lies in PAPER_DIR, default /var/tmp/advfair-paper-SCALE. It takes 2 GB.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

scale=${1:-full}
[ "$scale" = full ] || [ "$scale" = small ] || { sed -n '2,6p' "$0" | cut -c3- >&2; exit 2; }
dir=${PAPER_DIR:-/var/tmp/advfair-paper-$scale}
if [ "$scale" = full ]; then out=$top/docs/paper; else out=$top/build/paper-small; fi
find_pg_config || die "The PostgreSQL server headers are missing. Run 'make deps' (as root), or set PG_CONFIG."
bin=$dir/stage$("$PG_CONFIG" --bindir)

mkdir -p "$dir" "$out/results"
chown "$server_user" "$dir"
tools/stage.sh "$dir/stage"
tools/data.sh
rm -rf "$dir/project"
mkdir -p "$dir/project/data" "$dir/out"     # what the server's user can read, wherever this checkout is
cp -r docs examples "$dir/project/"
cp -rL data/adult data/cifar10 "$dir/project/data/"
chmod -R a+rX "$dir/project"
chown "$server_user" "$dir/out"

if [ ! -d "$dir/cluster" ]; then
    as_server_user "$bin/initdb" -D "$dir/cluster.new" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 || die "could not create a server: see $dir/initdb.log"
    cat >>"$dir/cluster.new/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$dir'
shared_preload_libraries = 'advfair'
max_worker_processes = 32
advfair.max_jobs = 1
shared_buffers = 512MB
END
    mv "$dir/cluster.new" "$dir/cluster"
fi
export PGHOST=$dir PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
client=
finish() {
    [ -z "$client" ] || kill "$client" 2>/dev/null || true
    as_server_user "$bin/pg_ctl" -s -D "$dir/cluster" -m fast stop || true
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# psql in the background, so that a signal to this script is acted on at once.
run() {
    as_server_user env PGOPTIONS='-c client_min_messages=warning' "$bin/psql" -X -q -v ON_ERROR_STOP=1 "$@" &
    client=$!
    wait "$client"
    client=
}
as_server_user "$bin/pg_ctl" -s -w -D "$dir/cluster" -l "$dir/log" start || die "could not start the server: see $dir/log"

cd "$dir/project"
run -c 'CREATE EXTENSION IF NOT EXISTS advfair' -c 'CREATE TABLE IF NOT EXISTS part (name text PRIMARY KEY, seconds float8)'
for part in data classifiers fig1 fig2 table1 table2 table4 table5 table3 results figures page; do
    say "--- $part"
    start=$SECONDS
    run -v data="$dir/project/data" -v out="$dir/out" -f "docs/paper/$scale.sql" -f "docs/paper/$part.sql"
    run -c "INSERT INTO part VALUES ('$part', $((SECONDS - start))) ON CONFLICT (name) DO UPDATE SET seconds = part.seconds + EXCLUDED.seconds"
done
run --csv -c 'SELECT * FROM part' >"$dir/out/parts.csv"
cd "$top"

cp "$dir"/out/*.csv "$out/results/"
[ -e build/report/advfair-vega.js ] || say "The chart library is missing ('make charts'): no figures are drawn."
[ ! -e build/report/advfair-vega.js ] || for chart in "$dir"/out/fig*.json; do
    name=$(basename "$chart" .json)
    node tools/draw.mjs "$chart" >"$out/$name.svg"
    rsvg-convert -z 1.5 -b white -o "$out/$name.png" "$out/$name.svg"
done
# The tables go where the page has marks for them: <!-- Fig. 1 --> ... <!-- end -->.
page=docs/paper/README.md
[ "$scale" = full ] || { cp "$page" "$out/README.md"; page=$out/README.md; }
awk -F '\t' '
    FNR == NR { table[$1] = table[$1] "\n" $2; next }
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }
    /^<!-- (Fig\.|Table) .* -->$/ { print table[substr($0, 6, length($0) - 9)] "\n"; skip = 1 }' "$dir/out/tables.tsv" "$page" >"$page.new"
mv "$page.new" "$page"
say "Results are in ${out#"$top"/}: README.md, figures, results/*.csv."
[ "$scale" = full ] || { finish; trap - EXIT; rm -rf "$dir"; }
