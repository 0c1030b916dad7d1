#!/usr/bin/env bash
# What a server's other work loses while people predict and train on it, and that nothing fails.
#
#   tools/with-server.sh -c max_connections=200 -c max_worker_processes=80 -c shared_buffers=512MB -- bench/load.sh [SECONDS, default 300]
#
# pgbench (TPC-B-like, scale 10, 4 clients) runs alone; beside 50 sessions that predict and 4 that train, again and again; and beside the 4
# that train, for a fifth of the time; the latter two also with advfair.nice = 19. Prints transactions per second of each, and how many
# predictions and trainings there were. Any error ends it.
set -euo pipefail

seconds=${1:-300}
options=                # of the sessions that are the load
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT

psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION advfair;
CREATE TABLE people AS SELECT * FROM advfair_make_census(20000, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE few AS SELECT * FROM advfair_make_census(200, 1);
ALTER TABLE few ADD PRIMARY KEY (person_id);
SELECT version FROM advfair_train('m', 'people', 'income', epochs => 5) \g /dev/null
SQL
pgbench -i -q -s 10 2>/dev/null

# Row by row in nineteen of twenty cases, a data set in compute workers in the other.
cat >"$dir/predict.sql" <<'SQL'
\set which random(1, 20)
\set person random(1, 20000)
\if :which < 20
SELECT advfair_predict(advfair_get('m'), p) FROM people p WHERE person_id BETWEEN :person AND :person + 100;
\else
SELECT count(*) FROM advfair_predict('m', 'few', workers => 1);
\endif
\sleep 100 ms
SQL
cat >"$dir/train.sql" <<'SQL'
\set client :client_id
SELECT version FROM advfair_train('trained ' || :client, 'people', 'income', epochs => 200, workers => 2);
DELETE FROM advfair_model WHERE name = 'trained ' || :client;
SQL

# bench NAME FILE CLIENTS: pgbench in the background, its report in NAME
bench() {
    local name=$1 file=$2 clients=$3
    PGOPTIONS=$options pgbench -n -f "$file" -c "$clients" -j 2 -T "$seconds" >"$dir/$name" 2>"$dir/$name.err" || { cat "$dir/$name.err" >&2; echo failed >"$dir/$name.failed"; }
}

done_in() { sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$dir/$1"; }

# measure WHAT SECONDS [LOAD...]: throughput of the ordinary work beside the load
measure() {
    local what=$1 seconds=$2 load
    shift 2
    rm -f "$dir"/predict "$dir"/train
    for load; do
        case $load in
            predict) bench predict "$dir/predict.sql" 50 & ;;
            train)   bench train "$dir/train.sql" 4 & ;;
        esac
    done
    pgbench -n -c 4 -j 2 -T "$seconds" >"$dir/tpcb" 2>"$dir/tpcb.err" || { cat "$dir/tpcb.err" >&2; exit 1; }
    wait
    ! ls "$dir"/*.failed >/dev/null 2>&1 || exit 1
    grep -L 'number of failed transactions: 0 ' "$dir"/tpcb "$dir"/predict "$dir"/train 2>/dev/null | grep . && exit 1
    printf '%-30s %8.0f tps' "$what" "$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$dir/tpcb")"
    for load; do
        case $load in
            predict) printf '   %s predictions' "$(done_in predict)" ;;
            train)   printf '   %s trainings' "$(done_in train)" ;;
        esac
    done
    printf '\n'
}

measure 'alone' $((seconds / 5))
measure 'with the load' "$seconds" predict train
measure 'beside trainings' $((seconds / 5)) train
options='-c advfair.nice=19'
measure 'with the load, nice 19' "$seconds" predict train
measure 'beside trainings, nice 19' $((seconds / 5)) train
