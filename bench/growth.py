#!/usr/bin/python3
"""How time and memory grow with rows, inputs, workers, models and weights; prints CSV, or draws it.

Usage: tools/with-server.sh -- python3 bench/growth.py > growth.csv        measure (15 minutes)
       tools/with-server.sh -- python3 bench/growth.py rows weights        measure some of it
       python3 bench/growth.py draw growth.csv bench/growth                draw growth.svg and growth.png

Columns: what grows, its size, seconds of the call, seconds reading, seconds of processors (all processes of the server; they tell how cost grows on
a machine that has other work, too), peak memory in MB. Memory is the proportional share (Pss) of all processes of the server, sampled up to 50
times a second, above what it was before: shared segments count once. Calls of less than LONG seconds are measured twice, and the shorter one counts.
"""
import csv
import os
import re
import subprocess
import sys
import threading
import time

EPOCHS = 3
LONG = 10


def psql(statement):
    out = subprocess.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', statement], text=True, capture_output=True)
    if out.returncode:
        sys.exit(out.stderr)
    return out.stdout.strip()


def server_processes():
    postmaster = subprocess.run(['psql', '-XAtc', "SELECT pg_read_file('postmaster.pid')"], text=True,
                                capture_output=True, check=True).stdout.split()[0]
    children = subprocess.run(['ps', '-o', 'pid=', '--ppid', postmaster], text=True, capture_output=True).stdout.split()
    return [postmaster] + children


def memory(postmaster):
    total = 0
    for process in [postmaster] + open(f'/proc/{postmaster}/task/{postmaster}/children').read().split():
        try:
            total += int(re.search(r'Pss:\s+(\d+)', open(f'/proc/{process}/smaps_rollup').read())[1])
        except (OSError, TypeError):
            pass                                    # it has just ended
    return total * 1024 / 1e6


class Peak(threading.Thread):
    """The largest memory while it runs."""

    def __init__(self, postmaster):
        super().__init__()
        self.postmaster, self.going, self.before, self.most = postmaster, True, memory(postmaster), 0

    def run(self):
        while self.going:
            start = time.perf_counter()
            self.most = max(self.most, memory(self.postmaster))
            time.sleep(max(0.02, 4 * (time.perf_counter() - start)))      # looking at much memory takes time

    def stop(self):
        self.going = False
        self.join()
        return max(self.most - self.before, 0)


