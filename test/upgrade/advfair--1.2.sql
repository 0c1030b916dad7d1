/*
 * begin.sql, end.sql
 *		What every script of advfair begins and ends with.
 *
 * Where advfair is created or updated, others may have made functions, operators and types before that fit the arguments of a call better
 * than those of pg_catalog do: whoever used what is made here would run their code. So nothing of theirs is in reach. advfair is made
 * in a schema that did not exist before and that nobody else sees, and moves to its place when it is complete. For that reason the
 * scripts need no qualified names, and may not use anything but pg_catalog and what is advfair's.
 *
 * A script is begin.sql, steps, all that can be replaced, end.sql. Steps (steps/VERSION.sql) make tables and types, and change them: each
 * runs once in the life of a database, those of released versions are never changed. What comes after them runs at every
 * update, too, as CREATE OR REPLACE: so new and updated databases are the same. Where something is to have other arguments or another
 * result, the step drops what there was before: DROP FUNCTION IF EXISTS name(types). When something of a user's depends on it, PostgreSQL
 * says so, and the update leaves everything as it was.
 */

-- complain if script is sourced in psql
\echo Use "CREATE EXTENSION advfair" or "ALTER EXTENSION advfair UPDATE" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;
SELECT set_config('advfair_script.target', n.nspname::text, true),
	set_config('advfair_script.updates', (EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = e.tableoid AND d.refobjid = e.oid))::text, true)
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'advfair';
CREATE SCHEMA advfair_script;
ALTER EXTENSION advfair DROP SCHEMA advfair_script;
ALTER EXTENSION advfair SET SCHEMA advfair_script;

/*
 * Whoever owns the extension may add objects of their own to it. What has come along would be found by what follows, or be replaced and
 * yet remain theirs. All that is advfair's belongs to superusers.
 */
DO $$
DECLARE
	others text := (SELECT string_agg(format('%s of role %I', replace(pg_describe_object(o.classid, o.objid, 0), 'advfair_script.', ''), o.rolname), ', ') FROM (
		SELECT d.classid, d.objid, r.rolname FROM pg_extension e JOIN pg_depend d ON d.refclassid = e.tableoid AND d.refobjid = e.oid AND d.deptype = 'e'
			JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o'
				AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
			JOIN pg_roles r ON r.oid = s.refobjid AND NOT r.rolsuper
			WHERE e.extname = 'advfair' ORDER BY d.classid, d.objid LIMIT 10) o);
BEGIN
	IF others IS NOT NULL THEN
		RAISE EXCEPTION 'extension "advfair" has objects that belong to no superuser: %', others
			USING ERRCODE = 'insufficient_privilege', HINT = 'ALTER EXTENSION advfair DROP what is not advfair''s; ALTER ... OWNER TO gives what is to a superuser.';
	END IF;
END $$;

SET LOCAL search_path = advfair_script, pg_temp;

/*
 * steps/1.0.sql
 *		The tables and types of the first version.
 */

-- Registry ----------------------------------------------------------------------------------------------------------

CREATE TABLE advfair_model (
	model_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	name text NOT NULL CHECK (name <> '' AND position('@' IN name) = 0),
	version int NOT NULL CHECK (version > 0),
	owner name NOT NULL DEFAULT current_user,
	created_at timestamptz NOT NULL DEFAULT now(),
	task jsonb NOT NULL,
	data_digest text NOT NULL,
	metrics jsonb NOT NULL,
	model bytea NOT NULL,
	UNIQUE (owner, name, version)
);
-- Weights do not compress, and a row that uses a model should not pay for trying.
ALTER TABLE advfair_model ALTER COLUMN model SET STORAGE EXTERNAL;

CREATE TABLE advfair_curve (
	model_id uuid NOT NULL REFERENCES advfair_model ON DELETE CASCADE,
	epoch int NOT NULL,
	loss float8 NOT NULL,
	accuracy float8 NOT NULL,
	validation_loss float8,
	validation_accuracy float8,
	seconds float8 NOT NULL,
	PRIMARY KEY (model_id, epoch)
);

ALTER TABLE advfair_model ENABLE ROW LEVEL SECURITY;
ALTER TABLE advfair_curve ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON advfair_model, advfair_curve TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('advfair_model', '');
SELECT pg_catalog.pg_extension_config_dump('advfair_curve', '');

-- Types -------------------------------------------------------------------------------------------------------------

-- what a training made
CREATE TYPE advfair_trained AS (model text, version int, epochs int, loss float8, accuracy float8, seconds float8);

/*
 * advfair_cau(model, data) and the aggregate advfair_cau(label, prediction) share a name and a number of arguments. What
 * tells them apart is the type of data: literals resolve to the function, columns (which are text, not advfair_data)
 * to the aggregate.
 */
CREATE TYPE advfair_data;
CREATE FUNCTION advfair_data_in(cstring) RETURNS advfair_data AS 'textin' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION advfair_data_out(advfair_data) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE advfair_data (INPUT = advfair_data_in, OUTPUT = advfair_data_out, LIKE = text, CATEGORY = 'S');
CREATE CAST (text AS advfair_data) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (advfair_data AS text) WITHOUT FUNCTION AS ASSIGNMENT;

-- what advfair_class_robustness returns
CREATE TYPE advfair_class_success AS (eps float8, class text, success_rate float8, accuracy float8, n bigint);

-- Leaving rows out -------------------------------------------------------------------------------------------------------

/* Results of models that are trained while a run is not through yet. The run deletes them when it is. */
CREATE TABLE advfair_luf_part (
	digest text NOT NULL,
	part bigint NOT NULL,
	owner name NOT NULL DEFAULT current_user,
	kept_at timestamptz NOT NULL DEFAULT now(),
	change bytea NOT NULL,
	PRIMARY KEY (digest, part, owner)
);
ALTER TABLE advfair_luf_part ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON advfair_luf_part TO PUBLIC;

/*
 * steps/1.1.sql
 *		Promotion, retraining, jobs.
 */

-- Registry ----------------------------------------------------------------------------------------------------------

ALTER TABLE advfair_model ADD COLUMN promoted_at timestamptz;
-- the plain name goes on to mean the newest version
UPDATE advfair_model m SET promoted_at = CASE WHEN EXISTS (
	SELECT FROM advfair_model n WHERE n.owner = m.owner AND n.name = m.name AND n.version > m.version) THEN created_at ELSE now() END;
ALTER TABLE advfair_model ALTER COLUMN promoted_at SET DEFAULT clock_timestamp();

DROP FUNCTION IF EXISTS advfair_retrain(text);

-- Retraining --------------------------------------------------------------------------------------------------------------

CREATE TABLE advfair_metric_log (
	model text NOT NULL,
	version int NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	metric text NOT NULL,
	value float8,
	note text,
	owner name NOT NULL DEFAULT current_user
);
CREATE INDEX advfair_metric_log_model ON advfair_metric_log (model, metric, at);
ALTER TABLE advfair_metric_log ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON advfair_metric_log TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('advfair_metric_log', '');

CREATE TYPE advfair_retrained AS (model text, version int, epochs int, loss float8, accuracy float8, seconds float8,
	promoted boolean, reason text);

-- Jobs -------------------------------------------------------------------------------------------------------------------

/*
 * queued -> running -> succeeded, failed or cancelled; running -> queued after what may go better next time. Columns that decide for whom
 * and what is run cannot be changed after submission.
 */
CREATE TABLE advfair_job (
	job bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	owner name NOT NULL DEFAULT current_user,
	task jsonb NOT NULL,
	state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
	attempt int NOT NULL DEFAULT 0,
	failures int NOT NULL DEFAULT 0,
	max_attempts int NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
	on_change text NOT NULL DEFAULT 'restart' CHECK (on_change IN ('restart', 'fail')),
	submitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
	started_at timestamptz,
	finished_at timestamptz,
	pid int,
	settings text[],
	sqlstate text,
	message text,
	hint text,
	result jsonb
);
CREATE INDEX advfair_job_open ON advfair_job (not_before, job) WHERE state IN ('queued', 'running');

ALTER TABLE advfair_job ENABLE ROW LEVEL SECURITY;
GRANT SELECT, DELETE, INSERT (task, max_attempts, on_change, not_before, settings), UPDATE (state, not_before, finished_at)
	ON advfair_job TO PUBLIC;

CREATE TABLE advfair_checkpoint (
	job bigint NOT NULL REFERENCES advfair_job ON DELETE CASCADE,
	run int NOT NULL,
	seen bigint NOT NULL,
	taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	state bytea NOT NULL,
	PRIMARY KEY (job, run)
);
ALTER TABLE advfair_checkpoint ALTER COLUMN state SET STORAGE EXTERNAL;

SELECT pg_catalog.pg_extension_config_dump('advfair_job', '');
SELECT pg_catalog.pg_extension_config_dump('advfair_job_job_seq', '');

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

/*
 * advfair.sql
 *		What can be replaced as a whole, in the order a reader meets it: training, models as values, prediction by row and by data set,
 *		scores, aggregates, and what tells about the running system. Retraining, jobs, charts and reports follow in files of their own;
 *		the tables are made by steps/.
 *
 * SQL bodies are in the standard form (RETURN, BEGIN ATOMIC): names in them are resolved here, once, so that the
 * caller's search_path means nothing to them. begin.sql sees to it that they mean what is written.
 */

-- Registry ----------------------------------------------------------------------------------------------------------

COMMENT ON TABLE advfair_model IS 'trained models; training adds a version and never overwrites one';
COMMENT ON COLUMN advfair_model.model_id IS 'identifier that is the same on every server the row is copied to';
COMMENT ON COLUMN advfair_model.name IS 'name in the registry; name@version names one version, the plain name the one promoted last';
COMMENT ON COLUMN advfair_model.version IS 'counts from 1 for each owner and name';
COMMENT ON COLUMN advfair_model.owner IS 'role that owns the model; its members see the model, to share it make a group role the owner';
COMMENT ON COLUMN advfair_model.created_at IS 'start of the transaction that stored the model';
COMMENT ON COLUMN advfair_model.task IS 'the complete task that made the model, defaults filled in; advfair_retrain runs it again';
COMMENT ON COLUMN advfair_model.data_digest IS 'SHA-256 over the keys, labels and values of the training rows, independent of their physical order';
COMMENT ON COLUMN advfair_model.metrics IS 'rows, examples, loss and accuracy of the last epoch, seconds (read_seconds of them for reading rows), workers';
COMMENT ON COLUMN advfair_model.promoted_at IS 'when the plain name began to mean this version; NULL: never';
COMMENT ON COLUMN advfair_model.model IS 'the model as a value: architecture, classes, encoder and weights';

COMMENT ON TABLE advfair_curve IS 'learning curves: one row for each epoch of each model';
COMMENT ON COLUMN advfair_curve.model_id IS 'the model';
COMMENT ON COLUMN advfair_curve.epoch IS 'counts from 1';
COMMENT ON COLUMN advfair_curve.loss IS 'mean cross-entropy (nats) over the minibatches of the epoch, as they were trained on';
COMMENT ON COLUMN advfair_curve.accuracy IS 'share of the epoch''s examples classified correctly, as they were trained on';
COMMENT ON COLUMN advfair_curve.validation_loss IS 'mean cross-entropy on the validation rows after the epoch, NULL without any';
COMMENT ON COLUMN advfair_curve.validation_accuracy IS 'accuracy on the validation rows after the epoch, NULL without any';
COMMENT ON COLUMN advfair_curve.seconds IS 'wall time of the epoch';

