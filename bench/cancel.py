#!/usr/bin/python3
"""How long it takes until an operation that is cancelled has ended, by what it was doing; prints CSV.

Usage: tools/with-server.sh -- python3 bench/cancel.py [ROWS [COLUMNS [TRIES]]]        (1000000 20 12; then 10 minutes)

Each operation runs once undisturbed, then again and again, cancelled at times spread evenly over what it took. What is measured is the time
from pg_cancel_backend until the client has the error and the session is ready again. Columns: operation, phase (advfair_progress) at
the time of the cancel, cancels, the worst and the mean time in milliseconds, and the worst time that the backend was on a processor
meanwhile, which says more on a machine that others use too.
"""
import re
import subprocess
import sys
import time

ROWS, COLUMNS, TRIES = (int(v) for v in (sys.argv[1:] + ['1000000', '20', '12'][len(sys.argv) - 1:]))
LIMITS = "SET advfair.max_memory = '16GB'; SET client_min_messages = error; "

OPERATIONS = {
    'train': "SELECT advfair_train('new', 'wide', 'y', id => 'id', arch => '', epochs => 2, batch_size => 10000, oversample => 'balance', validation => '0.1')",
    'train without id': "SELECT advfair_fit('{\"data\": \"SELECT y, %s FROM wide\", \"label\": \"y\", \"arch\": \"\", \"epochs\": 1, \"encoding\": \"ordinal\", \"batch_size\": 10000}')" %
                        ', '.join('x%d' % c for c in range(COLUMNS)),
    'train on texts': "SELECT advfair_fit('{\"data\": \"SELECT id, y, x0, (id % 1000000)::text AS t FROM wide\", \"label\": \"y\", \"id\": \"id\", \"arch\": \"\", \"epochs\": 1, \"encoding\": \"ordinal\", \"batch_size\": 10000}')",
    'predict': "SELECT count(*) FROM advfair_predict('m', 'wide')",
    'pgd': "SELECT count(*) FROM advfair_pgd('m', 'wide', eps => 0.1, steps => 2)",
    'audit': "SELECT count(*) FROM advfair_audit('{m,m}', 'wide', protected => '{g}', replicates => 20)",
    'retrain': "SELECT advfair_retrain('held', 'accuracy >= 0')",
    'leave out': "SELECT advfair_luf('m', 'SELECT * FROM wide WHERE id <= 1000', leave_out => 2)",
    'interval': "SELECT advfair_gap_interval(v, g, replicates => 20) FROM (SELECT array_agg(x0::float8) AS v, array_agg(g) AS g FROM wide) w",
    'row by row': "SELECT advfair_predict(model, ARRAY[0]::real[] || array_fill(0::real, '{%d}')) FROM (SELECT model FROM large LIMIT 1) l" % (8 * 256 * 256 - 1),
}


class Session:
    """A psql that stays: statements in, lines out."""

    def __init__(self):
        self.psql = subprocess.Popen(['psql', '-XAtq'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def send(self, statement):
        self.psql.stdin.write(statement + ";\n\\echo END\n")
        self.psql.stdin.flush()

    def receive(self):
        lines = []
        while (line := self.psql.stdout.readline().rstrip('\n')) != 'END':
            if line == '' and self.psql.poll() is not None:
                sys.exit('psql has ended')
            lines.append(line)
        return lines

    def ask(self, statement):
        self.send(statement)
        return self.receive()


def on_processor(pid):
    """Seconds that a process has been on a processor."""
    with open('/proc/%s/schedstat' % pid) as file:
        return int(file.read().split()[0]) / 1e9


def cancelled(worker, control, pid, statement, after):
    """Phase, milliseconds, and those on a processor; None if the statement was through before."""
    worker.send(statement)
    time.sleep(after)
    phase = control.ask("SELECT COALESCE((SELECT phase FROM advfair_progress WHERE pid = %s), 'result or query')" % pid)[0]
    begun, used = time.monotonic(), on_processor(pid)
    control.ask('SELECT pg_cancel_backend(%s)' % pid)
    lines = worker.receive()
    took, used = time.monotonic() - begun, on_processor(pid) - used
    if not any('canceling statement' in line for line in lines):
        return None
    return phase, 1000 * took, 1000 * used


def prepare():
    session = Session()
    columns = ', '.join('(hashint4(i * %d + %d) / 2147483648.0)::real AS x%d' % (COLUMNS, c, c) for c in range(COLUMNS))
    for statement in [
            'CREATE EXTENSION advfair',
            "CREATE UNLOGGED TABLE wide AS SELECT i AS id, CASE WHEN hashint4(i) > 1e9 THEN 'a' ELSE 'b' END AS y, (i %% 3)::text AS g, %s "
            'FROM generate_series(1, %d) i' % (columns, ROWS),
            'VACUUM ANALYZE wide',
            LIMITS + "SELECT advfair_train(m, 'SELECT * FROM wide WHERE id <= 10000', 'y', id => 'id', exclude => '{g}', arch => '', epochs => 1) FROM unnest('{m}'::text[]) m",
            "UPDATE advfair_model SET task = task || '{\"data\": \"public.wide\"}' WHERE name = 'm'",
            "SELECT advfair_train('held', 'SELECT * FROM wide WHERE id <= 10000', 'y', id => 'id', exclude => '{g}', arch => '', epochs => 1, batch_size => 10000, validation => '0.5')",
            "UPDATE advfair_model SET task = task || '{\"data\": \"public.wide\"}' WHERE name = 'held'",
            "CREATE TABLE large AS SELECT advfair_build('{\"arch\": \"conv 255x31\", \"input_shape\": [8, 256, 256], \"classes\": [\"a\", \"b\"]}', "
            "array_fill(0::real, ARRAY[255 * 8 * 31 * 31 + 255 + 2 * 255 * 256 * 256 + 2])) AS model"]:
        for line in session.ask(statement):
            if 'ERROR' in line:
                sys.exit(line)


def main():
    prepare()
    worker, control = Session(), Session()
    worker.ask(LIMITS)
    pid = worker.ask('SELECT pg_backend_pid()')[0]
    print('operation,phase,cancels,worst_ms,mean_ms,worst_processor_ms')
    for name, statement in OPERATIONS.items():
        begun = time.monotonic()
        lines = worker.ask('BEGIN; %s; ROLLBACK' % statement)
        whole = time.monotonic() - begun
        for line in lines:
            if 'ERROR' in line:
                sys.exit('%s: %s' % (name, line))
        times = {}
        for number in range(TRIES):
            result = cancelled(worker, control, pid, statement, whole * (number + 0.5) / TRIES)
            worker.ask('ROLLBACK')
            if result:
                times.setdefault(result[0], []).append(result[1:])
        for phase, taken in times.items():
            took, used = zip(*taken)
            print('%s,%s,%d,%.0f,%.0f,%.0f' % (name, phase, len(took), max(took), sum(took) / len(took), max(used)))
        sys.stdout.flush()
    for session in (worker, control):
        session.psql.stdin.close()


if __name__ == '__main__':
    main()
