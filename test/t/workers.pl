# Compute workers: the same bits for any number of them, what happens when slots are short, and what they look like.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('workers');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 8\nfsync = off");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(3000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE pictures AS
	SELECT i AS id, i % 3 AS y, decode(string_agg(lpad(to_hex((i * 37 + k * (1 + i % 3)) % 256), 2, '0'), '' ORDER BY k), 'hex') AS image
	FROM generate_series(1, 400) i, generate_series(1, 192) k GROUP BY i;
	ALTER TABLE pictures ADD PRIMARY KEY (id);
});

# ---- priority ----

$node->safe_psql('postgres', 'CREATE TABLE crowd AS SELECT * FROM advfair_make_census(20000, 0)');
for my $nice (0, 7)
{
	my $stderr;
	my $psql = start_psql($node, "SET advfair.nice = $nice; SELECT advfair_train('nice', 'crowd', 'income', epochs => 100000, workers => 1)", \$stderr);
	wait_until_workers($node, 1);
	$node->poll_query_until('postgres', q{SELECT phase = 'computing' FROM advfair_progress});
	my ($worker) = workers($node);
	my @stat = split / /, slurp_file("/proc/$worker/stat") =~ s/^.*\) //sr;
	my @own = split / /, slurp_file("/proc/$$/stat") =~ s/^.*\) //sr;
	is($stat[16], $own[16] + $nice, "with advfair.nice = $nice workers have that priority");
  SKIP:
	{
		skip 'processes are not scheduled in groups here', 1
		  unless -e '/proc/self/autogroup' && slurp_file('/proc/sys/kernel/sched_autogroup_enabled') == 1;
		my ($own) = slurp_file('/proc/self/autogroup') =~ /nice (-?\d+)/;
		my $group;
		for (1 .. 100)
		{
			($group) = slurp_file("/proc/$worker/autogroup") =~ /nice (-?\d+)/;
			last if $group >= $nice;
			usleep(20_000);
		}
		is($group, $own + $nice, 'and so has the group they are scheduled in');
	}
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM advfair_progress');
	$psql->finish;
}

# ---- an administrator's limit ----

for my $asked ('SET advfair.workers = 4; ', '')
{
	my $stderr;
	my $more = $asked ? '' : ', workers => 4';
	my $psql = start_psql($node, "SET advfair.max_workers = 2; ${asked}SELECT advfair_train('capped', 'crowd', 'income', epochs => 100000$more)", \$stderr);
	$node->poll_query_until('postgres', q{SELECT phase = 'computing' AND done > 0 FROM advfair_progress});
	is(scalar(() = workers($node)), 2, 'with advfair.max_workers = 2 there are no more, asked for by ' . ($asked ? 'setting' : 'argument'));
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM advfair_progress');
	$psql->finish;
}

# ---- determinism ----

my %task = (
	mlp => q{"data": "people", "label": "income", "epochs": 3},
	scaled => q{"data": "people", "label": "income", "epochs": 3, "encoding": "ordinal", "oversample": "balance", "validation": "0.2"},
	cnn => q{"data": "pictures", "label": "y", "input_shape": [3, 8, 8], "epochs": 3, "batch_size": 150,
		"arch": "conv 8x3, maxpool 2, relu, conv 9x3, relu, dense 20, relu"});
for my $name (sort keys %task)
{
	my $models = $node->safe_psql('postgres',
		"SELECT count(DISTINCT sha256(advfair_fit('{$task{$name}}'::jsonb || jsonb_build_object('workers', w))))"
		  . " FROM unnest('{1,2,3,4,2,1}'::int[]) w");
	is($models, 1, "$name: the same bytes from 1, 2, 3 and 4 workers, and again");
}
$node->safe_psql('postgres', q{SELECT advfair_train('m', 'people', 'income', epochs => 2)});
is($node->safe_psql('postgres', q{
	SELECT count(DISTINCT d) FROM unnest('{1,2,3,4}'::int[]) w,
		LATERAL (SELECT md5(string_agg(p::text, '' ORDER BY id)) AS d FROM advfair_predict('m', 'people', w) p) p}),
	1, 'the same predictions from 1, 2, 3 and 4 workers');
is($node->safe_psql('postgres', q{
	CREATE TABLE shuffled AS SELECT * FROM people ORDER BY random();
	ALTER TABLE shuffled ADD PRIMARY KEY (person_id);
	SELECT count(DISTINCT advfair_fit(jsonb_build_object('data', d, 'label', 'income', 'epochs', 2))) FROM unnest('{people,shuffled}'::text[]) d}),
	1, 'the physical order of rows does not matter');

# ---- what workers are ----

my $trainer = $node->background_psql('postgres', on_error_stop => 0);
$trainer->query_until(qr/begun/, "\\echo begun\nSELECT advfair_train('long', 'pictures', 'y', input_shape => '{3,8,8}', epochs => 100000, workers => 2);\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM advfair_progress WHERE model = 'long' AND done > 0}), 'a training runs');
my @workers = workers($node);
is(scalar @workers, 2, 'in two workers');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE pid IN (' . join(', ', @workers) . ')'), 0,
	'which hold no lock');
is($node->safe_psql('postgres', q{
	SELECT p.pid = a.pid AND task = 'train' AND phase = 'computing' AND total = 400 * 100000 AND loss > 0 AND rate > 0 AND eta > '0'
	FROM advfair_progress p, pg_stat_activity a WHERE a.query LIKE 'SELECT advfair_train(''long%'}), 't', 'progress tells about it');
$node->safe_psql('postgres', 'CREATE ROLE stranger; CREATE ROLE monitor IN ROLE pg_monitor');
is($node->safe_psql('postgres', 'SET ROLE stranger; SELECT count(pid), count(task), count(model) FROM advfair_progress'), '1|0|0',
	'a stranger sees only that something runs');
is($node->safe_psql('postgres', 'SET ROLE monitor; SELECT count(pid), count(task), count(model) FROM advfair_progress'), '1|1|1',
	'a monitor sees all');
is($node->safe_psql('postgres', q{SELECT version FROM advfair_train('other', 'people', 'income', epochs => 2)}), 1, 'another session trains beside');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT advfair_train(''long%'});
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM advfair_progress'), 'and is gone after a cancel');
$trainer->quit;

# ---- too few slots ----

$node->append_conf('postgresql.conf', "max_worker_processes = 3");
$node->restart;
my $free = 3 - $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'});
is($node->safe_psql('postgres', q{
	SELECT count(advfair_train('few', 'people', 'income', epochs => 1, workers => 4)); SELECT metrics -> 'workers' FROM advfair_model WHERE name = 'few'}),
	"1\n$free", 'with fewer slots fewer workers run');
is($node->safe_psql('postgres', q{
	SELECT model = advfair_fit(task - 'model') FROM advfair_model WHERE name = 'few'}), 't', 'and the model is the same');
$node->append_conf('postgresql.conf', "max_worker_processes = 1");
$node->restart;
my ($code, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
	SELECT advfair_train('none', 'people', 'income', epochs => 1)});
like($err, qr/53400: no background worker slot is free.*max_worker_processes/s, 'without any slot there is an error at once, with a hint');
is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'none'}), 0, 'and nothing is stored');
is($node->safe_psql('postgres', q{SELECT count(advfair_predict(model, p)) FROM people p, advfair_model WHERE name = 'few'}), 3000,
	'row functions need no worker');

done_testing();
