
/*
 * steps/1.3.sql
 *		Functions that take the name of a method and its settings; checkpoints of jobs that are found by name.
 */

-- which now take the name of a method and its settings
DROP FUNCTION IF EXISTS advfair_chart(text, text[], text, float8[], text[], text, float8, int, text, float8, int,
	float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8,
	int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean,
	text, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text,
	boolean, text, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_least_eps_values(text, text, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text,
	text, text[], boolean, text, float8, float8, boolean, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text,
	boolean, text, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text,
	boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int,
	text, boolean, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int,
	int, text, boolean, text[], boolean, text, float8, float8, bigint, int, text);
DROP FUNCTION IF EXISTS advfair_adv_train(text, text, text, text, text, text, anycompatible, float8, int, int,
	boolean, text[], boolean, text, float8, float8, float8, boolean, text[], text[], text, text, int[], text, boolean,
	text, text, text, text, float8, float8, float8, text, int, int, text, bigint, int);
DROP FUNCTION IF EXISTS advfair_train(text, text, text, text[], text[], text, text, int[], text, boolean, text, text,
	text, text, float8, float8, float8, text, int, int, text, bigint, int);
DROP FUNCTION IF EXISTS advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text,
	boolean, text[], boolean, text, float8, float8, bigint, int, text);

/*
 * Checkpoints of jobs are found by name. What is in those of earlier versions is no use any more; that there were some
 * is told by the job when it goes on.
 */
ALTER TABLE advfair_checkpoint ADD COLUMN name text, ADD COLUMN version text;
UPDATE advfair_checkpoint SET name = 'run ' || run, version = 'before 1.3', state = '';
ALTER TABLE advfair_checkpoint DROP COLUMN run, ADD PRIMARY KEY (job, name), ALTER COLUMN version SET NOT NULL;

/*
 * What interrupted leave-one-out runs have finished is known by a digest of the version, too: nobody will go on from it
 * any more.
 */
DO $$
DECLARE
	n bigint;
BEGIN
	DELETE FROM advfair_luf_part;
	GET DIAGNOSTICS n = ROW_COUNT;
	IF n > 0 THEN
		RAISE WARNING 'leave-one-out runs that were interrupted begin anew: % of their models are thrown away', n;
	END IF;
END $$;

-- whose place advfair_scores() takes
DROP FUNCTION IF EXISTS advfair_report_metric(text);

