# Long leave-one-out runs that are cut off go on where they stopped, and give the same numbers; attacks and robust trainings are cancelled without a trace.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('luf');
$node->init;
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\nmax_worker_processes = 16\nfsync = off\nrestart_after_crash = on\nclient_connection_check_interval = 100");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN;
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE crowd AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE crowd ADD PRIMARY KEY (person_id);
	SELECT advfair_train('m', 'people', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 150);
	SELECT advfair_train('slow', 'crowd', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 50);
	SELECT advfair_train('large', 'people', 'income', arch => 'dense 2000, tanh, dense 2000, tanh', epochs => 1);
	SELECT advfair_adv_train('twins', 'people', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 100, eps => 0.1, steps => 3);
	CREATE TABLE watched AS SELECT * FROM advfair_make_census(50, 1);
	SELECT advfair_adv_train('fast', 'people', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 100, eps => 0.01, method => 'fast', validation => 'watched');
	GRANT SELECT ON people TO ann;
	INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model) -- of whose run the superuser sees all
	SELECT name, version, 'ann', task, data_digest, metrics, model FROM advfair_model WHERE name = 'm';
});
my $total = 100;
my $rows = "advfair_luf_rows('m', 'people', leave_out => $total, workers => 2)";
my $digest = "SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM";
my $undisturbed = $node->safe_psql('postgres', "$digest $rows r");
my $before = segments($node);
my $stderr;

sub parts { return $node->safe_psql('postgres', 'SELECT count(*) FROM advfair_luf_part') }

sub pid_of
{
	my $call = shift;
	return $node->safe_psql('postgres', qq{SELECT pid FROM pg_stat_activity WHERE query LIKE '%$call%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()});
}

# A psql that runs the statement, once so many parts are kept.
sub start_run
{
	my ($enough, $statement) = @_;
	my $until = time + 60;
	my $psql = start_psql($node, $statement // "$digest $rows r", \$stderr);
	wait_until_workers($node, 2) or die "no workers started: $stderr";
	usleep(10_000) while (parts() < $enough && time < $until);
	return $psql;
}

sub nothing_runs
{
	my $how = shift;
	ok(wait_until_workers($node, 0), "$how: no worker is left");
	my $tries = 50;
	usleep(100_000) while (keepers($node) && $tries-- > 0);    # one whose session is gone looks every fifth of a second
	is(scalar(() = keepers($node)), 0, "$how: nor a keeper");
	usleep(100_000) while (segments($node) > $before && $tries-- > 0);
	cmp_ok(segments($node), '<=', $before, "$how: no shared memory is left");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM advfair_progress'), 0, "$how: no progress is left");
}

# After a run that was cut off: the same call takes over what was kept, with any number of workers.
sub goes_on
{
	my ($how, $workers) = @_;
	nothing_runs($how);
	my $kept = parts();
	cmp_ok($kept, '>=', 3, "$how: some models are kept");
	cmp_ok($kept, '<', $total, "$how: not all of them");
	my ($code, $out, $err) = $node->psql('postgres', "$digest " . ($rows =~ s/workers => 2/workers => $workers/r) . ' r');
	like($err, qr/NOTICE:  going on with a run of which $kept of $total models are trained/, "$how: the same call goes on");
	is($out, $undisturbed, "$how: and gives the numbers of an undisturbed run");
	is(parts(), 0, "$how: and leaves nothing behind");
	nothing_runs("$how, then gone on");
}

# ---- undisturbed ----

is(parts(), 0, 'a run that is through leaves nothing behind');
is($node->safe_psql('postgres', "$digest $rows r"), $undisturbed, 'the same again');
# a run that ends while its keeper is still writing: the keeper has to wait for a lock
for my $models (2, 6, 12, 20)
{
	my $locker = start_psql($node, q{BEGIN; LOCK TABLE advfair_luf_part IN SHARE MODE; SELECT pg_sleep(0.45); COMMIT}, \$stderr);
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'advfair_luf_part'::regclass AND mode = 'ShareLock')});
	$node->safe_psql('postgres', "SELECT advfair_luf('m', 'people', leave_out => $models, workers => 2)");
	$locker->finish;
	is(parts(), 0, "$models models: not even when its keeper is late");
}

# ---- cut off ----

my $psql;
for (my $timeout = 400; $timeout < 20_000 && parts() < 3; $timeout *= 1.5)
{
	my ($code, $out, $err) = $node->psql('postgres', sprintf("SET statement_timeout = %d; $digest $rows r", $timeout));
	like($err, qr/canceling statement due to statement timeout/, 'statement_timeout stops a run');
}
goes_on('statement_timeout', 2);

$psql = start_run(5);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
like($stderr, qr/canceling statement due to user request/, 'pg_cancel_backend stops a run');
goes_on('pg_cancel_backend', 1);

