# Jobs: who starts them, with whose rights and settings, what they leave, and how they are stopped.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $setup = q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(2000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE crowd AS SELECT * FROM advfair_make_census(20000, 0);
	ALTER TABLE crowd ADD PRIMARY KEY (person_id);
	CREATE TABLE named AS SELECT gen_random_uuid() AS id, age, education, hours, occupation, sex, race, income FROM people LIMIT 300;
	ALTER TABLE named ADD PRIMARY KEY (id);
	SELECT advfair_train('m', 'people', 'income', epochs => 2);
	SELECT advfair_train('o', 'people', 'income', epochs => 1, seed => 1);
};
my $conf = "dynamic_shared_memory_type = mmap\nmax_worker_processes = 32\nfsync = off\nadvfair.checkpoint_interval = 1s\nrestart_after_crash = on\n";

# ---- without a launcher: advfair_run_jobs() ----

my $node = PostgreSQL::Test::Cluster->new('jobs_called');
$node->init;
$node->append_conf('postgresql.conf', $conf);
$node->start;
$node->safe_psql('postgres', $setup);
my $own = segments($node);

sub submit
{
	my ($n, $task, $more) = @_;
	return $n->safe_psql('postgres', "SELECT advfair_submit('$task'" . ($more // '') . ')');
}

# A job's row as one line.
sub row
{
	my ($n, $job, $columns) = @_;
	return $n->safe_psql('postgres', "SELECT " . ($columns // 'state') . " FROM advfair_job WHERE job = $job");
}

my @same = (
	[ 'attack', q{"model": "m", "data": "people", "eps": 0.1, "steps": 5}, q{advfair_attack('m', 'people', 0.1, settings => '{"steps": 5}')} ],
	[ 'fgsm', q{"model": "m", "data": "people", "eps": 0.1}, q{advfair_fgsm('m', 'people', 0.1)} ],
	[ 'least_eps', q{"model": "m", "data": "people", "eps_max": 1}, q{advfair_least_eps('m', 'people', 1)} ],
	[ 'class_robustness', q{"model": "m", "data": "people", "eps": [0.1, 0.2]}, q{advfair_class_robustness('m', 'people', '{0.1,0.2}')} ],
	[ 'class_least_eps', q{"model": "m", "data": "people", "eps_max": 1}, q{advfair_class_least_eps('m', 'people', 1)} ],
	[ 'luf', q{"model": "m", "data": "people", "leave_out": 3}, q{advfair_luf_rows('m', 'people', leave_out => 3)} ],
	[ 'audit', q{"models": ["m", "o"], "data": "people", "protected": ["sex"], "eps": 0.1}, q{advfair_audit('{m,o}', 'people', eps => '{0.1}', protected => '{sex}')} ],
	[ 'compare', q{"model_a": "m", "model_b": "o", "data": "people"}, q{advfair_compare('m', 'o', 'people')} ],
	[ 'attack_sql', q{"data": "people", "label": "income", "predict": "CASE WHEN age > 40 THEN ''>50K'' ELSE ''<=50K'' END", "classes": ["<=50K", ">50K"], "eps": {"age": 5}},
		q{advfair_attack_sql('people', 'income', 'CASE WHEN age > 40 THEN ''>50K'' ELSE ''<=50K'' END', '{<=50K,>50K}', '{"age": 5}')} ],
	[ 'recourse', q{"model": "m", "data": "people", "target": ">50K", "mutable": ["hours"], "k": 2}, q{advfair_recourse('m', 'people', '>50K', mutable => '{hours}', k => 2)} ],
	[ 'attack', q{"model": "m", "data": "named", "eps": 0.1, "steps": 2}, q{advfair_attack('m', 'named', 0.1, NULL::uuid, settings => '{"steps": 2}')} ],
);
my $n = 0;
my %job = map { my $i = $n++; ($i => submit($node, qq({"kind": "$_->[0]", $_->[1], "into": "result_$i"}))) } @same;
my $train = submit($node, '{"kind": "train", "model": "t", "data": "people", "label": "income", "epochs": 3, "validation": "0.1"}');
my $robust = submit($node, '{"kind": "adv_train", "model": "r", "data": "people", "label": "income", "epochs": 2, "eps": 0.1, "steps": 3}');
my $retrain = submit($node, '{"kind": "retrain", "model": "m", "promote_if": "accuracy > 1", "data": "people"}');
my $later = submit($node, '{"kind": "train", "model": "t", "data": "people", "label": "income"}', ", now() + interval '1 hour'");
$node->safe_psql('postgres', 'CALL advfair_run_jobs()');
for my $i (0 .. $#same)
{
	my ($kind, undef, $call) = @{ $same[$i] };
	is(row($node, $job{$i}, 'state || attempt'), 'succeeded1', "$kind: done")
	  or diag row($node, $job{$i}, 'sqlstate, message');
	is($node->safe_psql('postgres', "(TABLE result_$i EXCEPT ALL SELECT * FROM $call) UNION ALL (SELECT * FROM $call EXCEPT ALL TABLE result_$i)"),
		'', "$kind: the table has the function's rows");
	is(row($node, $job{$i}, "result->>'table' || ' ' || (result->>'rows')"), "public.result_$i " . $node->safe_psql('postgres', "SELECT count(*) FROM result_$i"),
		"$kind: and the job says so");
}
is($node->safe_psql('postgres', "SELECT pg_typeof(id) FROM result_10 LIMIT 1"), 'uuid', 'ids have the type they have in the data');
is($node->safe_psql('postgres', q{SELECT model = advfair_fit(task - 'model') FROM advfair_model WHERE name = 't'}), 't', 'a model is the one its task makes');
is($node->safe_psql('postgres', q{SELECT model = advfair_fit(task - 'model') FROM advfair_model WHERE name = 'r'}), 't', 'a robust one, too');
is(row($node, $retrain, "state || (result->>'promoted') || (result->>'version')"), 'succeededfalse2', 'a retraining says what it decided');
is(row($node, $later), 'queued', 'what is not due waits');
is($node->safe_psql('postgres', 'SELECT count(*) FROM advfair_checkpoint'), 0, 'no checkpoint is left');
cmp_ok(segments($node), '<=', $own, 'no segment is left');
$node->safe_psql('postgres', "SELECT advfair_cancel($later)");

# by whom
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE ben LOGIN; GRANT ALL ON people TO ann, ben; GRANT CREATE ON SCHEMA public TO ann, ben');
my $tiny = '{"kind": "train", "model": "tiny", "data": "people", "label": "income", "epochs": 1}';
my $anns = $node->safe_psql('postgres', "SELECT advfair_submit('$tiny')", extra_params => [ '-U', 'ann' ]);
my $bens = $node->safe_psql('postgres', "SELECT advfair_submit('$tiny')", extra_params => [ '-U', 'ben' ]);
$node->safe_psql('postgres', 'CALL advfair_run_jobs()', extra_params => [ '-U', 'ann' ]);
is(row($node, $anns) . row($node, $bens), 'succeededqueued', 'a role runs its own jobs');
$node->safe_psql('postgres', 'CALL advfair_run_jobs()');
is(row($node, $bens), 'succeeded', 'a superuser runs everybody\'s');
is($node->safe_psql('postgres', q{SELECT string_agg(owner, ',' ORDER BY owner) FROM advfair_model WHERE name = 'tiny'}), 'ann,ben', 'models belong to the owners of the jobs');

# a call that is cancelled
my $long = submit($node, '{"kind": "train", "model": "long", "data": "crowd", "label": "income", "epochs": 100000}');
my $stderr;
my $psql = start_psql($node, 'CALL advfair_run_jobs()', \$stderr);
ok($node->poll_query_until('postgres', "SELECT phase = 'computing' FROM advfair_jobs WHERE job = $long"), 'a job shows what it does');
is($node->safe_psql('postgres', "SELECT state || (progress BETWEEN 0 AND 1) || (pid = advfair_job_pid(job)) FROM advfair_jobs WHERE job = $long"), 'runningtruetrue', 'how far it is, and where');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL advfair_run%'});
$psql->finish;
like($stderr, qr/canceling statement/, 'a call can be cancelled');
ok($node->poll_query_until('postgres', "SELECT state = 'queued' AND advfair_job_pid(job) IS NULL FROM advfair_job WHERE job = $long"), 'its jobs go back to the queue');
is(row($node, $long, 'sqlstate || failures'), '57P010', 'that is no failure');
wait_until_workers($node, 0);
is(scalar(() = workers($node)), 0, 'no worker is left');
$node->safe_psql('postgres', "SELECT advfair_cancel($long)");
$node->stop;

# ---- with a launcher ----

$node = PostgreSQL::Test::Cluster->new('jobs_launched');
$node->init;
$node->append_conf('postgresql.conf', $conf . "shared_preload_libraries = 'advfair'\nadvfair.max_jobs = 2\n");
$node->start;
$node->safe_psql('postgres', $setup);
$own = segments($node);
my $quick = '{"kind": "train", "model": "quick", "data": "people", "label": "income", "epochs": 1}';
my $first = submit($node, $quick);
is($node->safe_psql('postgres', "SELECT advfair_wait($first, '1 min')"), 'succeeded', 'a launcher runs jobs');
cmp_ok(row($node, $first, 'extract(epoch FROM started_at - submitted_at)'), '<', 1, 'within a second');
note 'from submission to start: ' . row($node, $first, "round(extract(epoch FROM started_at - submitted_at) * 1000) || ' ms'");
$node->safe_psql('postgres', "BEGIN; SELECT advfair_submit('$quick'); ROLLBACK");
my $soon = submit($node, $quick, ", clock_timestamp() + interval '1.5 s'");
is($node->safe_psql('postgres', "SELECT advfair_wait($soon, '1 min')"), 'succeeded', 'a job that is to start later');
is(row($node, $soon, 'started_at >= not_before'), 't', 'starts later');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', $setup);
is($node->safe_psql('other', "SELECT advfair_submit('$quick')"), '1', 'each database has jobs of its own');
is($node->safe_psql('other', "SELECT advfair_wait(1, '1 min')"), 'succeeded', 'and they run, too');

# a sweep on two slots, joined back to its parameters
$node->safe_psql('postgres', q{
	CREATE TABLE sweep AS
	SELECT s AS seed, e AS eps, NULL::bigint AS job FROM generate_series(0, 9) s, unnest('{0.05,0.1}'::float8[]) e;
	UPDATE sweep SET job = advfair_submit('{"kind": "adv_train", "method": "pgd", "data": "people", "label": "income", "epochs": 2, "steps": 2}'
		|| jsonb_build_object('model', format('sweep %s %s', seed, eps), 'seed', seed, 'eps', eps))});
my $most = 0;
while ($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_jobs JOIN sweep USING (job) WHERE state IN ('queued', 'running')}) > 0)
{
	my $running = $node->safe_psql('postgres', q{SELECT count(*) FROM advfair_jobs WHERE state = 'running'});
	$most = $running if $running > $most;
}
cmp_ok($most, '<=', 2, 'no more jobs run at a time than may');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM sweep JOIN advfair_jobs j USING (job) JOIN advfair_model m ON m.name = j.result->>'model'
	WHERE j.state = 'succeeded' AND (m.task->>'seed')::int = sweep.seed AND (m.task->>'eps')::float8 = sweep.eps}), 20, 'twenty jobs are done, each with its parameters');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT sha256(model)) FROM advfair_model WHERE name LIKE 'sweep%'}), 20, 'and no two models are the same');

