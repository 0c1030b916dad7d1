#!/usr/bin/python3
"""advfair against PyTorch on real data, and against what the machine can do: the tables of bench/README.md.

Usage (make bench does all of it): tools/with-server.sh -- python3 bench/run.py [NAME...]
Names: cnn-train cnn-pgd cnn-predict resnet-train mlp-train mlp-pgd rows read workers mlp-workers luf luf-workers; all by default.
BENCH_ROUNDS (default 3): ours and the peer's take turns as often, and medians are compared.

Ours is a whole call from SQL: reading the table, starting workers, computing, storing the result. The peer's is its loop alone.
"""
import os
import re
import statistics
import subprocess
import sys
import time

ROUNDS = int(os.environ.get('BENCH_ROUNDS', '3'))
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(TOP, 'data')         # make data puts it there
IMAGES, TEST_IMAGES, PEOPLE, EPOCHS, PGD_STEPS = 50000, 10000, 30162, 3, 20
MFLOP = {'cnn-train': 38.4, 'cnn-pgd': 26.8}     # of one sample, of one step of one sample

TRAIN_CNN = f"SELECT FROM advfair_train('cnn', 'cifar10_train', 'label', id => 'image_id', input_shape => '{{3,32,32}}', epochs => {EPOCHS}"
TRAIN_RESNET = """SELECT FROM advfair_train('resnet', 'cifar10_train', 'label', id => 'image_id', input_shape => '{3,32,32}', arch => '
    conv 32x3, batchnorm, relu, maxpool 2,
    residual(conv 64x3, batchnorm, relu, conv 64x3, batchnorm), relu, maxpool 2,
    residual(conv 128x3, batchnorm, relu, conv 128x3, batchnorm), relu, globalpool',
    optimizer => 'sgd', learning_rate => 0.1, momentum => 0.9, weight_decay => 0.0005, init => 'he', batch_size => 128, epochs => 1,
    settings => '{"schedule": "cosine", "augment_flip": true, "augment_shift": 4}', workers => 2)"""
TRAIN_MLP = "SELECT FROM advfair_train('mlp', 'adult_train', 'income', id => 'person_id'"


def psql(statements):
    """Run statements in one session; returns what each printed, and its time in seconds."""
    script = '\\timing on\n' + '\n'.join(s + ';' for s in statements)
    out = subprocess.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1'], input=script, text=True, capture_output=True)
    if out.returncode:
        sys.exit(out.stderr)
    results, printed = [], []
    for line in out.stdout.splitlines():
        match = re.match(r'Time: ([0-9.]+) ms', line)
        if match:
            results.append(('\n'.join(printed), float(match[1]) / 1000))
            printed = []
        else:
            printed.append(line)
    return results


def seconds(statement):
    return psql([statement])[-1][1]


def query(statement):
    return psql([statement])[-1][0]


def peer_lines(arguments, blas_threads):
    """[(value, line)] of the PyTorch peer."""
    environment = dict(os.environ, OPENBLAS_CORETYPE=os.environ.get('OPENBLAS_CORETYPE', BLAS_CORE))
    if blas_threads:
        environment['OPENBLAS_NUM_THREADS'] = blas_threads
    out = subprocess.run(['/usr/bin/python3', os.path.join(TOP, 'bench/peer_torch.py'), '-s', '2', *arguments],
                         env=environment, text=True, capture_output=True)
    if out.returncode:
        return []
    return [(float(line.split()[-1]), line) for line in out.stdout.splitlines()]


PEER_BEST = {}      # name -> options and BLAS threads of its best line, found in the first round


def peer(name):
    """Its best line: PyTorch's threads and the BLAS's own, which it does not govern, both layouts."""
    if name not in PEER_BEST:
        lines = [(*line, blas) for blas in ('1', '') for line in peer_lines([name], blas)]
        if not lines:
            return None
        value, line, blas = max(lines)
        layout, threads = line.split()[1], line.split()[2].partition('=')[2]
        PEER_BEST[name] = ['-t', threads] + ([] if layout == '-' else ['-l', layout]), blas
        return value
    options, blas = PEER_BEST[name]
    return max(peer_lines(options + [name], blas))[0]


def limit():
    """GFLOP/s of one core."""
    out = subprocess.run([os.path.join(TOP, 'build/bench-kernels')], text=True, capture_output=True, check=True).stdout
    return float(out.splitlines()[0].split()[-1])


# ---- what is measured: each returns (ours, peer's name), ours in the peer's unit ----

def cnn_train(workers=2):
    return EPOCHS * IMAGES / seconds(f'{TRAIN_CNN}, workers => {workers})')


def cnn_pgd():
    return TEST_IMAGES * PGD_STEPS / seconds(
        "SELECT FROM advfair_class_robustness('cnn', 'cifar10_test', '{0.01}', early_stop => false, workers => 2)")


def cnn_predict():
    return TEST_IMAGES / seconds("SELECT count(*) FROM advfair_predict('cnn', 'cifar10_test', workers => 2)")


def resnet_train():
    return IMAGES / seconds(TRAIN_RESNET)


def mlp_train():
    return 20 * PEOPLE / seconds(f'{TRAIN_MLP}, workers => 2)')


def mlp_pgd():
    return PEOPLE * 100 / seconds("SELECT FROM advfair_class_robustness('mlp', 'adult_train', '{0.1}', steps => 100, "
                                  "early_stop => false, workers => 2)")


def rows():
    return PEOPLE / psql(['SET max_parallel_workers_per_gather = 0',
                          "SELECT count(*) FROM adult_train a, advfair_get('mlp') m WHERE advfair_predict(m, a) = a.income"])[-1][1]


