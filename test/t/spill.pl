# Rows that advfair.max_memory has no room for: in temporary files of the server, with the same results, and gone whatever happens.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('spill');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nfsync = off\nrestart_after_crash = on\nshared_preload_libraries = advfair\nadvfair.checkpoint_interval = '100ms'\nstats_fetch_consistency = none");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE wide AS SELECT i AS id, (i % 2)::text AS y, (SELECT array_agg(sin(i * k + i % 2)) FROM generate_series(1, 200) k)::real[] AS x FROM generate_series(1, 20000) i;
	ALTER TABLE wide ADD PRIMARY KEY (id);
	CREATE TABLE people AS SELECT * FROM advfair_make_census(60000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
});

sub files
{
	my @files = glob $node->data_dir . '/base/pgsql_tmp/*';
	return scalar @files;
}

sub until_files
{
	my $wanted = shift;
	my $until = time + 20;
	usleep(20_000) while (time < $until && !$wanted->(files()));
	return $wanted->(files());
}

my $task = q{'wide', 'y', id => 'id', arch => 'dense 20, batchnorm, relu', epochs => 2};
my $small = q{SET advfair.max_memory = '3MB'};

# the same models and results
for my $kind ([ 'train', "advfair_train('%s', $task, validation => '0.2', settings => '{\"patience\": 1}')" ],
	[ 'robust', "advfair_adv_train('%s', $task, eps => 0.01, method => 'pgd', steps => 2)" ])
{
	my ($name, $call) = @$kind;
	my $before = $node->safe_psql('postgres', q{SELECT temp_files FROM pg_stat_database WHERE datname = 'postgres'});
	$node->safe_psql('postgres', 'SELECT ' . sprintf($call, "$name in memory"));
	is($node->safe_psql('postgres', q{SELECT temp_files FROM pg_stat_database WHERE datname = 'postgres'}), $before, "$name: no file where there is room");
	$node->safe_psql('postgres', "$small; SELECT " . sprintf($call, "$name in files"));
	cmp_ok($node->safe_psql('postgres', q{SELECT temp_files FROM pg_stat_database WHERE datname = 'postgres'}), '>', $before, "$name: one where there is none");
	is($node->safe_psql('postgres', "SELECT count(DISTINCT model) FROM advfair_model WHERE name LIKE '$name in %'"), 1, "$name: the same model");
}
is(files(), 0, 'no file is left');
for my $call (q{advfair_predict('train in memory', 'wide')}, q{advfair_class_robustness('train in memory', 'wide', '{0.01}', steps => 2)},
	q{advfair_luf_rows('train in memory', 'SELECT * FROM wide WHERE id < 100', leave_out => 1)},
	q{advfair_audit('{train in memory}', 'wide', replicates => 5)},
	q{advfair_class_accuracy('train in memory', 'wide')})
{
	my @results = map { $node->safe_psql('postgres', "$_; SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM $call r") } 'SELECT', $small;
	is($results[1], $results[0], "$call: the same");
}
$node->safe_psql('postgres', q{SELECT advfair_train('p', 'people', 'income', epochs => 1)});
for my $call (q{advfair_eou('p', 'people', 'sex', '>50K', mode => 'intervene')})
{
	my @results = map { $node->safe_psql('postgres', "$_; SELECT $call") } 'SELECT', q{SET advfair.max_memory = '2MB'};
	is($results[1], $results[0], "$call: the same");
}

# its limits and its log
my ($code, $out, $err) = $node->psql('postgres', "$small; SET temp_file_limit = '4MB'; SELECT advfair_train('t', $task)");
like($err, qr/ERROR:  temporary file size exceeds temp_file_limit/, 'temp_file_limit holds');
is(files(), 0, 'no file is left');
like($node->safe_psql('postgres', "SELECT 1") . ($node->psql('postgres', "$small; SET log_temp_files = 0; SET client_min_messages = log; SELECT advfair_train('t', $task)"))[2],
	qr/LOG:  temporary file: path "base\/pgsql_tmp\/[^"]*", size \d+/, 'log_temp_files logs it');

# amid a training
my $long = q{advfair_train('long', 'wide', 'y', id => 'id', arch => 'dense 20, relu', epochs => 20000, workers => 2)};
my $stderr;
my $psql = start_psql($node, "$small; SELECT $long", \$stderr);
ok(wait_until_workers($node, 2), 'a training');
cmp_ok(files(), '>', 0, 'has a file');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM advfair_progress});
eval { $psql->finish };
ok(until_files(sub { $_[0] == 0 }), 'cancelled: no file is left');

# a job goes on from its checkpoint after the server has crashed, and gives the same model
$node->safe_psql('postgres', "SET advfair.max_memory = '3MB'; SELECT advfair_submit(task || '{\"epochs\": 40, \"model\": \"job\"}') FROM advfair_model WHERE name = 'robust in memory' AND version = 1");
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM advfair_job WHERE state = 'running') AND (SELECT count(*) > 0 FROM pg_ls_tmpdir())}), 'a job has a file');
usleep(400_000);
my ($worker) = workers($node);
kill 'KILL', $worker;
ok($node->poll_query_until('postgres', q{SELECT state = 'succeeded' FROM advfair_job}), 'a worker is killed, the server restarts, the job goes on');
is($node->safe_psql('postgres', q{SELECT advfair_fit(task - 'model') = model FROM advfair_model WHERE name = 'job'}), 't', 'to the same model');
is(files(), 0, 'no file is left');

$psql = start_psql($node, "$small; SELECT $long", \$stderr);
ok(wait_until_workers($node, 2), 'a training');
my $backend = $node->safe_psql('postgres', q{SELECT pid FROM advfair_progress});
kill 'KILL', $backend;
eval { $psql->finish };
ok($node->poll_query_until('postgres', 'SELECT true'), 'its backend is killed, the server restarts');
ok(until_files(sub { $_[0] == 0 }), 'no file is left');
is(scalar(() = workers($node)), 0, 'nor a worker');

done_testing();
