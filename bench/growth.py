#!/usr/bin/python3
"""How time and memory grow with rows, inputs, workers and models; prints CSV, or draws it.

Usage: tools/with-server.sh -- python3 bench/growth.py > growth.csv        measure (3 minutes)
       python3 bench/growth.py draw growth.csv bench/growth                draw growth.svg and growth.png

Columns: what grows, its size, seconds of the call, seconds reading, peak memory in MB. Memory is the proportional share (Pss) of
all processes of the server, sampled 50 times a second, above what it was before: shared segments count once.
"""
import csv
import os
import re
import subprocess
import sys
import threading
import time

EPOCHS = 10


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
            self.most = max(self.most, memory(self.postmaster))
            time.sleep(0.02)

    def stop(self):
        self.going = False
        self.join()
        return max(self.most - self.before, 0)


def measure(writer, postmaster, what, size, statement, read=False):
    best = None
    for _ in range(2):
        peak = Peak(postmaster)
        peak.start()
        start = time.perf_counter()
        psql(statement)
        elapsed = time.perf_counter() - start
        most = peak.stop()
        reading = psql("SELECT metrics->>'read_seconds' FROM advfair_model ORDER BY created_at DESC LIMIT 1") if read else ''
        if best is None or elapsed < best[2]:
            best = [what, size, elapsed, reading, most]
    writer.writerow([best[0], best[1], f'{best[2]:.3f}', f'{float(best[3]):.3f}' if best[3] else '', f'{best[4]:.1f}'])
    sys.stdout.flush()


def train(table, label, more, epochs=EPOCHS):
    return f"SELECT FROM advfair_train('m', '{table}', '{label}', epochs => {epochs}{more})"


def measure_all():
    writer = csv.writer(sys.stdout)
    psql('CREATE EXTENSION advfair')
    postmaster = server_processes()[0]
    writer.writerow(['what', 'size', 'seconds', 'reading', 'megabytes'])

    for rows in (1000, 3000, 10000, 30000, 100000, 300000, 1000000):
        psql(f'CREATE TABLE people AS SELECT * FROM advfair_make_census({rows})')
        psql('VACUUM ANALYZE people')
        measure(writer, postmaster, 'rows', rows, train('people', 'income', ', workers => 2'), True)
        psql('DROP TABLE people')

    for inputs in (10, 30, 100, 300, 1000, 3000):
        psql('CREATE TABLE wide AS SELECT i AS id, (random() > 0.5)::text AS label, '
             f'(SELECT array_agg(random()::float4) FROM generate_series(1, {inputs}) WHERE i > 0) AS x FROM generate_series(1, 10000) i')
        psql('VACUUM ANALYZE wide')
        measure(writer, postmaster, 'inputs', inputs, train('wide', 'label', ", id => 'id', workers => 2"), True)
        psql('DROP TABLE wide')

    psql('CREATE TABLE people AS SELECT * FROM advfair_make_census(30000)')
    psql('VACUUM ANALYZE people')
    for workers in (1, 2, 3, 4):
        measure(writer, postmaster, 'workers', workers, train('people', 'income', f', workers => {workers}'), True)
    for models in (1, 3, 10, 30, 100):
        measure(writer, postmaster, 'models', models,
                f"SELECT advfair_luf('m', 'people', leave_out => {models}, workers => 2, seed => {models})")

    if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../data/cifar10/train.bin')):
        subprocess.run(['psql', '-Xq', '-f', 'examples/cifar10.sql'], check=True, stdout=subprocess.DEVNULL)
        for workers in (1, 2):
            measure(writer, postmaster, 'CIFAR-10, workers', workers,
                    train('cifar10_train', 'label', f", input_shape => '{{3,32,32}}', workers => {workers}", 2), True)


def draw(source, target):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    titles = {'rows': f'rows of a table (14 columns, {EPOCHS} epochs)', 'inputs': f'inputs (10,000 rows, {EPOCHS} epochs)',
              'workers': 'workers (30,000 rows; two processors)', 'models': 'models left one row out of'}
    data = list(csv.DictReader(open(source)))
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), constrained_layout=True)
    for axis, what in zip(axes.flat, titles):
        points = [r for r in data if r['what'] == what]
        size = [float(r['size']) for r in points]
        for column, label, colour, marker in (('seconds', 'whole call (s)', '#0072b2', 'o'), ('reading', 'reading (s)', '#009e73', 's'),
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
    measure_all()