CREATE OR REPLACE FUNCTION advfair_owns(owner name) RETURNS boolean
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	RETURN EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = owner AND pg_catalog.pg_has_role(r.oid, 'USAGE'));
COMMENT ON FUNCTION advfair_owns(name) IS 'whether the current role has the privileges of this role; false when there is none of the name';

DROP POLICY IF EXISTS advfair_model_owner ON advfair_model;
CREATE POLICY advfair_model_owner ON advfair_model USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_model_owner ON advfair_model IS 'a model is its owner''s and the owner''s members''';
DROP POLICY IF EXISTS advfair_curve_owner ON advfair_curve;
CREATE POLICY advfair_curve_owner ON advfair_curve
	USING (EXISTS (SELECT FROM advfair_model m WHERE m.model_id = advfair_curve.model_id));
COMMENT ON POLICY advfair_curve_owner ON advfair_curve IS 'a curve is visible to whoever sees its model';
CREATE OR REPLACE FUNCTION advfair_model_missing(model_id uuid) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advfair_model_missing(uuid) IS 'whether there is no such row in advfair_model, be it one''s own or another''s';
DROP POLICY IF EXISTS advfair_curve_load ON advfair_curve;
CREATE POLICY advfair_curve_load ON advfair_curve FOR INSERT WITH CHECK (advfair_model_missing(model_id));
COMMENT ON POLICY advfair_curve_load ON advfair_curve IS 'what pg_dump has written is loaded in the order of names';

-- What a foreign key would do, without the order of loading that one asks for.
CREATE OR REPLACE FUNCTION advfair_model_changed() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_model_changed() IS 'deletes the curve of a model that is deleted';
CREATE OR REPLACE TRIGGER advfair_model_changed BEFORE DELETE OR UPDATE OF model_id ON advfair_model
	FOR EACH ROW EXECUTE FUNCTION advfair_model_changed();
COMMENT ON TRIGGER advfair_model_changed ON advfair_model IS 'a curve goes with its model, whose model_id does not change';

-- Making models -----------------------------------------------------------------------------------------------------

COMMENT ON TYPE advfair_trained IS 'what a training made: model and version, with loss and accuracy of the last epoch';

CREATE OR REPLACE FUNCTION advfair_run(task jsonb) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_run(jsonb) IS 'run a training task and store its model as a new version';

