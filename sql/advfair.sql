
/*
 * advfair.sql
 *		What can be replaced as a whole, in the order a reader meets it: training, models as values, prediction by row
 *		and by data set,
 *		scores, aggregates, and what tells about the running system. Retraining, jobs, charts and reports follow in
 *		files of their own;
 *		the tables are made by steps/.
 *
 * SQL bodies are in the standard form (RETURN, BEGIN ATOMIC): names in them are resolved here, once, so that the
 * caller's search_path means nothing to them. begin.sql sees to it that they mean what is written.
 */

-- Registry ----------------------------------------------------------------------------------------------------------

COMMENT ON TABLE advfair_model IS 'trained models; training adds a version and never overwrites one';
COMMENT ON COLUMN advfair_model.model_id IS 'identifier that is the same on every server the row is copied to';
COMMENT ON COLUMN advfair_model.name IS 'name in the registry; name@version names one version, the plain name the one '
	'promoted last';
COMMENT ON COLUMN advfair_model.version IS 'counts from 1 for each owner and name';
COMMENT ON COLUMN advfair_model.owner IS 'role that owns the model; its members see the model, to share it make a '
	'group role the owner';
COMMENT ON COLUMN advfair_model.created_at IS 'start of the transaction that stored the model';
COMMENT ON COLUMN advfair_model.task IS 'the complete task that made the model, defaults filled in; advfair_retrain '
	'runs it again';
COMMENT ON COLUMN advfair_model.data_digest IS 'SHA-256 over the keys, labels and values of the training rows, '
	'independent of their physical order';
COMMENT ON COLUMN advfair_model.metrics IS 'rows, examples, loss and accuracy of the last epoch, seconds (read_seconds '
	'of them for reading rows), workers';
COMMENT ON COLUMN advfair_model.promoted_at IS 'when the plain name began to mean this version; NULL: never';
COMMENT ON COLUMN advfair_model.model IS 'the model as a value: architecture, classes, encoder and weights';

COMMENT ON TABLE advfair_curve IS 'learning curves: one row for each epoch of each model';
COMMENT ON COLUMN advfair_curve.model_id IS 'the model';
COMMENT ON COLUMN advfair_curve.epoch IS 'counts from 1';
COMMENT ON COLUMN advfair_curve.loss IS 'mean cross-entropy (nats) over the minibatches of the epoch, as they were '
	'trained on';
COMMENT ON COLUMN advfair_curve.accuracy IS 'share of the epoch''s examples classified correctly, as they were trained '
	'on';
COMMENT ON COLUMN advfair_curve.validation_loss IS 'mean cross-entropy on the validation rows after the epoch, NULL '
	'without any';
COMMENT ON COLUMN advfair_curve.validation_accuracy IS 'accuracy on the validation rows after the epoch, NULL without '
	'any';
COMMENT ON COLUMN advfair_curve.seconds IS 'wall time of the epoch';

CREATE OR REPLACE FUNCTION advfair_owns(owner name) RETURNS boolean
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	RETURN EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = owner AND pg_catalog.pg_has_role(r.oid,
		'USAGE'));
COMMENT ON FUNCTION advfair_owns(name) IS 'whether the current role has the privileges of this role; false when there '
	'is none of the name';

DROP POLICY IF EXISTS advfair_model_owner ON advfair_model;
CREATE POLICY advfair_model_owner ON advfair_model USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_model_owner ON advfair_model IS 'a model is its owner''s and the owner''s members''';
DROP POLICY IF EXISTS advfair_curve_owner ON advfair_curve;
CREATE POLICY advfair_curve_owner ON advfair_curve
	USING (EXISTS (SELECT FROM advfair_model m WHERE m.model_id = advfair_curve.model_id));
COMMENT ON POLICY advfair_curve_owner ON advfair_curve IS 'a curve is visible to whoever sees its model';
CREATE OR REPLACE FUNCTION advfair_model_missing(model_id uuid) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advfair_model_missing(uuid) IS 'whether there is no such row in advfair_model, be it one''s own or '
	'another''s';
DROP POLICY IF EXISTS advfair_curve_load ON advfair_curve;
CREATE POLICY advfair_curve_load ON advfair_curve FOR INSERT WITH CHECK (advfair_model_missing(model_id));
COMMENT ON POLICY advfair_curve_load ON advfair_curve IS 'what pg_dump has written is loaded in the order of names';