# rights and settings
$node->safe_psql('postgres', q{
	CREATE ROLE cas NOLOGIN; CREATE ROLE dan; CREATE ROLE eve;
	GRANT CREATE ON SCHEMA public TO cas, dan, eve;
	GRANT SELECT ON people TO cas, dan, eve;
	CREATE SCHEMA aside AUTHORIZATION cas;
	CREATE TABLE aside.here AS TABLE people; ALTER TABLE aside.here OWNER TO cas;
	SET ROLE cas;
	CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_user || '/' || session_user; END $$;
	CREATE FUNCTION escape(how text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE how; RETURN current_user; END $$;
	CREATE VIEW wanted AS SELECT * FROM people WHERE '2026-12-01'::timestamptz::text LIKE '01.12.2026%';
});
my $as = sub {
	my ($role, $task, $settings) = @_;
	return (split /\n/, $node->safe_psql('postgres', ($settings // '') . "SET ROLE $role; SELECT advfair_submit(\$j\$$task\$j\$)"))[-1];
};
my $mine = $as->('cas', '{"kind": "train", "model": "mine", "data": "here", "label": "income", "epochs": 1}', 'SET search_path = aside, public; ');
my $dated = $as->('cas', '{"kind": "train", "model": "dated", "data": "wanted", "label": "income", "epochs": 1}', q{SET datestyle = 'German'; });
my $undated = $as->('cas', '{"kind": "train", "model": "undated", "data": "wanted", "label": "income", "epochs": 1}');
my $who = $as->('cas', q({"kind": "train", "model": "who", "data": "SELECT *, CASE WHEN who() = 'cas/cas' THEN 1 END AS me FROM people", "label": "income", "epochs": 1}));
$node->safe_psql('postgres', q{
	CREATE SCHEMA trap AUTHORIZATION cas;
	SET ROLE cas;
	DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY '{text,name,bigint,int,jsonb,timestamptz}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION trap.spring(a %s, b %s) RETURNS boolean LANGUAGE plpgsql AS %L', t, t, 'BEGIN RAISE ''trapped %'', current_user; END');
		EXECUTE format('CREATE OPERATOR trap.= (leftarg = %s, rightarg = %s, function = trap.spring)', t, t);
		EXECUTE format('CREATE OPERATOR trap.<= (leftarg = %s, rightarg = %s, function = trap.spring)', t, t);
	END LOOP; END $$;
	CREATE DOMAIN trap.text AS pg_catalog.text CHECK (trap.spring(1, 1));
});
my $trapped = $as->('cas', '{"kind": "retrain", "model": "mine", "promote_if": "accuracy >= 0", "data": "public.people"}', 'SET search_path = trap, pg_catalog, public; ');
my %escape = map { $_ => $as->('cas', qq({"kind": "train", "model": "out", "data": "SELECT *, escape('$_') AS me FROM people", "label": "income", "epochs": 1})) }
  ('RESET ROLE', 'SET ROLE postgres', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres', 'CREATE TABLE written (i int)');
my $dropped = $as->('dan', '{"kind": "train", "model": "x", "data": "people", "label": "income", "epochs": 1}', 'ALTER SYSTEM SET advfair.max_jobs = 0; SELECT pg_reload_conf(); SELECT pg_sleep(0.2); ');
my $revoked = $as->('eve', '{"kind": "train", "model": "x", "data": "people", "label": "income", "epochs": 1}');
$node->safe_psql('postgres', q{CREATE ROLE fay; GRANT SELECT ON people TO fay; ALTER ROLE fay SET advfair.max_memory = '1MB'});
my $held = $as->('fay', '{"kind": "train", "model": "x", "data": "people", "label": "income", "arch": "dense 5000, tanh", "epochs": 1}');
$node->safe_psql('postgres', "UPDATE advfair_job SET max_attempts = 1 WHERE job = $held");
my $other = $as->('cas', '{"kind": "train", "model": "x", "data": "people", "label": "income", "epochs": 1}');
$node->safe_psql('postgres', 'REVOKE ALL ON people FROM dan, eve; REVOKE ALL ON SCHEMA public FROM dan; DROP ROLE dan');
$node->safe_psql('postgres', 'ALTER SYSTEM SET advfair.max_jobs = 2');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM advfair_job WHERE state IN ('queued', 'running')});
is(row($node, $mine), 'succeeded', 'a job looks where its submitter did') or diag row($node, $mine, 'message');
is(row($node, $dated), 'succeeded', 'with the settings of the submitter') or diag row($node, $dated, 'message');
is(row($node, $undated, 'state || sqlstate'), 'failed22000', 'of that time');
is(row($node, $who), 'succeeded', 'as the role that submitted it, also where that may not log in') or diag row($node, $who, 'message');
is(row($node, $trapped), 'succeeded', 'traps in its search_path catch nobody') or diag row($node, $trapped, 'message');
for my $how (sort keys %escape)
{
	like(row($node, $escape{$how}, "state || ' ' || sqlstate || ' ' || message"), qr/^failed (42501|25006) /, "it does not get out by $how");
}
is($node->safe_psql('postgres', q{SELECT owner FROM advfair_model WHERE name = 'who'}), 'cas', 'what it makes belongs to that role');
is(row($node, $dropped, "state || ' ' || message"), 'failed role "dan" does not exist', 'a dropped role fails its jobs');
is(row($node, $revoked, "state || ' ' || sqlstate || ' ' || message"), 'failed 42501 permission denied for table people', 'a right that was revoked, too');
is(row($node, $other), 'succeeded', 'alone');
like(row($node, $held, "state || ' ' || sqlstate || ' ' || message"), qr/^failed 53400 .* advfair.max_memory/, 'what an administrator has set for a role holds for its jobs');

# retries
$node->safe_psql('postgres', q{CREATE TABLE locked AS TABLE people; ALTER TABLE locked ADD PRIMARY KEY (person_id)});
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE locked');
my $task = '{"kind": "train", "model": "locked", "data": "locked", "label": "income", "epochs": 1}';
my $thrice = $node->safe_psql('postgres', "SET lock_timeout = '100ms'; SELECT advfair_submit('$task', max_attempts => 2)");
ok($node->poll_query_until('postgres', "SELECT state = 'queued' AND attempt = 1 AND not_before > clock_timestamp() FROM advfair_job WHERE job = $thrice"), 'what may go better is tried again, later');
is(row($node, $thrice, 'sqlstate'), '55P03', 'and the row says why');
is($node->safe_psql('postgres', "SELECT advfair_wait($thrice, '1 min')"), 'failed', 'not for ever');
is(row($node, $thrice, 'attempt || sqlstate'), '255P03', 'but as often as was said');
$holder->query_safe('COMMIT');
$holder->quit;
$node->safe_psql('postgres', "UPDATE advfair_job SET state = 'queued' WHERE job = $thrice");
is($node->safe_psql('postgres', "SELECT advfair_wait($thrice, '1 min')"), 'succeeded', 'a failed job can be queued again');
my $wrong = submit($node, '{"kind": "train", "model": "x", "data": "people", "label": "colour", "epochs": 1}');
is($node->safe_psql('postgres', "SELECT advfair_wait($wrong, '1 min')"), 'failed', 'what cannot go better fails');
is(row($node, $wrong, 'attempt || sqlstate'), '142703', 'at once');

# what fails after all is computed
$node->safe_psql('postgres', q{
	CREATE FUNCTION no_room() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'there is no room' USING ERRCODE = 'disk_full'; END $$;
	CREATE EVENT TRIGGER no_room ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION no_room()});
my $stuck = submit($node, '{"kind": "least_eps", "model": "m", "data": "people", "eps_max": 0.1, "steps": 1, "into": "roomless"}', ', max_attempts => 2');
is($node->safe_psql('postgres', "SELECT advfair_wait($stuck, '20 s')"), 'failed', 'a checkpoint that says no more than the one before is no progress');
is(row($node, $stuck, "attempt || sqlstate || (SELECT count(*) FROM advfair_checkpoint WHERE job = $stuck)"), '2531001', 'it fails after as many attempts as were to be');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER no_room');

# a job whose owner changes it, or has begun to, holds up no other
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE ben LOGIN; GRANT SELECT ON people TO ann, ben');
my $owner = $node->background_psql('postgres', extra_params => [ '-U', 'ben' ]);
my $bens_soon = "jsonb '$tiny', clock_timestamp() + interval '1 s'";
$owner->query_safe("SELECT advfair_submit($bens_soon) FROM generate_series(1, 4)");
$owner->query_safe(q{BEGIN; UPDATE advfair_job SET state = 'queued' WHERE state = 'queued'; SELECT pg_sleep(1.2)});
my $passing = submit($node, $quick, ", '-infinity'");
is($node->safe_psql('postgres', "SELECT advfair_wait($passing, '1 min')"), 'succeeded', 'jobs that are held by a transaction are passed over');
$owner->query_safe('COMMIT');
$owner->quit;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM advfair_job WHERE state IN ('queued', 'running')}), 'and run when it has ended');

