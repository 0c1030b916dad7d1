# Kills processes of a working server at random, again and again: make faults [ROUNDS=100] [SEED=1].
#
# Sessions train, attack and leave rows out, and jobs are queued; then a process of one kind is killed with SIGKILL at a random moment.
# After each round the database must answer, no worker, job process or segment of shared memory may be left from before, and every
# model must be whole. In the end all jobs must have succeeded, and with the same bytes as in an undisturbed run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/t";
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(time usleep);

my $rounds = $ENV{ROUNDS} // 100;
my $seed = srand($ENV{SEED} // 1);
note "$rounds rounds, seed $seed";

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'advfair'
dynamic_shared_memory_type = mmap
max_worker_processes = 32
restart_after_crash = on
fsync = off
log_min_messages = warning
client_connection_check_interval = 100
advfair.checkpoint_interval = 1s
advfair.max_jobs = 2
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE few AS SELECT * FROM advfair_make_census(1000, 1);
	ALTER TABLE few ADD PRIMARY KEY (person_id);
	SELECT advfair_train('base', 'people', 'income', epochs => 2);
	SELECT advfair_train('small', 'few', 'income', arch => 'dense 32, tanh, dense 32, tanh', epochs => 60);
});

# The jobs of one cycle; the same tasks again and again, so that their results can be compared.
my %task = (
	train => q({"kind": "train", "model": "t", "data": "people", "label": "income", "epochs": 80}),
	merged => q({"kind": "adv_train", "model": "merged", "data": "people", "label": "income", "epochs": 12, "eps": 0.1, "steps": 5}),
	pgd => q({"kind": "adv_train", "method": "pgd", "model": "pgd", "data": "people", "label": "income", "epochs": 12, "eps": 0.1}),
	luf => q({"kind": "luf", "model": "small", "data": "few", "leave_out": 40}),
	least_eps => q({"kind": "least_eps", "model": "base", "data": "people", "eps_max": 3, "steps": 60}),
);
my $tables = 0;

sub query
{
	my ($sql) = @_;
	my $out;
	my $status = eval { $node->psql('postgres', $sql, stdout => \$out, timeout => 60) };
	return defined $status && $status == 0 ? $out : undef;
}

# Submit one job of each kind, be the server still on its way down from what was killed; returns their numbers by kind.
sub submit
{
	my %job;
	for my $kind (sort keys %task)
	{
		# a submission whose answer was lost may have come through: another try has another table
		until (defined $job{$kind})
		{
			my $into = $kind eq 'luf' || $kind eq 'least_eps' ? sprintf(', "into": "result_%d"', ++$tables) : '';
			(my $task = $task{$kind}) =~ s/}$/$into}/;
			$job{$kind} = query("SELECT advfair_submit('$task', max_attempts => 1000)");
			usleep(200_000) unless defined $job{$kind};
		}
	}
	return %job;
}

# What a job made, as a digest.
sub digest
{
	my ($job) = @_;
	my $result = query("SELECT COALESCE(result->>'table', (result->>'model') || '/' || (result->>'version')) FROM advfair_job WHERE job = $job") // '';
	return query("SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM $result r") if $result =~ /^public\./;
	my ($name, $version) = split m{/}, $result;
	return query("SELECT encode(sha256(model), 'hex') FROM advfair_model WHERE name = '$name' AND version = $version");
}

sub finish_jobs
{
	my $until = time + 600;
	my $open;
	while (time < $until)
	{
		$open = query(q{SELECT count(*) FROM advfair_job WHERE state IN ('queued', 'running')});
		return 1 if defined $open && $open == 0;
		usleep(200_000);
	}
	return 0;
}

# Undisturbed first.
my %first = submit();
finish_jobs() or BAIL_OUT('jobs do not come to their end');
my %expected = map { $_ => digest($first{$_}) } keys %first;
ok(defined $expected{$_}, "$_: an undisturbed job has a result") for sort keys %expected;
my $own = segments($node);

# ---- what is killed ----

sub children
{
	my ($title) = @_;
	return AdvfairTest::processes($node, $title);
}

