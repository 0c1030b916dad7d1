/*
 * advfair--1.0--1.1.sql
 *		From 1.0 to 1.1: what has changed of what advfair.sql makes. What is new follows from files of its own.
 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION advfair UPDATE TO '1.1'" to load this file. \quit

-- Registry ----------------------------------------------------------------------------------------------------------

ALTER TABLE advfair_model ADD COLUMN promoted_at timestamptz;
-- the plain name goes on to mean the newest version
UPDATE advfair_model m SET promoted_at = CASE WHEN EXISTS (
	SELECT FROM advfair_model n WHERE n.owner = m.owner AND n.name = m.name AND n.version > m.version) THEN created_at ELSE now() END;
ALTER TABLE advfair_model ALTER COLUMN promoted_at SET DEFAULT clock_timestamp();
COMMENT ON COLUMN advfair_model.promoted_at IS 'when the plain name began to mean this version; NULL: never';
COMMENT ON COLUMN advfair_model.name IS 'name in the registry; name@version names one version, the plain name the one promoted last';
COMMENT ON COLUMN advfair_progress.task IS 'kind of task: train, adv_train, retrain, predict, pgd, fgsm, least_eps, class_robustness, class_least_eps, luf, audit, compare';
COMMENT ON FUNCTION advfair_get(text) IS 'a model of the registry by name (the version promoted last) or name@version';

DROP FUNCTION advfair_retrain(text);
