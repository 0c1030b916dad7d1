# Violence: workers and servers that are killed, dump and restore.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
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
my $own = segments($node);
my $train = q{SELECT advfair_train('m', 'people', 'income', epochs => 100000, workers => 2)};
my $stderr;

sub start_training
{
	my $psql = start_psql($node, $train, \$stderr);
	wait_until_workers($node, 2) or die 'no workers started';
	return $psql;
}

sub sound
{
	my $how = shift;
	ok($node->poll_query_until('postgres', 'SELECT true'), "$how: the server answers");
	is(scalar(() = workers($node)), 0, "$how: no worker is left");
	cmp_ok(segments($node), '<=', $own, "$how: no segment but the server's own is left");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'm'}), 0, "$how: no half model");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM advfair_progress'), 0, "$how: no progress");
	is($node->safe_psql('postgres', q{
		SELECT advfair_fit(task - 'model') = model FROM advfair_model WHERE name = 'kept' AND version = 1}), 't', "$how: training works as before");
}

my $psql = start_training();
kill 'TERM', (workers($node))[0];
$psql->finish;
like($stderr, qr/ERROR:  a compute worker was told to stop/, 'a worker told to stop ends the training with an error');
sound('worker terminated');

$psql = start_training();
kill 'KILL', (workers($node))[1];
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
