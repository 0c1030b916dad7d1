
/*
 * steps/1.2.sql
 *		Functions that take id; tables that can be dumped, restored in any order, and replicated.
 */

-- which now take id
DROP FUNCTION IF EXISTS advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_chart(text, text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_summary(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_rows(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_rows(text, text, anyelement, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_predict(text, text, int);
DROP FUNCTION IF EXISTS advfair_predict(text, text, anyelement, int);
DROP FUNCTION IF EXISTS advfair_pgd(text, text, anycompatible, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_pgd(text, text, anycompatible, anyelement, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_fgsm(text, text, anycompatible, text, text, text, text[], boolean, text, float8, float8, int);
DROP FUNCTION IF EXISTS advfair_fgsm(text, text, anycompatible, anyelement, text, text, text, text[], boolean, text, float8, float8, int);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);

-- so that clients may take and send data sets as binary values
CREATE FUNCTION advfair_data_recv(internal) RETURNS advfair_data AS 'textrecv' LANGUAGE internal STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION advfair_data_send(advfair_data) RETURNS bytea AS 'textsend' LANGUAGE internal STABLE STRICT PARALLEL SAFE;
ALTER TYPE advfair_data SET (RECEIVE = advfair_data_recv, SEND = advfair_data_send);

-- A restore in parallel may load curves before their models. The trigger advfair_model_changed keeps them together.
ALTER TABLE advfair_curve DROP CONSTRAINT advfair_curve_model_id_fkey;

ALTER TABLE advfair_metric_log ADD COLUMN entry uuid PRIMARY KEY DEFAULT gen_random_uuid();
-- without metric: names of metrics hold values of attributes, which may be too long for an index
DROP INDEX advfair_metric_log_model;
CREATE INDEX advfair_metric_log_model ON advfair_metric_log (model, at);

/*
 * What tells this database from others that have the same rows. A sequence that is not among what is dumped is not copied with the rows,
 * neither by a dump nor by logical replication; unlike the identifier of the server it is kept by pg_upgrade.
 */
CREATE SEQUENCE advfair_origin_seq;
SELECT setval('advfair_origin_seq', 1 + ('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 15))::bit(60)::bigint);
GRANT SELECT ON SEQUENCE advfair_origin_seq TO PUBLIC;

CREATE FUNCTION advfair_origin() RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT s.last_value || '/' || d.oid FROM advfair_origin_seq s, pg_database d WHERE d.datname = current_database());
ALTER TABLE advfair_job ADD COLUMN origin text NOT NULL DEFAULT advfair_origin();

-- For pg_dump, and for who has created the extension and restores what was dumped.
GRANT SELECT ON SEQUENCE advfair_job_job_seq TO PUBLIC;
DO $$
DECLARE
	creator name := (SELECT r.rolname FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner WHERE e.extname = 'advfair');
BEGIN
	EXECUTE format('GRANT INSERT ON advfair_job TO %I', creator);
	EXECUTE format('GRANT UPDATE ON SEQUENCE advfair_job_job_seq TO %I', creator);
END $$;