def read():
    """Reading 50,000 images, as a share of one epoch (%)."""
    seconds(f'{TRAIN_CNN}, workers => 2)')
    return 100 * float(query(
        "SELECT (metrics->>'read_seconds')::float8 / (SELECT min(seconds) FROM advfair_curve c WHERE c.model_id = m.model_id) "
        "FROM advfair_model m WHERE name = 'cnn' ORDER BY version DESC LIMIT 1"))


def workers(train=TRAIN_CNN):
    """Two workers against one: the quotient of epochs."""
    best = []
    for n in (1, 2):
        seconds(f'{train}, workers => {n})')
        best.append(float(query("SELECT min(seconds) FROM advfair_curve WHERE model_id = "
                                "(SELECT model_id FROM advfair_model ORDER BY created_at DESC LIMIT 1)")))
    return best[0] / best[1]


LUF_SEED = 0


def luf(n=2):
    global LUF_SEED
    LUF_SEED += 1           # another choice of rows, so that nothing is found again
    return 101 * 20 * PEOPLE / seconds(
        f"SELECT advfair_luf('mlp', 'adult_train', leave_out => 100, workers => {n}, seed => {LUF_SEED})")


WORKS = [   # name, what, function, peer's name, target, unit
    ('cnn-train', 'CNN training, CIFAR-10, batch 250, two workers', cnn_train, 'cnn-train', '>= 2.4x', 'samples/s'),
    ('cnn-pgd', 'CNN PGD-20, CIFAR-10 test set', cnn_pgd, 'cnn-pgd', '>= 2.4x', 'steps/s'),
    ('cnn-predict', 'CNN prediction, CIFAR-10 test set', cnn_predict, 'cnn-predict', '>= 4x', 'samples/s'),
    ('resnet-train', 'residual network, training, CIFAR-10, batch 128', resnet_train, 'resnet-train', '>= 2x', 'samples/s'),
    ('mlp-train', 'MLP training, Adult, 104 inputs, batch 250', mlp_train, 'mlp104-train', '>= 5x', 'samples/s'),
    ('mlp-pgd', 'MLP PGD-100, Adult', mlp_pgd, 'mlp104-pgd', '>= 5.5x', 'steps/s'),
    ('rows', 'row-wise advfair_predict in a query, Adult, one process', rows, None, '>= 400,000', 'rows/s'),
    ('read', 'table to shared memory, 50,000 images', read, None, '<= 5 %', '% of an epoch'),
    ('workers', 'CNN training, two workers against one', workers, None, '>= 1.9', 'times'),
    ('mlp-workers', 'MLP training, two workers against one', lambda: workers(TRAIN_MLP), None, '>= 1.8', 'times'),
    ('luf', 'LUF, Adult, 100 left out, two workers', luf, 'luf', '>= 7x', 'samples/s'),
    ('luf-workers', 'LUF, Adult, 100 left out, two workers against one', lambda: luf(2) / luf(1), None, '>= 1.9', 'times'),
]


def spread(values):
    return f'{statistics.median(values):,.4g}' if max(values) < 1000 else f'{statistics.median(values):,.0f}'


def show(work, ours, theirs, limits):
    name, what, _, _, target, unit = work
    line = f'| {what} | {spread(ours)} {unit} | '
    line += f'{spread(theirs)} | {statistics.median(ours) / statistics.median(theirs):.2f}x' if theirs else '| '
    share = ''
    if name in MFLOP:
        share = f'{statistics.median(ours) * MFLOP[name] / 1000 / (2 * statistics.median(limits)):.0%}'
    print(f'{line} | {target} | {share} | {min(ours):,.4g} .. {max(ours):,.4g} |', flush=True)


def main():
    global BLAS_CORE
    chosen = [w for w in WORKS if len(sys.argv) == 1 or w[0] in sys.argv[1:]]
    if not chosen:
        sys.exit(__doc__)
    psql(['CREATE EXTENSION IF NOT EXISTS advfair'])
    for example in ('adult', 'cifar10'):
        subprocess.run(['psql', '-XAtq', '-v', f'data={DATA}', '-f', os.path.join(TOP, f'examples/{example}.sql')],
                       check=True, stdout=subprocess.DEVNULL)
    for table in ('adult_train', 'adult_test', 'cifar10_train', 'cifar10_test'):
        psql([f'VACUUM ANALYZE {table}'])
    version = query('SELECT advfair_version()')
    BLAS_CORE = re.search(r'"blas": "[^"]* ([A-Za-z]+)"', version)
    BLAS_CORE = BLAS_CORE[1] if BLAS_CORE else 'Haswell'
    cpu = re.search(r'Model name: *(.*)', subprocess.run(['lscpu'], text=True, capture_output=True).stdout)[1]
    print(f'{time.strftime("%Y-%m-%d")}, {cpu}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}, {ROUNDS} rounds')
    print(version)

    psql([f'{TRAIN_CNN})', f'{TRAIN_MLP})'])
    ours, theirs, limits = {w[0]: [] for w in chosen}, {w[0]: [] for w in chosen}, []
    for _ in range(ROUNDS):
        limits.append(limit())
        for name, _, function, peer_name, _, _ in chosen:
            ours[name].append(function())
            their = peer(peer_name) if peer_name else None
            if their:
                theirs[name].append(their)
    print(f'limit: {statistics.median(limits):.1f} GFLOP/s per core ({min(limits):.1f} .. {max(limits):.1f})')
    for name, (options, blas) in PEER_BEST.items():
        print(f'peer {name}: best with {" ".join(options)}{", OPENBLAS_NUM_THREADS=1" if blas else ""}')
    print()
    print('| work | advfair | PyTorch | ratio | target | of 2 x limit | least .. most |')
    print('|---|---|---|---|---|---|---|')
    for work in chosen:
        show(work, ours[work[0]], theirs[work[0]], limits)


main()
