/*
 * advfair.sql
 *		Everything CREATE EXTENSION advfair makes, in the order a reader meets it: tables, training, models as values,
 *		prediction by row and by data set, scores, aggregates, and what tells about the running system.
 *
 * SQL bodies are in the standard form (RETURN, BEGIN ATOMIC): names in them are resolved here, once, so that the
 * caller's search_path means nothing to them.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION advfair" to load this file. \quit

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
	promoted_at timestamptz DEFAULT clock_timestamp(),
	UNIQUE (owner, name, version)
);
-- Weights do not compress, and a row that uses a model should not pay for trying.
ALTER TABLE advfair_model ALTER COLUMN model SET STORAGE EXTERNAL;

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

COMMENT ON TABLE advfair_curve IS 'learning curves: one row for each epoch of each model';
COMMENT ON COLUMN advfair_curve.model_id IS 'the model';
COMMENT ON COLUMN advfair_curve.epoch IS 'counts from 1';
COMMENT ON COLUMN advfair_curve.loss IS 'mean cross-entropy (nats) over the minibatches of the epoch, as they were trained on';
COMMENT ON COLUMN advfair_curve.accuracy IS 'share of the epoch''s examples classified correctly, as they were trained on';
COMMENT ON COLUMN advfair_curve.validation_loss IS 'mean cross-entropy on the validation rows after the epoch, NULL without any';
COMMENT ON COLUMN advfair_curve.validation_accuracy IS 'accuracy on the validation rows after the epoch, NULL without any';
COMMENT ON COLUMN advfair_curve.seconds IS 'wall time of the epoch';

CREATE FUNCTION advfair_owns(owner name) RETURNS boolean
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	RETURN EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = owner AND pg_catalog.pg_has_role(r.oid, 'USAGE'));
COMMENT ON FUNCTION advfair_owns(name) IS 'whether the current role has the privileges of this role; false when there is none of the name';

ALTER TABLE advfair_model ENABLE ROW LEVEL SECURITY;
CREATE POLICY advfair_model_owner ON advfair_model USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_model_owner ON advfair_model IS 'a model is its owner''s and the owner''s members''';
ALTER TABLE advfair_curve ENABLE ROW LEVEL SECURITY;
CREATE POLICY advfair_curve_owner ON advfair_curve
	USING (EXISTS (SELECT FROM advfair_model m WHERE m.model_id = advfair_curve.model_id));
COMMENT ON POLICY advfair_curve_owner ON advfair_curve IS 'a curve is visible to whoever sees its model';
GRANT SELECT, INSERT, UPDATE, DELETE ON advfair_model, advfair_curve TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('advfair_model', '');
SELECT pg_catalog.pg_extension_config_dump('advfair_curve', '');

-- Making models -----------------------------------------------------------------------------------------------------

CREATE TYPE advfair_trained AS (model text, version int, epochs int, loss float8, accuracy float8, seconds float8);
COMMENT ON TYPE advfair_trained IS 'what a training made: model and version, with loss and accuracy of the last epoch';

CREATE FUNCTION advfair_run(task jsonb) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_run(jsonb) IS 'run a training task and store its model as a new version';

CREATE FUNCTION advfair_train(model text, data text, label text, features text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
		id text DEFAULT NULL, arch text DEFAULT NULL, input_shape int[] DEFAULT NULL, encoding text DEFAULT NULL,
		scale boolean DEFAULT NULL, oversample text DEFAULT NULL, missing text DEFAULT NULL, unseen text DEFAULT NULL,
		optimizer text DEFAULT NULL, learning_rate float8 DEFAULT NULL, momentum float8 DEFAULT NULL,
		weight_decay float8 DEFAULT NULL, init text DEFAULT NULL, epochs int DEFAULT NULL, batch_size int DEFAULT NULL,
		validation text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL) RETURNS advfair_trained
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN advfair_run(jsonb_strip_nulls(jsonb_build_object('kind', 'train', 'model', model, 'data', data, 'label', label,
		'features', features, 'exclude', exclude, 'id', id, 'arch', arch, 'input_shape', input_shape, 'encoding', encoding,
		'scale', scale, 'oversample', oversample, 'missing', missing, 'unseen', unseen, 'optimizer', optimizer,
		'learning_rate', learning_rate, 'momentum', momentum, 'weight_decay', weight_decay, 'init', init, 'epochs', epochs,
		'batch_size', batch_size, 'validation', validation, 'seed', seed, 'workers', workers)));
COMMENT ON FUNCTION advfair_train(text, text, text, text[], text[], text, text, int[], text, boolean, text, text, text, text,
	float8, float8, float8, text, int, int, text, bigint, int)
	IS 'train a classifier on a relation or query and store it as a new version of a model';

CREATE FUNCTION advfair_adv_train(model text, data text, label text, source text DEFAULT NULL, method text DEFAULT NULL,
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

CREATE FUNCTION advfair_fit(task jsonb) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_fit(jsonb) IS 'train as a task says and return the model itself, without the registry';

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
COMMENT ON TABLE advfair_metric_log IS 'what retrained models scored, and whether they were promoted';
COMMENT ON COLUMN advfair_metric_log.model IS 'name of the model';
COMMENT ON COLUMN advfair_metric_log.version IS 'its version';
COMMENT ON COLUMN advfair_metric_log.at IS 'when it was measured';
COMMENT ON COLUMN advfair_metric_log.metric IS 'name of the metric, as conditions write it, or promoted';
COMMENT ON COLUMN advfair_metric_log.value IS 'its value, NULL without rows; promoted: 1 or 0';
COMMENT ON COLUMN advfair_metric_log.note IS 'promoted: why not';
COMMENT ON COLUMN advfair_metric_log.owner IS 'role that retrained';
ALTER TABLE advfair_metric_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY advfair_metric_log_owner ON advfair_metric_log USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_metric_log_owner ON advfair_metric_log IS 'an entry is its owner''s and the owner''s members''';
GRANT SELECT, INSERT, UPDATE, DELETE ON advfair_metric_log TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('advfair_metric_log', '');

CREATE TYPE advfair_retrained AS (model text, version int, epochs int, loss float8, accuracy float8, seconds float8,
	promoted boolean, reason text);
COMMENT ON TYPE advfair_retrained IS 'what a retraining made, whether it was promoted, and if not, why';

/*
 * promote_if is an SQL expression over metrics: accuracy, cau, class_accuracy_CLASS, eou_ATTRIBUTE, group_confidence_ATTRIBUTE_GROUP; with eps
 * robust_accuracy, cru_s, success_rate_CLASS; with eps_max cru_eps, least_eps_CLASS. Plain names are the new version's, old.name is the
 * metric of the version the plain name means so far.
 */
