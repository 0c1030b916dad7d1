# DROP EXTENSION beside operations.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dropped');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nfsync = off\nadvfair.checkpoint_interval = 1s\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(2000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('m', 'people', 'income', epochs => 1);
});

sub started
{
	my ($call, $stderr) = @_;
	my $psql = start_psql($node, $call, $stderr);
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM advfair_progress WHERE done > 0});
	return $psql;
}

# What waits for locks.
sub waiting
{
	return $node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'object'});
}

# who waits for jobs does not hold up what somebody does to the table of jobs, which the job would then wait for, and so all of them for ever
$node->safe_psql('postgres', q{SELECT advfair_submit('{"kind": "train", "model": "long", "data": "people", "label": "income", "epochs": 100000}')});
my $running = start_psql($node, 'CALL advfair_run_jobs()', \my $ran);
ok($node->poll_query_until('postgres', q{SELECT phase = 'computing' FROM advfair_jobs}), 'a job computes');
my $waiting = start_psql($node, 'SELECT advfair_wait(1)', \my $waited);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT advfair_wait%'}), 'and somebody waits for it');
$node->safe_psql('postgres', q{SET lock_timeout = '30 s'; VACUUM FULL advfair_job});
pass('the table can be locked meanwhile');
$node->safe_psql('postgres', 'SELECT advfair_cancel(1)');
$_->finish for $running, $waiting;
is($ran . ($waited =~ s/^NOTICE:.*\nHINT:.*\n//r), '', 'they come to their end');

for my $call (q{advfair_train('long', 'people', 'income', epochs => 100000)}, q{advfair_pgd('m', 'people', 0.1, steps => 10000, early_stop => false)},
	q{advfair_luf_rows('m', 'people', leave_out => 2000)})
{
	my ($name) = $call =~ /^(\w+)/;
	my $training = started("SELECT count(*) FROM $call", \my $stderr);
	my ($code, $out, $err) = $node->psql('postgres', q{SET lock_timeout = '200 ms'; DROP EXTENSION advfair CASCADE});
	like($err, qr/canceling statement due to lock timeout/, "$name: DROP EXTENSION waits");
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM advfair_progress');
	$training->finish;
}

# nor does a job that computes
$node->safe_psql('postgres', q{SELECT advfair_submit('{"kind": "train", "model": "long", "data": "people", "label": "income", "epochs": 100000}')});
$running = start_psql($node, 'CALL advfair_run_jobs()', \$ran);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM advfair_jobs WHERE phase = 'computing'}), 'a job computes');
$node->safe_psql('postgres', q{SET lock_timeout = '30 s'; DROP EXTENSION advfair});
pass('DROP EXTENSION does not wait for it');
$running->finish;
like($ran, qr/ERROR:  extension "advfair" was dropped/, 'who ran it is told');
wait_until_workers($node, 0);
is(scalar(() = workers($node)), 0, 'and it ends');
unlike(slurp_file($node->logfile), qr/ERROR:  relation/, 'in order');
$node->safe_psql('postgres', q{CREATE EXTENSION advfair});

# what began before comes to its end; what begins after says what is the matter
$node->safe_psql('postgres', q{SELECT advfair_submit('{"kind": "train", "model": "long", "data": "people", "label": "income", "epochs": 100000}')});
$running = start_psql($node, 'CALL advfair_run_jobs()', \$ran);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM advfair_checkpoint}), 'a job computes');
my $training = start_psql($node, q{SELECT advfair_train('last', 'people', 'income', epochs => 1500)}, \my $stderr);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM advfair_progress WHERE done > 0}), 'and a session');
my $dropping = start_psql($node, 'DROP EXTENSION advfair', \my $dropped);
ok(waiting(), 'somebody waits');
my $checkpoints = 'SELECT COALESCE(sum(extract(epoch FROM taken_at)), 0) FROM advfair_checkpoint';
my $before = $node->safe_psql('postgres', $checkpoints);
ok($node->poll_query_until('postgres', "SELECT ($checkpoints) > $before"), 'a job goes on meanwhile');
my ($code, $out, $err) = $node->psql('postgres', q{SELECT advfair_fit('{"data": "people", "label": "income", "epochs": 1}')});
$_->finish for $training, $dropping, $running;
is($stderr . $dropped, '', 'a training that is under way ends well');
like($err, qr/ERROR:  extension "advfair" was dropped/, 'one that came too late does not begin');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'advfair'}), 0, 'and the extension goes');
$node->stop;
done_testing();
