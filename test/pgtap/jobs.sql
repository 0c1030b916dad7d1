-- Jobs without anybody to run them: what is submitted, checked, seen, cancelled.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(64);

CREATE TABLE people AS SELECT * FROM advfair_make_census(50);
CREATE TABLE there (i int);
CREATE TEMP TABLE errors (task jsonb, code text, message text, hint text);

CREATE FUNCTION pg_temp.fails(task jsonb, code text, message text, OUT result text) LANGUAGE plpgsql AS $$
DECLARE state text; told text;
BEGIN
	PERFORM advfair_submit(task);
	result := fail('accepted: ' || task::text);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, told = MESSAGE_TEXT;
	result := is(state || ' ' || told, code || ' ' || message, 'refused: ' || task::text);
END $$;

-- what is refused
SELECT pg_temp.fails('[]', '22023', 'a task must be a JSON object');
SELECT pg_temp.fails('{}', '22023', 'task key "kind" is missing, or not a string');
SELECT pg_temp.fails('{"kind": 1}', '22023', 'task key "kind" is missing, or not a string');
SELECT pg_temp.fails('{"kind": "dance"}', '22023', 'task key "kind" is "dance", but must be one of: train, adv_train, retrain, attack, fgsm, least_eps, '
	'class_robustness, class_least_eps, certify, attack_sql, recourse, luf, audit, compare');
SELECT pg_temp.fails('{"kind": "train", "data": "people", "label": "income"}', '22023', 'task key "model" is missing');
SELECT pg_temp.fails('{"kind": "train", "model": "m", "data": "people", "label": "income", "epoch": 3}', '22023', 'unknown task key "epoch"');
SELECT pg_temp.fails('{"kind": "train", "model": "m", "data": "people", "label": "income", "into": "t"}', '22023', 'unknown task key "into"');
SELECT pg_temp.fails('{"kind": "train", "model": "m", "data": "people", "label": "income", "epochs": 0}', '22023',
	'task key "epochs" is 0, but must be at least 1 and at most 100000');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1}', '22023', 'task key "into" is missing');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1, "into": "there"}', '42P07', 'relation "there" already exists');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1, "into": "pg_temp.new"}', '22023', 'table "pg_temp.new" would be temporary');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1, "into": "nowhere.new"}', '3F000', 'schema "nowhere" does not exist');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1, "into": ""}', '42602', 'task key "into" is "", which is not the name of a table');
SELECT pg_temp.fails('{"kind": "attack", "model": "m", "data": "people", "eps": 1, "into": "two words"}', '42602', 'task key "into" is "two words", which is not the name of a table');
SELECT pg_temp.fails('{"kind": "fgsm", "model": "m", "data": "people", "eps": 1, "steps": 5, "into": "t"}', '22023', 'unknown task key "steps"');
SELECT pg_temp.fails('{"kind": "least_eps", "model": "m", "data": "people", "eps_max": 1, "craft_on": "n", "into": "t"}', '22023', 'unknown task key "craft_on"');
SELECT pg_temp.fails('{"kind": "luf", "model": "m", "data": "people", "leave_out": 0, "into": "t"}', '22023',
	'task key "leave_out" is 0, but must be at least 1 and at most 1000000');
SELECT pg_temp.fails('{"kind": "retrain", "model": "m", "promote_if": "acc > 1"}', '22023', '"acc" is not a metric');
SELECT pg_temp.fails('{"kind": "retrain", "promote_if": "accuracy > 1"}', '22023', 'task key "model" is missing');
SELECT throws_ok($$ SELECT advfair_submit(NULL) $$, '22004', 'task must not be NULL');
\set train '{"kind": "train", "model": "m", "data": "people", "label": "income"}'
SELECT throws_like(format($$ SELECT advfair_submit(%L, max_attempts => 0) $$, :'train'), 'max_attempts is 0, but must be at least 1');
SELECT throws_like(format($$ SELECT advfair_submit(%L, on_change => 'ignore') $$, :'train'), 'on_change is "ignore", but must be one of: restart, fail');
SELECT is(count(*), 0::bigint, 'nothing is left of what was refused') FROM advfair_job;

-- what is submitted
CREATE SCHEMA elsewhere;
SET LOCAL search_path = elsewhere, public;
SET LOCAL advfair.workers = 3;
SET LOCAL datestyle = 'German';
CREATE ROLE advfair_jo;
CREATE ROLE advfair_ki;
CREATE ROLE advfair_watch;
GRANT pg_monitor TO advfair_watch;
GRANT USAGE ON SCHEMA elsewhere TO advfair_jo;
GRANT ALL ON SCHEMA public TO advfair_jo, advfair_ki, advfair_watch;
SELECT set_config('test.job', advfair_submit(:'train')::text, true);
SELECT is(j.owner || ' ' || state || ' ' || attempt || ' ' || max_attempts || ' ' || on_change || ' ' || (task = :'train')::text || COALESCE(pid::text, ''),
		  current_user || ' queued 0 5 restart true', 'a job is queued as it was submitted') FROM advfair_job j;
SELECT ok(not_before <= clock_timestamp() AND started_at IS NULL AND finished_at IS NULL AND result IS NULL, 'and may start at once') FROM advfair_job;
SELECT ok('search_path=elsewhere, public' = ANY (settings) AND 'advfair.workers=3' = ANY (settings) AND EXISTS (
		  SELECT FROM unnest(settings) s WHERE s LIKE 'DateStyle=German%'), 'with the settings of the session') FROM advfair_job;
SELECT ok(NOT EXISTS (SELECT FROM unnest(settings) s WHERE s ~ '^(client_encoding|application_name|role|session_authorization)='), 'but for those that are its alone')
	FROM advfair_job;
