
-- Retraining
-- --------------------------------------------------------------------------------------------------------------

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
CREATE POLICY advfair_metric_log_owner ON advfair_metric_log
	USING (advfair_owns(owner)) WITH CHECK (advfair_owns(owner));
COMMENT ON POLICY advfair_metric_log_owner ON advfair_metric_log IS 'an entry is its owner''s and the owner''s '
	'members''';

COMMENT ON TYPE advfair_retrained IS 'what a retraining made, whether it was promoted, and if not, why';

/*
 * promote_if is an SQL expression over scores, named as advfair_scores() does and by what they are of: cau,
 * class_accuracy_CLASS, eou_ATTRIBUTE, group_confidence_ATTRIBUTE_GROUP. With more than two classes it is
 * eou_ATTRIBUTE_CLASS and group_confidence_ATTRIBUTE_CLASS_GROUP. "eou(ATTRIBUTE,CLASS)" and the like mean the same and
 * cannot be taken for others. Plain names are the new version's, old.name is the metric of the version the plain name
 * means so far.
 */
CREATE OR REPLACE FUNCTION advfair_retrain(model text, promote_if text DEFAULT NULL, data text DEFAULT NULL,
	eps float8 DEFAULT NULL,
		protected text[] DEFAULT NULL, given text DEFAULT NULL, eps_max float8 DEFAULT NULL, alpha float8 DEFAULT NULL,
		steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL,
			clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL,
			attack text DEFAULT NULL, settings jsonb DEFAULT NULL,
		certify text DEFAULT NULL, certify_settings jsonb DEFAULT NULL) RETURNS advfair_retrained
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text, boolean,
	text[], boolean, text,
	float8, float8, bigint, int, text, text, jsonb, text, jsonb)
	IS 'run a model''s task again on the rows of today, as a new version; with promote_if it takes the old one''s '
		'place only if that holds';

CREATE OR REPLACE FUNCTION advfair_promote(model text, version int) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION advfair_promote(text, int) IS 'let the plain name of a model mean this version, be it newer or '
	'older, until another one is promoted';