def processor_seconds(postmaster):
    """Of processes that the server has had and that have ended."""
    fields = open(f'/proc/{postmaster}/stat').read().rpartition(')')[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf('SC_CLK_TCK')


def measure_once(postmaster, statement, read):
    """Seconds of the call, of reading and of processors, and peak memory."""
    peak = Peak(postmaster)
    peak.start()
    before = processor_seconds(postmaster)
    start = time.perf_counter()
    psql(statement)
    elapsed = time.perf_counter() - start
    time.sleep(0.1)                                                         # until the session's process has ended
    processors = processor_seconds(postmaster) - before
    most = peak.stop()
    reading = psql("SELECT metrics->>'read_seconds' FROM advfair_model ORDER BY created_at DESC LIMIT 1") if read else ''
    return elapsed, reading, processors, most


def measure(writer, postmaster, what, size, statement, read=False):
    best = measure_once(postmaster, statement, read)
    if best[0] < LONG:
        best = min(best, measure_once(postmaster, statement, read), key=lambda m: m[0])
    writer.writerow([what, size, f'{best[0]:.3f}', f'{float(best[1]):.3f}' if best[1] else '', f'{best[2]:.2f}',
                     f'{best[3]:.1f}'])
    sys.stdout.flush()


def train(table, label, more, epochs=EPOCHS):
    return f"SELECT FROM advfair_train('m', '{table}', '{label}', epochs => {epochs}{more})"


def people(rows):
    psql('DROP TABLE IF EXISTS people')
    psql(f'CREATE TABLE people AS SELECT * FROM advfair_make_census({rows})')
    psql('VACUUM ANALYZE people')


def wide(rows, inputs):
    psql('DROP TABLE IF EXISTS wide')
    psql('CREATE TABLE wide AS SELECT i AS id, (random() > 0.5)::text AS label, '
         f'(SELECT array_agg(random()::float4) FROM generate_series(1, {inputs}) WHERE i > 0) AS x FROM generate_series(1, {rows}) i')
    psql('VACUUM ANALYZE wide')


def measure_rows(writer, postmaster):
    for rows in (1000, 3000, 10000, 30000, 100000, 300000, 1000000, 3000000, 10000000):
        people(rows)
        measure(writer, postmaster, 'rows', rows, train('people', 'income', ', workers => 2'), True)


def measure_inputs(writer, postmaster):
    for inputs in (10, 30, 100, 300, 1000, 3000, 10000):
        wide(10000, inputs)
        measure(writer, postmaster, 'inputs', inputs, train('wide', 'label', ", id => 'id', workers => 2"), True)


def measure_workers(writer, postmaster):
    people(30000)
    for workers in (1, 2, 3, 4):
        measure(writer, postmaster, 'workers', workers, train('people', 'income', f', workers => {workers}'), True)


def measure_models(writer, postmaster):
    people(10000)
    psql(train('people', 'income', ', workers => 2'))
    for models in (1, 3, 10, 30, 100, 300, 1000):
        measure(writer, postmaster, 'models', models,
                f"SELECT advfair_luf('m', 'people', leave_out => {models}, workers => 2, seed => {models})")


def measure_weights(writer, postmaster):
    """Two hidden layers of the same width, on 100 inputs."""
    wide(2000, 100)
    for width in (50, 125, 250, 500, 950, 1680, 3110, 5430, 7020):
        weights = width * (100 + 1) + width * (width + 1) + 2 * (width + 1)
        measure(writer, postmaster, 'weights', weights,
                train('wide', 'label', f", id => 'id', arch => 'dense {width}, relu, dense {width}, relu', workers => 2"), True)


def measure_images(writer, postmaster):
    if not os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../data/cifar10/train.bin')):
        return
    subprocess.run(['psql', '-Xq', '-f', 'examples/cifar10.sql'], check=True, stdout=subprocess.DEVNULL)
    for workers in (1, 2):
        measure(writer, postmaster, 'CIFAR-10, workers', workers,
                train('cifar10_train', 'label', f", input_shape => '{{3,32,32}}', workers => {workers}", 2), True)


KINDS = {'rows': measure_rows, 'inputs': measure_inputs, 'workers': measure_workers, 'models': measure_models,
         'weights': measure_weights, 'images': measure_images}


def measure_all(kinds):
    writer = csv.writer(sys.stdout)
    psql('CREATE EXTENSION IF NOT EXISTS advfair')
    postmaster = server_processes()[0]
    writer.writerow(['what', 'size', 'seconds', 'reading', 'processors', 'megabytes'])
    for kind in kinds or KINDS:
        KINDS[kind](writer, postmaster)


def draw(source, target):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    titles = {'rows': f'rows of a table (14 columns, {EPOCHS} epochs)', 'inputs': f'inputs (10,000 rows, {EPOCHS} epochs)',
              'workers': 'workers (30,000 rows; two processors)', 'models': 'models left one row out of (10,000 rows)',
              'weights': 'weights of a network (100 inputs, 2,000 rows, ' + f'{EPOCHS} epochs)'}
    data = list(csv.DictReader(open(source)))
    figure, axes = plt.subplots(3, 2, figsize=(10, 11), constrained_layout=True)
    axes.flat[-1].set_visible(False)
    for axis, what in zip(axes.flat, titles):
        points = [r for r in data if r['what'] == what]
        size = [float(r['size']) for r in points]
        for column, label, colour, marker in (('seconds', 'whole call (s)', '#0072b2', 'o'), ('reading', 'reading (s)', '#009e73', 's'),
                                              ('processors', 'processors (s)', '#cc79a7', 'v'),
                                              ('megabytes', 'peak memory (MB)', '#d55e00', '^')):
            values = [(s, float(r[column])) for s, r in zip(size, points) if r[column]]
            if values:
                axis.plot(*zip(*values), marker=marker, color=colour, label=label)
        first = float(points[-1]['seconds'])
        if what != 'workers':
            axis.plot(size, [first * s / size[-1] for s in size], color='grey', linestyle=':', label='proportional')
            axis.set_xscale('log')
        else:
            axis.set_xticks(size)
        axis.set_yscale('log')
        axis.set_xlabel(titles[what])
        axis.grid(True, which='major', alpha=0.3)
        axis.legend(fontsize=8)
    for kind in ('svg', 'png'):
        figure.savefig(f'{target}.{kind}', dpi=110, metadata={'Date': None} if kind == 'svg' else None)


if sys.argv[1:2] == ['draw']:
    draw(*sys.argv[2:4])
else:
    measure_all(sys.argv[1:])
