
-- Jobs
-- -------------------------------------------------------------------------------------------------------------------

COMMENT ON SEQUENCE advfair_job_job_seq IS 'numbers of jobs';

COMMENT ON TABLE advfair_job IS 'tasks that run, or ran, in the background; see advfair_jobs';
COMMENT ON COLUMN advfair_job.job IS 'number of the job';
COMMENT ON COLUMN advfair_job.owner IS 'role that submitted it and whose rights it has';
COMMENT ON COLUMN advfair_job.task IS 'what to do';
COMMENT ON COLUMN advfair_job.state IS 'queued, running, succeeded, failed or cancelled; setting it to queued again '
	'has it tried again';
COMMENT ON COLUMN advfair_job.attempt IS 'how many times it was started';
COMMENT ON COLUMN advfair_job.failures IS 'attempts in a row that ended without a new checkpoint';
COMMENT ON COLUMN advfair_job.max_attempts IS 'it fails for good after so many of these';
COMMENT ON COLUMN advfair_job.on_change IS 'what to do when rows or models have changed since the last checkpoint: '
	'restart or fail';
COMMENT ON COLUMN advfair_job.submitted_at IS 'when it was submitted';
COMMENT ON COLUMN advfair_job.not_before IS 'it is not started earlier';
COMMENT ON COLUMN advfair_job.started_at IS 'start of the last attempt';
COMMENT ON COLUMN advfair_job.finished_at IS 'when it came to its final state';
COMMENT ON COLUMN advfair_job.pid IS 'process that runs it';
COMMENT ON COLUMN advfair_job.settings IS 'search_path, and what else the session had set on submission, as name=value';
COMMENT ON COLUMN advfair_job.sqlstate IS 'of the last error';
COMMENT ON COLUMN advfair_job.message IS 'message of the last error, or warnings of a job that succeeded';
COMMENT ON COLUMN advfair_job.hint IS 'hint of the last error';
COMMENT ON COLUMN advfair_job.result IS 'model and version that were made, or the table and its number of rows';
COMMENT ON COLUMN advfair_job.origin IS 'where it was submitted or queued again: it is run there, and not where its '
	'row is copied to';
COMMENT ON SEQUENCE advfair_origin_seq IS 'a random number that stands for this database, see advfair_origin; not to '
	'be changed';
COMMENT ON FUNCTION advfair_origin() IS 'this database among all that may have the same rows';

DROP POLICY IF EXISTS advfair_job_owner ON advfair_job;
CREATE POLICY advfair_job_owner ON advfair_job USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_job_owner ON advfair_job IS 'a job is its owner''s and the owner''s members''';
DROP POLICY IF EXISTS advfair_job_monitor ON advfair_job;
CREATE POLICY advfair_job_monitor ON advfair_job FOR SELECT USING (pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON POLICY advfair_job_monitor ON advfair_job IS 'members of pg_monitor see all jobs';

COMMENT ON TABLE advfair_checkpoint IS 'what unfinished jobs have become so far; written and read by their processes '
	'alone';
COMMENT ON COLUMN advfair_checkpoint.job IS 'the job';
COMMENT ON COLUMN advfair_checkpoint.name IS 'which of the job''s computations: training, attack on m@1, eps 0.1, '
	'certificates of m@1';
COMMENT ON COLUMN advfair_checkpoint.seen IS 'hash of the rows and models it depends on';
COMMENT ON COLUMN advfair_checkpoint.taken_at IS 'when it was taken';
COMMENT ON COLUMN advfair_checkpoint.version IS 'of the library that wrote it; no other one goes on from it';
COMMENT ON COLUMN advfair_checkpoint.state IS 'weights, optimizer state and position of a training, or finished pieces '
	'of an attack or a certification';

CREATE OR REPLACE FUNCTION advfair_job_changed() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_job_changed() IS 'notifies of a job''s new state on channel advfair_job_<job>, and has the '
	'launcher look at it';

CREATE OR REPLACE TRIGGER advfair_job_changed AFTER INSERT OR UPDATE OF state, not_before ON advfair_job
	FOR EACH ROW EXECUTE FUNCTION advfair_job_changed();
COMMENT ON TRIGGER advfair_job_changed ON advfair_job IS 'tells listeners and the launcher';

CREATE OR REPLACE FUNCTION advfair_job_queued() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_job_queued() IS 'says of a job that is queued by who may that it is run here, of one '
	'inserted for others that it is run nowhere';
CREATE OR REPLACE TRIGGER advfair_job_queued BEFORE INSERT OR UPDATE OF state ON advfair_job
	FOR EACH ROW EXECUTE FUNCTION advfair_job_queued();
COMMENT ON TRIGGER advfair_job_queued ON advfair_job IS 'where it is run';

CREATE OR REPLACE FUNCTION advfair_job_settings() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT array_agg(s.name || '=' || s.setting ORDER BY s.name) FROM pg_settings s
		WHERE s.source IN ('session', 'client', 'user', 'database user')
			AND (s.context = 'user' OR s.context = 'superuser' AND has_parameter_privilege(s.name, 'SET'))
			AND s.name NOT IN ('application_name', 'client_encoding', 'client_min_messages',
				'default_transaction_read_only',
				'idle_in_transaction_session_timeout', 'idle_session_timeout', 'role', 'session_authorization',
					'seed', 'statement_timeout',
				'transaction_deferrable', 'transaction_isolation', 'transaction_read_only', 'transaction_timeout')
			OR s.name = 'search_path');