CREATE FUNCTION advfair_retrain(model text, promote_if text DEFAULT NULL, data text DEFAULT NULL, eps float8 DEFAULT NULL,
		protected text[] DEFAULT NULL, given text DEFAULT NULL, eps_max float8 DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL) RETURNS advfair_retrained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'run a model''s task again on the rows of today, as a new version; with promote_if it takes the old one''s place only if that holds';

CREATE FUNCTION advfair_promote(model text, version int) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_promote(text, int) IS 'let the plain name of a model mean this version, be it newer or older, until another one is promoted';

-- Models as values --------------------------------------------------------------------------------------------------

CREATE FUNCTION advfair_get(model text) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION advfair_get(text) IS 'a model of the registry by name (the version promoted last) or name@version';

CREATE FUNCTION advfair_describe(model bytea) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION advfair_describe(bytea) IS 'what a model is: architecture, classes, encoder, sizes';

CREATE FUNCTION advfair_weights(model bytea)
	RETURNS TABLE (layer int, parameter text, shape int[], weights real[])
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION advfair_weights(bytea) IS 'a model''s parameters in network order; dense (out, in), conv (filters, channels, h, w), row-major';

CREATE FUNCTION advfair_build(task jsonb, weights real[]) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION advfair_build(jsonb, real[]) IS 'a model from a description (as advfair_describe gives it) and all its parameters in network order';

