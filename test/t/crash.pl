# Violence: workers and servers that are killed, dump and restore.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\nrestart_after_crash = on\nfsync = off");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('kept', 'people', 'income', epochs => 2);
	SELECT advfair_train('kept', 'people', 'income', epochs => 1, encoding => 'ordinal', validation => '0.1');
});
sub segments
{
	my @files = glob($node->data_dir . '/pg_dynshmem/*');
	return scalar @files;
}
my $own = segments();
my $train = q{SELECT advfair_train('m', 'people', 'income', epochs => 100000, workers => 2)};
my ($stdout, $stderr);

sub workers
{
	my $server = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	return map { /^\s*(\d+) .*advfair compute worker/ ? $1 : () } `ps -o pid=,args= --ppid $server`;
}

sub start_training
{
	$stdout = $stderr = '';
	my $psql = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $train ], '>', \$stdout, '2>', \$stderr);
	my $until = time + 20;
	usleep(10_000) while (workers() != 2 && time < $until);
	die 'no workers started' unless workers() == 2;
	return $psql;
}

sub sound
{
	my $how = shift;
	ok($node->poll_query_until('postgres', 'SELECT true'), "$how: the server answers");
	is(scalar(workers()), 0, "$how: no worker is left");
	cmp_ok(segments(), '<=', $own, "$how: no segment but the server's own is left");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'm'}), 0, "$how: no half model");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM advfair_progress'), 0, "$how: no progress");
	is($node->safe_psql('postgres', q{
		SELECT advfair_fit(task - 'model') = model FROM advfair_model WHERE name = 'kept' AND version = 1}), 't', "$how: training works as before");
}

my $psql = start_training();
kill 'TERM', (workers())[0];
$psql->finish;
like($stderr, qr/ERROR:  a compute worker was told to stop/, 'a worker told to stop ends the training with an error');
sound('worker terminated');

$psql = start_training();
kill 'KILL', (workers())[1];
$psql->finish;
like($stderr, qr/terminating connection|server closed the connection/, 'a killed worker makes the server restart');
usleep(500_000);
sound('worker killed');

$psql = start_training();
my ($leader) = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT advfair_train%' AND backend_type = 'client backend'});
kill 'KILL', $leader;
$psql->finish;
usleep(500_000);
sound('backend killed');

for my $mode (qw(fast immediate))
{
	$psql = start_training();
	my $begun = time;
	$node->stop($mode);
	$psql->finish;
	cmp_ok(time - $begun, '<', 20, "$mode shutdown does not wait for the training");
	$node->start;
	sound("$mode shutdown");
}

# ---- dump and restore ----

my $dump = $node->backup_dir . '.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restore');
my $summary = q{SELECT name, version, owner, md5(model), task, metrics, (SELECT count(*) FROM advfair_curve c WHERE c.model_id = m.model_id)
	FROM advfair_model m ORDER BY 1, 2};
is($node->safe_psql('restored', $summary), $node->safe_psql('postgres', $summary), 'models and curves are restored');
my $predictions = q{SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM advfair_predict('kept@2', 'people') p};
is($node->safe_psql('restored', $predictions), $node->safe_psql('postgres', $predictions), 'and predict the same');
$node->safe_psql('restored', 'DROP EXTENSION advfair');
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'advfair%'}), 0, 'the extension can be dropped');

done_testing();