CREATE OR REPLACE FUNCTION advfair_train(model text, data text, label text, features text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
		id text DEFAULT NULL, arch text DEFAULT NULL, input_shape int[] DEFAULT NULL, encoding text DEFAULT NULL,
		scale boolean DEFAULT NULL, oversample text DEFAULT NULL, missing text DEFAULT NULL, unseen text DEFAULT NULL,
		optimizer text DEFAULT NULL, learning_rate float8 DEFAULT NULL, momentum float8 DEFAULT NULL,
		weight_decay float8 DEFAULT NULL, init text DEFAULT NULL, epochs int DEFAULT NULL, batch_size int DEFAULT NULL,
		validation text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_train(text, text, text, text[], text[], text, text, int[], text, boolean, text, text, text, text,
	float8, float8, float8, text, int, int, text, bigint, int)
	IS 'train a classifier on a relation or query and store it as a new version of a model';

CREATE OR REPLACE FUNCTION advfair_adv_train(model text, data text, label text, source text DEFAULT NULL, method text DEFAULT NULL,
		norm text DEFAULT NULL, eps anycompatible DEFAULT NULL::float8, alpha float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL,
		feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL,
		beta float8 DEFAULT NULL, warm boolean DEFAULT NULL, features text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
		id text DEFAULT NULL, arch text DEFAULT NULL, input_shape int[] DEFAULT NULL, encoding text DEFAULT NULL,
		scale boolean DEFAULT NULL, oversample text DEFAULT NULL, missing text DEFAULT NULL, unseen text DEFAULT NULL,
		optimizer text DEFAULT NULL, learning_rate float8 DEFAULT NULL, momentum float8 DEFAULT NULL,
		weight_decay float8 DEFAULT NULL, init text DEFAULT NULL, epochs int DEFAULT NULL, batch_size int DEFAULT NULL,
		validation text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_adv_train(text, text, text, text, text, text, anycompatible, float8, int, int, boolean, text[],
	boolean, text, float8, float8, float8, boolean, text[], text[], text, text, int[], text, boolean, text, text, text, text,
	float8, float8, float8, text, int, int, text, bigint, int)
	IS 'train a robust classifier: method merged (the paper''s), pgd, trades or fast; store it as a new version of a model';

CREATE OR REPLACE FUNCTION advfair_fit(task jsonb) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_fit(jsonb) IS 'train as a task says and return the model itself, without the registry';

-- Models as values --------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_get(model text) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION advfair_get(text) IS 'a model of the registry by name (the version promoted last) or name@version';

CREATE OR REPLACE FUNCTION advfair_describe(model bytea) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION advfair_describe(bytea) IS 'what a model is: architecture, classes, encoder, sizes';

CREATE OR REPLACE FUNCTION advfair_weights(model bytea)
	RETURNS TABLE (layer int, parameter text, shape int[], weights real[])
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION advfair_weights(bytea) IS 'a model''s parameters in network order; dense (out, in), conv (filters, channels, h, w), row-major';

CREATE OR REPLACE FUNCTION advfair_build(task jsonb, weights real[]) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION advfair_build(jsonb, real[]) IS 'a model from a description (as advfair_describe gives it) and all its parameters in network order';

CREATE OR REPLACE FUNCTION advfair_decode(model bytea, x real[]) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION advfair_decode(bytea, real[])
	IS 'an encoded input in terms of the model''s columns: numbers, texts, arrays; categories it lies between with their weights';

-- Prediction, one row at a time ---------------------------------------------------------------------------------------

-- Not immutable: the instruction set, which a session may choose, decides the last bits, and what texts a row's values have is not for good.

CREATE OR REPLACE FUNCTION advfair_predict(model bytea, "row" record) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_row' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_predict(model bytea, x real[]) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_array' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_predict(model bytea, image bytea) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_image' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50000;
CREATE OR REPLACE FUNCTION advfair_proba(model bytea, "row" record) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_row' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_proba(model bytea, x real[]) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_array' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_proba(model bytea, image bytea) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_image' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50000;
CREATE OR REPLACE FUNCTION advfair_confidence(model bytea, "row" record, class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_row' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_confidence(model bytea, x real[], class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_array' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
CREATE OR REPLACE FUNCTION advfair_confidence(model bytea, image bytea, class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_image' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 50000;

COMMENT ON FUNCTION advfair_predict(bytea, record) IS 'class of a row; columns are found by name';
COMMENT ON FUNCTION advfair_predict(bytea, real[]) IS 'class of an encoded input: the values the network''s input layer sees, images in channel, row, column order';
COMMENT ON FUNCTION advfair_predict(bytea, bytea) IS 'class of an image given as bytes in channel, row, column order';
COMMENT ON FUNCTION advfair_proba(bytea, record) IS 'probabilities of the classes, in class order, for a row; columns are found by name';
COMMENT ON FUNCTION advfair_proba(bytea, real[]) IS 'probabilities of the classes, in class order, for an encoded input';
COMMENT ON FUNCTION advfair_proba(bytea, bytea) IS 'probabilities of the classes, in class order, for an image';
COMMENT ON FUNCTION advfair_confidence(bytea, record, text) IS 'probability of one class for a row; columns are found by name';
COMMENT ON FUNCTION advfair_confidence(bytea, real[], text) IS 'probability of one class for an encoded input';
COMMENT ON FUNCTION advfair_confidence(bytea, bytea, text) IS 'probability of one class for an image';

-- Prediction, a whole data set in compute workers ---------------------------------------------------------------------

/*
 * Results carry the id of each row. Its type is bigint, or that of key, which is what allows joins without casts. These are two
 * functions because a result type cannot follow from an argument's default.
 */
CREATE OR REPLACE FUNCTION advfair_predict(model text, data text, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
CREATE OR REPLACE FUNCTION advfair_predict(model text, data text, key anyelement, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data_key' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
COMMENT ON FUNCTION advfair_predict(text, text, int, text)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query';
COMMENT ON FUNCTION advfair_predict(text, text, anyelement, int, text)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query; id has the type of key';

-- Attacks ------------------------------------------------------------------------------------------------------------

/*
 * eps is a number, an array with one for each column, or an object with one for some columns: the others stay as they are.
 *
 * As with advfair_predict, each function comes without and with key. PostgreSQL finds the type of the ids by the place at which key
 * stands in a call, even where it is named, so key must be written right after the arguments that are required.
 */
CREATE OR REPLACE FUNCTION advfair_pgd(model text, data text, eps anycompatible, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_pgd(model text, data text, eps anycompatible, key anyelement, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, anyelement, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them; id has the type of key';

CREATE OR REPLACE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, norm text DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, key anyelement, norm text DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, text, text, text, text[], boolean, text, float8, float8, int, text)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, anyelement, text, text, text, text[], boolean, text, float8, float8, int, text)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them; id has the type of key';

CREATE OR REPLACE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, eps float8, censored boolean)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, key anyelement, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, eps float8, censored boolean)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'smallest eps at which projected gradient descent succeeds, for each row; censored rows withstood up to eps_max';
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'smallest eps at which projected gradient descent succeeds, for each row; censored rows withstood up to eps_max; id has the type of key';

-- For charts, which need no ids.
CREATE OR REPLACE FUNCTION advfair_least_eps_values(model text, data text, eps_max float8, steps int, restarts int, norm text, random_start boolean,
		mutable text[], feasible boolean, eps_unit text, clip_min float8, clip_max float8, seed bigint, workers int, id text)
	RETURNS TABLE (label text, eps float8, censored boolean)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_least_eps_values(text, text, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int, text)
	IS 'advfair_least_eps without ids';

-- Scores ------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_class_accuracy(model text, data text, workers int DEFAULT NULL)
	RETURNS TABLE (class text, accuracy float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_class_accuracy(text, text, int)
	IS 'accuracy of a model on each class of a data set, with its number of rows; NULL for a class without rows';

/* With mode 'intervene' each group is all rows, predicted with the attribute set to the group's value; with 'subset', the rows that have it. */
CREATE OR REPLACE FUNCTION advfair_group_confidence(model text, data text, attribute text, class text, given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL)
	RETURNS TABLE (grp text, confidence float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_group_confidence(text, text, text, text, text, text, int)
	IS 'mean probability of a class for each value of an attribute, of the rows that have it or (mode ''intervene'') of all rows with it set, over all labels or those given';

CREATE OR REPLACE FUNCTION advfair_eou(model text, data text, attribute text, class text, given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION advfair_eou(text, text, text, text, text, text, int)
	IS 'equalized-odds unfairness: largest difference between two values of an attribute in the mean probability of a class, NULL where fewer than two have rows';

COMMENT ON TYPE advfair_data IS 'a data set: the name of a relation, or a query';
COMMENT ON FUNCTION advfair_data_in(cstring) IS 'I/O';
COMMENT ON FUNCTION advfair_data_out(advfair_data) IS 'I/O';
COMMENT ON FUNCTION advfair_data_recv(internal) IS 'I/O';
COMMENT ON FUNCTION advfair_data_send(advfair_data) IS 'I/O';
COMMENT ON CAST (text AS advfair_data) IS 'a relation''s name or a query as a data set';
COMMENT ON CAST (advfair_data AS text) IS 'a data set as its relation''s name or query';

CREATE OR REPLACE FUNCTION advfair_cau(model text, data advfair_data, workers int DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION advfair_cau(text, advfair_data, int)
	IS 'class-wise accuracy unfairness: largest difference between the accuracies of two classes, NULL where fewer than two have rows';

COMMENT ON TYPE advfair_class_success IS 'what advfair_class_robustness returns';
COMMENT ON COLUMN advfair_class_success.eps IS 'bound of the perturbation';
COMMENT ON COLUMN advfair_class_success.class IS 'the class';
COMMENT ON COLUMN advfair_class_success.success_rate IS 'share of its rows on which the attack succeeds, those misclassified anyway included';
COMMENT ON COLUMN advfair_class_success.accuracy IS 'share of its rows classified correctly under attack';
COMMENT ON COLUMN advfair_class_success.n IS 'its rows';

CREATE OR REPLACE FUNCTION advfair_class_robustness(model text, data text, eps float8[], denominator text DEFAULT NULL, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS SETOF advfair_class_success
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'success rate of an attack on each class at each eps, over all rows or, with denominator => ''correct'', those correct when clean';

CREATE OR REPLACE FUNCTION advfair_class_least_eps(model text, data text, eps_max anycompatible DEFAULT NULL::float8, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (class text, least_eps float8, censored bigint, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'mean least eps of each class; censored rows, which withstood up to eps_max, count with eps_max';

/*
 * With eps CRU_s at eps, without CRU_eps: eps_max, mode, step and tol are for the latter alone, denominator, alpha and craft_on for the
 * former.
 */
CREATE OR REPLACE FUNCTION advfair_cru(model text, data text, eps float8 DEFAULT NULL, eps_max float8 DEFAULT NULL, mode text DEFAULT NULL,
		step float8 DEFAULT NULL, tol float8 DEFAULT NULL, denominator text DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'class-wise robustness unfairness: largest difference between two classes in success rate at eps (CRU_s), or without eps in mean least eps (CRU_eps)';

-- Everything at once ------------------------------------------------------------------------------------------------------

/*
 * Metrics: accuracy; class_accuracy and cau; for each eps robust_accuracy, success_rate of each class and cru_s; with eps_max
 * least_eps of each class and cru_eps; for each protected attribute group_confidence and eou, of the second of two classes or of each of
 * more, over the rows whose label is given. Rows come model after model, metrics and eps in the order above and as listed, means
 * before their gap, classes in the model's order, values of attributes in the order of their bytes. alpha is for eps alone.
 */
CREATE OR REPLACE FUNCTION advfair_audit(models text[], data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (model text, metric text, eps float8, class text, attribute text, grp text, value float8, ci_low float8,
		ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'accuracy, robustness and fairness of models on a data set, by class and by group, with bootstrap intervals';

CREATE OR REPLACE FUNCTION advfair_compare(model_a text, model_b text, data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (metric text, eps float8, class text, attribute text, grp text, a float8, b float8, difference float8,
		ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'what advfair_audit tells of two models, and the differences b - a with bootstrap intervals paired over the same rows';

-- Leaving rows out -------------------------------------------------------------------------------------------------------

COMMENT ON TABLE advfair_luf_part IS 'what a leave-one-out run that was cancelled or failed has done; the same call again goes on from there';
COMMENT ON COLUMN advfair_luf_part.digest IS 'SHA-256 of the training task and of all rows: the run';
COMMENT ON COLUMN advfair_luf_part.part IS 'key of the row left out, or the seed';
COMMENT ON COLUMN advfair_luf_part.owner IS 'role that ran it';
COMMENT ON COLUMN advfair_luf_part.kept_at IS 'when the model was kept; old rows that nobody will go on from may be deleted';
COMMENT ON COLUMN advfair_luf_part.change IS 'float32 for each evaluation row: largest change of a probability, negative if the prediction changed';

DROP POLICY IF EXISTS advfair_luf_part_owner ON advfair_luf_part;
CREATE POLICY advfair_luf_part_owner ON advfair_luf_part USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_luf_part_owner ON advfair_luf_part IS 'a run is its owner''s and the owner''s members''';

CREATE OR REPLACE FUNCTION advfair_luf_rows(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_luf_rows(model text, data text, key anyelement, leave_out int DEFAULT NULL,
		leave_out_ids text[] DEFAULT NULL, vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL,
		seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_luf_rows(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them change the prediction';
COMMENT ON FUNCTION advfair_luf_rows(text, text, anyelement, int, text[], boolean, boolean, bigint, int, text)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them change the prediction; id has the type of key';

-- For scores and charts, which need no ids.
CREATE OR REPLACE FUNCTION advfair_luf_values(model text, data text, leave_out int, leave_out_ids text[], vary_seed boolean, regenerate boolean,
		seed bigint, workers int, id text)
	RETURNS TABLE (label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME', 'advfair_luf_rows' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_luf_values(text, text, int, text[], boolean, boolean, bigint, int, text) IS 'advfair_luf_rows without ids';

CREATE OR REPLACE FUNCTION advfair_luf(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS float8
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN (SELECT pg_catalog.avg(r.luf)
		FROM advfair_luf_values(model, data, leave_out, leave_out_ids, vary_seed, regenerate, seed, workers, id) r);
COMMENT ON FUNCTION advfair_luf(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'leave-one-out unfairness: mean over rows of the largest change of a probability when one training row is left out; with vary_seed, when only the seed changes';

/* LUF_t = mean over rows of changed; LUF_l = mean over rows left out of the predictions that change: LUF_l left_out = LUF_t n. */
CREATE OR REPLACE FUNCTION advfair_luf_summary(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		baseline boolean DEFAULT true, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (luf float8, luf_t float8, luf_l float8, seed_luf float8, seed_luf_t float8, seed_luf_l float8,
		excess_luf float8, left_out bigint, n bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
	BEGIN ATOMIC
		SELECT l.luf, l.luf_t, l.luf_l, b.luf, b.luf_t, b.luf_l, l.luf - b.luf, l.left_out, l.n
		FROM (SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l, pg_catalog.max(r.left_out) AS left_out,
				pg_catalog.count(*) AS n
			FROM advfair_luf_values(model, data, leave_out, leave_out_ids, false, regenerate, seed, workers, id) r) l,
			(SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l
			FROM advfair_luf_values(model, data, leave_out, leave_out_ids, true, regenerate, seed, workers, id) r
			WHERE baseline) b;
	END;
COMMENT ON FUNCTION advfair_luf_summary(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'leave-one-out unfairness LUF, LUF_t and LUF_l, beside the same for models that differ in the seed alone (baseline)';

-- The same scores over any join -----------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_gap_add(state bytea, value float8, grp text) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE OR REPLACE FUNCTION advfair_cau_add(state bytea, label "any", prediction "any") RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE;
CREATE OR REPLACE FUNCTION advfair_gap_combine(state bytea, other bytea) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE OR REPLACE FUNCTION advfair_gap_final(state bytea) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_gap_add(bytea, float8, text) IS 'transition function of advfair_gap and advfair_eou';
COMMENT ON FUNCTION advfair_cau_add(bytea, "any", "any") IS 'transition function of advfair_cau';
COMMENT ON FUNCTION advfair_gap_combine(bytea, bytea) IS 'combine function of advfair_gap, advfair_cau and advfair_eou';
COMMENT ON FUNCTION advfair_gap_final(bytea) IS 'final function of advfair_gap, advfair_cau and advfair_eou';

CREATE OR REPLACE AGGREGATE advfair_gap(value float8, grp text) (
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE advfair_cau(label "any", prediction "any") (
	SFUNC = advfair_cau_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE advfair_eou(confidence float8, attribute text) (
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE advfair_gap(float8, text) IS 'largest minus smallest group mean, NULL for fewer than two groups; rows with a NULL take no part';
COMMENT ON AGGREGATE advfair_cau("any", "any")
	IS 'class-wise accuracy unfairness of predictions: largest minus smallest accuracy of a label''s rows, NULL for fewer than two labels; predictions are read as values of the label''s type';
COMMENT ON AGGREGATE advfair_eou(float8, text)
	IS 'equalized-odds unfairness of confidences: largest minus smallest mean over the values of an attribute';

/*
 * A value and its interval need all rows at hand, so this takes arrays: SELECT i.* FROM (SELECT array_agg(value) AS v,
 * array_agg(grp) AS g FROM ...) a, advfair_gap_interval(v, g) i.
 */
CREATE OR REPLACE FUNCTION advfair_gap_interval(value float8[], grp text[], level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		seed bigint DEFAULT 0)
	RETURNS TABLE (gap float8, ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1 COST 1000000;
COMMENT ON FUNCTION advfair_gap_interval(float8[], text[], float8, int, bigint)
	IS 'largest minus smallest group mean with a percentile bootstrap interval, stratified by group; rows with a NULL take no part';

-- The running system ----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_version() RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_version() IS 'version of advfair, and the BLAS library, kernel and CPU features its compute workers use';

CREATE OR REPLACE FUNCTION advfair_progress_rows(OUT pid int, OUT task text, OUT model text, OUT phase text, OUT done bigint,
		OUT total bigint, OUT loss float8, OUT rate float8, OUT eta interval) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION advfair_progress_rows() IS 'rows of advfair_progress';
CREATE OR REPLACE VIEW advfair_progress AS SELECT * FROM advfair_progress_rows();
GRANT SELECT ON advfair_progress TO PUBLIC;
COMMENT ON VIEW advfair_progress IS 'operations that run now; details of other roles'' operations are NULL unless one may read all statistics';
COMMENT ON COLUMN advfair_progress.pid IS 'process of the session that waits for the operation';
COMMENT ON COLUMN advfair_progress.task IS 'kind of task: train, adv_train, retrain, predict, pgd, fgsm, least_eps, class_robustness, class_least_eps, luf, audit, compare';
COMMENT ON COLUMN advfair_progress.model IS 'name of the model';
COMMENT ON COLUMN advfair_progress.phase IS 'reading rows, ordering rows, fitting the encoder, encoding rows, training the source, crafting, computing, attacking, searching, resampling, or storing';
COMMENT ON COLUMN advfair_progress.done IS 'rows done in this phase; training counts every example of every epoch';
COMMENT ON COLUMN advfair_progress.total IS 'rows to be done in this phase, NULL while unknown';
COMMENT ON COLUMN advfair_progress.loss IS 'loss of the last minibatch, NULL before the first';
COMMENT ON COLUMN advfair_progress.rate IS 'rows per second in this phase';
COMMENT ON COLUMN advfair_progress.eta IS 'time left in this phase at that rate';

-- Made-up data -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_make_census(n int, seed bigint DEFAULT 0)
	RETURNS TABLE (person_id bigint, age int, education text, hours int, occupation text, sex text, race text, income text)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION advfair_make_census(int, bigint)
	IS 'synthetic census rows whose income depends, unfairly, on sex and race too; the same n and seed give the same rows';

-- Retraining --------------------------------------------------------------------------------------------------------------

COMMENT ON TABLE advfair_metric_log IS 'what retrained models scored, and whether they were promoted';
COMMENT ON COLUMN advfair_metric_log.model IS 'name of the model';
COMMENT ON COLUMN advfair_metric_log.version IS 'its version';
COMMENT ON COLUMN advfair_metric_log.at IS 'when it was measured';
COMMENT ON COLUMN advfair_metric_log.metric IS 'name of the metric, as conditions write it, or promoted';
COMMENT ON COLUMN advfair_metric_log.value IS 'its value, NULL where it could not be measured; promoted: 1 or 0';
COMMENT ON COLUMN advfair_metric_log.note IS 'promoted: why not';
COMMENT ON COLUMN advfair_metric_log.owner IS 'role that retrained';
COMMENT ON COLUMN advfair_metric_log.entry IS 'identifier that is the same on every server the row is copied to';

DROP POLICY IF EXISTS advfair_metric_log_owner ON advfair_metric_log;
CREATE POLICY advfair_metric_log_owner ON advfair_metric_log USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_metric_log_owner ON advfair_metric_log IS 'an entry is its owner''s and the owner''s members''';

COMMENT ON TYPE advfair_retrained IS 'what a retraining made, whether it was promoted, and if not, why';

/*
 * promote_if is an SQL expression over metrics: accuracy, cau, class_accuracy_CLASS, eou_ATTRIBUTE, group_confidence_ATTRIBUTE_GROUP,
 * attribute_missing_ATTRIBUTE; with eps robust_accuracy, cru_s, success_rate_CLASS; with eps_max cru_eps, least_eps_CLASS. With more than two
 * classes it is eou_ATTRIBUTE_CLASS and group_confidence_ATTRIBUTE_CLASS_GROUP. "eou(ATTRIBUTE,CLASS)" and the like mean the same and
 * cannot be taken for others. Plain names are the new version's, old.name is the metric of the version the plain name means so far.
 */
CREATE OR REPLACE FUNCTION advfair_retrain(model text, promote_if text DEFAULT NULL, data text DEFAULT NULL, eps float8 DEFAULT NULL,
		protected text[] DEFAULT NULL, given text DEFAULT NULL, eps_max float8 DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL) RETURNS advfair_retrained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text)
	IS 'run a model''s task again on the rows of today, as a new version; with promote_if it takes the old one''s place only if that holds';

CREATE OR REPLACE FUNCTION advfair_promote(model text, version int) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_promote(text, int) IS 'let the plain name of a model mean this version, be it newer or older, until another one is promoted';

-- Jobs -------------------------------------------------------------------------------------------------------------------

COMMENT ON SEQUENCE advfair_job_job_seq IS 'numbers of jobs';

COMMENT ON TABLE advfair_job IS 'tasks that run, or ran, in the background; see advfair_jobs';
COMMENT ON COLUMN advfair_job.job IS 'number of the job';
COMMENT ON COLUMN advfair_job.owner IS 'role that submitted it and whose rights it has';
COMMENT ON COLUMN advfair_job.task IS 'what to do';
COMMENT ON COLUMN advfair_job.state IS 'queued, running, succeeded, failed or cancelled; setting it to queued again has it tried again';
COMMENT ON COLUMN advfair_job.attempt IS 'how many times it was started';
COMMENT ON COLUMN advfair_job.failures IS 'attempts in a row that ended without a new checkpoint';
COMMENT ON COLUMN advfair_job.max_attempts IS 'it fails for good after so many of these';
COMMENT ON COLUMN advfair_job.on_change IS 'what to do when rows or models have changed since the last checkpoint: restart or fail';
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
COMMENT ON COLUMN advfair_job.origin IS 'where it was submitted or queued again: it is run there, and not where its row is copied to';
COMMENT ON SEQUENCE advfair_origin_seq IS 'a random number that stands for this database, see advfair_origin; not to be changed';
COMMENT ON FUNCTION advfair_origin() IS 'this database among all that may have the same rows';

DROP POLICY IF EXISTS advfair_job_owner ON advfair_job;
CREATE POLICY advfair_job_owner ON advfair_job USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_job_owner ON advfair_job IS 'a job is its owner''s and the owner''s members''';
DROP POLICY IF EXISTS advfair_job_monitor ON advfair_job;
CREATE POLICY advfair_job_monitor ON advfair_job FOR SELECT USING (pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON POLICY advfair_job_monitor ON advfair_job IS 'members of pg_monitor see all jobs';

COMMENT ON TABLE advfair_checkpoint IS 'what unfinished jobs have become so far; written and read by their processes alone';
COMMENT ON COLUMN advfair_checkpoint.job IS 'the job';
COMMENT ON COLUMN advfair_checkpoint.run IS 'which of the job''s computations, counting from 1';
COMMENT ON COLUMN advfair_checkpoint.seen IS 'hash of the rows and models it depends on';
COMMENT ON COLUMN advfair_checkpoint.taken_at IS 'when it was taken';
COMMENT ON COLUMN advfair_checkpoint.state IS 'weights, optimizer state and position of a training, or finished pieces of an attack';

CREATE OR REPLACE FUNCTION advfair_job_changed() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_job_changed() IS 'notifies of a job''s new state on channel advfair_job_<job>, and has the launcher look at it';

CREATE OR REPLACE TRIGGER advfair_job_changed AFTER INSERT OR UPDATE OF state, not_before ON advfair_job
	FOR EACH ROW EXECUTE FUNCTION advfair_job_changed();
COMMENT ON TRIGGER advfair_job_changed ON advfair_job IS 'tells listeners and the launcher';

CREATE OR REPLACE FUNCTION advfair_job_queued() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_job_queued() IS 'says of a job that is queued by who may that it is run here, of one inserted for others that it is run nowhere';
CREATE OR REPLACE TRIGGER advfair_job_queued BEFORE INSERT OR UPDATE OF state ON advfair_job
	FOR EACH ROW EXECUTE FUNCTION advfair_job_queued();
COMMENT ON TRIGGER advfair_job_queued ON advfair_job IS 'where it is run';

CREATE OR REPLACE FUNCTION advfair_job_settings() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT array_agg(s.name || '=' || s.setting ORDER BY s.name) FROM pg_settings s
		WHERE s.source IN ('session', 'client', 'user', 'database user') AND (s.context = 'user' OR s.context = 'superuser' AND has_parameter_privilege(s.name, 'SET'))
			AND s.name NOT IN ('application_name', 'client_encoding', 'client_min_messages', 'default_transaction_read_only',
				'idle_in_transaction_session_timeout', 'idle_session_timeout', 'role', 'session_authorization', 'seed', 'statement_timeout',
				'transaction_deferrable', 'transaction_isolation', 'transaction_read_only', 'transaction_timeout')
			OR s.name = 'search_path');
COMMENT ON FUNCTION advfair_job_settings() IS 'the settings a job submitted now would have: search_path, and what this session, its role or its client has set';

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
		AND (j.state = 'queued' AND j.not_before <= clock_timestamp() OR j.state = 'running' AND advfair_job_pid(j.job) IS NULL));
COMMENT ON FUNCTION advfair_jobs_due() IS 'number of the caller''s jobs that could run now and do not';

CREATE OR REPLACE FUNCTION advfair_submit(task jsonb, not_before timestamptz DEFAULT NULL, max_attempts int DEFAULT NULL,
		on_change text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_submit(jsonb, timestamptz, int, text)
	IS 'have a task of any kind run in the background, with the rights and settings of now; returns the number of the job';

CREATE OR REPLACE FUNCTION advfair_cancel(job bigint) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_cancel(bigint) IS 'cancel a job; false when there is nothing to cancel any more';

CREATE OR REPLACE FUNCTION advfair_wait(job bigint, timeout interval DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_wait(bigint, interval) IS 'wait until a job has come to its end, or for so long; returns its state then';

CREATE OR REPLACE PROCEDURE advfair_run_jobs(at_once int DEFAULT NULL)
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE advfair_run_jobs(int) IS 'run the caller''s jobs that are due, up to at_once (advfair.max_jobs) at a time, until there are no more';

CREATE OR REPLACE FUNCTION advfair_prune_jobs(older_than interval DEFAULT '7 days') RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SET row_security = on
	BEGIN ATOMIC
		WITH pruned AS (
			DELETE FROM advfair_job j WHERE j.state IN ('succeeded', 'failed', 'cancelled') AND j.finished_at < now() - older_than
				AND advfair_owns(j.owner)
			RETURNING 1)
		SELECT count(*) FROM pruned;
	END;
COMMENT ON FUNCTION advfair_prune_jobs(interval) IS 'delete the caller''s jobs that ended so long ago; returns how many';

CREATE OR REPLACE VIEW advfair_jobs WITH (security_invoker = true) AS
	SELECT j.job, j.owner, j.task ->> 'kind' AS kind, j.state, j.attempt, j.max_attempts, j.submitted_at, j.not_before, j.started_at,
		j.finished_at, j.pid, p.phase, p.done::float8 / NULLIF(p.total, 0) AS progress, p.loss, p.eta, j.sqlstate, j.message, j.hint,
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
COMMENT ON COLUMN advfair_jobs.here IS 'false: the row was copied from another server or database; setting state to queued has it run here';

-- Charts --------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_model_id(model text) RETURNS uuid
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advfair_model_id(text) IS 'which row of advfair_model a name, or name@version, means now';

-- Raises an error unless value is one of the choices.
CREATE OR REPLACE FUNCTION advfair_one_of(argument text, value text, VARIADIC choices text[]) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_one_of(text, text, text[]) IS 'value, which must be one of the choices: for advfair_chart';

CREATE OR REPLACE FUNCTION advfair_given(argument text, value anyelement) RETURNS anyelement
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_given(text, anyelement) IS 'value, which must not be NULL: for advfair_chart';

/*
 * Specifications are Vega-Lite 6, with the data inside. Colours are those of Okabe and Ito, and of Tol, told apart by everybody; intervals are drawn in
 * a style of their own, so that a page may colour them as its text. A chart of several panels says so in usermeta, for a page to fit
 * them to its width.
 */
CREATE OR REPLACE FUNCTION advfair_chart_colors() RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN '["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#A6761D", "#332288", "#44AA99"]'::jsonb;
COMMENT ON FUNCTION advfair_chart_colors() IS 'colours of charts, told apart also by the colour-blind';

CREATE OR REPLACE FUNCTION advfair_chart_field(field text, type text, title text, more jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('field', field, 'type', type, 'title', title) || more;
COMMENT ON FUNCTION advfair_chart_field(text, text, text, jsonb) IS 'encoding of a field of a chart';

-- Colours of what a legend names, none for a single one.
CREATE OR REPLACE FUNCTION advfair_chart_color(field text, names text[]) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN advfair_chart_field(field, 'nominal', NULL, jsonb_build_object('sort', to_jsonb(names),
		'scale', jsonb_build_object('domain', to_jsonb(names), 'range', advfair_chart_colors()),
		'legend', CASE WHEN cardinality(names) BETWEEN 2 AND 12 THEN '{"orient": "top", "columns": 4, "labelLimit": 240, "symbolType": "circle", "symbolOpacity": 1}'::jsonb END));
COMMENT ON FUNCTION advfair_chart_color(text, text[]) IS 'encoding of a field as colour';

-- Bars with intervals, models side by side. Rows: label, model, value, ci_low, ci_high, n.
CREATE OR REPLACE FUNCTION advfair_chart_bars(data jsonb, labels text[], models text[], title text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('data', jsonb_build_object('values', data),
		'height', jsonb_build_object('step', greatest(10, 20 / greatest(cardinality(models), 1)), 'for', 'offset'),
		'encoding', jsonb_build_object(
			'y', advfair_chart_field('label', 'nominal', NULL, jsonb_build_object('sort', to_jsonb(labels), 'axis', '{"labelLimit": 200}'::jsonb)),
			'yOffset', advfair_chart_field('model', 'nominal', NULL, jsonb_build_object('sort', to_jsonb(models)))),
		'layer', jsonb_build_array(
			jsonb_build_object('mark', '{"type": "bar"}'::jsonb, 'encoding', jsonb_build_object(
				'x', advfair_chart_field('value', 'quantitative', title, '{"axis": {"format": "~g"}, "scale": {"zero": true}}'),
				'color', advfair_chart_color('model', models),
				'tooltip', jsonb_build_array(advfair_chart_field('label', 'nominal', 'of'), advfair_chart_field('model', 'nominal', 'model'),
					advfair_chart_field('value', 'quantitative', title, '{"format": ".4f"}'),
					advfair_chart_field('ci_low', 'quantitative', 'interval from', '{"format": ".4f"}'),
					advfair_chart_field('ci_high', 'quantitative', 'to', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			jsonb_build_object('mark', '{"type": "rule", "style": "interval"}'::jsonb, 'encoding', jsonb_build_object(
				'x', advfair_chart_field('ci_low', 'quantitative', title), 'x2', '{"field": "ci_high"}'::jsonb))));
COMMENT ON FUNCTION advfair_chart_bars(jsonb, text[], text[], text) IS 'bars of models side by side, with intervals';

-- Lines over x with intervals. Rows: x, value, ci_low, ci_high, n, and what color says.
CREATE OR REPLACE FUNCTION advfair_chart_lines(x jsonb, y jsonb, color jsonb, more jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('height', 260, 'encoding', jsonb_build_object('x', x, 'color', color) || more,
		'layer', jsonb_build_array(
			jsonb_build_object('mark', '{"type": "rule", "opacity": 0.5}'::jsonb, 'encoding', jsonb_build_object(
				'y', y || '{"field": "ci_low"}', 'y2', '{"field": "ci_high"}'::jsonb)),
			jsonb_build_object('mark', '{"type": "line", "point": {"size": 24}}'::jsonb, 'encoding', jsonb_build_object('y', y,
				'tooltip', jsonb_build_array(color - 'scale' - 'legend' - 'sort' || jsonb_build_object('title', color ->> 'field'),
					x - 'scale' - 'axis' || '{"format": ".4~g"}', y - 'scale' - 'axis' || '{"format": ".4f"}',
					advfair_chart_field('ci_low', 'quantitative', 'interval from', '{"format": ".4f"}'),
					advfair_chart_field('ci_high', 'quantitative', 'to', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}'))))));
COMMENT ON FUNCTION advfair_chart_lines(jsonb, jsonb, jsonb, jsonb) IS 'lines with intervals';

-- A chart once for each value of a field, in columns.
CREATE OR REPLACE FUNCTION advfair_chart_panels(chart jsonb, field text, names text[], columns int DEFAULT 2) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN cardinality(names) < 2 THEN chart
		ELSE jsonb_build_object('data', chart -> 'data', 'columns', columns, 'usermeta', '{"panels": true}'::jsonb,
			'facet', advfair_chart_field(field, 'nominal', NULL, jsonb_build_object('sort', to_jsonb(names), 'header', '{"labelLimit": 320}'::jsonb)),
			'spec', jsonb_build_object('width', 300) || (chart - 'data')) END;
COMMENT ON FUNCTION advfair_chart_panels(jsonb, text, text[], int) IS 'a chart for each value of a field';

CREATE OR REPLACE FUNCTION advfair_chart_of_classes(rows jsonb, metric text, title text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, a.value, a.ci_low, a.ci_high, a.n, a.class || ' (n = ' || ltrim(to_char(a.n, '999,999,999,999')) || CASE WHEN a.value IS NULL THEN ', not measured)' ELSE ')' END AS label
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, class text, value float8, ci_low float8, ci_high float8, n bigint)
			WHERE a.metric = advfair_chart_of_classes.metric)
		SELECT advfair_chart_bars((SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r),
			ARRAY (SELECT label FROM r GROUP BY label ORDER BY min(at)), ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at)),
			title);
	END;
COMMENT ON FUNCTION advfair_chart_of_classes(jsonb, text, text) IS 'a score of each class, from rows of advfair_audit';

-- eps as x: in equal steps as far as they can be told apart, else in equal ratios. No attack, 0, has its place there, too.
CREATE OR REPLACE FUNCTION advfair_chart_eps(title text, eps float8[]) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT advfair_chart_field('eps', 'quantitative', title, CASE WHEN max(e) > 20 * min(e) FILTER (WHERE e > 0)
			THEN jsonb_build_object('axis', jsonb_build_object('format', '.3~g', 'labelOverlap', true, 'values', jsonb_agg(DISTINCT e)),
				'scale', CASE WHEN min(e) > 0 THEN '{"type": "log", "nice": false}' ELSE jsonb_build_object('type', 'symlog', 'constant', min(e) FILTER (WHERE e > 0)) END)
			ELSE '{"axis": {"format": ".3~g"}, "scale": {"zero": false}}' END)
		FROM unnest(eps) e);
COMMENT ON FUNCTION advfair_chart_eps(text, float8[]) IS 'encoding of eps as x';

CREATE OR REPLACE FUNCTION advfair_chart_of_class_robustness(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, a.eps, a.class || CASE WHEN a.value IS NULL THEN ' (not measured)' ELSE '' END AS class, a.value, a.ci_low, a.ci_high, a.n
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, class text, value float8, ci_low float8, ci_high float8, n bigint)
			WHERE a.metric = 'success_rate')
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r)))
			|| advfair_chart_lines(advfair_chart_eps('eps (largest change of an input)', ARRAY (SELECT r.eps FROM r)),
				advfair_chart_field('value', 'quantitative', 'success rate of the attack (share of rows)', '{"scale": {"domain": [0, 1]}}'),
				advfair_chart_color('class', ARRAY (SELECT class FROM r GROUP BY class ORDER BY min(at)))),
			'model', ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at)));
	END;
COMMENT ON FUNCTION advfair_chart_of_class_robustness(jsonb) IS 'success of an attack over eps for each class, from rows of advfair_audit';

CREATE OR REPLACE FUNCTION advfair_chart_of_robust_accuracy(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, COALESCE(a.eps, 0) AS eps, a.value, a.ci_low, a.ci_high, a.n
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, value float8, ci_low float8, ci_high float8, n bigint)
			WHERE a.metric IN ('accuracy', 'robust_accuracy'))
		SELECT jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r)))
			|| advfair_chart_lines(advfair_chart_eps('eps (largest change of an input; 0: no attack)', ARRAY (SELECT r.eps FROM r)),
				advfair_chart_field('value', 'quantitative', 'accuracy under attack (share of rows)', '{"scale": {"domain": [0, 1]}}'),
				advfair_chart_color('model', ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at))));
	END;
COMMENT ON FUNCTION advfair_chart_of_robust_accuracy(jsonb) IS 'accuracy under attack over eps, from rows of advfair_audit';

-- From rows of advfair_least_eps, and the model's name: the share that is broken by each eps.
CREATE OR REPLACE FUNCTION advfair_chart_of_least_eps(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT COALESCE(a.model, '') AS model, COALESCE(a.label, '') AS class, a.eps, a.censored
			FROM jsonb_to_recordset(rows) AS a (model text, label text, eps float8, censored boolean)),
		grid AS (SELECT i * (SELECT max(eps) FROM a) / 40 AS eps FROM generate_series(0, 40) i),
		r AS (SELECT a.model, a.class, grid.eps, (count(*) FILTER (WHERE a.eps <= grid.eps AND NOT a.censored))::float8 / count(*) AS value, count(*) AS n
			FROM a, grid GROUP BY a.model, a.class, grid.eps)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) ORDER BY model, class, eps) FROM r)),
			'height', 260, 'mark', '{"type": "line", "interpolate": "step-after", "tooltip": true}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('eps', 'quantitative', 'least eps (smallest change that suffices)', '{"axis": {"format": ".3~g"}}'),
				'y', advfair_chart_field('value', 'quantitative', 'share of rows that it breaks', '{"scale": {"domain": [0, 1]}}'),
				'color', advfair_chart_color('class', ARRAY (SELECT DISTINCT class FROM r ORDER BY class)),
				'tooltip', jsonb_build_array(advfair_chart_field('class', 'nominal', 'class'), advfair_chart_field('eps', 'quantitative', 'eps', '{"format": ".4~g"}'),
					advfair_chart_field('value', 'quantitative', 'share broken', '{"format": ".4f"}'), advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_least_eps(jsonb) IS 'share of rows broken by each eps, from rows of advfair_least_eps';

-- Of many classes those with the largest gaps.
CREATE OR REPLACE FUNCTION advfair_chart_of_group_confidence(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH every_row AS (SELECT ordinality AS at, a.model, a.value, a.ci_low, a.ci_high, a.n, a.attribute || ': confidence in ' || a.class AS panel,
				COALESCE(a.grp, '') || ' (n = ' || ltrim(to_char(a.n, '999,999,999,999')) || CASE WHEN a.value IS NULL THEN ', not measured)' ELSE ')' END AS label
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, class text, attribute text, grp text, value float8, ci_low float8, ci_high float8, n bigint)
			WHERE a.metric = 'group_confidence'),
		largest AS (SELECT panel FROM every_row GROUP BY panel ORDER BY max(value) - min(value) DESC NULLS LAST, min(at) LIMIT 6),
		r AS (SELECT e.* FROM every_row e WHERE panel IN (SELECT panel FROM largest))
		SELECT advfair_chart_panels(advfair_chart_bars((SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r),
			ARRAY (SELECT label FROM r GROUP BY label ORDER BY min(at)), ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at)),
			'mean confidence in the class'), 'panel', ARRAY (SELECT panel FROM r GROUP BY panel ORDER BY min(at)), 1)
			|| CASE WHEN (SELECT count(DISTINCT panel) FROM r) > 1 THEN '{"resolve": {"scale": {"y": "independent"}}}'::jsonb ELSE '{}' END;
	END;
COMMENT ON FUNCTION advfair_chart_of_group_confidence(jsonb) IS 'mean confidence of groups, from rows of advfair_audit';

-- From rows of advfair_luf_rows, and the model's name.
CREATE OR REPLACE FUNCTION advfair_chart_of_luf(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT COALESCE(a.model, '') AS model, a.luf FROM jsonb_to_recordset(rows) AS a (model text, luf float8)),
		bins AS (SELECT i, i * width AS lower, (i + 1) * width AS upper, width
			FROM (SELECT greatest(max(luf), 1e-9) / 30 AS width FROM a) w, generate_series(0, 29) i),
		r AS (SELECT a.model, bins.lower, bins.upper,
				(count(*) FILTER (WHERE least(floor(a.luf / bins.width)::int, 29) = bins.i))::float8 / count(*) AS value,
				count(*) FILTER (WHERE least(floor(a.luf / bins.width)::int, 29) = bins.i) AS n
			FROM a, bins GROUP BY a.model, bins.i, bins.lower, bins.upper)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) ORDER BY model, lower) FROM r)),
			'height', 220, 'mark', '{"type": "bar"}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('lower', 'quantitative', 'LUF (largest change of a probability)', '{"bin": {"binned": true}, "axis": {"format": ".3~g"}}'),
				'x2', '{"field": "upper"}'::jsonb, 'y', advfair_chart_field('value', 'quantitative', 'share of rows'),
				'color', advfair_chart_color('model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model)) || '{"legend": null}',
				'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'), advfair_chart_field('lower', 'quantitative', 'LUF from', '{"format": ".4~g"}'),
					advfair_chart_field('upper', 'quantitative', 'to', '{"format": ".4~g"}'), advfair_chart_field('value', 'quantitative', 'share', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_luf(jsonb) IS 'distribution of leave-one-out unfairness, from rows of advfair_luf_rows';

-- From rows of advfair_curve, and the model's name.
CREATE OR REPLACE FUNCTION advfair_chart_of_curve(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT a.model, a.epoch, m.measure, m.rows, m.value
			FROM jsonb_to_recordset(rows) AS a (model text, epoch int, loss float8, accuracy float8, validation_loss float8, validation_accuracy float8),
				LATERAL (VALUES ('loss (nats)', 'training', a.loss), ('loss (nats)', 'validation', a.validation_loss),
					('accuracy (share of rows)', 'training', a.accuracy), ('accuracy (share of rows)', 'validation', a.validation_accuracy)) m (measure, rows, value)
			WHERE m.value IS NOT NULL)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) ORDER BY model, epoch) FROM r)),
			'height', 220, 'mark', '{"type": "line", "point": {"size": 16}}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('epoch', 'quantitative', CASE WHEN EXISTS (SELECT FROM r WHERE r.rows = 'validation') THEN 'epoch (dashed: validation)' ELSE 'epoch' END, '{"axis": {"tickMinStep": 1, "format": "d"}}'),
				'y', advfair_chart_field('value', 'quantitative', NULL, '{"scale": {"zero": false}}'),
				'color', advfair_chart_color('model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model)),
				'strokeDash', advfair_chart_field('rows', 'nominal', NULL, '{"legend": null, "scale": {"domain": ["training", "validation"]}}'),
				'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'), advfair_chart_field('rows', 'nominal', 'rows'),
					advfair_chart_field('epoch', 'quantitative', 'epoch'), advfair_chart_field('value', 'quantitative', 'value', '{"format": ".4f"}')))),
			'measure', '{loss (nats),accuracy (share of rows)}') || '{"resolve": {"scale": {"y": "independent"}}}';
	END;
COMMENT ON FUNCTION advfair_chart_of_curve(jsonb) IS 'learning curves, from rows of advfair_curve';

-- From rows of advfair_metric_log: scores of whole models, not of their classes and groups.
CREATE OR REPLACE FUNCTION advfair_chart_of_metric_log(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT a.* FROM jsonb_to_recordset(rows) AS a (model text, version int, at timestamptz, metric text, value float8)),
		r AS (SELECT a.model, a.version, a.at, a.metric, a.value, COALESCE(p.value = 1, false) AS promoted
			FROM a LEFT JOIN a p ON p.model = a.model AND p.version = a.version AND p.metric = 'promoted'
			WHERE a.metric ~ '^(accuracy|cau|robust_accuracy|cru_s|cru_eps|eou[_(].*)$' AND a.value IS NOT NULL)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) ORDER BY model, at) FROM r)),
			'height', 260, 'encoding', jsonb_build_object('x', advfair_chart_field('at', 'temporal', 'trained'),
				'y', advfair_chart_field('value', 'quantitative', 'score'),
				'color', advfair_chart_color('metric', ARRAY (SELECT DISTINCT metric FROM r ORDER BY metric))),
			'layer', jsonb_build_array('{"mark": {"type": "line", "opacity": 0.6}}'::jsonb, jsonb_build_object('mark', '{"type": "point", "size": 50, "filled": true}'::jsonb,
				'encoding', jsonb_build_object('shape', advfair_chart_field('promoted', 'nominal', 'promoted', '{"scale": {"domain": [true, false], "range": ["circle", "cross"]}, "legend": {"orient": "top", "symbolFillColor": "#8C8C8C"}}'),
					'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'), advfair_chart_field('version', 'quantitative', 'version'),
						advfair_chart_field('at', 'temporal', 'trained', '{"format": "%Y-%m-%d %H:%M"}'), advfair_chart_field('metric', 'nominal', 'score'),
						advfair_chart_field('value', 'quantitative', 'value', '{"format": ".4f"}'), advfair_chart_field('promoted', 'nominal', 'promoted')))))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_metric_log(jsonb) IS 'scores of versions over time, from rows of advfair_metric_log';

CREATE OR REPLACE FUNCTION advfair_chart_rows(kind text, rows jsonb, title text DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT CASE WHEN jsonb_typeof(rows) = 'array' THEN rows ELSE '[]' END AS rows)
		SELECT '{"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": "container", "autosize": {"type": "fit-x", "contains": "padding"},
				"config": {"view": {"stroke": null}, "axis": {"grid": true, "gridOpacity": 0.3}}}'::jsonb
			- CASE WHEN chart ? 'facet' THEN '{width,autosize}'::text[] ELSE '{}' END
			|| jsonb_strip_nulls(jsonb_build_object('title', title, 'data', '{"values": []}'::jsonb)) || chart
			|| CASE WHEN chart #> '{data,values}' = 'null' THEN '{"data": {"values": []}}'::jsonb ELSE '{}' END
		FROM r, LATERAL (SELECT CASE advfair_one_of('kind', kind, 'class_accuracy', 'class_least_eps', 'class_robustness', 'robust_accuracy', 'least_eps', 'group_confidence', 'luf', 'curve', 'metric_log')
			WHEN 'class_accuracy' THEN advfair_chart_of_classes(r.rows, 'class_accuracy', 'accuracy (share of the class''s rows)')
			WHEN 'class_least_eps' THEN advfair_chart_of_classes(r.rows, 'least_eps', 'mean least eps (smallest change that suffices)')
			WHEN 'class_robustness' THEN advfair_chart_of_class_robustness(r.rows)
			WHEN 'robust_accuracy' THEN advfair_chart_of_robust_accuracy(r.rows)
			WHEN 'least_eps' THEN advfair_chart_of_least_eps(r.rows)
			WHEN 'group_confidence' THEN advfair_chart_of_group_confidence(r.rows)
			WHEN 'luf' THEN advfair_chart_of_luf(r.rows)
			WHEN 'curve' THEN advfair_chart_of_curve(r.rows)
			WHEN 'metric_log' THEN advfair_chart_of_metric_log(r.rows) END AS chart) c;
	END;
COMMENT ON FUNCTION advfair_chart_rows(text, jsonb, text) IS 'a Vega-Lite specification of rows that were computed before: of advfair_audit, advfair_least_eps, advfair_luf_rows, advfair_curve or advfair_metric_log';

/*
 * What a kind needs: class_accuracy models and data; robust_accuracy and class_robustness eps, too; group_confidence protected; least_eps
 * eps_max, as class_least_eps does; luf leave_out; curve and metric_log models alone.
 */
CREATE OR REPLACE FUNCTION advfair_chart(kind text, models text[], data text DEFAULT NULL, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, leave_out int DEFAULT NULL, title text DEFAULT NULL, level float8 DEFAULT 0.95,
		replicates int DEFAULT 1000, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN advfair_chart_rows(kind, CASE
		WHEN kind IN ('class_accuracy', 'class_least_eps', 'robust_accuracy', 'class_robustness', 'group_confidence') THEN (SELECT jsonb_agg(to_jsonb(a))
			FROM advfair_audit(models, advfair_given('data', data),
				CASE WHEN kind IN ('robust_accuracy', 'class_robustness') THEN advfair_given('eps', eps) END,
				CASE kind WHEN 'group_confidence' THEN advfair_given('protected', protected) END, given,
				CASE kind WHEN 'class_least_eps' THEN advfair_given('eps_max', eps_max) END, level, replicates, alpha, steps, restarts,
				norm, random_start, mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id) a)
		WHEN kind = 'least_eps' THEN (SELECT jsonb_agg(jsonb_build_object('model', m, 'label', l.label, 'eps', l.eps, 'censored', l.censored))
			FROM unnest(models) m, advfair_least_eps_values(m, advfair_given('data', data), advfair_given('eps_max', eps_max), steps, restarts, norm, random_start,
				mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id) l)
		WHEN kind = 'luf' THEN (SELECT jsonb_agg(jsonb_build_object('model', m, 'luf', l.luf))
			FROM unnest(models) m, advfair_luf_values(m, advfair_given('data', data), advfair_given('leave_out', leave_out), NULL, NULL, NULL, seed, workers, id) l)
		WHEN kind = 'curve' THEN (SELECT jsonb_agg(jsonb_build_object('model', m.name || '@' || m.version) || (to_jsonb(c) - 'model_id'))
			FROM unnest(models) AS u (name) JOIN advfair_model m ON m.model_id = advfair_model_id(u.name) JOIN advfair_curve c USING (model_id))
		WHEN kind = 'metric_log' THEN (SELECT jsonb_agg(to_jsonb(l)) FROM advfair_metric_log l WHERE l.model = ANY (models)) END, title);
COMMENT ON FUNCTION advfair_chart(text, text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean,
	text, float8, float8, bigint, int, text) IS 'a Vega-Lite specification with its data inside: class_accuracy, class_least_eps, robust_accuracy, class_robustness, least_eps, group_confidence, luf, curve or metric_log';

-- Reports -----------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_report_file(name text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION advfair_report_file(text) IS 'a file that advfair has installed for its reports, NULL when it was not: report.css, report.js, vega.js';

CREATE OR REPLACE FUNCTION advfair_html(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN replace(replace(replace(replace(replace(COALESCE(value, ''), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION advfair_html(text) IS 'a text as HTML shows it';

CREATE OR REPLACE FUNCTION advfair_html_number(value float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN value IS NULL THEN 'not measured' WHEN abs(value) >= 1e6 THEN to_char(value, '9.99EEEE') WHEN value > 0 AND value < 0.00005 THEN '&lt; 0.0001'
		ELSE round(value::numeric, 4)::text END;
COMMENT ON FUNCTION advfair_html_number(float8) IS 'a score as HTML shows it';

-- JSON inside of a script element ends where the element does: no < may be in it.
CREATE OR REPLACE FUNCTION advfair_html_chart(chart jsonb, heading text, explanation text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN jsonb_array_length(chart #> '{data,values}') > 0 THEN
		'<figure><figcaption><h3>' || advfair_html(heading) || '</h3><p>' || advfair_html(explanation)
		|| E'</p></figcaption><div class="chart" role="img" aria-label="' || advfair_html(heading) || E'"></div>\n<script type="application/json">'
		|| replace(replace(chart::text, '<', E'\\u003c'), '>', E'\\u003e') || E'</script></figure>\n' ELSE '' END;
COMMENT ON FUNCTION advfair_html_chart(jsonb, text, text) IS 'a chart of a report';

-- How to call the report again, in words for psql.
CREATE OR REPLACE FUNCTION advfair_report_call(arguments jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT E'SELECT advfair_report(\n    ' || string_agg(key || ' => ' || CASE jsonb_typeof(value)
				WHEN 'array' THEN quote_literal((SELECT array_agg(e)::text FROM jsonb_array_elements_text(value) e))
				WHEN 'string' THEN quote_literal(value #>> '{}')
				ELSE value #>> '{}' END, E',\n    ' ORDER BY ordinality) || ');'
		FROM jsonb_array_elements(arguments) WITH ORDINALITY a (a, ordinality), jsonb_each(a.a) WHERE jsonb_typeof(value) <> 'null';
	END;
COMMENT ON FUNCTION advfair_report_call(jsonb) IS 'the call that makes a report';

CREATE OR REPLACE FUNCTION advfair_report_metric(metric text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE metric WHEN 'accuracy' THEN 'accuracy' WHEN 'cau' THEN 'CAU: gap of accuracy between classes' WHEN 'class_accuracy' THEN 'accuracy of a class'
		WHEN 'robust_accuracy' THEN 'accuracy under attack' WHEN 'success_rate' THEN 'success of the attack in a class'
		WHEN 'cru_s' THEN 'CRU: gap of success between classes' WHEN 'least_eps' THEN 'mean least eps of a class'
		WHEN 'cru_eps' THEN 'CRU: gap of least eps between classes' WHEN 'group_confidence' THEN 'mean confidence of a group'
		WHEN 'eou' THEN 'EOU: gap of confidence between groups' WHEN 'attribute_missing' THEN 'share of rows in no group' WHEN 'luf' THEN 'LUF: change by one row left out' ELSE metric END;
COMMENT ON FUNCTION advfair_report_metric(text) IS 'a score in words';

-- Each further model beside the first one, as items of a list. Rows: those of advfair_audit, in its order.
CREATE OR REPLACE FUNCTION advfair_report_comparison(rows jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT ordinality AS at, first_value(a.model) OVER (ORDER BY ordinality) AS first, a.*, a.metric IN ('accuracy', 'robust_accuracy') AS more_is_better,
				CASE a.metric WHEN 'accuracy' THEN 'accuracy' WHEN 'robust_accuracy' THEN 'accuracy under attack with eps ' || a.eps WHEN 'cau' THEN 'CAU' WHEN 'cru_s' THEN 'CRU with eps ' || a.eps
					WHEN 'cru_eps' THEN 'CRU in least eps' ELSE 'EOU of ' || a.attribute || ' (' || a.class || ')' END AS name
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, class text, attribute text, value float8, ci_low float8, ci_high float8)
			WHERE a.metric IN ('accuracy', 'robust_accuracy', 'cau', 'cru_s', 'cru_eps', 'eou') AND a.ci_low IS NOT NULL),
		pair AS (SELECT b.at, b.model, b.first, advfair_html(b.name) || ' (' || advfair_html_number(b.value) || ' instead of ' || advfair_html_number(a.value) || ')' AS what,
				CASE WHEN b.ci_low <= a.ci_high AND a.ci_low <= b.ci_high THEN 'close' WHEN (b.value > a.value) = b.more_is_better THEN 'better' ELSE 'worse' END AS how
			FROM a b JOIN a ON a.model = b.first AND b.model <> b.first AND a.name = b.name)
		SELECT string_agg('<li><strong>' || advfair_html(model) || '</strong> beside <strong>' || advfair_html(first) || '</strong>: ' || concat_ws('; ', 'better in ' || better, 'worse in ' || worse,
			'too close to tell, as intervals overlap, in ' || close) || '.</li>', E'\n' ORDER BY at)
		FROM (SELECT min(at) AS at, model, first, string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'better') AS better, string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'worse') AS worse,
			string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'close') AS close FROM pair GROUP BY model, first) p;
	END;
COMMENT ON FUNCTION advfair_report_comparison(jsonb) IS 'in which scores a model is better or worse than the first one, as HTML';

/*
 * Everything is computed once: the audit, and what it leaves out. A page without the chart library has all but the charts, and says so.
 */
CREATE OR REPLACE FUNCTION advfair_report(models text[], data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL, given text DEFAULT NULL,
		eps_max float8 DEFAULT NULL, leave_out int DEFAULT NULL, title text DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	BEGIN ATOMIC
		WITH entry AS MATERIALIZED (
			SELECT ordinality AS at, m.name || '@' || m.version AS model, m.owner, m.created_at, m.task, m.metrics, m.model_id
			FROM unnest(models) WITH ORDINALITY AS a (name, ordinality) JOIN advfair_model m ON m.model_id = advfair_model_id(a.name)),
		audit AS MATERIALIZED (
			SELECT ordinality AS at, a.* FROM ROWS FROM (advfair_audit(models, data, eps, protected, given, eps_max, level, replicates, alpha, steps, restarts, norm, random_start,
				mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id)) WITH ORDINALITY AS a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, ordinality)),
		broken AS MATERIALIZED (
			SELECT jsonb_agg(jsonb_build_object('model', e.model, 'label', l.label, 'eps', l.eps, 'censored', l.censored)) AS rows
			FROM entry e, advfair_least_eps_values(e.model, data, eps_max, steps, restarts, norm, random_start, mutable, feasible, eps_unit, clip_min, clip_max,
				seed, workers, id) l
			WHERE eps_max IS NOT NULL),
		luf AS MATERIALIZED (
			SELECT e.model, l.luf, l.left_out FROM entry e, advfair_luf_values(e.model, data, leave_out, NULL, NULL, NULL, seed, workers, id) l
			WHERE leave_out IS NOT NULL),
		figures AS MATERIALIZED (
			SELECT at, model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n FROM audit
			UNION ALL SELECT 1000000000, model, 'luf', NULL, NULL, NULL, NULL, avg(luf), NULL, NULL, count(*) FROM luf GROUP BY model),
		a AS MATERIALIZED (SELECT jsonb_agg(to_jsonb(audit) ORDER BY at) AS rows FROM audit),
		verdict AS (
			SELECT e.at, '<li><strong>' || advfair_html(e.model) || '</strong> is right about ' || round(100 * f.value::numeric, 1) || ' % of the '
				|| ltrim(to_char(f.n, '999,999,999,999')) || ' rows' || CASE WHEN best.classes = 1 THEN ', which are all of class ' || advfair_html(best.class) || '.'
				WHEN best.value = worst.value THEN '. It serves all classes alike.' ELSE '. It serves the class ' || advfair_html(best.class) || ' best (' || round(100 * best.value::numeric, 1)
				|| ' % right) and ' || advfair_html(worst.class) || ' worst (' || round(100 * worst.value::numeric, 1) || ' %): who belongs to ' || advfair_html(worst.class)
				|| ' bears more of its mistakes.' END || COALESCE((SELECT ' When somebody may change each input by ' || string_agg(r.eps::text, ', ' ORDER BY r.eps) || ' to make it fail, it is right about '
				|| string_agg(COALESCE(round(100 * r.value::numeric, 1)::text, '?'), ', ' ORDER BY r.eps) || ' %.' FROM figures r WHERE r.model = e.model AND r.metric = 'robust_accuracy'
				HAVING count(*) > 0), '')
				|| COALESCE((SELECT string_agg(CASE WHEN r.value IS NULL THEN ' Whether it treats groups of ' || advfair_html(r.attribute) || ' alike was not measured: fewer than two have rows.'
				ELSE ' Between groups of ' || advfair_html(r.attribute) || ' its mean confidence in ' || advfair_html(r.class) || ' differs by ' || advfair_html_number(r.value) || '.' END, '' ORDER BY r.at) FROM (SELECT DISTINCT ON (attribute) * FROM figures
				WHERE model = e.model AND metric = 'eou' ORDER BY attribute, value DESC NULLS LAST, at) r), '')
				|| COALESCE((SELECT ' Trained again without one row, it changes the probabilities of others by up to ' || advfair_html_number(avg(l.luf)) || ' on the average; only '
				|| max(l.left_out) || ' rows were left out in turn.' FROM luf l WHERE l.model = e.model HAVING count(*) > 0), '') || '</li>' AS html
			FROM entry e JOIN figures f ON f.model = e.model AND f.metric = 'accuracy',
				LATERAL (SELECT class, value, count(*) OVER () AS classes FROM figures WHERE model = e.model AND metric = 'class_accuracy' AND value IS NOT NULL ORDER BY value DESC, at LIMIT 1) best,
				LATERAL (SELECT class, value FROM figures WHERE model = e.model AND metric = 'class_accuracy' AND value IS NOT NULL ORDER BY value, at LIMIT 1) worst),
		warning AS (
			SELECT CASE WHEN count(DISTINCT class) > 1 THEN count(DISTINCT class) || ' classes have' ELSE 'A class has' END || ' fewer than 30 rows, ' || (array_agg(class ORDER BY n, at))[1]
				|| ' only ' || min(n) || ': what is said of such a class is uncertain, as its intervals show.' AS text
			FROM figures WHERE metric = 'class_accuracy' AND n < 30 HAVING count(*) > 0
			UNION ALL SELECT CASE WHEN count(DISTINCT grp) > 1 THEN count(DISTINCT grp) || ' groups' ELSE 'A group' END || ' of ' || attribute || CASE WHEN count(DISTINCT grp) > 1 THEN ' have' ELSE ' has' END
				|| ' fewer than 30 rows, ' || COALESCE((array_agg(grp ORDER BY n, at))[1], '') || ' only ' || min(n) || ': what is said of such a group is uncertain, as its intervals show.'
			FROM figures WHERE metric = 'group_confidence' AND n < 30 GROUP BY attribute
			UNION ALL SELECT round(100 * max(value)::numeric, 1) || ' % of the ' || ltrim(to_char(max(n), '999,999,999,999')) || ' rows have no ' || attribute || ': they are in none of its groups.'
			FROM figures WHERE metric = 'attribute_missing' GROUP BY attribute
			UNION ALL SELECT 'Model ' || model || ' was trained on the data it is measured on: it may do worse on rows it has not seen.'
			FROM entry WHERE task ->> 'data' IN (data, to_regclass(CASE WHEN data !~ E'\\s' THEN data END)::text, (SELECT quote_ident(nspname) || '.' || quote_ident(relname)
				FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace WHERE c.oid = to_regclass(CASE WHEN data !~ E'\\s' THEN data END)))
			UNION ALL SELECT 'Model ' || b.model || ' withstands the attack up to an eps of ' || eps_max || ' on ' || round(100.0 * count(*) FILTER (WHERE b.censored) / count(*), 1)
				|| ' % of the rows: these count with that eps in means of the least eps, which may be larger.'
			FROM broken, jsonb_to_recordset(broken.rows) AS b (model text, censored boolean) GROUP BY b.model HAVING bool_or(b.censored)
			UNION ALL SELECT 'Against model ' || f.model || ' the attack succeeds less often with eps ' || g.eps || ' than with the smaller ' || f.eps || ': it is too weak there, and the model is less robust than it seems. More steps and restarts may help.'
			FROM (SELECT model, eps, value, lead(eps) OVER w AS next FROM figures WHERE metric = 'robust_accuracy' WINDOW w AS (PARTITION BY model ORDER BY eps)) f
			JOIN figures g ON g.model = f.model AND g.metric = 'robust_accuracy' AND g.eps = f.next WHERE g.value > f.value + 0.005
			UNION ALL SELECT 'Intervals tell how much scores would vary with other rows. They do not tell how much they would vary with another training: train with several seeds to see.'
			UNION ALL SELECT 'Models are compared by their intervals here. advfair_compare does so row by row, and finds smaller differences.' FROM entry HAVING count(DISTINCT model) > 1
			UNION ALL SELECT 'The chart library is not installed on this server, so this page has no charts. To have them, run make charts, which takes npm, and make install where advfair was built.' WHERE advfair_report_file('vega.js') IS NULL),
		method AS (
			SELECT string_agg('<tr><th>' || advfair_html(model) || '</th><td>' || advfair_html(owner) || '</td><td>' || advfair_html(to_char(created_at, 'YYYY-MM-DD HH24:MI TZ'))
				|| '</td><td>' || advfair_html(task ->> 'kind') || advfair_html(', ' || (task ->> 'method')) || '</td><td class="number">' || COALESCE(ltrim(to_char((metrics ->> 'rows')::bigint, '999,999,999,999')), '&ndash;')
				|| '</td><td><details><summary>task</summary><pre>' || advfair_html(jsonb_pretty(task)) || '</pre></details></td></tr>', E'\n' ORDER BY at) AS html FROM entry)
		SELECT E'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
			|| E'<meta http-equiv="Content-Security-Policy" content="default-src ''none''; script-src ''unsafe-inline''; style-src ''unsafe-inline''; img-src data: blob:">\n<title>'
			|| advfair_html(heading) || E'</title>\n<style>\n' || COALESCE(advfair_report_file('report.css'), '') || E'</style>\n</head>\n<body>\n<main>\n<h1>' || advfair_html(heading)
			|| E'</h1>\n<p class="about">Measured on ' || COALESCE((SELECT ltrim(to_char(max(n), '999,999,999,999')) FROM figures WHERE metric = 'accuracy'), '0') || ' rows of <code>' || advfair_html(data)
			|| '</code> on ' || to_char(now(), 'YYYY-MM-DD HH24:MI TZ') || ', with advfair ' || advfair_html(advfair_version() ->> 'advfair') || ' on PostgreSQL ' || advfair_html(advfair_version() ->> 'postgresql')
			|| E'.</p>\n<section>\n<h2>In short</h2>\n<ul class="verdict">\n' || COALESCE((SELECT string_agg(html, E'\n' ORDER BY at) FROM verdict), '<li>There are no rows to say anything about.</li>')
			|| COALESCE(E'\n' || advfair_report_comparison(a.rows), '') || E'\n</ul>\n</section>\n<section class="warnings">\n<h2>To bear in mind</h2>\n<ul>\n' || (SELECT string_agg('<li>' || advfair_html(text) || '</li>', E'\n') FROM warning)
			|| E'\n</ul>\n</section>\n<section>\n<h2>Charts</h2>\n'
			|| advfair_html_chart(advfair_chart_rows('class_accuracy', a.rows), 'Accuracy of each class', 'How often the model is right about rows of a class. Classes that are served equally have equal bars; the gap between the longest and the shortest is CAU. Lines are intervals.')
			|| advfair_html_chart(CASE WHEN eps IS NOT NULL THEN advfair_chart_rows('robust_accuracy', a.rows) END, 'Accuracy under attack', 'How often the model is still right when somebody changes each input by at most eps to make it fail. The attacker knows the model (PGD, white box).')
			|| advfair_html_chart(CASE WHEN eps IS NOT NULL THEN advfair_chart_rows('class_robustness', a.rows) END, 'Who is easiest to attack', 'Share of a class''s rows about which the model is wrong after the attack. The gap between classes at one eps is CRU.')
			|| advfair_html_chart(CASE WHEN eps_max IS NOT NULL THEN advfair_chart_rows('least_eps', broken.rows) END, 'How much change it takes', 'Share of rows for which a change of so much suffices. Lines further left are classes that are easier to attack.')
			|| advfair_html_chart(CASE WHEN protected IS NOT NULL THEN advfair_chart_rows('group_confidence', a.rows) END, 'Confidence by group', 'How much the model believes in a class, on the average of each group' || COALESCE(', among rows whose true class is ' || given, '') || '. The gap between groups is EOU; of many classes those with the largest gaps are shown.')
			|| advfair_html_chart(CASE WHEN leave_out IS NOT NULL THEN advfair_chart_rows('luf', (SELECT jsonb_agg(jsonb_build_object('model', model, 'luf', luf)) FROM luf)) END, 'Influence of a single row', 'How much the probabilities of a row change at most when the model is trained again without one other row. '
				|| 'Only ' || (SELECT max(left_out) FROM luf) || ' rows, drawn by chance, were left out in turn; with more of them the changes can only grow.')
			|| advfair_html_chart(advfair_chart_rows('curve', (SELECT jsonb_agg(jsonb_build_object('model', e.model) || (to_jsonb(c) - 'model_id')) FROM entry e JOIN advfair_curve c ON c.model_id = e.model_id)), 'Learning curves', 'Loss and accuracy in the course of the training.')
			|| E'</section>\n<section>\n<h2>What the scores mean</h2>\n<dl>\n'
			|| E'<dt>CAU, class-wise accuracy unfairness</dt><dd>The gap between the class the model is right about most often and the one it is right about least often. 0: all classes are served equally. 0.05: of 100 people of the worst class, five more are misjudged than of 100 of the best one. Who belongs to the worst class bears more of the mistakes.</dd>\n'
			|| E'<dt>CRU, class-wise robustness unfairness</dt><dd>The same gap under attack: in the share of rows for which a change of at most eps succeeds, or in the mean of the least eps that succeeds. Who belongs to the most fragile class is the easiest to misrepresent.</dd>\n'
			|| E'<dt>EOU, equalized-odds unfairness</dt><dd>Among people whose true class is the same: the largest difference between two groups in the mean confidence in a class. 0: the model treats groups alike. 0.1: with the same true class, one group is thought ten points of a hundred more likely to belong to the class. The group with the lower confidence in a favourable class is put at a disadvantage.</dd>\n'
			|| E'<dt>LUF, leave-one-out unfairness</dt><dd>The largest change of a row''s probabilities when one other row is taken out of the training data. A decision that hinges on whether one stranger was among the data is arbitrary.</dd>\n'
			|| E'<dt>What is bad?</dt><dd>No number parts fair from unfair. It depends on what is decided and on who pays for a mistake: five more mistakes among a hundred people are little for an advertisement and much for a loan. Look at the lower end of the interval, for a gap between few rows may be chance, and at what another model or a simpler one would score.</dd>\n'
			|| '<dt>Intervals</dt><dd>Bootstrap intervals of ' || level || ' from ' || replicates || E' replicates.</dd>\n</dl>\n</section>\n<section>\n<h2>All figures</h2>\n<div class="wide"><table>\n<thead><tr><th>score</th><th>model</th><th>eps</th><th>class</th><th>attribute</th><th>group</th><th>value</th><th>interval</th><th>rows</th></tr></thead>\n<tbody>\n'
			|| COALESCE((SELECT string_agg('<tr' || CASE WHEN metric IN ('cau', 'cru_s', 'cru_eps', 'eou', 'luf') THEN ' class="gap"' ELSE '' END || '><td>' || advfair_html(advfair_report_metric(metric)) || '</td><td>' || advfair_html(model)
				|| '</td><td class="number">' || COALESCE(figures.eps::text, '') || '</td><td>' || advfair_html(class) || '</td><td>' || advfair_html(attribute) || '</td><td>' || advfair_html(grp) || '</td><td class="number">' || advfair_html_number(value)
				|| '</td><td class="number">' || CASE WHEN ci_low IS NULL THEN '' ELSE advfair_html_number(ci_low) || ' to ' || advfair_html_number(ci_high) END
				|| '</td><td class="number">' || ltrim(to_char(n, '999,999,999,999')) || '</td></tr>', E'\n' ORDER BY at, model) FROM figures), '')
			|| E'\n</tbody></table></div>\n</section>\n<section>\n<h2>Models</h2>\n<div class="wide"><table>\n<thead><tr><th>version</th><th>owner</th><th>made</th><th>by</th><th>training rows</th><th></th></tr></thead>\n<tbody>\n'
			|| COALESCE(method.html, '') || E'\n</tbody></table></div>\n</section>\n<section>\n<h2>To repeat it</h2>\n<pre>'
			|| advfair_html(advfair_report_call(jsonb_build_array(jsonb_build_object('models', (SELECT array_agg(model ORDER BY at) FROM entry)), jsonb_build_object('data', data), jsonb_build_object('eps', eps), jsonb_build_object('protected', protected),
				jsonb_build_object('given', given), jsonb_build_object('eps_max', eps_max), jsonb_build_object('leave_out', leave_out), jsonb_build_object('title', title), jsonb_build_object('level', level), jsonb_build_object('replicates', replicates),
				jsonb_build_object('alpha', alpha), jsonb_build_object('steps', steps), jsonb_build_object('restarts', restarts), jsonb_build_object('norm', norm), jsonb_build_object('random_start', random_start), jsonb_build_object('mutable', mutable),
				jsonb_build_object('feasible', feasible), jsonb_build_object('eps_unit', eps_unit), jsonb_build_object('clip_min', clip_min), jsonb_build_object('clip_max', clip_max), jsonb_build_object('seed', seed), jsonb_build_object('id', id))))
			|| E'</pre>\n</section>\n</main>\n<script>\n' || COALESCE(advfair_report_file('vega.js'), '') || E'\n</script>\n<script>\n' || COALESCE(advfair_report_file('report.js'), '') || E'</script>\n</body>\n</html>'
		FROM a, broken, method, LATERAL (SELECT COALESCE(title, 'Fairness and robustness of ' || array_to_string(models, ', ')) AS heading) h;
	END;
COMMENT ON FUNCTION advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean,
	text, float8, float8, bigint, int, text) IS 'an HTML page of its own: what models score on data, in figures, charts and plain words';

-- To its place ------------------------------------------------------------------------------------------------------------

/*
 * Functions there that have a name of advfair's may be taken for it by those who call it. PostgreSQL refuses those of the same arguments, here
 * those of others are refused, too; an update, which may mend what is worse, warns of them.
 */
DO $$
DECLARE
	target name := current_setting('advfair_script.target');
	others text := (SELECT string_agg(f.oid::regprocedure::text, ', ') FROM (SELECT o.oid FROM pg_proc o
		WHERE o.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = target)
			AND o.proname IN (SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'advfair_script'::regnamespace) LIMIT 10) f);
	/* before 1.2 some functions said that they are immutable: what holds their results may be wrong, and no dump of it can be restored */
	holders text := (SELECT string_agg(h.name, ', ') FROM (SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) AS name
		FROM pg_depend d JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
		WHERE p.pronamespace = 'advfair_script'::regnamespace AND p.provolatile <> 'i'
			AND (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind IN ('i', 'I'))
				OR d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
					WHERE e.oid = d.objid AND a.attgenerated <> '')) LIMIT 10) h);
BEGIN
	IF holders IS NOT NULL THEN
		RAISE WARNING 'advfair''s functions are not immutable, but these hold their results: %', holders
			USING HINT = 'Drop them, and store results in columns instead.';
	END IF;
	IF others IS NOT NULL AND current_setting('advfair_script.updates')::boolean THEN
		RAISE WARNING 'schema "%" has functions that may be taken for advfair''s: %', target, others
			USING HINT = 'Drop them, unless you know what they are for.';
	ELSIF others IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" has functions that may be taken for advfair''s: %', target, others
			USING ERRCODE = 'duplicate_function', HINT = 'Drop them, or create the extension in another schema.';
	END IF;
	EXECUTE format('ALTER EXTENSION advfair SET SCHEMA %I', target);
END $$;
DROP SCHEMA advfair_script;