COMMENT ON FUNCTION advfair_job_settings() IS 'the settings a job submitted now would have: search_path, and what this '
	'session, its role or its client has set';

-- the number is ADVPG_JOBLOCK_KIND of joblock.h
CREATE OR REPLACE FUNCTION advfair_job_pid(job bigint) RETURNS int
	LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
	RETURN (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 27247
			AND l.classid::bigint = job >> 32 AND l.objid::bigint = (job & 4294967295));
COMMENT ON FUNCTION advfair_job_pid(bigint) IS 'process that runs a job, NULL when there is none';

CREATE OR REPLACE FUNCTION advfair_jobs_due() RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED
	SET row_security = on
	RETURN (SELECT count(*) FROM advfair_job j WHERE advfair_owns(j.owner) AND j.origin = advfair_origin()
		AND (j.state = 'queued' AND j.not_before <= clock_timestamp() OR j.state = 'running'
			AND advfair_job_pid(j.job) IS NULL));
COMMENT ON FUNCTION advfair_jobs_due() IS 'number of the caller''s jobs that could run now and do not';

CREATE OR REPLACE FUNCTION advfair_submit(task jsonb, not_before timestamptz DEFAULT NULL,
	max_attempts int DEFAULT NULL,
		on_change text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_submit(jsonb, timestamptz, int, text)
	IS 'have a task of any kind run in the background, with the rights and settings of now; returns the number of the '
		'job';

CREATE OR REPLACE FUNCTION advfair_cancel(job bigint) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_cancel(bigint) IS 'cancel a job; false when there is nothing to cancel any more';

CREATE OR REPLACE FUNCTION advfair_wait(job bigint, timeout interval DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_wait(bigint, interval) IS 'wait until a job has come to its end, or for so long; returns '
	'its state then';

CREATE OR REPLACE PROCEDURE advfair_run_jobs(at_once int DEFAULT NULL)
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE advfair_run_jobs(int) IS 'run the caller''s jobs that are due, up to at_once (advfair.max_jobs) '
	'at a time, until there are no more';

CREATE OR REPLACE FUNCTION advfair_prune_jobs(older_than interval DEFAULT '7 days') RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SET row_security = on
	BEGIN ATOMIC
		WITH pruned AS (
			DELETE FROM advfair_job j WHERE j.state IN ('succeeded', 'failed', 'cancelled')
				AND j.finished_at < now() - older_than
				AND advfair_owns(j.owner)
			RETURNING 1)
		SELECT count(*) FROM pruned;
	END;
COMMENT ON FUNCTION advfair_prune_jobs(interval) IS 'delete the caller''s jobs that ended so long ago; returns how '
	'many';

CREATE OR REPLACE VIEW advfair_jobs WITH (security_invoker = true) AS
	SELECT j.job, j.owner, j.task ->> 'kind' AS kind, j.state, j.attempt, j.max_attempts, j.submitted_at,
		j.not_before, j.started_at,
		j.finished_at, j.pid, p.phase, p.done::float8 / NULLIF(p.total, 0) AS progress, p.loss, p.eta, j.sqlstate,
			j.message, j.hint,
		j.result, j.task, j.origin = advfair_origin() AS here
	FROM advfair_job j LEFT JOIN advfair_progress p ON p.pid = j.pid AND j.state = 'running';
GRANT SELECT ON advfair_jobs TO PUBLIC;
COMMENT ON VIEW advfair_jobs IS 'own jobs, or all for members of pg_monitor, with their progress';
COMMENT ON COLUMN advfair_jobs.job IS 'number of the job';
COMMENT ON COLUMN advfair_jobs.owner IS 'role that submitted it and whose rights it has';
COMMENT ON COLUMN advfair_jobs.kind IS 'kind of its task';
COMMENT ON COLUMN advfair_jobs.state IS 'queued, running, succeeded, failed or cancelled';
COMMENT ON COLUMN advfair_jobs.attempt IS 'how many times it was started';
COMMENT ON COLUMN advfair_jobs.max_attempts IS 'it fails after so many attempts in a row that did not get on';
COMMENT ON COLUMN advfair_jobs.submitted_at IS 'when it was submitted';
COMMENT ON COLUMN advfair_jobs.not_before IS 'it is not started earlier';
COMMENT ON COLUMN advfair_jobs.started_at IS 'start of the last attempt';
COMMENT ON COLUMN advfair_jobs.finished_at IS 'when it came to its final state';
COMMENT ON COLUMN advfair_jobs.pid IS 'process that runs it';
COMMENT ON COLUMN advfair_jobs.phase IS 'what it does now, as in advfair_progress';
COMMENT ON COLUMN advfair_jobs.progress IS 'share of this phase that is done, from 0 to 1';
COMMENT ON COLUMN advfair_jobs.loss IS 'loss of the last minibatch';
COMMENT ON COLUMN advfair_jobs.eta IS 'time left in this phase';
COMMENT ON COLUMN advfair_jobs.sqlstate IS 'of the last error';
COMMENT ON COLUMN advfair_jobs.message IS 'message of the last error, or warnings of a job that succeeded';
COMMENT ON COLUMN advfair_jobs.hint IS 'hint of the last error';
COMMENT ON COLUMN advfair_jobs.result IS 'model and version that were made, or the table and its number of rows';
COMMENT ON COLUMN advfair_jobs.task IS 'what to do';
COMMENT ON COLUMN advfair_jobs.here IS 'false: the row was copied from another server or database; setting state to '
	'queued has it run here';