sub alive
{
	my ($pid) = @_;
	open(my $f, '<', "/proc/$pid/stat") or return 0;
	return (<$f> // '') =~ /\) [^Z] /;
}

sub postmaster
{
	my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	return $pid;
}

my %victim = (
	'compute worker' => sub { children('advfair compute worker') },
	'keeper' => sub { children('advfair keeper') },
	'job process' => sub { children('advfair job') },
	'launcher' => sub { children('advfair launcher') },
	'session' => sub { grep { $_ } split /\n/, query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE '%advfair%' AND pid <> pg_backend_pid()}) // '' },
	'checkpointer' => sub { children('checkpointer') },
	'wal writer' => sub { children('walwriter') },
	'postmaster' => sub { postmaster() },
);

my @sessions = (
	q{SELECT advfair_train('synchronous', 'people', 'income', epochs => 30)},
	q{SELECT count(*) FROM advfair_pgd('base', 'people', 0.1, steps => 200, early_stop => false)},
	q{SELECT avg(luf) FROM advfair_luf_rows('small', 'few', leave_out => 200)},
);

my (%killed, %job);
my $failures = 0;

sub check
{
	my ($what, $passed) = @_;
	return if $passed;
	$failures++;
	diag $what;
}

for my $round (1 .. $rounds)
{
	my ($kind, @found);
	my $stderr = '';
	my $psql;

	if ((query(q{SELECT count(*) FROM advfair_job WHERE state IN ('queued', 'running')}) // 1) == 0)
	{
		%job = submit();
	}
	# no patience with jobs that wait because they were hit before
	query(q{UPDATE advfair_job SET not_before = clock_timestamp() WHERE state = 'queued' AND not_before > clock_timestamp()});
	$psql = start_psql($node, $sessions[ $round % @sessions ], \$stderr);
	usleep(rand 1_500_000);
	for (shuffle(sort keys %victim))
	{
		$kind = $_;
		last if @found = $victim{$kind}->();
	}
	my @before = AdvfairTest::processes_of(postmaster());
	kill 'KILL', $found[ rand @found ];
	$killed{$kind}++;
	eval { $psql->finish };
	if ($kind eq 'postmaster')
	{
		# its children notice and leave
		my $until = time + 30;
		usleep(20_000) while (time < $until && grep { alive($_) } @before);
		check("round $round, $kind: processes are left", !grep { alive($_) } @before);
		# where nobody reaps it stays a zombie, which looks alive to the next one
		unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
		$node->{_pid} = undef;
		$node->start;
	}
	check("round $round, $kind: the server does not answer", $node->poll_query_until('postgres', 'SELECT true'));
	check("round $round, $kind: a model is not whole",
		(query(q{SELECT count(*) FROM advfair_model m WHERE advfair_describe(model) IS NULL OR
			(SELECT count(*) FROM advfair_curve c WHERE c.model_id = m.model_id) <> (task->>'epochs')::int}) // 'x') eq '0');
}

ok(finish_jobs(), 'all jobs come to their end');
is(query(q{SELECT count(*) FROM advfair_job WHERE state <> 'succeeded'}), '0', 'all have succeeded')
  or diag query(q{SELECT job, state, attempt, failures, sqlstate, message FROM advfair_job WHERE state <> 'succeeded'});
my $compared = 0;
for my $row (split /\n/, query(q{SELECT job || ' ' || (task->>'kind') || ' ' || COALESCE(task->>'model', '') FROM advfair_job ORDER BY job}))
{
	my ($job, $kind, $model) = split / /, $row;
	my $name = $kind eq 'adv_train' ? $model : $kind;
	$compared++;
	check("job $job ($name) has another result than undisturbed", (digest($job) // '') eq $expected{$name});
}
my $deadline = time + 20;
usleep(100_000) while (time < $deadline && (workers($node) || keepers($node) || children('advfair job')));
is(scalar(() = (workers($node), keepers($node), children('advfair job'))), 0, 'no process is left');
cmp_ok(segments($node), '<=', $own, 'no segment is left');
is(query('SELECT count(*) FROM advfair_checkpoint'), '0', 'no checkpoint is left');
is($failures, 0, 'every round was survived');
my $attempts = query('SELECT sum(attempt), max(attempt) FROM advfair_job');
note "killed: " . join(', ', map { "$_ $killed{$_}" } sort keys %killed);
note "jobs compared with undisturbed ones: $compared; attempts in all, most of one: $attempts";
$node->stop;
done_testing();
