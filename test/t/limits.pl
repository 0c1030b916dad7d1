# Limits: a full disk, no room for shared memory, no memory, clients that vanish, a server that stops and waits.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('limits');
$node->init;
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\nmax_worker_processes = 16\nfsync = off\nclient_connection_check_interval = 100");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(2000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE crowd AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE crowd ADD PRIMARY KEY (person_id);
	CREATE TABLE wide AS SELECT i AS id, i % 2 AS y, (SELECT array_agg(i + k) FROM generate_series(1, 4000) k)::real[] AS x FROM generate_series(1, 4000) i;
	SELECT advfair_train('m', 'people', 'income', epochs => 1);
});
my $own = segments($node);

sub sound
{
	my $how = shift;
	my $until = time + 10;
	usleep(20_000) while (time < $until && (workers($node) || segments($node) > $own));
	is($node->safe_psql('postgres', 'SELECT count(*) FROM advfair_predict(\'m\', \'people\')'), 2000, "$how: the server goes on");
	is(scalar(() = workers($node)), 0, "$how: no worker is left");
	cmp_ok(segments($node), '<=', $own, "$how: no segment is left");
	is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM advfair_model) || ' ' || (SELECT count(*) FROM advfair_progress)}), '1 0', "$how: nor half a model, nor progress");
}

# What becomes of a statement in a session with a limit on its process.
sub limited
{
	my ($limit, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$limit = ref $limit ? $limit->($pid) : $limit;
	system_or_bail('prlimit', "--pid=$pid", $limit);
	$session->{stderr} = '';
	$session->query($sql);
	my $told = $session->{stderr};
	$session->quit;
	return $told;
}

# advfair.max_memory holds for all that an operation has at a time
my $audit = q{"data": "crowd", "protected": ["sex"], "replicates": 10};
$node->safe_psql('postgres', q{SELECT advfair_train('n', 'people', 'income', epochs => 1)});
my $models = join ', ', ('"m"', '"n"') x 5;
is($node->safe_psql('postgres', q{SET advfair.max_memory = '2MB'; SELECT count(*) > 0 FROM advfair_audit(array_fill('m'::text, '{10}'), 'crowd', protected => '{sex}', replicates => 10)}), 't',
	'an audit of ten models has the rows of one at a time');
$node->safe_psql('postgres', qq{SET advfair.max_memory = '2MB';
	SELECT advfair_submit('{"kind": "audit", "models": [$models], $audit, "into": "audited"}', max_attempts => 1);
	CALL advfair_run_jobs()});
is($node->safe_psql('postgres', q{SELECT state, temp_files > 0 FROM advfair_job, pg_stat_database WHERE datname = current_database()}),
	'succeeded|t', 'as a job it has those of all, what there is no room for in a file') or diag $node->safe_psql('postgres', 'SELECT state, message FROM advfair_job');
$node->safe_psql('postgres', q{DELETE FROM advfair_model WHERE name = 'n'});
my ($code, $out, $err) = $node->psql('postgres', q{SET advfair.max_memory = '3MB'; SET statement_timeout = '60 s';
	SELECT advfair_adv_train('merged', 'SELECT *, (person_id % 50)::text AS one_of_many FROM crowd', 'income', eps => 0.1, method => 'merged', epochs => 100000, arch => '')});
like($err, qr/ERROR:  the adversarial examples would need \d+ MB/, 'what adversarial examples will take is known before their source is trained');

# what a run takes follows from what it states, and is told before any of it is taken; that of a training depends on the kernels of the machine
for ([ 'the training', '\d+', '2MB', q{advfair_train('t', 'people', 'income', arch => 'dense 600, relu, dense 600', epochs => 1)} ],
	[ 'the leave-one-out run', 4, '2MB', q{advfair_luf_rows('m', 'people', leave_out => 300)} ],
	[ 'the attack', 2, '1MB', q{advfair_least_eps('m', 'crowd', 1)} ])
{
	my ($what, $needed, $most, $call) = @$_;
	my $limit = $most =~ s/MB/ MB/r;
	like(($node->psql('postgres', "SET advfair.max_memory = '$most'; SELECT count(*) FROM $call"))[2],
		qr/ERROR:  $what would need $needed MB of shared memory, more than advfair.max_memory \($limit\)/, "$what: memory");
}

SKIP:
{
	skip 'prlimit is not installed', 15 unless grep { -x "$_/prlimit" } split /:/, $ENV{PATH};

	# Files may not grow beyond 17 MB: more than a segment of WAL, less than the model.
	like(limited('--fsize=17000000', q{SELECT version FROM advfair_train('full', 'people', 'income', arch => 'dense 2400, tanh, dense 2400, tanh', epochs => 1, batch_size => 2000)}),
		qr/ERROR:  could not (extend file|write|resize shared memory)/, 'no room for a model: an error');
	sound('no room for a model');

	like(limited('--fsize=17000000', q{SELECT count(*) FROM advfair_pgd('m', 'SELECT age, education, hours, occupation, sex, race, income FROM people, generate_series(1, 400)', 0.1, steps => 1)}),
		qr/ERROR:  could not resize shared memory segment .*\n.*HINT:  Enlarge \/dev\/shm/s, 'no room for shared memory: an error with a hint');
	sound('no room for shared memory');

	# As much address space as the process has, and little more.
	like(limited(sub { my ($size) = slurp_file("/proc/$_[0]/statm") =~ /^(\d+)/; '--as=' . ($size * 4096 + 20_000_000) },
			q{SELECT version FROM advfair_train('big', 'wide', 'y', id => 'id', arch => 'dense 4', epochs => 1)}),
		qr/ERROR:  (out of memory|could not (map|resize) )/, 'no memory: an error');
	sound('no memory');
}

# a client that is gone
my $stderr;
my $psql = start_psql($node, q{SELECT advfair_train('gone', 'crowd', 'income', epochs => 100000, workers => 2)}, \$stderr);
wait_until_workers($node, 2);
$psql->signal('KILL');
eval { $psql->finish };
ok(wait_until_workers($node, 0), 'a training whose client is gone ends');
sound('the client is gone');

# sessions and transactions that are timed out do not disturb an operation, which is not idle
is($node->safe_psql('postgres', q{SET idle_in_transaction_session_timeout = 50; SET idle_session_timeout = 50; BEGIN;
	SELECT version FROM advfair_train('patient', 'crowd', 'income', epochs => 20); ROLLBACK}), 1, 'an operation is no idling');

# a server that stops smartly waits; one that stops fast does not
$psql = start_psql($node, q{SELECT advfair_train('last', 'crowd', 'income', epochs => 60, workers => 2)}, \$stderr);
wait_until_workers($node, 2);
$node->stop('smart');
$psql->finish;
is($stderr, '', 'a smart stop lets a training come to its end');
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'last'}), 1, 'and be stored');
$node->safe_psql('postgres', q{DELETE FROM advfair_model WHERE name = 'last'});
$psql = start_psql($node, q{SELECT advfair_train('last', 'crowd', 'income', epochs => 100000, workers => 2)}, \$stderr);
wait_until_workers($node, 2);
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 10, 'a fast stop does not');
$psql->finish;
like($stderr, qr/terminating connection|server closed|told to stop/, 'the client is told');
$node->start;
sound('a fast stop');
$node->stop;
done_testing();
