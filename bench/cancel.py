#!/usr/bin/python3
"""How long it takes until an operation that is cancelled has ended, by what it was doing; prints CSV.

Usage: tools/with-server.sh -- python3 bench/cancel.py [ROWS [COLUMNS [TRIES [OPERATION...]]]]        (1000000 20 4, and all)

Each operation runs once undisturbed, then again and again, cancelled at times spread evenly over each of its phases (advfair_progress) that
took more than 50 ms. Columns: operation, phase at the time of the cancel, cancels; then of these the worst: milliseconds from
pg_cancel_backend until the client has the error; until the session is ready again, having given back all memory; and how many of these
the backend was on a processor, which says more on a machine that others use too. With PREPARED=1 in the environment the tables are
taken to be there.
"""
import ctypes
import ctypes.util
import os
import sys
import time
from ctypes import c_char_p, c_int, c_void_p

ROWS, COLUMNS, TRIES = (int(v) for v in (sys.argv[1:4] + ['1000000', '20', '4'][len(sys.argv) - 1:]))
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


libpq = ctypes.CDLL(ctypes.util.find_library('pq') or 'libpq.so.5')
for name, result, arguments in [('PQconnectdb', c_void_p, [c_char_p]), ('PQexec', c_void_p, [c_void_p, c_char_p]), ('PQsendQuery', c_int, [c_void_p, c_char_p]),
                                ('PQgetResult', c_void_p, [c_void_p]), ('PQgetvalue', c_char_p, [c_void_p, c_int, c_int]), ('PQntuples', c_int, [c_void_p]),
                                ('PQresultErrorMessage', c_char_p, [c_void_p]), ('PQclear', None, [c_void_p]), ('PQbackendPID', c_int, [c_void_p]),
                                ('PQconsumeInput', c_int, [c_void_p]), ('PQisBusy', c_int, [c_void_p]), ('PQfinish', None, [c_void_p])]:
    getattr(libpq, name).restype, getattr(libpq, name).argtypes = result, arguments


class Session:
    """A connection by libpq, because what comes after the error is of interest too."""

    def __init__(self):
        self.connection = libpq.PQconnectdb(b'')
        self.pid = libpq.PQbackendPID(self.connection)

    def send(self, statement):
        libpq.PQsendQuery(self.connection, statement.encode())

    def is_busy(self):
        libpq.PQconsumeInput(self.connection)
        return libpq.PQisBusy(self.connection)

    def receive(self):
        """The first result's error message, the time when it was there, and that when the session was ready for the next."""
        first = libpq.PQgetResult(self.connection)
        there = time.monotonic()
        message = libpq.PQresultErrorMessage(first).decode()
        while first:
            libpq.PQclear(first)
            first = libpq.PQgetResult(self.connection)
        return message, there, time.monotonic()

    def ask(self, statement):
        """The first value of the first row; an error ends the program."""
        result = libpq.PQexec(self.connection, statement.encode())
        message = libpq.PQresultErrorMessage(result).decode()
        if 'ERROR' in message:
            sys.exit(statement + ': ' + message)
        value = libpq.PQgetvalue(result, 0, 0).decode() if libpq.PQntuples(result) else None
        libpq.PQclear(result)
        return value


def on_processor(pid):
    """Seconds that a process has been on a processor."""
    with open('/proc/%s/schedstat' % pid) as file:
        return int(file.read().split()[0]) / 1e9


def phase_of(control, worker):
    """What a session is up to, None when that is no operation or nothing."""
    return control.ask('SELECT (SELECT phase FROM advfair_progress WHERE pid = %d)' % worker.pid) or None


def undisturbed(worker, control, statement):
    """How long an operation stays in each of its phases, in their order."""
    seconds = {}
    worker.send(statement)
    last = time.monotonic()
    while worker.is_busy():
        phase = phase_of(control, worker)
        now = time.monotonic()
        seconds[phase] = seconds.get(phase, 0) + now - last
        last = now
        time.sleep(0.005)
    message, _, _ = worker.receive()
    if message:
        sys.exit(statement + ': ' + message)
    return seconds


def cancelled(worker, control, statement, phase, after):
    """
    Cancel some time after a phase was entered. The phase it was in by then; milliseconds until the error, until all is given back, and on
    a processor. None if the statement was through before.
    """
    worker.send(statement)
    while worker.is_busy() and phase_of(control, worker) != phase:
        time.sleep(0.002)
    time.sleep(after)
    phase = phase_of(control, worker)
    begun, used = time.monotonic(), on_processor(worker.pid)
    control.ask('SELECT pg_cancel_backend(%d)' % worker.pid)
    message, there, ready = worker.receive()
    used = on_processor(worker.pid) - used
    if 'canceling statement' not in message:
        return None
    return phase, 1000 * (there - begun), 1000 * (ready - begun), 1000 * used


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
        session.ask(statement)
    libpq.PQfinish(session.connection)


def main():
    if 'PREPARED' not in os.environ:
        prepare()
    worker, control = Session(), Session()
    worker.ask(LIMITS)
    print('operation,phase,cancels,error_ms,ready_ms,processor_ms', flush=True)
    for name in sys.argv[4:] or OPERATIONS:
        statement = OPERATIONS[name]
        times = {}
        for phase, seconds in undisturbed(worker, control, statement).items():
            for number in range(TRIES if seconds > 0.05 else 0):
                result = cancelled(worker, control, statement, phase, seconds * (number + 0.5) / TRIES)
                if result:
                    times.setdefault(result[0], []).append(result[1:])
        for phase, taken in times.items():
            print('%s,%s,%d,%.0f,%.0f,%.0f' % (name, phase or 'query or result', len(taken), *(max(t) for t in zip(*taken))), flush=True)
    libpq.PQfinish(worker.connection)
    libpq.PQfinish(control.connection)


if __name__ == '__main__':
    main()