-- What a foreign key would do, without the order of loading that one asks for.
CREATE OR REPLACE FUNCTION advfair_model_changed() RETURNS trigger
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION advfair_model_changed() IS 'deletes the curve of a model that is deleted';
CREATE OR REPLACE TRIGGER advfair_model_changed BEFORE DELETE OR UPDATE OF model_id ON advfair_model
	FOR EACH ROW EXECUTE FUNCTION advfair_model_changed();
COMMENT ON TRIGGER advfair_model_changed ON advfair_model IS 'a curve goes with its model, whose model_id does not '
	'change';

-- Making models -----------------------------------------------------------------------------------------------------

COMMENT ON TYPE advfair_trained IS 'what a training made: model and version, with loss and accuracy of the epoch whose '
	'parameters it has';

CREATE OR REPLACE FUNCTION advfair_run(task jsonb) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_run(jsonb) IS 'run a training task and store its model as a new version';

CREATE OR REPLACE FUNCTION advfair_train(model text, data text, label text, features text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
		id text DEFAULT NULL, arch text DEFAULT NULL, input_shape int[] DEFAULT NULL, encoding text DEFAULT NULL,
		scale boolean DEFAULT NULL, oversample text DEFAULT NULL, missing text DEFAULT NULL, unseen text DEFAULT NULL,
		optimizer text DEFAULT NULL, learning_rate float8 DEFAULT NULL, momentum float8 DEFAULT NULL,
		weight_decay float8 DEFAULT NULL, init text DEFAULT NULL, epochs int DEFAULT NULL, batch_size int DEFAULT NULL,
		validation text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, settings jsonb DEFAULT NULL)
			RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_train(text, text, text, text[], text[], text, text, int[], text, boolean, text, text,
	text, text,
	float8, float8, float8, text, int, int, text, bigint, int, jsonb)
	IS 'train a classifier on a relation or query and store it as a new version of a model';

CREATE OR REPLACE FUNCTION advfair_adv_train(model text, data text, label text, source text DEFAULT NULL,
	method text DEFAULT NULL,
		norm text DEFAULT NULL, eps anycompatible DEFAULT NULL::float8, alpha float8 DEFAULT NULL,
			steps int DEFAULT NULL,
		restarts int DEFAULT NULL, random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL,
		feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
			clip_max float8 DEFAULT NULL,
		beta float8 DEFAULT NULL, warm boolean DEFAULT NULL, features text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
		id text DEFAULT NULL, arch text DEFAULT NULL, input_shape int[] DEFAULT NULL, encoding text DEFAULT NULL,
		scale boolean DEFAULT NULL, oversample text DEFAULT NULL, missing text DEFAULT NULL, unseen text DEFAULT NULL,
		optimizer text DEFAULT NULL, learning_rate float8 DEFAULT NULL, momentum float8 DEFAULT NULL,
		weight_decay float8 DEFAULT NULL, init text DEFAULT NULL, epochs int DEFAULT NULL, batch_size int DEFAULT NULL,
		validation text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, attack text DEFAULT NULL,
			settings jsonb DEFAULT NULL) RETURNS advfair_trained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_adv_train(text, text, text, text, text, text, anycompatible, float8, int, int, boolean,
	text[],
	boolean, text, float8, float8, float8, boolean, text[], text[], text, text, int[], text, boolean, text, text,
		text, text,
	float8, float8, float8, text, int, int, text, bigint, int, text, jsonb)
	IS 'train a robust classifier by a method that has it withstand attacks, and store it as a new version of a model';

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
COMMENT ON FUNCTION advfair_weights(bytea) IS 'a model''s parameters in network order; dense (out, in), conv (filters, '
	'channels, h, w), row-major';

CREATE OR REPLACE FUNCTION advfair_build(task jsonb, weights real[]) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION advfair_build(jsonb, real[]) IS 'a model from a description (as advfair_describe gives it) and all '
	'its parameters in network order';

CREATE OR REPLACE FUNCTION advfair_decode(model bytea, x real[]) RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION advfair_decode(bytea, real[])
	IS 'an encoded input in terms of the model''s columns: numbers, texts, arrays; categories it lies between with '
		'their weights';

-- Prediction, one row at a time ---------------------------------------------------------------------------------------

-- Not immutable: the instruction set, which a session may choose, decides the last bits, and what texts a row's values
-- have is not for good.

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
COMMENT ON FUNCTION advfair_predict(bytea, real[]) IS 'class of an encoded input: the values the network''s input '
	'layer sees, images in channel, row, column order';
COMMENT ON FUNCTION advfair_predict(bytea, bytea) IS 'class of an image given as bytes in channel, row, column order';
COMMENT ON FUNCTION advfair_proba(bytea, record) IS 'probabilities of the classes, in class order, for a row; columns '
	'are found by name';
