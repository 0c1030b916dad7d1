# Cancelling a training, in every way, leaves nothing behind: no worker, no shared memory, no row.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
# segments as files of this cluster can be counted
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\nmax_worker_processes = 16\nfsync = off\nclient_connection_check_interval = 100");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE pictures AS SELECT i AS id, i % 3 AS y, decode(repeat(lpad(to_hex(i % 256), 2, '0'), 3072), 'hex') AS image
	FROM generate_series(1, 2000) i;
	ALTER TABLE pictures ADD PRIMARY KEY (id);
});
my $train = q{SELECT advfair_train('m', 'pictures', 'y', input_shape => '{3,32,32}', epochs => 1000, workers => 2)};

my $before = segments($node);

# A psql that trains, with both workers at work.
my $stderr;
sub start_training
{
	my $psql = start_psql($node, $train, \$stderr);
	wait_until_workers($node, 2) or die 'no workers started';
	return $psql;
}

sub nothing_left
{
	my $how = shift;
	ok(wait_until_workers($node, 0), "$how: no worker is left");
	my $tries = 50;
	usleep(100_000) while (segments($node) > $before && $tries-- > 0);
	is(segments($node), $before, "$how: no shared memory is left");
	is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM advfair_model) + (SELECT count(*) FROM advfair_curve) + (SELECT count(*) FROM advfair_progress)}),
		0, "$how: no row is left");
}

# ---- the four ways ----

my ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = 500; $train");
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout stops a training');
nothing_left('statement_timeout');

my $client = start_training();
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT advfair_train%' AND backend_type = 'client backend'});
$client->finish;
nothing_left('pg_terminate_backend');

$client = start_training();
$client->kill_kill(grace => 0);
nothing_left('a client that disappears');

is($node->safe_psql('postgres', qq{
	DO \$\$
	BEGIN
		FOR i IN 1 .. 30 LOOP
			BEGIN
				SET LOCAL statement_timeout = 0;
				PERFORM advfair_train('m', 'pictures', 'y', input_shape => '{3,32,32}', optimizer => 'sgd', learning_rate => 1e6, weight_decay => 1e6, epochs => 3);
			EXCEPTION WHEN numeric_value_out_of_range THEN NULL;
			END;
		END LOOP;
	END \$\$;
	SELECT version FROM advfair_train('after', 'pictures', 'y', input_shape => '{3,32,32}', arch => 'maxpool 8', epochs => 1);
	DELETE FROM advfair_model; SELECT 'done'}), "1\ndone", 'a session that catches the error goes on');
nothing_left('an error that is caught');

($code, $out, $err) = $node->psql('postgres',
	q{SET statement_timeout = 300; SELECT advfair_train('m', 'SELECT p.*, pg_sleep(0.01) IS NULL AS s FROM pictures p', 'y', features => '{image}', input_shape => '{3,32,32}')});
like($err, qr/statement timeout/, 'cancelled while reading rows');
nothing_left('cancelled while reading rows');

# ---- latency ----

my $worst = 0;
for my $trial (1 .. 20)
{
	my $psql = start_training();
	usleep(20_000 * ($trial % 5));
	my $begun = time;
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE query LIKE 'SELECT advfair_train%' AND backend_type = 'client backend'});
	$psql->finish;
	wait_until_workers($node, 0);
	my $took = time - $begun;
	$worst = $took if $took > $worst;
	like($stderr, qr/canceling statement due to user request/, "trial $trial is cancelled") if $trial == 1;
}
diag(sprintf 'cancel latency, from starting psql to cancel until client and workers are through: worst of 20 trials %.0f ms', 1000 * $worst);
cmp_ok($worst, '<', 2, 'cancelling takes no time to speak of');
nothing_left('20 cancels');

# ---- intervals, which the backend computes itself: interrupts that cancel nothing (one comes every 100 ms, see above) disturb nothing ----

my $interval = q{SELECT i.* FROM (SELECT array_agg(sin(n)) AS v, array_agg((n % 3)::text) AS g FROM generate_series(1, 20000) n) a,
	advfair_gap_interval(v, g, replicates => 10000) i};
my $psql = start_psql($node, "CREATE TABLE disturbed AS $interval", \$stderr);
my $disturbances = 0;
for (1 .. 10)
{
	usleep(50_000);
	$disturbances += $node->safe_psql('postgres', q{SELECT count(pg_log_backend_memory_contexts(pid)) FROM pg_stat_activity
		WHERE query LIKE 'CREATE TABLE disturbed%' AND backend_type = 'client backend'});
}
$psql->finish;
cmp_ok($disturbances, '>', 0, 'an interval is disturbed');
is($node->safe_psql('postgres', "SELECT (SELECT d::text FROM disturbed d) = i::text FROM ($interval) i"), 't', 'and is the same');

done_testing();