# a database whose sessions begin as a role of few rights
$node->safe_psql('postgres', 'CREATE ROLE few; GRANT few TO ann; ALTER DATABASE postgres SET role = few');
my $fews = $node->safe_psql('postgres', "SET ROLE ann; SELECT advfair_submit('$tiny')", extra_params => [ '-U', 'ann' ]);
is($node->safe_psql('postgres', "SET ROLE ann; SELECT advfair_wait($fews, '1 min')", extra_params => [ '-U', 'ann' ]), 'succeeded', 'runs the jobs of others');
$node->safe_psql('postgres', 'SET ROLE NONE; ALTER DATABASE postgres RESET role');

# functions that somebody has made beside advfair's have rows of other types
$node->safe_psql('postgres', qq{CREATE FUNCTION advfair_least_eps($_) RETURNS TABLE (id text, label text, eps text, censored text) LANGUAGE sql AS 'SELECT NULL, NULL, NULL, NULL'})
	for '', 'int', 'int, int', 'text, text, text';
my $typed = submit($node, '{"kind": "least_eps", "model": "m", "data": "people", "eps_max": 0.1, "steps": 1, "into": "least_of_all"}');
is($node->safe_psql('postgres', "SELECT advfair_wait($typed, '1 min')"), 'succeeded', 'look-alikes do not say what rows a job has');
is($node->safe_psql('postgres', 'SELECT pg_typeof(id) || pg_typeof(eps)::text || pg_typeof(censored) FROM least_of_all LIMIT 1'), 'bigintdouble precisionboolean', 'they have those of advfair');