COMMENT ON FUNCTION advfair_proba(bytea, real[]) IS 'probabilities of the classes, in class order, for an encoded '
	'input';
COMMENT ON FUNCTION advfair_proba(bytea, bytea) IS 'probabilities of the classes, in class order, for an image';
COMMENT ON FUNCTION advfair_confidence(bytea, record, text) IS 'probability of one class for a row; columns are found '
	'by name';
COMMENT ON FUNCTION advfair_confidence(bytea, real[], text) IS 'probability of one class for an encoded input';
COMMENT ON FUNCTION advfair_confidence(bytea, bytea, text) IS 'probability of one class for an image';

-- Prediction, a whole data set in compute workers ---------------------------------------------------------------------

/*
 * Results carry the id of each row. Its type is bigint, or that of key, which is what allows joins without casts. These
 * are two functions because a result type cannot follow from an argument's default.
 */
CREATE OR REPLACE FUNCTION advfair_predict(model text, data text, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
CREATE OR REPLACE FUNCTION advfair_predict(model text, data text, key anyelement, workers int DEFAULT NULL,
	id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, confidence real, probabilities real[])
	AS 'MODULE_PATHNAME', 'advfair_predict_data_key' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 100000;
COMMENT ON FUNCTION advfair_predict(text, text, int, text)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query';
COMMENT ON FUNCTION advfair_predict(text, text, anyelement, int, text)
	IS 'prediction, confidence in it and all probabilities for each row of a relation or query; id has the type of key';

-- Attacks ------------------------------------------------------------------------------------------------------------

/*
 * eps is a number, an array with one for each column, or an object with one for some columns: the others stay as they
 * are.
 *
 * As with advfair_predict, each function comes without and with key. PostgreSQL finds the type of the ids by the place
 * at which key stands in a call, even where it is named, so key must be written right after the arguments that are
 * required.
 */
/*
 * The general form: any method, by name, with settings of its own. attack in the result is the method that broke the
 * row, NULL for a row that withstood or was misclassified to begin with.
 */
CREATE OR REPLACE FUNCTION advfair_attack(model text, data text, eps anycompatible, attack text DEFAULT 'pgd',
		settings jsonb DEFAULT NULL, norm text DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL,
		targeted text DEFAULT NULL, craft_on text DEFAULT NULL, clip_min float8 DEFAULT NULL,
			clip_max float8 DEFAULT NULL,
		eps_unit text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean, linf float8, l2 float8,
		loss float8, x real[], attack text, forwards bigint, gradients bigint)
	AS 'MODULE_PATHNAME', 'advfair_attack' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_attack(model text, data text, eps anycompatible, key anyelement,
	attack text DEFAULT 'pgd',
		settings jsonb DEFAULT NULL, norm text DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL,
		targeted text DEFAULT NULL, craft_on text DEFAULT NULL, clip_min float8 DEFAULT NULL,
			clip_max float8 DEFAULT NULL,
		eps_unit text DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean, linf float8,
		l2 float8,
		loss float8, x real[], attack text, forwards bigint, gradients bigint)
	AS 'MODULE_PATHNAME', 'advfair_attack' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
/*
 * One row, in any query, without workers. settings are those of the method, and norm, mutable, feasible, targeted,
 * clip_min, clip_max, eps_unit and seed as the function above has them. The same row has the same example, whatever
 * plan it is in.
 */
CREATE OR REPLACE FUNCTION advfair_attack(model bytea, "row" record, label text, eps float8, attack text DEFAULT 'pgd',
		settings jsonb DEFAULT NULL, OUT prediction text, OUT adversarial text, OUT success boolean, OUT linf float8,
		OUT l2 float8, OUT x real[])
	AS 'MODULE_PATHNAME', 'advfair_attack_row' LANGUAGE C STABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION advfair_attack(bytea, record, text, float8, text, jsonb)
	IS 'adversarial example of one row, and what the model makes of it, in any query';
COMMENT ON FUNCTION advfair_attack(text, text, anycompatible, text, jsonb, text, text[], boolean, text, text, float8,
	float8, text,
	bigint, int, text)
	IS 'adversarial examples by a method of choice, one for each row, what the model makes of them, and what they cost';
COMMENT ON FUNCTION advfair_attack(text, text, anycompatible, anyelement, text, jsonb, text, text[], boolean, text,
	text, float8,
	float8, text, bigint, int, text)
	IS 'adversarial examples by a method of choice, one for each row, what the model makes of them, and what they '
		'cost; id has the type of key';

/*
 * Any model that SQL can call: predict is an expression over the columns of data, whose value is an array of
 * probabilities in the order of classes, or a class. Rows are changed as they are, typed values and all.
 */
CREATE OR REPLACE FUNCTION advfair_attack_sql(data text, label text, predict text, classes text[],
		eps anycompatible, eps_unit text DEFAULT NULL, mutable text[] DEFAULT NULL,
		constraints text[] DEFAULT NULL, derived jsonb DEFAULT NULL, cost jsonb DEFAULT NULL,
		budget float8 DEFAULT NULL, step jsonb DEFAULT NULL, clip jsonb DEFAULT NULL, targeted text DEFAULT NULL,
		queries int DEFAULT 1000, seed bigint DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean, linf float8, l2 float8,
		cost float8, queries bigint, changes jsonb)
	AS 'MODULE_PATHNAME', 'advfair_attack_sql' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_attack_sql(data text, label text, predict text, classes text[],
		eps anycompatible, key anyelement, eps_unit text DEFAULT NULL, mutable text[] DEFAULT NULL,
		constraints text[] DEFAULT NULL, derived jsonb DEFAULT NULL, cost jsonb DEFAULT NULL,
		budget float8 DEFAULT NULL, step jsonb DEFAULT NULL, clip jsonb DEFAULT NULL, targeted text DEFAULT NULL,
		queries int DEFAULT 1000, seed bigint DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean, linf float8,
		l2 float8, cost float8, queries bigint, changes jsonb)
	AS 'MODULE_PATHNAME', 'advfair_attack_sql' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_attack_sql(text, text, text, text[], anycompatible, text, text[], text[], jsonb, jsonb,
	float8, jsonb, jsonb, text, int, bigint, text)
	IS 'adversarial examples of any model that SQL can call, by queries alone: what to change in each row, within '
		'constraints';
COMMENT ON FUNCTION advfair_attack_sql(text, text, text, text[], anycompatible, anyelement, text, text[], text[],
	jsonb, jsonb, float8, jsonb, jsonb, text, int, bigint, text)
	IS 'adversarial examples of any model that SQL can call, by queries alone: what to change in each row, within '
		'constraints; id has the type of key';

/*
 * What people could change to get another decision: a row for each of the k cheapest changes that reach the target, or
 * one without a rank where there is none. cost is without unit, or that of its argument.
 */
CREATE OR REPLACE FUNCTION advfair_recourse(model text, data text, target text, mutable text[] DEFAULT NULL,
		constraints text[] DEFAULT NULL, derived jsonb DEFAULT NULL, cost jsonb DEFAULT NULL, k int DEFAULT 1,
		budget float8 DEFAULT NULL, step jsonb DEFAULT NULL, clip jsonb DEFAULT NULL, queries int DEFAULT NULL,
		seed bigint DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, rank int, cost float8, changes jsonb)
	AS 'MODULE_PATHNAME', 'advfair_recourse' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_recourse(model text, data text, target text, key anyelement,
		mutable text[] DEFAULT NULL,
		constraints text[] DEFAULT NULL, derived jsonb DEFAULT NULL, cost jsonb DEFAULT NULL, k int DEFAULT 1,
		budget float8 DEFAULT NULL, step jsonb DEFAULT NULL, clip jsonb DEFAULT NULL, queries int DEFAULT NULL,
		seed bigint DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, rank int, cost float8, changes jsonb)
	AS 'MODULE_PATHNAME', 'advfair_recourse' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_recourse(text, text, text, text[], text[], jsonb, jsonb, int, float8, jsonb, jsonb, int,
	bigint, text)
	IS 'the cheapest changes of each row, within constraints, that the model gives a class to';
COMMENT ON FUNCTION advfair_recourse(text, text, text, anyelement, text[], text[], jsonb, jsonb, int, float8, jsonb,
	jsonb, int, bigint, text)
	IS 'the cheapest changes of each row, within constraints, that the model gives a class to; id has the type of key';

CREATE OR REPLACE FUNCTION advfair_pgd(model text, data text, eps anycompatible, alpha float8 DEFAULT NULL,
	steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
			craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_pgd(model text, data text, eps anycompatible, key anyelement,
	alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
			craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_pgd' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, float8, int, int, text, boolean, text, text, text[],
	boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_pgd(text, text, anycompatible, anyelement, float8, int, int, text, boolean, text, text,
	text[], boolean, text,
	float8, float8, boolean, bigint, int, text)
	IS 'adversarial examples by projected gradient descent, one for each row, and what the model makes of them; id has '
		'the type of key';

CREATE OR REPLACE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, norm text DEFAULT NULL,
	targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_fgsm(model text, data text, eps anycompatible, key anyelement,
	norm text DEFAULT NULL, targeted text DEFAULT NULL, craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, adversarial text, success boolean,
		linf float8, l2 float8, loss float8, x real[])
	AS 'MODULE_PATHNAME', 'advfair_fgsm' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, text, text, text, text[], boolean, text, float8, float8,
	int, text)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them';
COMMENT ON FUNCTION advfair_fgsm(text, text, anycompatible, anyelement, text, text, text, text[], boolean, text,
	float8, float8, int, text)
	IS 'adversarial examples by one gradient step of size eps, one for each row, and what the model makes of them; id '
		'has the type of key';

CREATE OR REPLACE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, mode text DEFAULT NULL,
	step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
			targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL,
			attack text DEFAULT NULL, settings jsonb DEFAULT NULL, certified boolean DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, eps float8, censored boolean, radius float8)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_least_eps(model text, data text, eps_max anycompatible, key anyelement,
	mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
			targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL,
			attack text DEFAULT NULL, settings jsonb DEFAULT NULL, certified boolean DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, eps float8, censored boolean, radius float8)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text,
	text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb, boolean)
	IS 'smallest eps at which an attack succeeds, for each row; censored rows withstood up to eps_max; with certified '
		'also up to which eps it is proven that none does';
