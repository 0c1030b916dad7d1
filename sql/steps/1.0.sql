
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