# notifications
my $listener = $node->background_psql('postgres');
my $next = $node->safe_psql('postgres', 'SELECT max(job) + 1 FROM advfair_job');
$listener->query_safe("LISTEN advfair_job_$next");
my $heard = submit($node, $quick);
is($heard, $next, 'jobs are numbered');
$node->safe_psql('postgres', "SELECT advfair_wait($heard, '1 min')");
my $said = join(' ', $listener->query('SELECT 1'), $listener->query('SELECT 1'));
like($said, qr/"advfair_job_$next" with payload "succeeded"/, 'who listens is told');
$listener->quit;

# cancel, and no snapshot while computing
$node->safe_psql('postgres', 'CREATE TABLE vacuumed AS SELECT generate_series(1, 10000) AS i');
my @latency;
for my $task ('{"kind": "train", "model": "long", "data": "crowd", "label": "income", "epochs": 100000}',
	'{"kind": "adv_train", "method": "pgd", "model": "long", "data": "crowd", "label": "income", "epochs": 1000, "eps": 0.1}',
	'{"kind": "attack", "model": "m", "data": "crowd", "eps": 0.1, "steps": 10000, "early_stop": false, "into": "long_attack"}',
	'{"kind": "luf", "model": "m", "data": "crowd", "leave_out": 2000, "into": "long_luf"}')
{
	my $job = submit($node, $task);
	my ($kind) = $task =~ /"kind": "(\w+)"/;
	ok($node->poll_query_until('postgres', "SELECT phase IN ('computing', 'attacking') AND progress > 0 FROM advfair_jobs WHERE job = $job"), "$kind: runs");
	my $pid = row($node, $job, 'pid');
	if ($kind eq 'train')
	{
		# but for a moment now and then, in which it stores how far it is
		ok($node->poll_query_until('postgres', "SELECT COALESCE(backend_xmin::text, 'none') || COALESCE(backend_xid::text, 'none') || COALESCE(xact_start::text, 'none')
			FROM pg_stat_activity WHERE pid = $pid", 'nonenonenone'), 'a computing job has no transaction');
		$node->safe_psql('postgres', 'DELETE FROM vacuumed');
		my ($code, $out, $err) = $node->psql('postgres', 'VACUUM (VERBOSE) vacuumed');
		like($err, qr/10000 removed, 0 remain, 0 are dead/, 'and does not hold back vacuum');
		like($node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE pid = $pid"), qr/^advfair job $job$/, 'it is known by its number');
	}
	my $start = time;
	is($node->safe_psql('postgres', "SELECT advfair_cancel($job)"), 't', "$kind: is cancelled");
	$node->poll_query_until('postgres', "SELECT state = 'cancelled' FROM advfair_job WHERE job = $job");
	push @latency, row($node, $job, "extract(epoch FROM finished_at) - $start");
	usleep(2000) while kill(0, $pid) && time < $start + 5 && AdvfairTest::processes($node, "advfair job") > 0;
	is(scalar(() = workers($node)), 0, "$kind: no worker is left");
	cmp_ok($latency[-1], '<', 1, "$kind: soon");
}
note 'cancel latencies, psql included: ' . join(', ', map { sprintf '%.0f ms', 1000 * $_ } @latency);
wait_until_workers($node, 0);
usleep(200_000);
cmp_ok(segments($node), '<=', $own, 'no segment is left');

# all rows are read before anything is computed: here, before the source is trained
$node->safe_psql('postgres', q{
	CREATE TABLE judged AS TABLE people;
	SELECT advfair_adv_train('merged', 'SELECT * FROM crowd WHERE person_id <= 5000', 'income', eps => 0.1, method => 'merged', epochs => 1, id => 'person_id');
	UPDATE advfair_model SET task = task || '{"epochs": 200}' WHERE name = 'merged';
});
my $judging = submit($node, '{"kind": "luf", "model": "merged", "data": "judged", "leave_out": 1, "into": "judgement"}');
ok($node->poll_query_until('postgres', "SELECT phase = 'training the source' FROM advfair_jobs WHERE job = $judging"), 'a source is trained on the way');
$node->safe_psql('postgres', 'TRUNCATE judged');
is($node->safe_psql('postgres', "SELECT advfair_wait($judging, '3 min')"), 'succeeded', 'rows that go meanwhile') or diag row($node, $judging, 'message');
is($node->safe_psql('postgres', 'SELECT count(*) FROM judgement'), 2000, 'were read before');

# and so are ids that lie out of line
$node->safe_psql('postgres', q{
	CREATE TABLE lengthy AS SELECT (SELECT string_agg(md5(i || ' ' || k), '') FROM generate_series(1, 100) k) AS name, i % 2 AS a, i % 3 AS y FROM generate_series(1, 500) i;
	ALTER TABLE lengthy ALTER COLUMN name SET STORAGE EXTERNAL;
	UPDATE lengthy SET name = name || '!';
	SELECT advfair_train('lengthy', 'lengthy', 'y', id => 'name', arch => 'dense 16', epochs => 1);
});
my $naming = submit($node, '{"kind": "attack", "model": "lengthy", "data": "lengthy", "eps": 0.1, "steps": 10000, "early_stop": false, "into": "named_attack"}');
ok($node->poll_query_until('postgres', "SELECT phase = 'attacking' FROM advfair_jobs WHERE job = $naming"), 'a job has read long ids');
$node->safe_psql('postgres', 'CREATE TABLE names AS SELECT name FROM lengthy; DELETE FROM lengthy');
$node->safe_psql('postgres', 'VACUUM lengthy');
is(row($node, $naming), 'running', 'they go while it computes');
is($node->safe_psql('postgres', "SELECT advfair_wait($naming, '3 min')"), 'succeeded', 'and are its own') or diag row($node, $naming, 'message');
is($node->safe_psql('postgres', 'SELECT count(*) FROM named_attack JOIN names ON id = name'), 500, 'to the last');

# databases and extensions that go
my $going = submit($node, '{"kind": "train", "model": "long", "data": "crowd", "label": "income", "epochs": 100000}');
$node->poll_query_until('postgres', "SELECT phase = 'computing' FROM advfair_jobs WHERE job = $going");
$node->safe_psql('other', q{SELECT advfair_submit('{"kind": "train", "model": "long", "data": "crowd", "label": "income", "epochs": 100000}')});
$node->poll_query_until('other', q{SELECT count(*) > 0 FROM advfair_jobs WHERE phase = 'computing'});
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
pass('a database can be dropped by force while it has jobs');
my $dump = $node->backup_dir . '.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'jobs can be dumped');
$node->safe_psql('postgres', 'DROP EXTENSION advfair CASCADE');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'advfair job'}), 'a dropped extension ends its jobs');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->safe_psql('postgres', 'ALTER SYSTEM SET advfair.max_jobs = 0');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-q', '-d', $node->connstr('restored'), '-f', $dump ], 'and restored');
is($node->safe_psql('restored', "SELECT state IN ('running', 'queued') FROM advfair_job WHERE job = $going"), 't', 'with what they were');
is($node->safe_psql('restored', "SELECT advfair_submit('$quick') > $going"), 't', 'numbers go on');
$node->stop;
done_testing();
