# Jobs that lose their process, a worker or the whole server go on by themselves, and end with the bytes of those that were left alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('jobs_resume');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'advfair'
dynamic_shared_memory_type = mmap
max_worker_processes = 32
restart_after_crash = on
fsync = off
advfair.checkpoint_interval = 1s
advfair.max_jobs = 1
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE crowd AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE crowd ADD PRIMARY KEY (person_id);
	CREATE TABLE people AS SELECT * FROM advfair_make_census(1000, 1);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('base', 'crowd', 'income', epochs => 1);
	SELECT advfair_train('small', 'people', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 150);
});
my $own = segments($node);

sub column
{
	my ($job, $what) = @_;
	return $node->safe_psql('postgres', "SELECT $what FROM advfair_job WHERE job = $job");
}

# Submit a task; returns the job's number. MODEL and TABLE stand for names that no other job has.
my $count = 0;
sub submit
{
	my ($task, $more) = @_;
	$count++;
	$task =~ s/MODEL/model $count/;
	$task =~ s/TABLE/table_$count/;
	return $node->safe_psql('postgres', "SELECT advfair_submit('$task'" . ($more // '') . ')');
}

sub digest
{
	my ($job) = @_;
	my $table = column($job, "COALESCE(result->>'table', '')");
	return $node->safe_psql('postgres', "SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM $table r") if $table ne '';
	return $node->safe_psql('postgres', "SELECT encode(sha256(m.model), 'hex') FROM advfair_model m JOIN advfair_job j ON m.name = j.result->>'model' AND m.version = (j.result->>'version')::int WHERE j.job = $job");
}

# Wait until something of a job is kept.
sub wait_for_state
{
	my ($job, $kind) = @_;
	my $kept = $kind eq 'luf' ? 'SELECT count(*) > 0 FROM advfair_luf_part' : "SELECT count(*) > 0 FROM advfair_checkpoint WHERE job = $job";
	my $ended = "SELECT state NOT IN ('queued', 'running') FROM advfair_job WHERE job = $job";
	my $until = time + 60;
	while (time < $until)
	{
		return 1 if $node->safe_psql('postgres', $kept) eq 't';
		return 0 if $node->safe_psql('postgres', $ended) eq 't';
		usleep(20_000);
	}
	return 0;
}

my %end = (
	'the job\'s process is killed' => sub { kill 'KILL', column(shift, 'pid') },
	'a compute worker is killed' => sub { kill 'KILL', (workers($node))[0] },
	'the job\'s process is told to end' => sub { kill 'TERM', column(shift, 'pid') },
	'the server is stopped at once' => sub { $node->stop('immediate'); $node->start },
	'the server is stopped' => sub { $node->stop('fast'); $node->start },
);

# A task long enough to be cut off, on this machine: it grows until it takes two seconds.
my @tasks = (
	[ 'train', '{"kind": "train", "model": "MODEL", "data": "crowd", "label": "income", "epochs": SIZE, "validation": "0.1"}', 25 ],
	[ 'adv_train, pgd', '{"kind": "adv_train", "method": "pgd", "model": "MODEL", "data": "crowd", "label": "income", "epochs": SIZE, "eps": 0.1}', 5 ],
	[ 'adv_train, merged', '{"kind": "adv_train", "model": "MODEL", "data": "crowd", "label": "income", "epochs": SIZE, "eps": 0.1, "steps": 5}', 15 ],
	[ 'least_eps', '{"kind": "least_eps", "model": "base", "data": "crowd", "eps_max": 3, "steps": SIZE, "into": "TABLE"}', 50 ],
	[ 'certify', '{"kind": "certify", "model": "base", "data": "SELECT * FROM crowd WHERE person_id <= SIZE", "eps_max": 1, "into": "TABLE"}', 1200 ],
	[ 'luf', '{"kind": "luf", "model": "small", "data": "people", "leave_out": SIZE, "into": "TABLE"}', 20 ],
);
my @ends = sort keys %end;
for my $t (0 .. $#tasks)
{
	my ($name, $task, $size) = @{ $tasks[$t] };
	my ($kind) = $task =~ /"kind": "(\w+)"/;
	my ($first, $expected);
	for (;; $size = int($size * 1.5))
	{
		(my $sized = $task) =~ s/SIZE/$size/;
		$first = submit($sized);
		is($node->safe_psql('postgres', "SELECT advfair_wait($first, '5 min')"), 'succeeded', "$name: undisturbed");
		last if column($first, 'extract(epoch FROM finished_at - started_at)') > 2;
	}
	$expected = digest($first);
	$task =~ s/SIZE/$size/;

	# twice: each kind of task meets two ends, and each end more than one kind
	for my $end (@ends[ $t % @ends, ($t + 2) % @ends ])
	{
		my $job = submit($task);
		ok(wait_for_state($job, $kind), "$name, $end: something is kept");
		$end{$end}->($job);
		ok($node->poll_query_until('postgres', "SELECT state NOT IN ('queued', 'running') FROM advfair_job WHERE job = $job"), "$name, $end: it goes on by itself");
		is(column($job, "state || ' ' || (attempt > 1)"), 'succeeded true', "$name, $end: to its end") or diag column($job, 'sqlstate, message');
		is(digest($job), $expected, "$name, $end: with the same bytes");
		note "$name, $end: " . substr($expected, 0, 16) . ' again; ' . column($job, "'attempt ' || attempt || ' took ' || round(extract(epoch FROM finished_at - started_at), 1)")
		  . ' s of ' . column($first, 'round(extract(epoch FROM finished_at - started_at), 1)') . ' s';
	}
}
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM advfair_checkpoint) + (SELECT count(*) FROM advfair_luf_part)'), 0, 'nothing is kept of jobs that are done');

# what is read has changed
my ($task) = map { $_->[1] =~ s/SIZE/100/r } grep { $_->[0] eq 'train' } @tasks;
for my $on_change ('restart', 'fail')
{
	my $job = submit($task, ", on_change => '$on_change'");
	ok(wait_for_state($job, 'train'), "$on_change: something is kept");
	$node->stop('immediate');
	$node->append_conf('postgresql.conf', 'advfair.max_jobs = 0');
	$node->start;
	$node->safe_psql('postgres', 'UPDATE crowd SET age = age + 1 WHERE person_id = 7');
	$node->append_conf('postgresql.conf', 'advfair.max_jobs = 1');
	$node->reload;
	$node->poll_query_until('postgres', "SELECT state NOT IN ('queued', 'running') FROM advfair_job WHERE job = $job");
	if ($on_change eq 'restart')
	{
		is(column($job, "state || ': ' || message"), q{succeeded: WARNING: rows or models have changed since the job's last checkpoint; computing again}, 'restart: it is computed again');
		is($node->safe_psql('postgres', "SELECT model = advfair_fit(task - 'model') FROM advfair_model WHERE name = 'model $count'"), 't', 'restart: on the rows of now');
	}
	else
	{
		is(column($job, "state || ' ' || sqlstate || ': ' || message"), q{failed 55000: rows or models have changed since the job's last checkpoint}, 'fail: the job fails');
	}
}

# bytes that are no checkpoint
my $job = submit($task);
ok(wait_for_state($job, 'train'), 'a job is under way');
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 0');
$node->start;
$node->safe_psql('postgres', 'UPDATE advfair_checkpoint SET state = set_byte(state, 40, 99)');
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 1');
$node->reload;
$node->poll_query_until('postgres', "SELECT state NOT IN ('queued', 'running') FROM advfair_job WHERE job = $job");
is(column($job, "state || ' ' || sqlstate"), 'failed 22P03', 'a checkpoint that was tampered with is refused');

$job = submit('{"kind": "certify", "model": "base", "data": "SELECT * FROM crowd WHERE person_id <= 4000", "eps_max": 1, "into": "TABLE"}');
ok(wait_for_state($job, 'certify'), 'certificates are under way');
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 0');
$node->start;
is($node->safe_psql('postgres', "SELECT name, octet_length(state) FROM advfair_checkpoint WHERE job = $job"), 'certificates of base@1|' . (500 + 4000 * 24), 'they are kept under a name, with which pieces are complete');
$node->safe_psql('postgres', 'UPDATE advfair_checkpoint SET state = set_byte(set_byte(state, 0, 1), 500, 99)'); # the class of the first row
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 1');
$node->reload;
$node->poll_query_until('postgres', "SELECT state NOT IN ('queued', 'running') FROM advfair_job WHERE job = $job");
is(column($job, "state || ' ' || sqlstate || ': ' || message"), 'failed 22P03: checkpoint has results that there cannot be: certificates of base@1', 'classes that there are not are refused');

# an audit goes on from what is certified, and gives what the function gives
$job = submit('{"kind": "audit", "models": ["base"], "data": "SELECT * FROM crowd WHERE person_id <= 2000", "eps": 0.05, "steps": 1, "certify": "crown", "into": "TABLE"}');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM advfair_checkpoint WHERE job = $job AND name = 'certificates of base\@1'"), 'certificates of an audit are kept');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT advfair_wait($job, '5 min') || (SELECT attempt > 1 FROM advfair_job WHERE job = $job)"), 'succeededtrue', 'it is gone on with');
is($node->safe_psql('postgres', "SELECT count(*) FROM (TABLE table_$count EXCEPT ALL SELECT * FROM advfair_audit('{base}', 'SELECT * FROM crowd WHERE person_id <= 2000', '{0.05}', steps => 1, certify => 'crown')) AS d"),
	0, 'to the same scores');

# what states are called: a run is found by its name, and those of one name by their number
$job = submit('{"kind": "class_robustness", "model": "base", "data": "crowd", "eps": [0.1, 0.1, 0.2, 0.3, 0.4], "steps": 40, "into": "TABLE"}');
ok($node->poll_query_until('postgres', "SELECT count(*) >= 2 FROM advfair_checkpoint WHERE job = $job"), 'two attacks of five are kept');
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 0');
$node->start;
is($node->safe_psql('postgres', "SELECT string_agg(name || ', ' || version, '; ' ORDER BY name) FROM advfair_checkpoint WHERE job = $job AND name LIKE '%0.1%'"),
	join('; ', map { "$_, 1.3" } 'attack on base@1, eps 0.1', 'attack on base@1, eps 0.1 (2)'), 'by what is attacked, and how');
$node->append_conf('postgresql.conf', 'advfair.max_jobs = 1');
$node->reload;
is($node->safe_psql('postgres', "SELECT advfair_wait($job, '5 min')"), 'succeeded', 'all are gone on with');
is($node->safe_psql('postgres', "SELECT count(*) FROM (TABLE table_$count EXCEPT ALL SELECT * FROM advfair_class_robustness('base', 'crowd', '{0.1,0.1,0.2,0.3,0.4}', steps => 40)) AS d"),
	0, 'and give what the function gives');

# an ensemble is gone on with, too: which member broke a row is part of what is kept
$job = submit('{"kind": "class_robustness", "model": "base", "data": "crowd", "eps": [0.01, 0.02], "attack": "autoattack", "settings": {"queries": 100}, "into": "TABLE"}');
ok($node->poll_query_until('postgres', "SELECT count(*) >= 1 FROM advfair_checkpoint WHERE job = $job"), 'some of an ensemble is kept');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT advfair_wait($job, '5 min')"), 'succeeded', 'it is gone on with');
is($node->safe_psql('postgres', "SELECT count(*) FROM (TABLE table_$count EXCEPT ALL SELECT * FROM advfair_class_robustness('base', 'crowd', '{0.01,0.02}', attack => 'autoattack', settings => '{\"queries\": 100}')) AS d"),
	0, 'to what the function gives');

# what version 1.2 has left of a job
$node->safe_psql('postgres', 'CREATE DATABASE earlier');
my (undef, undef, $said) = $node->psql('earlier', q{
	CREATE EXTENSION advfair VERSION '1.2';
	CREATE TABLE toy AS SELECT i AS id, i % 7 AS x, i % 2 AS y FROM generate_series(1, 100) AS i;
	SET session_replication_role = replica; -- the library's trigger is of the version that is installed
	INSERT INTO advfair_job (task, settings) VALUES ('{"kind": "train", "model": "m", "data": "public.toy", "label": "y", "epochs": 2}', '{}');
	INSERT INTO advfair_checkpoint (job, run, seen, state) SELECT job, 1, 4711, '\x00' FROM advfair_job;
	RESET session_replication_role;
	INSERT INTO advfair_luf_part (digest, part, change) VALUES ('ab', 1, '\x00');
	ALTER EXTENSION advfair UPDATE;
	CALL advfair_run_jobs();
}, on_error_die => 1);
like($said, qr/WARNING:  leave-one-out runs that were interrupted begin anew: 1 of their models are thrown away/, 'an update says what it throws away');
is($node->safe_psql('earlier', q{SELECT advfair_wait(job, '1 min') || ': ' || message FROM advfair_job}),
	"succeeded: WARNING: the job's last checkpoint was left by another version of advfair; computing again", 'is not gone on from, and the job says so');
is($node->safe_psql('earlier', 'SELECT count(*) FROM advfair_checkpoint'), 0, 'and gone');

wait_until_workers($node, 0);
cmp_ok(segments($node), '<=', $own, 'no segment is left');
$node->stop;
done_testing();