COMMENT ON FUNCTION advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text,
	boolean, text, text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb, boolean)
	IS 'smallest eps at which an attack succeeds, for each row; censored rows withstood up to eps_max; with certified '
		'also up to which eps it is proven that none does; id has the type of key';

-- For charts, which need no ids.
CREATE OR REPLACE FUNCTION advfair_least_eps_values(model text, data text, eps_max float8, steps int, restarts int,
	norm text, random_start boolean,
		mutable text[], feasible boolean, eps_unit text, clip_min float8, clip_max float8, seed bigint, workers int,
			id text,
		attack text, settings jsonb, certified boolean)
	RETURNS TABLE (label text, eps float8, censored boolean, radius float8)
	AS 'MODULE_PATHNAME', 'advfair_least_eps' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_least_eps_values(text, text, float8, int, int, text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text,
	text, jsonb, boolean)
	IS 'advfair_least_eps without ids';

-- Certificates ------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_certify(model text, data text, method text DEFAULT NULL, norm text DEFAULT NULL,
	eps_max "any" DEFAULT NULL::float8, settings jsonb DEFAULT NULL, mutable text[] DEFAULT NULL,
		eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL,
		seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, radius float8, abstained boolean)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_certify(model text, data text, key anyelement, method text DEFAULT NULL,
	norm text DEFAULT NULL, eps_max "any" DEFAULT NULL::float8, settings jsonb DEFAULT NULL,
		mutable text[] DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, radius float8, abstained boolean)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_certify(text, text, text, text, "any", jsonb, text[], text, float8, float8, bigint,
	int, text)
	IS 'up to which eps, at most eps_max, no perturbation changes the class: proven for each row, by crown, ibp or '
		'smoothing';