$psql = start_run(5);
$node->safe_psql('postgres', "SELECT pg_terminate_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
goes_on('pg_terminate_backend', 3);

$psql = start_run(5);
$psql->kill_kill(grace => 0);
goes_on('a client that disappears', 2);

$psql = start_run(5);
kill 'TERM', (workers($node))[0];
$psql->finish;
like($stderr, qr/ERROR:  a compute worker was told to stop/, 'a worker told to stop ends the run with an error');
goes_on('worker terminated', 2);

for my $victim ('worker', 'keeper')
{
	$psql = start_run(5);
	kill 'KILL', ($victim eq 'worker' ? workers($node) : keepers($node))[0];
	$psql->finish;
	like($stderr, qr/terminating connection|server closed the connection/, "a killed $victim makes the server restart");
	usleep(500_000);
	ok($node->poll_query_until('postgres', 'SELECT true'), "$victim killed: the server answers");
	goes_on("$victim killed", 2);
}

for my $mode (qw(fast immediate))
{
	$psql = start_run(5);
	$node->stop($mode);
	$psql->finish;
	$node->start;
	goes_on("$mode shutdown", 2);
}

# ---- a longer list takes over from a shorter one, and the other way round ----

$psql = start_run(40);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
my $kept = parts();
my ($code, $out, $err) = $node->psql('postgres', q{SELECT advfair_luf('m', 'people', leave_out => 10)});
like($err, qr/going on with a run of which \d+ of 10 models are trained/, 'fewer rows: goes on');
cmp_ok(parts(), '>=', $kept - 10, 'fewer rows: what they did not need is still there');
goes_on('fewer rows in between', 2);

# ---- other data, other seeds, other roles: another run ----

$psql = start_run(5);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
for my $other (
	[ 'compared rows', q{SELECT advfair_luf('m', 'SELECT * FROM people WHERE person_id < 300', leave_out => 3)} ],
	[ 'seeds', q{SELECT advfair_luf('m', 'people', leave_out => 3, vary_seed => true)} ],
	[ 'training rows', q{BEGIN; UPDATE people SET age = age + 1 WHERE person_id = 1; SELECT advfair_luf('m', 'people', leave_out => 3); ROLLBACK} ],
	[ 'roles', q{SET ROLE ann; SELECT advfair_luf('m', 'people', leave_out => 3)} ])
{
	my ($code, $out, $err) = $node->psql('postgres', $other->[1]);
	is($err, '', "other $other->[0]: another run");
}
goes_on('other runs in between', 2);
my $fast = "SELECT advfair_luf('fast', 'people', leave_out => 100, workers => 2)";
$psql = start_run(5, $fast);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf')]})");
$psql->finish;
($code, $out, $err) = $node->psql('postgres', 'UPDATE watched SET age = age + 1; ' . $fast =~ s/100/3/r);
is($err, '', 'other validation rows of method fast: another run');
($code, $out, $err) = $node->psql('postgres', 'UPDATE watched SET age = age - 1; ' . $fast =~ s/100/3/r);
like($err, qr/going on with a run/, 'the same ones again: it goes on');
$node->safe_psql('postgres', 'DELETE FROM advfair_luf_part');
# not even a superuser, who sees them, takes over what another role claims to have found
$psql = start_run(5, "SET ROLE ann; $digest $rows r");
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
$kept = parts();
($code, $out, $err) = $node->psql('postgres', "UPDATE advfair_luf_part SET change = overlay(change PLACING '\\x0000803f' FROM 1); $digest $rows r");
is("$out|$err", "$undisturbed|", 'what another role left is not believed');
is(parts(), $kept, 'nor deleted');
$node->safe_psql('postgres', 'DELETE FROM advfair_luf_part');

# ---- two at once ----

my @pair = map { my ($out, $err) = ('', ''); { out => \$out, err => \$err, psql => IPC::Run::start([ 'psql', '-X', '-At', '-d', $node->connstr('postgres'), '-c', "$digest $rows r" ], '>', \$out, '2>', \$err) } } (1, 2);
$_->{psql}->finish for @pair;
is(${ $_->{out} }, "$undisturbed\n", 'two sessions with the same run: the same numbers') for @pair;
is(parts(), 0, 'two sessions with the same run: nothing is left behind');
nothing_runs('two sessions');

# ---- what stands in the keeper's way does not stand in the run's ----

$psql = start_run(5);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
my $begun = time;
is($node->safe_psql('postgres', "BEGIN; DELETE FROM advfair_luf_part; $digest $rows r; COMMIT"), $undisturbed, 'parts that this transaction has deleted');
is($node->safe_psql('postgres', "BEGIN; LOCK TABLE advfair_luf_part; $digest $rows r; COMMIT"), $undisturbed, 'a table that this transaction has locked');
cmp_ok(time - $begun, '<', 60, 'are not waited for');
is(parts(), 0, 'and nothing is left');
$node->safe_psql('postgres', 'CREATE DATABASE young');
is($node->safe_psql('young', q{
	BEGIN;
	CREATE ROLE ben;
	CREATE SCHEMA ml;
	CREATE EXTENSION advfair SCHEMA ml;
	GRANT USAGE ON SCHEMA ml TO ben;
	CREATE TABLE people AS SELECT * FROM ml.advfair_make_census(300, 0);
	GRANT SELECT ON people TO ben;
	SET ROLE ben;
	SELECT version FROM ml.advfair_train('m', 'people', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 300, id => 'person_id');
	SELECT count(*) FROM ml.advfair_luf_rows('m', 'people', leave_out => 30, workers => 2);
	SELECT count(*) FROM ml.advfair_luf_part;
	ROLLBACK}), "1\n300\n0", 'schema, table and role that only this transaction knows');
nothing_runs('what only one transaction knows');
unlike(slurp_file($node->logfile), qr/advfair keeper.*terminated by signal (?!9)/, 'no keeper ever crashed');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET default_transaction_read_only = on');
$ENV{PGOPTIONS} = '-c default_transaction_read_only=off';
$psql = start_run(5);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(@{[pid_of('advfair_luf_rows')]})");
$psql->finish;
cmp_ok(parts(), '>=', 5, 'settings of the database do not keep a keeper from writing');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET default_transaction_read_only; DELETE FROM advfair_luf_part');
delete $ENV{PGOPTIONS};
is($node->safe_psql('postgres', "BEGIN READ ONLY; $digest $rows r; COMMIT"), $undisturbed, 'a read-only transaction');
is(parts(), 0, 'keeps nothing');

# ---- a single slot ----

$node->append_conf('postgresql.conf', 'max_worker_processes = 2');    # one is the logical replication launcher's
$node->restart;
is($node->safe_psql('postgres', "$digest $rows r"), $undisturbed, 'with one slot there is a worker, and no keeper');
is(parts(), 0, 'which keeps nothing');
nothing_runs('a single slot');
$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
$node->restart;

# ---- progress ----

my @progress;
$psql = start_psql($node, q{SELECT advfair_luf('twins', 'people', leave_out => 40, regenerate => true, workers => 2)}, \$stderr);
wait_until_workers($node, 2);
while (pid_of('advfair_luf('))
{
	my $line = $node->safe_psql('postgres', q{SELECT done, total FROM advfair_progress WHERE phase = 'computing' AND task = 'luf' AND done > 0});
	push @progress, [ split /\|/, $line ] if $line;
}
$psql->finish;
is(scalar(grep { $_->[0] > $_->[1] } @progress), 0, 'progress does not go beyond its total');
ok(@progress > 0 && $progress[-1][0] > 0.6 * $progress[-1][1], 'and comes near to it');

# ---- latency ----

my %call = (
	'advfair_luf' => q{SELECT advfair_luf('slow', 'crowd', leave_out => 1000, workers => 2)},
	'advfair_pgd' => q{SELECT count(*) FROM advfair_pgd('slow', 'crowd', 0.001, steps => 100000, early_stop => false, workers => 2)},
	'advfair_least_eps' => q{SELECT count(*) FROM advfair_least_eps('slow', 'crowd', 1e6, steps => 100000, workers => 2)},
	'advfair_class_robustness' => q{SELECT count(*) FROM advfair_class_robustness('large', 'people', '{0.1,0.001}', steps => 100000, early_stop => false, workers => 2)},
	'advfair_adv_train' => q{SELECT advfair_adv_train('robust', 'crowd', 'income', method => 'pgd', eps => 0.1, epochs => 1000, workers => 2)},
	'advfair_adv_train (crafting)' => q{SELECT advfair_adv_train('robust', 'crowd', 'income', method => 'merged', source => 'slow', eps => 0.001, steps => 100000, workers => 2)});
for my $name (sort keys %call)
{
	my $worst = 0;
	my ($function) = $name =~ /^(\w+)/;
	for my $trial (0 .. 3)
	{
		my $psql = start_psql($node, $call{$name}, \$stderr);
		wait_until_workers($node, 2) or die "no workers started: $stderr";
		usleep(80_000 * $trial);
		my $pid = pid_of($function);
		my $begun = time;
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
		$psql->finish;
		my $took = time - $begun;
		$worst = $took if $took > $worst;
		like($stderr, qr/canceling statement due to user request/, "$name: is cancelled") if $trial == 0;
	}
	diag(sprintf '%s: cancel latency, psql included: worst of 4 trials %.0f ms', $name, 1000 * $worst);
	cmp_ok($worst, '<', 2, "$name: cancelling takes no time to speak of");
	nothing_runs($name);
}
is(parts(), 0, 'no slow model was through');
is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'robust'}), 0, 'no half model');

done_testing();
