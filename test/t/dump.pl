# Dumps and what comes of them: by a superuser and by the owner of a database, in every format, elsewhere.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 16\nwal_level = logical\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN CREATEDB;
	CREATE ROLE ann LOGIN;
});
my $place = $node->basedir;

sub as
{
	my ($role, $database) = @_;
	return $node->connstr($database) . " user=$role";
}

sub run_as
{
	my ($role, $database, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', as($role, $database) ], '<', \$sql, '>', \$out, '2>', \$err)
		or diag "$sql\n$err";
	chomp $out;
	return $out;
}

sub new_database
{
	my ($name, @options) = @_;
	run_as('keeper', 'postgres', "CREATE DATABASE $name @options");
	return as('keeper', $name);
}

# The owner of a database, no superuser, has the extension, models, curves, scores, a job that ran and one that waits.
new_database('source');
run_as('keeper', 'source', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(200, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('m', 'people', 'income', epochs => 3, validation => '0.2');
	SELECT advfair_retrain('m', 'accuracy > 1');
	SELECT advfair_submit('{"kind": "train", "model": "by job", "data": "people", "label": "income", "epochs": 1}');
	CALL advfair_run_jobs();
	SELECT advfair_submit('{"kind": "train", "model": "later", "data": "public.people", "label": "income", "epochs": 1}');
	CREATE MATERIALIZED VIEW predicted AS SELECT person_id, advfair_predict(advfair_get('m'), p) AS income FROM people p;
	CREATE MATERIALIZED VIEW accuracies AS SELECT * FROM advfair_class_accuracy('m', 'public.people');
});
my %kept = (
	models => 'SELECT model_id, name, version, owner, created_at, promoted_at, md5(model), task, metrics, data_digest FROM advfair_model ORDER BY 1',
	curves => 'SELECT * FROM advfair_curve ORDER BY 1, 2',
	'the metric log' => 'SELECT entry, model, version, at, metric, value, note, owner FROM advfair_metric_log ORDER BY 1',
	jobs => 'SELECT job, owner, task, state, attempt, submitted_at, settings, result FROM advfair_job ORDER BY 1',
	'the last number of a job' => 'SELECT last_value, is_called FROM advfair_job_job_seq',
	'a materialized view of models' => 'SELECT * FROM predicted ORDER BY 1',
	'a materialized view of scores' => 'SELECT * FROM accuracies ORDER BY 1',
);
my %before = map { $_ => run_as('keeper', 'source', $kept{$_}) } keys %kept;
like($before{$_}, qr/./, "there are $_") for sort keys %kept;

sub is_kept
{
	my ($database, $how) = @_;
	is(run_as('keeper', $database, $kept{$_}), $before{$_}, "$how keeps $_") for sort keys %kept;
}

# ---- by a superuser ----

command_ok([ 'pg_dump', '-f', "$place/plain.sql", $node->connstr('source') ], 'a superuser dumps');
new_database('plain');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$place/plain.sql" ], 'and restores');
is_kept('plain', 'a plain dump');

# Large models come after small curves: nothing may depend on the order.
run_as('postgres', 'source', q{
	WITH large AS (INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
		SELECT 'large', v, '{}', '', '{}', decode(repeat(md5(v::text), 500000), 'hex') FROM generate_series(1, 2) v RETURNING model_id)
	INSERT INTO advfair_curve SELECT model_id, 1, 0, 1, NULL, NULL, 0 FROM large;
});
command_ok([ 'pg_dump', '-Fd', '-f', "$place/folder", $node->connstr('source') ], 'into a folder');
new_database('parallel');
command_ok([ 'pg_restore', '-j2', '-d', $node->connstr('parallel'), "$place/folder" ], 'restored in parallel');
is_kept('parallel', 'a parallel restore');
is(run_as('postgres', 'parallel', 'SELECT count(*) FROM advfair_curve NATURAL JOIN (SELECT model_id FROM advfair_model) m'), 3 + 3 + 1 + 2, 'with all curves');

new_database('latin', q{ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('latin'), '-f', "$place/plain.sql" ], 'another encoding');
is_kept('latin', 'a restore in another encoding');

# ---- by the owner of the database ----

my ($out, $err);
IPC::Run::run([ 'pg_dump', '-f', "$place/none.sql", as('keeper', 'source') ], '>', \$out, '2>', \$err);
like($err, qr/query would be affected by row-level security policy for table "advfair_/, 'PostgreSQL does not dump half a table unasked');
my @by_owner = ('--enable-row-security', '--rows-per-insert=100');
command_ok([ 'pg_dump', @by_owner, '-f', "$place/owner.sql", as('keeper', 'source') ], 'the owner dumps');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', new_database('owner'), '-f', "$place/owner.sql" ], 'and restores');
is_kept('owner', "the owner's dump");
command_ok([ 'pg_dump', @by_owner, '-Fc', '-f', "$place/owner.dump", as('keeper', 'source') ], 'the owner dumps in the custom format');
command_ok([ 'pg_restore', '--enable-row-security', '-d', new_database('custom'), "$place/owner.dump" ], 'and restores');
is_kept('custom', "the owner's restore");

# With the right to bypass row-level security it needs no options, and keeps what is others', too; but cannot have others' jobs run.
run_as('postgres', 'source', q{
	ALTER ROLE keeper BYPASSRLS;
	GRANT SELECT ON people TO ann;
	SET ROLE ann;
	SELECT advfair_train('of ann', 'people', 'income', epochs => 1);
	SELECT advfair_submit('{"kind": "train", "model": "by ann", "data": "people", "label": "income"}');
});
command_ok([ 'pg_dump', '-f', "$place/bypass.sql", as('keeper', 'source') ], 'who bypasses row-level security dumps all');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', new_database('bypass'), '-f', "$place/bypass.sql" ], 'and restores all');
is(run_as('ann', 'bypass', q{SELECT name, version, owner FROM advfair_model}), 'of ann|1|ann', 'a model is its owner\'s again');
is(run_as('postgres', 'bypass', q{SELECT origin = '' FROM advfair_job WHERE owner = 'ann'}), 't', 'a job of others is run nowhere');
run_as('keeper', 'bypass', q{UPDATE advfair_job SET state = 'queued' WHERE owner = 'ann'});
is(run_as('postgres', 'bypass', q{SELECT origin = '' FROM advfair_job WHERE owner = 'ann'}), 't', 'unless they queue it');
run_as('ann', 'bypass', q{UPDATE advfair_job SET state = 'queued'});
is(run_as('ann', 'bypass', q{SELECT here FROM advfair_jobs}), 't', 'themselves');
run_as('postgres', 'postgres', 'ALTER ROLE keeper NOBYPASSRLS');

# ---- jobs elsewhere ----

is(run_as('keeper', 'plain', q{SELECT here FROM advfair_jobs WHERE state = 'queued'}), 'f', 'a restored job is known to be another database\'s');
run_as('keeper', 'plain', 'CALL advfair_run_jobs()');
is(run_as('keeper', 'plain', q{SELECT count(*) FROM advfair_job WHERE state = 'queued'}), 1, 'and not run');
IPC::Run::run([ 'psql', '-XAtq', '-d', as('keeper', 'plain'), '-c', q{SELECT advfair_wait(max(job), '0.1 s') FROM advfair_job} ], '>', \$out, '2>', \$err);
like($err, qr/job 2 was copied from another server or database and is not run here\nHINT:  UPDATE public.advfair_job SET state = 'queued' WHERE job = 2 /, 'who waits for it is told');
run_as('keeper', 'plain', q{UPDATE advfair_job SET state = 'queued' WHERE state = 'queued'; CALL advfair_run_jobs()});
is(run_as('keeper', 'plain', q{SELECT state, here FROM advfair_jobs ORDER BY job DESC LIMIT 1}), 'succeeded|t', 'until it is queued there');
is(run_as('keeper', 'plain', q{SELECT advfair_submit('{"kind": "retrain", "model": "m"}')}), 3, 'numbers go on');
run_as('keeper', 'source', 'CALL advfair_run_jobs()');
is(run_as('keeper', 'source', q{SELECT state FROM advfair_job ORDER BY job LIMIT 1 OFFSET 1}), 'succeeded', 'where it was submitted it runs');
run_as('postgres', 'postgres', 'CREATE DATABASE copied TEMPLATE custom');
is(run_as('keeper', 'copied', q{SELECT count(*) FROM advfair_jobs WHERE here}), 0, 'a copied database runs no job of the first');

# ---- another schema ----

run_as('postgres', 'owner', q{CREATE SCHEMA "some where" AUTHORIZATION keeper; ALTER EXTENSION advfair SET SCHEMA "some where"});
is(run_as('keeper', 'owner', q{
	SET search_path = "some where", public;
	SELECT (advfair_train('moved', 'people', 'income', epochs => 1)).version;
	SELECT (advfair_retrain('moved', 'accuracy >= 0', 'people')).promoted;
	SELECT advfair_submit('{"kind": "retrain", "model": "moved"}') > 0;
	SELECT count(*) FROM advfair_predict('moved', 'people');
	SELECT advfair_chart('curve', '{moved}') IS NOT NULL;
	CALL advfair_run_jobs();
	SELECT state FROM advfair_jobs ORDER BY job DESC LIMIT 1;
	DELETE FROM advfair_model WHERE name = 'moved';
	SELECT count(*) FROM advfair_curve WHERE model_id NOT IN (SELECT model_id FROM advfair_model);
	REFRESH MATERIALIZED VIEW predicted;
}), "1\nt\nt\n200\nt\nsucceeded\n0", 'all works from another schema');

# ---- replication ----

run_as('postgres', 'source', 'CREATE PUBLICATION everything FOR ALL TABLES');
is(run_as('keeper', 'source', q{
	UPDATE advfair_metric_log SET note = 'seen';
	DELETE FROM advfair_metric_log WHERE metric = 'promoted';
	UPDATE advfair_model SET promoted_at = now() WHERE name = 'm';
	DELETE FROM advfair_model WHERE name = 'm';
	DELETE FROM advfair_job;
	SELECT count(*) FROM advfair_curve WHERE model_id NOT IN (SELECT model_id FROM advfair_model)}), 0, 'published tables can be changed');
$node->stop;
done_testing();