COMMENT ON FUNCTION advfair_certify(text, text, anyelement, text, text, "any", jsonb, text[], text, float8,
	float8, bigint, int, text)
	IS 'up to which eps, at most eps_max, no perturbation changes the class: proven for each row, by crown, ibp or '
		'smoothing; id has the type of key';

-- Scores ------------------------------------------------------------------------------------------------------------

/*
 * One table in the library (score.c) has all of them; audits, comparisons, conditions, charts and reports go by it. of:
 * all rows, each class, each group, each attribute, between classes, between groups. A title's words before the colon
 * are what the score is called.
 */
CREATE OR REPLACE FUNCTION advfair_scores() RETURNS TABLE (name text, title text, words text, needs text, of text,
	better text)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION advfair_scores()
	IS 'which scores there are, in the order of audits and reports: what each says, which arguments it needs, what it '
		'is of, and whether higher or lower is better';

CREATE OR REPLACE FUNCTION advfair_class_accuracy(model text, data text, workers int DEFAULT NULL)
	RETURNS TABLE (class text, accuracy float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_class_accuracy(text, text, int)
	IS 'accuracy of a model on each class of a data set, with its number of rows; NULL for a class without rows';

/*
 * With mode 'intervene' each group is all rows, predicted with the attribute set to the group's value; with 'subset',
 * the rows that have it.
 */
CREATE OR REPLACE FUNCTION advfair_group_confidence(model text, data text, attribute text, class text,
	given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL)
	RETURNS TABLE (grp text, confidence float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION advfair_group_confidence(text, text, text, text, text, text, int)
	IS 'mean probability of a class for each value of an attribute, of the rows that have it or (mode ''intervene'') '
		'of all rows with it set, over all labels or those given';

CREATE OR REPLACE FUNCTION advfair_eou(model text, data text, attribute text, class text, given text DEFAULT NULL,
		mode text DEFAULT 'subset', workers int DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION advfair_eou(text, text, text, text, text, text, int)
	IS 'equalized-odds unfairness: largest difference between two values of an attribute in the mean probability of a '
		'class, NULL where fewer than two have rows';

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
	IS 'class-wise accuracy unfairness: largest difference between the accuracies of two classes, NULL where fewer '
		'than two have rows';

COMMENT ON TYPE advfair_class_success IS 'what advfair_class_robustness returns';
COMMENT ON COLUMN advfair_class_success.eps IS 'bound of the perturbation';
COMMENT ON COLUMN advfair_class_success.class IS 'the class';
COMMENT ON COLUMN advfair_class_success.success_rate IS 'share of its rows on which the attack succeeds, those '
	'misclassified anyway included';
COMMENT ON COLUMN advfair_class_success.accuracy IS 'share of its rows classified correctly under attack';
COMMENT ON COLUMN advfair_class_success.n IS 'its rows';

CREATE OR REPLACE FUNCTION advfair_class_robustness(model text, data text, eps float8[],
	denominator text DEFAULT NULL, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
			craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL)
	RETURNS SETOF advfair_class_success
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text, text,
	text[], boolean, text,
	float8, float8, boolean, bigint, int, text, text, jsonb)
	IS 'success rate of an attack on each class at each eps, over all rows or, with denominator => ''correct'', those '
		'correct when clean';

CREATE OR REPLACE FUNCTION advfair_class_least_eps(model text, data text, eps_max anycompatible DEFAULT NULL::float8,
	mode text DEFAULT NULL, step float8 DEFAULT NULL, tol float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
			targeted text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL,
			attack text DEFAULT NULL, settings jsonb DEFAULT NULL)
	RETURNS TABLE (class text, least_eps float8, censored bigint, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000000;
COMMENT ON FUNCTION advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean,
	text, text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb)
	IS 'mean least eps of each class; censored rows, which withstood up to eps_max, count with eps_max';

/*
 * With eps CRU_s at eps, without CRU_eps: eps_max, mode, step and tol are for the latter alone, denominator, alpha and
 * craft_on for the former.
 */
CREATE OR REPLACE FUNCTION advfair_cru(model text, data text, eps float8 DEFAULT NULL, eps_max float8 DEFAULT NULL,
	mode text DEFAULT NULL,
		step float8 DEFAULT NULL, tol float8 DEFAULT NULL, denominator text DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL,
		norm text DEFAULT NULL, random_start boolean DEFAULT NULL, targeted text DEFAULT NULL,
			craft_on text DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, early_stop boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL)
			RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text,
	boolean, text, text, text[], boolean, text,
	float8, float8, boolean, bigint, int, text, text, jsonb)
	IS 'class-wise robustness unfairness: largest difference between two classes in success rate at eps (CRU_s), or '
		'without eps in mean least eps (CRU_eps)';

-- Everything at once
-- ------------------------------------------------------------------------------------------------------

/*
 * Metrics are advfair_scores() but for luf, in its order: those that need an attack for each eps, those that need a
 * search with eps_max, those that need certificates with certify, those of groups for each protected attribute, over
 * the rows whose label is given; where one is of a class, of the second of two or of each of more. Rows come model
 * after model, means before their gap, classes in the model's order, values of attributes in the order of their bytes.
 * alpha is for eps alone. Rows are certified up to eps_max, or without it up to the largest eps.
 */
CREATE OR REPLACE FUNCTION advfair_audit(models text[], data text, eps float8[] DEFAULT NULL,
	protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL,
			eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL,
		certify text DEFAULT NULL, certify_settings jsonb DEFAULT NULL)
	RETURNS TABLE (model text, metric text, eps float8, class text, attribute text, grp text, value float8,
		ci_low float8,
		ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int, text,
	boolean, text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb, text, jsonb)
	IS 'accuracy, robustness and fairness of models on a data set, by class and by group, with bootstrap intervals';

CREATE OR REPLACE FUNCTION advfair_compare(model_a text, model_b text, data text, eps float8[] DEFAULT NULL,
	protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL,
			eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL,
		certify text DEFAULT NULL, certify_settings jsonb DEFAULT NULL)
	RETURNS TABLE (metric text, eps float8, class text, attribute text, grp text, a float8, b float8, difference float8,
		ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int, int,
	text, boolean, text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb, text, jsonb)
	IS 'what advfair_audit tells of two models, and the differences b - a with bootstrap intervals paired over the '
		'same rows';

-- Leaving rows out
-- -------------------------------------------------------------------------------------------------------

COMMENT ON TABLE advfair_luf_part IS 'what a leave-one-out run that was cancelled or failed has done; the same call '
	'again goes on from there';
COMMENT ON COLUMN advfair_luf_part.digest IS 'SHA-256 of the training task and of all rows: the run';
COMMENT ON COLUMN advfair_luf_part.part IS 'key of the row left out, or the seed';
COMMENT ON COLUMN advfair_luf_part.owner IS 'role that ran it';
COMMENT ON COLUMN advfair_luf_part.kept_at IS 'when the model was kept; old rows that nobody will go on from may be '
	'deleted';
COMMENT ON COLUMN advfair_luf_part.change IS 'float32 for each evaluation row: largest change of a probability, '
	'negative if the prediction changed';

DROP POLICY IF EXISTS advfair_luf_part_owner ON advfair_luf_part;
CREATE POLICY advfair_luf_part_owner ON advfair_luf_part USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_luf_part_owner ON advfair_luf_part IS 'a run is its owner''s and the owner''s members''';

CREATE OR REPLACE FUNCTION advfair_luf_rows(model text, data text, leave_out int DEFAULT NULL,
	leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id bigint, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
CREATE OR REPLACE FUNCTION advfair_luf_rows(model text, data text, key anyelement, leave_out int DEFAULT NULL,
		leave_out_ids text[] DEFAULT NULL, vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL,
		seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (id anyelement, label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_luf_rows(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them '
		'change the prediction';
COMMENT ON FUNCTION advfair_luf_rows(text, text, anyelement, int, text[], boolean, boolean, bigint, int, text)
	IS 'for each row: largest change of a probability over models trained without one row each, and how many of them '
		'change the prediction; id has the type of key';

-- For scores and charts, which need no ids.
CREATE OR REPLACE FUNCTION advfair_luf_values(model text, data text, leave_out int, leave_out_ids text[],
	vary_seed boolean, regenerate boolean,
		seed bigint, workers int, id text)
	RETURNS TABLE (label text, prediction text, luf float8, changed bigint, left_out bigint)
	AS 'MODULE_PATHNAME', 'advfair_luf_rows' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10000 COST 1000000;
COMMENT ON FUNCTION advfair_luf_values(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'advfair_luf_rows without ids';

CREATE OR REPLACE FUNCTION advfair_luf(model text, data text, leave_out int DEFAULT NULL,
	leave_out_ids text[] DEFAULT NULL,
		vary_seed boolean DEFAULT NULL, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS float8
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	RETURN (SELECT pg_catalog.avg(r.luf)
		FROM advfair_luf_values(model, data, leave_out, leave_out_ids, vary_seed, regenerate, seed, workers, id) r);
COMMENT ON FUNCTION advfair_luf(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'leave-one-out unfairness: mean over rows of the largest change of a probability when one training row is left '
		'out; with vary_seed, when only the seed changes';

/*
 * LUF_t = mean over rows of changed; LUF_l = mean over rows left out of the predictions that change: LUF_l left_out =
 * LUF_t n.
 */
CREATE OR REPLACE FUNCTION advfair_luf_summary(model text, data text, leave_out int DEFAULT NULL,
	leave_out_ids text[] DEFAULT NULL,
		baseline boolean DEFAULT true, regenerate boolean DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL)
	RETURNS TABLE (luf float8, luf_t float8, luf_l float8, seed_luf float8, seed_luf_t float8, seed_luf_l float8,
		excess_luf float8, left_out bigint, n bigint)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
	BEGIN ATOMIC
		SELECT l.luf, l.luf_t, l.luf_l, b.luf, b.luf_t, b.luf_l, l.luf - b.luf, l.left_out, l.n
		FROM (SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l, pg_catalog.max(r.left_out)
					AS left_out,
				pg_catalog.count(*) AS n
			FROM advfair_luf_values(model, data, leave_out, leave_out_ids, false, regenerate, seed, workers, id) r) l,
			(SELECT pg_catalog.avg(r.luf) AS luf, pg_catalog.avg(r.changed)::float8 AS luf_t,
				pg_catalog.sum(r.changed)::float8 / pg_catalog.max(r.left_out) AS luf_l
			FROM advfair_luf_values(model, data, leave_out, leave_out_ids, true, regenerate, seed, workers, id) r
			WHERE baseline) b;
	END;
COMMENT ON FUNCTION advfair_luf_summary(text, text, int, text[], boolean, boolean, bigint, int, text)
	IS 'leave-one-out unfairness LUF, LUF_t and LUF_l, beside the same for models that differ in the seed alone '
		'(baseline)';

-- The same scores over any join
-- -----------------------------------------------------------------------------------------

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
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final,
		PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE advfair_cau(label "any", prediction "any") (
	SFUNC = advfair_cau_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final,
		PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE advfair_eou(confidence float8, attribute text) (
	SFUNC = advfair_gap_add, STYPE = bytea, COMBINEFUNC = advfair_gap_combine, FINALFUNC = advfair_gap_final,
		PARALLEL = SAFE);
COMMENT ON AGGREGATE advfair_gap(float8, text) IS 'largest minus smallest group mean, NULL for fewer than two groups; '
	'rows with a NULL take no part';
COMMENT ON AGGREGATE advfair_cau("any", "any")
	IS 'class-wise accuracy unfairness of predictions: largest minus smallest accuracy of a label''s rows, NULL for '
		'fewer than two labels; predictions are read as values of the label''s type';
COMMENT ON AGGREGATE advfair_eou(float8, text)
	IS 'equalized-odds unfairness of confidences: largest minus smallest mean over the values of an attribute';

/*
 * A value and its interval need all rows at hand, so this takes arrays: SELECT i.* FROM (SELECT array_agg(value) AS v,
 * array_agg(grp) AS g FROM ...) a, advfair_gap_interval(v, g) i.
 */
CREATE OR REPLACE FUNCTION advfair_gap_interval(value float8[], grp text[], level float8 DEFAULT 0.95,
	replicates int DEFAULT 1000,
		seed bigint DEFAULT 0)
	RETURNS TABLE (gap float8, ci_low float8, ci_high float8, n bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1 COST 1000000;
COMMENT ON FUNCTION advfair_gap_interval(float8[], text[], float8, int, bigint)
	IS 'largest minus smallest group mean with a percentile bootstrap interval, stratified by group; rows with a NULL '
		'take no part';

-- The running system
-- ----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_version() RETURNS jsonb
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_version() IS 'version of advfair, and the BLAS library, kernel and CPU features its '
	'compute workers use';

CREATE OR REPLACE FUNCTION advfair_progress_rows(OUT pid int, OUT task text, OUT model text, OUT phase text,
	OUT done bigint,
		OUT total bigint, OUT loss float8, OUT rate float8, OUT eta interval) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION advfair_progress_rows() IS 'rows of advfair_progress';
CREATE OR REPLACE VIEW advfair_progress AS SELECT * FROM advfair_progress_rows();
GRANT SELECT ON advfair_progress TO PUBLIC;
COMMENT ON VIEW advfair_progress IS 'operations that run now; details of other roles'' operations are NULL unless one '
	'may read all statistics';
COMMENT ON COLUMN advfair_progress.pid IS 'process of the session that waits for the operation';
COMMENT ON COLUMN advfair_progress.task IS 'kind of task: train, adv_train, retrain, predict, pgd, fgsm, '
	'attack_sql, recourse, least_eps, class_robustness, class_least_eps, certify, luf, audit, compare';
COMMENT ON COLUMN advfair_progress.model IS 'name of the model';
COMMENT ON COLUMN advfair_progress.phase IS 'reading rows, ordering rows, fitting the encoder, encoding rows, training '
	'the source, crafting, computing, attacking, searching, certifying, resampling, or storing';
COMMENT ON COLUMN advfair_progress.done IS 'rows done in this phase; training counts every example of every epoch';
COMMENT ON COLUMN advfair_progress.total IS 'rows to be done in this phase, NULL while unknown';
COMMENT ON COLUMN advfair_progress.loss IS 'loss of the last minibatch, NULL before the first';
COMMENT ON COLUMN advfair_progress.rate IS 'rows per second in this phase';
COMMENT ON COLUMN advfair_progress.eta IS 'time left in this phase at that rate';

-- Made-up data
-- -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_make_census(n int, seed bigint DEFAULT 0)
	RETURNS TABLE (person_id bigint, age int, education text, hours int, occupation text, sex text, race text,
		income text)
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION advfair_make_census(int, bigint)
	IS 'synthetic census rows whose income depends, unfairly, on sex and race too; the same n and seed give the same '
		'rows';