CREATE FUNCTION advfair_decode(model bytea, x real[]) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION advfair_decode(bytea, real[])
	IS 'an encoded input in terms of the model''s columns: numbers, texts, arrays; categories it lies between with their weights';

-- Prediction, one row at a time ---------------------------------------------------------------------------------------

CREATE FUNCTION advfair_predict(model bytea, "row" record) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_row' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_predict(model bytea, x real[]) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_predict(model bytea, image bytea) RETURNS text
	AS 'MODULE_PATHNAME', 'advfair_predict_image' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
CREATE FUNCTION advfair_proba(model bytea, "row" record) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_row' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_proba(model bytea, x real[]) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_proba(model bytea, image bytea) RETURNS real[]
	AS 'MODULE_PATHNAME', 'advfair_proba_image' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
CREATE FUNCTION advfair_confidence(model bytea, "row" record, class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_row' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_confidence(model bytea, x real[], class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
CREATE FUNCTION advfair_confidence(model bytea, image bytea, class text) RETURNS float8
	AS 'MODULE_PATHNAME', 'advfair_confidence_image' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;

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
CREATE FUNCTION advfair_predict(model text, data text, workers int DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
CREATE FUNCTION advfair_predict(model text, data text, key anyelement, workers int DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data_key' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
COMMENT ON FUNCTION advfair_predict(text, text, int)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query';
COMMENT ON FUNCTION advfair_predict(text, text, anyelement, int)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query; id has the type of key';

-- Attacks ------------------------------------------------------------------------------------------------------------

/*
 * eps is a number, an array with one for each column, or an object with one for some columns: the others stay as they are.
 *
 * As with advfair_predict, each function comes without and with key. PostgreSQL finds the type of the ids by the place at which key
 * stands in a call, even where it is named, so key must be written right after the arguments that are required.
 */
CREATE FUNCTION advfair_pgd(model text, data text, eps anycompatible, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE FUNCTION advfair_pgd(model text, data text, eps anycompatible, key anyelement, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, anyelement, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them; id has the type of key';

CREATE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, norm text DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, key anyelement, norm text DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, text, text, text, text[], boolean, text, float8, float8, int)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, anyelement, text, text, text, text[], boolean, text, float8, float8, int)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them; id has the type of key';

CREATE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, eps float8, censored boolean)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, key anyelement, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, eps float8, censored boolean)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'smallest eps at which projected gradient descent succeeds, for each row; censored rows withstood up to eps_max';
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'smallest eps at which projected gradient descent succeeds, for each row; censored rows withstood up to eps_max; id has the type of key';

-- Scores ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION advfair_class_accuracy(model text, data text, workers int DEFAULT NULL)
	RETURNS TABLE (class text, accuracy float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_class_accuracy(text, text, int)
	IS 'accuracy of a model on each class of a data set, with its number of rows; NULL for a class without rows';

/* With mode 'intervene' each group is all rows, predicted with the attribute set to the group's value; with 'subset', the rows that have it. */
CREATE FUNCTION advfair_group_confidence(model text, data text, attribute text, class text, given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL)
	RETURNS TABLE (grp text, confidence float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_group_confidence(text, text, text, text, text, text, int)
	IS 'mean probability of a class for each value of an attribute, of the rows that have it or (mode ''intervene'') of all rows with it set, over all labels or those given';

CREATE FUNCTION advfair_eou(model text, data text, attribute text, class text, given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION advfair_eou(text, text, text, text, text, text, int)
	IS 'equalized-odds unfairness: largest difference between two values of an attribute in the mean probability of a class';

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
COMMENT ON TYPE advfair_data IS 'a data set: the name of a relation, or a query';
COMMENT ON FUNCTION advfair_data_in(cstring) IS 'I/O';
COMMENT ON FUNCTION advfair_data_out(advfair_data) IS 'I/O';
COMMENT ON CAST (text AS advfair_data) IS 'a relation''s name or a query as a data set';
COMMENT ON CAST (advfair_data AS text) IS 'a data set as its relation''s name or query';

CREATE FUNCTION advfair_cau(model text, data advfair_data, workers int DEFAULT NULL) RETURNS float8
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN (SELECT pg_catalog.max(a.accuracy) - pg_catalog.min(a.accuracy)
		FROM advfair_class_accuracy(model, data::text, workers) a);
COMMENT ON FUNCTION advfair_cau(text, advfair_data, int)
	IS 'class-wise accuracy unfairness: largest difference between the accuracies of two classes';

CREATE TYPE advfair_class_success AS (eps float8, class text, success_rate float8, accuracy float8, n bigint);
COMMENT ON TYPE advfair_class_success IS 'what advfair_class_robustness returns';
COMMENT ON COLUMN advfair_class_success.eps IS 'bound of the perturbation';
COMMENT ON COLUMN advfair_class_success.class IS 'the class';
COMMENT ON COLUMN advfair_class_success.success_rate IS 'share of its rows on which the attack succeeds, those misclassified anyway included';
COMMENT ON COLUMN advfair_class_success.accuracy IS 'share of its rows classified correctly under attack';
COMMENT ON COLUMN advfair_class_success.n IS 'its rows';

CREATE FUNCTION advfair_class_robustness(model text, data text, eps float8[], denominator text DEFAULT NULL, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS SETOF advfair_class_success
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int)
	IS 'success rate of an attack on each class at each eps, over all rows or, with denominator => ''correct'', those correct when clean';

CREATE FUNCTION advfair_class_least_eps(model text, data text, eps_max anycompatible DEFAULT NULL::float8, mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (class text, least_eps float8, censored bigint, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'mean least eps of each class; censored rows, which withstood up to eps_max, count with eps_max';

/*
 * With eps CRU_s at eps, without CRU_eps: eps_max, mode, step and tol are for the latter alone, denominator, alpha and craft_on for the
 * former.
 */
CREATE FUNCTION advfair_cru(model text, data text, eps float8 DEFAULT NULL, eps_max float8 DEFAULT NULL, mode text DEFAULT NULL,
		step float8 DEFAULT NULL, tol float8 DEFAULT NULL, denominator text DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text, boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int)
	IS 'class-wise robustness unfairness: largest difference between two classes in success rate at eps (CRU_s), or without eps in mean least eps (CRU_eps)';

-- Everything at once ------------------------------------------------------------------------------------------------------

/*
 * Metrics: accuracy; class_accuracy and cau; for each eps robust_accuracy, success_rate of each class and cru_s; with eps_max
 * least_eps of each class and cru_eps; for each protected attribute group_confidence and eou, of the second of two classes or of each of
 * more, over the rows whose label is given. Rows come model after model, metrics and eps in the order above and as listed, means
 * before their gap, classes in the model's order, values of attributes in the order of their bytes. alpha is for eps alone.
 */
CREATE FUNCTION advfair_audit(models text[], data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (model text, metric text, eps float8, class text, attribute text, grp text, value float8, ci_low float8,
		ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'accuracy, robustness and fairness of models on a data set, by class and by group, with bootstrap intervals';

CREATE FUNCTION advfair_compare(model_a text, model_b text, data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (metric text, eps float8, class text, attribute text, grp text, a float8, b float8, difference float8,
		ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int)
	IS 'what advfair_audit tells of two models, and the differences b - a with bootstrap intervals paired over the same rows';

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
COMMENT ON TABLE advfair_luf_part IS 'what a leave-one-out run that was cancelled or failed has done; the same call again goes on from there';
COMMENT ON COLUMN advfair_luf_part.digest IS 'SHA-256 of the training task and of all rows: the run';
COMMENT ON COLUMN advfair_luf_part.part IS 'key of the row left out, or the seed';
COMMENT ON COLUMN advfair_luf_part.owner IS 'role that ran it';
COMMENT ON COLUMN advfair_luf_part.kept_at IS 'when the model was kept; old rows that nobody will go on from may be deleted';
COMMENT ON COLUMN advfair_luf_part.change IS 'float32 for each evaluation row: largest change of a probability, negative if the prediction changed';
ALTER TABLE advfair_luf_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY advfair_luf_part_owner ON advfair_luf_part USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_luf_part_owner ON advfair_luf_part IS 'a run is its owner''s and the owner''s members''';
GRANT SELECT, INSERT, DELETE ON advfair_luf_part TO PUBLIC;

CREATE FUNCTION advfair_luf_rows(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE FUNCTION advfair_luf_rows(model text, data text, key anyelement, leave_out int DEFAULT NULL,
		leave_out_ids text[] DEFAULT NULL, vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL,
		seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_luf_rows(text, text, int, text[], boolean, boolean, bigint, int)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them change the prediction';
COMMENT ON FUNCTION advfair_luf_rows(text, text, anyelement, int, text[], boolean, boolean, bigint, int)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them change the prediction; id has the type of key';

CREATE FUNCTION advfair_luf(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS float8
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN (SELECT pg_catalog.avg(r.luf)
		FROM advfair_luf_rows(model, data, leave_out, leave_out_ids, vary_seed, regenerate, seed, workers) r);
COMMENT ON FUNCTION advfair_luf(text, text, int, text[], boolean, boolean, bigint, int)
	IS 'leave-one-out unfairness: mean over rows of the largest change of a probability when one training row is left out; with vary_seed, when only the seed changes';

/* LUF_t = mean over rows of changed; LUF_l = mean over rows left out of the predictions that change: LUF_l left_out = LUF_t n. */
CREATE FUNCTION advfair_luf_summary(model text, data text, leave_out int DEFAULT NULL, leave_out_ids text[] DEFAULT NULL,
		baseline boolean DEFAULT true, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL)
	RETURNS TABLE (luf float8, luf_t float8, luf_l float8, seed_luf float8, seed_luf_t float8, seed_luf_l float8,
		excess_luf float8, left_out bigint, n bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
	BEGIN ATOMIC
		SELECT l.luf, l.luf_t, l.luf_l, b.luf, b.luf_t, b.luf_l, l.luf - b.luf, l.left_out, l.n
		FROM (SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l, pg_catalog.max(r.left_out) AS left_out,
				pg_catalog.count(*) AS n
			FROM advfair_luf_rows(model, data, leave_out, leave_out_ids, false, regenerate, seed, workers) r) l,
			(SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l
			FROM advfair_luf_rows(model, data, leave_out, leave_out_ids, true, regenerate, seed, workers) r
			WHERE baseline) b;
	END;
COMMENT ON FUNCTION advfair_luf_summary(text, text, int, text[], boolean, boolean, bigint, int)
	IS 'leave-one-out unfairness LUF, LUF_t and LUF_l, beside the same for models that differ in the seed alone (baseline)';

-- The same scores over any join -----------------------------------------------------------------------------------------

CREATE FUNCTION advfair_gap_add(state bytea, value float8, grp text) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION advfair_cau_add(state bytea, label "any", prediction "any") RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION advfair_gap_combine(state bytea, other bytea) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION advfair_gap_final(state bytea) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_gap_add(bytea, float8, text) IS 'transition function of advfair_gap and advfair_eou';
COMMENT ON FUNCTION advfair_cau_add(bytea, "any", "any") IS 'transition function of advfair_cau';
COMMENT ON FUNCTION advfair_gap_combine(bytea, bytea) IS 'combine function of advfair_gap, advfair_cau and advfair_eou';
COMMENT ON FUNCTION advfair_gap_final(bytea) IS 'final function of advfair_gap, advfair_cau and advfair_eou';

CREATE AGGREGATE advfair_gap(value float8, grp text) (
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
CREATE AGGREGATE advfair_cau(label "any", prediction "any") (
	SFUNC = advfair_cau_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
CREATE AGGREGATE advfair_eou(confidence float8, attribute text) (
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE advfair_gap(float8, text) IS 'largest minus smallest group mean; rows with a NULL take no part';
COMMENT ON AGGREGATE advfair_cau("any", "any")
	IS 'class-wise accuracy unfairness of predictions: largest minus smallest accuracy of a label''s rows; compares as text';
COMMENT ON AGGREGATE advfair_eou(float8, text)
	IS 'equalized-odds unfairness of confidences: largest minus smallest mean over the values of an attribute';

/*
 * A value and its interval need all rows at hand, so this takes arrays: SELECT i.* FROM (SELECT array_agg(value) AS v,
 * array_agg(grp) AS g FROM ...) a, advfair_gap_interval(v, g) i.
 */
CREATE FUNCTION advfair_gap_interval(value float8[], grp text[], level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		seed bigint DEFAULT 0)
	RETURNS TABLE (gap float8, ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1 COST 1000000;
COMMENT ON FUNCTION advfair_gap_interval(float8[], text[], float8, int, bigint)
	IS 'largest minus smallest group mean with a percentile bootstrap interval, stratified by group; rows with a NULL take no part';

-- The running system ----------------------------------------------------------------------------------------------------

CREATE FUNCTION advfair_version() RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_version() IS 'version of advfair, and the BLAS library, kernel and CPU features its compute workers use';

CREATE FUNCTION advfair_progress_rows(OUT pid int, OUT task text, OUT model text, OUT phase text, OUT done bigint,
		OUT total bigint, OUT loss float8, OUT rate float8, OUT eta interval) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION advfair_progress_rows() IS 'rows of advfair_progress';
CREATE VIEW advfair_progress AS SELECT * FROM advfair_progress_rows();
GRANT SELECT ON advfair_progress TO PUBLIC;
COMMENT ON VIEW advfair_progress IS 'operations that run now; details of other roles'' operations are NULL unless one may read all statistics';
COMMENT ON COLUMN advfair_progress.pid IS 'process of the session that waits for the operation';
COMMENT ON COLUMN advfair_progress.task IS 'kind of task: train, adv_train, retrain, predict, pgd, fgsm, least_eps, class_robustness, class_least_eps, luf, audit, compare';
COMMENT ON COLUMN advfair_progress.model IS 'name of the model';
COMMENT ON COLUMN advfair_progress.phase IS 'reading rows, training the source, crafting, computing, attacking, searching, resampling, or storing';
COMMENT ON COLUMN advfair_progress.done IS 'rows done in this phase; training counts every example of every epoch';
COMMENT ON COLUMN advfair_progress.total IS 'rows to be done in this phase, NULL while unknown';
COMMENT ON COLUMN advfair_progress.loss IS 'loss of the last minibatch, NULL before the first';
COMMENT ON COLUMN advfair_progress.rate IS 'rows per second in this phase';
COMMENT ON COLUMN advfair_progress.eta IS 'time left in this phase at that rate';

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

ALTER TABLE advfair_job ENABLE ROW LEVEL SECURITY;
CREATE POLICY advfair_job_owner ON advfair_job USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_job_owner ON advfair_job IS 'a job is its owner''s and the owner''s members''';
CREATE POLICY advfair_job_monitor ON advfair_job FOR SELECT USING (pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON POLICY advfair_job_monitor ON advfair_job IS 'members of pg_monitor see all jobs';
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
COMMENT ON TABLE advfair_checkpoint IS 'what unfinished jobs have become so far; written and read by their processes alone';
COMMENT ON COLUMN advfair_checkpoint.job IS 'the job';
COMMENT ON COLUMN advfair_checkpoint.run IS 'which of the job''s computations, counting from 1';
COMMENT ON COLUMN advfair_checkpoint.seen IS 'hash of the rows and models it depends on';
COMMENT ON COLUMN advfair_checkpoint.taken_at IS 'when it was taken';
COMMENT ON COLUMN advfair_checkpoint.state IS 'weights, optimizer state and position of a training, or finished pieces of an attack';

SELECT pg_catalog.pg_extension_config_dump('advfair_job', '');
SELECT pg_catalog.pg_extension_config_dump('advfair_job_job_seq', '');

CREATE FUNCTION advfair_job_changed() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_job_changed() IS 'notifies of a job''s new state on channel advfair_job_<job>, and has the launcher look at it';
CREATE TRIGGER advfair_job_changed AFTER INSERT OR UPDATE OF state, not_before ON advfair_job
	FOR EACH ROW EXECUTE FUNCTION advfair_job_changed();
COMMENT ON TRIGGER advfair_job_changed ON advfair_job IS 'tells listeners and the launcher';

CREATE FUNCTION advfair_job_settings() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT array_agg(s.name || '=' || s.setting ORDER BY s.name) FROM pg_settings s
		WHERE s.source IN ('session', 'client', 'user', 'database user') AND (s.context = 'user' OR s.context = 'superuser' AND has_parameter_privilege(s.name, 'SET'))
			AND s.name NOT IN ('application_name', 'client_encoding', 'client_min_messages', 'default_transaction_read_only',
				'idle_in_transaction_session_timeout', 'idle_session_timeout', 'role', 'session_authorization', 'seed', 'statement_timeout',
				'transaction_deferrable', 'transaction_isolation', 'transaction_read_only', 'transaction_timeout')
			OR s.name = 'search_path');
COMMENT ON FUNCTION advfair_job_settings() IS 'the settings a job submitted now would have: search_path, and what this session, its role or its client has set';

-- the number is ADVPG_JOBLOCK_KIND of joblock.h
CREATE FUNCTION advfair_job_pid(job bigint) RETURNS int
	LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
	RETURN (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 27247
			AND l.classid::bigint = job >> 32 AND l.objid::bigint = (job & 4294967295));
COMMENT ON FUNCTION advfair_job_pid(bigint) IS 'process that runs a job, NULL when there is none';

CREATE FUNCTION advfair_jobs_due() RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED
	RETURN (SELECT count(*) FROM advfair_job j WHERE advfair_owns(j.owner)
		AND (j.state = 'queued' AND j.not_before <= clock_timestamp() OR j.state = 'running' AND advfair_job_pid(j.job) IS NULL));
COMMENT ON FUNCTION advfair_jobs_due() IS 'number of the caller''s jobs that could run now and do not';

CREATE FUNCTION advfair_submit(task jsonb, not_before timestamptz DEFAULT NULL, max_attempts int DEFAULT NULL,
		on_change text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_submit(jsonb, timestamptz, int, text)
	IS 'have a task of any kind run in the background, with the rights and settings of now; returns the number of the job';

CREATE FUNCTION advfair_cancel(job bigint) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_cancel(bigint) IS 'cancel a job; false when there is nothing to cancel any more';

CREATE FUNCTION advfair_wait(job bigint, timeout interval DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_wait(bigint, interval) IS 'wait until a job has come to its end, or for so long; returns its state then';

CREATE PROCEDURE advfair_run_jobs(at_once int DEFAULT NULL)
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE advfair_run_jobs(int) IS 'run the caller''s jobs that are due, up to at_once (advfair.max_jobs) at a time, until there are no more';

CREATE FUNCTION advfair_prune_jobs(older_than interval DEFAULT '7 days') RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	BEGIN ATOMIC
		WITH pruned AS (
			DELETE FROM advfair_job j WHERE j.state IN ('succeeded', 'failed', 'cancelled') AND j.finished_at < now() - older_than
				AND advfair_owns(j.owner)
			RETURNING 1)
		SELECT count(*) FROM pruned;
	END;
COMMENT ON FUNCTION advfair_prune_jobs(interval) IS 'delete the caller''s jobs that ended so long ago; returns how many';

CREATE VIEW advfair_jobs WITH (security_invoker = true) AS
	SELECT j.job, j.owner, j.task ->> 'kind' AS kind, j.state, j.attempt, j.max_attempts, j.submitted_at, j.not_before, j.started_at,
		j.finished_at, j.pid, p.phase, p.done::float8 / NULLIF(p.total, 0) AS progress, p.loss, p.eta, j.sqlstate, j.message, j.hint,
		j.result, j.task
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

-- Made-up data -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION advfair_make_census(n int, seed bigint DEFAULT 0)
	RETURNS TABLE (person_id bigint, age int, education text, hours int, occupation text, sex text, race text, income text)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION advfair_make_census(int, bigint)
	IS 'synthetic census rows whose income depends, unfairly, on sex and race too; the same n and seed give the same rows';