SELECT is(kind || ' ' || state || ' ' || job, 'train queued ' || current_setting('test.job'), 'advfair_jobs shows it') FROM advfair_jobs;
SELECT throws_ok($$ SELECT advfair_wait(current_setting('test.job')::bigint) $$, '25001',
				 format('job %s was submitted by the transaction that is to wait for it', current_setting('test.job')));
SELECT is(advfair_wait(current_setting('test.job')::bigint, '0'), 'queued', 'unless it is not to wait');
SELECT throws_ok($$ SELECT advfair_wait(-1) $$, '42704', 'job -1 does not exist');
SELECT is(advfair_wait(NULL), NULL, 'no job, no state');
SELECT throws_ok($$ CALL advfair_run_jobs() $$, '25001', 'advfair_run_jobs() cannot be called in a transaction block or a function');
SELECT is(advfair_jobs_due(), 1::bigint, 'it is due');
SELECT is(advfair_job_pid(current_setting('test.job')::bigint), NULL, 'and nobody runs it');
SELECT ok(advfair_submit(:'train', not_before => now() + interval '1 day') > current_setting('test.job')::bigint, 'a job may wait');
SELECT is(advfair_jobs_due(), 1::bigint, 'until it is due');

SELECT throws_ok(format($$ DO $do$ BEGIN
	BEGIN PERFORM advfair_submit(%L, not_before => '2100-01-01'); EXCEPTION WHEN division_by_zero THEN NULL; END;
	PERFORM advfair_wait(max(job), '3 s') FROM advfair_job;
END $do$ $$, :'train'), '25001', NULL, 'nobody waits for what a part of the same transaction submitted');
SET LOCAL log_min_duration_statement = 77777;
SELECT ok('log_min_duration_statement=77777' = ANY (advfair_job_settings()), 'what only a superuser may set goes with a superuser''s job');

-- rights
SET LOCAL ROLE advfair_jo;
SELECT ok('log_min_duration_statement=77777' <> ALL (advfair_job_settings()), 'and not with others''');
SELECT is(count(*), 0::bigint, 'others'' jobs are not seen') FROM advfair_jobs;
SELECT throws_ok($$ SELECT advfair_cancel(current_setting('test.job')::bigint) $$, '42704', format('job %s does not exist', current_setting('test.job')));
SELECT throws_ok($$ SELECT advfair_wait(current_setting('test.job')::bigint) $$, '42704', format('job %s does not exist', current_setting('test.job')));
SELECT set_config('test.own', advfair_submit(:'train')::text, true);
SELECT is(count(*), 1::bigint, 'own ones are') FROM advfair_jobs WHERE owner = 'advfair_jo';
SELECT throws_ok($$ INSERT INTO advfair_job (task, owner) VALUES ('{}', 'postgres') $$, '42501', 'permission denied for table advfair_job', 'nobody submits for others');
SELECT throws_ok($$ UPDATE advfair_job SET owner = 'postgres' $$, '42501', 'permission denied for table advfair_job', 'nor gives jobs away');
SELECT throws_ok($$ UPDATE advfair_job SET task = '{}' $$, '42501', 'permission denied for table advfair_job', 'nor changes what is to be done');
SELECT throws_ok($$ UPDATE advfair_job SET pid = 1 $$, '42501', 'permission denied for table advfair_job', 'nor whom to interrupt');
SELECT throws_ok($$ SELECT * FROM advfair_checkpoint $$, '42501', 'permission denied for table advfair_checkpoint', 'checkpoints are nobody''s');
SET LOCAL ROLE advfair_watch;
SELECT is(count(*), 3::bigint, 'members of pg_monitor see all jobs') FROM advfair_jobs;
SELECT throws_ok($$ SELECT advfair_cancel(current_setting('test.job')::bigint) $$, '42704', format('job %s does not exist', current_setting('test.job')),
				 'but cannot cancel them');
UPDATE advfair_job SET state = 'cancelled';
SELECT is(array_agg(DISTINCT state), '{queued}', 'by no means') FROM advfair_job;
SELECT is(advfair_prune_jobs('-1 day'), 0::bigint, 'nor delete them');
SET LOCAL ROLE advfair_jo;
SELECT ok(advfair_cancel(current_setting('test.own')::bigint), 'the owner cancels');
SELECT is(state || ' ' || (finished_at IS NOT NULL)::text, 'cancelled true', 'what was queued') FROM advfair_jobs;
SELECT ok(NOT advfair_cancel(current_setting('test.own')::bigint), 'once');
SELECT is(advfair_prune_jobs(), 0::bigint, 'recent jobs are kept');
SELECT is(advfair_prune_jobs('-1 day'), 1::bigint, 'old ones pruned');
RESET ROLE;
SELECT is(count(*), 2::bigint, 'but not those of others') FROM advfair_job;

-- as a server leaves it that has died
SET LOCAL ROLE advfair_jo;
SELECT set_config('test.own', advfair_submit(:'train')::text, true);
RESET ROLE;
UPDATE advfair_job SET state = 'running', pid = 1 WHERE owner = 'advfair_jo';
SET LOCAL ROLE advfair_ki;
SELECT throws_ok($$ SELECT advfair_cancel(current_setting('test.own')::bigint) $$, '42704', NULL, 'a job whose process is gone is its owner''s, too');
SET LOCAL ROLE advfair_jo;
SELECT is(advfair_jobs_due(), 1::bigint, 'to be taken up again');
SELECT ok(advfair_cancel(current_setting('test.own')::bigint), 'or cancelled');
SELECT is(state, 'cancelled', 'at once') FROM advfair_jobs;
UPDATE advfair_job SET state = 'queued';
SELECT is(advfair_jobs_due(), 1::bigint, 'and queued again');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
