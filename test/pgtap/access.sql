-- Who may do what: data are read with the caller's rights, the registry shows and takes only what is one's own.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(43);
CREATE ROLE advfair_ann;
CREATE ROLE advfair_ben;
CREATE ROLE advfair_both;
GRANT advfair_both TO advfair_ann, advfair_ben;
GRANT CREATE ON SCHEMA public TO advfair_ann, advfair_ben;
CREATE TABLE people AS SELECT * FROM advfair_make_census(200, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
ALTER TABLE people OWNER TO advfair_ann;
-- what a call comes to: no error, or which
CREATE FUNCTION came_to(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE command;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

SET LOCAL ROLE advfair_ann;
SELECT is(version, 1, 'the owner of a table trains on it') FROM advfair_train('m', 'people', 'income', epochs => 2);
SELECT is(owner, 'advfair_ann', 'and owns the model') FROM advfair_model;
SELECT model_id AS anns FROM advfair_model \gset
SET LOCAL ROLE advfair_ben;
SELECT is(came_to($$ SELECT advfair_train('n', 'people', 'income', epochs => 1) $$), '42501', 'others need the right to read');
SELECT is(came_to($$ SELECT advfair_fit('{"data":"SELECT * FROM people","label":"income","epochs":1}') $$), '42501', 'by a query, too');
SELECT is(came_to($$ SELECT * FROM advfair_predict('m', 'people') $$), '42704', 'they see no model');
SELECT is(came_to($$ SELECT * FROM advfair_model, advfair_curve $$), '0 rows', 'nor its row, nor its curve');
SELECT is(came_to('DELETE FROM advfair_model') || came_to('UPDATE advfair_model SET name = name') || came_to('DELETE FROM advfair_curve'), '0 rows0 rows0 rows', 'nor change them');
SELECT is(came_to('TRUNCATE advfair_curve'), '42501', 'nor empty the tables');
SELECT is(came_to(format('INSERT INTO advfair_curve VALUES (%L, 99, 1, 1, NULL, NULL, 1)', :'anns')), '42501', 'nor add to the curve');
SELECT is(came_to($$ INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model) VALUES ('x', 1, 'advfair_ann', '{}', '', '{}', '') $$),
		  '42501', 'nor give models away');
SELECT is(came_to($$ INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model) VALUES ('x', 1, 'nobody', '{}', '', '{}', '') $$),
		  '42501', 'not even to nobody');
SELECT is(came_to($$ INSERT INTO advfair_model (name, version, task, data_digest, metrics, model) VALUES ('x@1', 1, '{}', '', '{}', '') $$), '23514', 'a name with @ is none');
CREATE FUNCTION tell(name text) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$ BEGIN RAISE 'saw %', name; END $$;
SELECT is(came_to('SELECT * FROM advfair_model WHERE tell(name)'), '0 rows', 'functions in a query see no more than the query');

-- triggers are for advfair's tables, and take what these do not
SET LOCAL ROLE advfair_ann;
CREATE TABLE mine (model_id int, job text, state int, owner int, origin int);
CREATE TRIGGER a BEFORE DELETE OR UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION advfair_model_changed();
CREATE TRIGGER b BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION advfair_job_queued();
SELECT is(came_to('INSERT INTO mine VALUES (1, 2, 3, 4, 5)'), '39P01', 'trigger functions refuse other tables');
ALTER TABLE mine DISABLE TRIGGER b;
INSERT INTO mine VALUES (1, 2, 3, 4, 5);
SELECT is(came_to('DELETE FROM mine'), '39P01', 'whatever the event');
CREATE TRIGGER c AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION advfair_job_changed();
SELECT is(came_to('INSERT INTO mine VALUES (1, 2, 3, 4, 5)'), '39P01', 'and the type of the columns');
SELECT advfair_submit('{"kind": "retrain", "model": "m"}') > 0 AS submitted;
SELECT is(came_to('UPDATE advfair_job SET state = NULL'), '23502', 'a state of NULL is none');
SELECT is(came_to('UPDATE advfair_model SET model_id = gen_random_uuid()'), '0A000', 'a model keeps its identifier');
DELETE FROM advfair_job;
SET LOCAL ROLE advfair_ben;

-- row_security = off is for who dumps: it hides nothing silently, and what finds models does so by itself
SET LOCAL ROLE advfair_ann;
SET LOCAL row_security = off;
SELECT is(came_to('SELECT * FROM advfair_model'), '42501', 'with row_security = off tables cannot be read');
SELECT is(came_to($$ SELECT advfair_get('m') $$), '1 rows', 'but models can be used');
SELECT is(came_to($$ SELECT advfair_train('unseen', 'people', 'income', epochs => 1) $$), '1 rows', 'and trained');
SET LOCAL ROLE advfair_ben;
SELECT is(came_to($$ SELECT advfair_get('m') $$), '42704', 'by their owner');
RESET row_security;
SET LOCAL ROLE advfair_ann;
DELETE FROM advfair_model WHERE name = 'unseen';
SET LOCAL ROLE advfair_ben;

-- a view lends its owner's rights, as in any query
SET LOCAL ROLE advfair_ann;
CREATE VIEW young AS SELECT person_id, age, hours, income FROM people WHERE age < 40;
GRANT SELECT ON young TO advfair_ben;
SET LOCAL ROLE advfair_ben;
SELECT is(version, 1, 'a view is read with its owner''s rights') FROM advfair_train('young', 'young', 'income', id => 'person_id', epochs => 1);
SELECT is(metrics ->> 'rows', (SELECT count(*)::text FROM young), 'it shows what it shows') FROM advfair_model WHERE name = 'young';

-- a function with its owner's rights trains as its owner
SET LOCAL ROLE advfair_ann;
CREATE FUNCTION train_for_all() RETURNS int LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT version FROM advfair_train('for all', 'people', 'income', epochs => 1) $$;
SET LOCAL ROLE advfair_ben;
SELECT is(train_for_all(), 1, 'SECURITY DEFINER');
SELECT is(came_to($$ SELECT advfair_get('for all') $$), '42704', 'the model is not the caller''s');

-- row security hides rows from training, prediction and scores alike
SET LOCAL ROLE advfair_ann;
GRANT SELECT ON people TO advfair_ben;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON people FOR SELECT TO advfair_ben USING (person_id <= 50);
SET LOCAL ROLE advfair_ben;
SELECT is(version, 1, 'with row security') FROM advfair_train('m', 'people', 'income', epochs => 1);
SELECT is(metrics ->> 'rows', '50', 'training sees what the policy shows') FROM advfair_model WHERE name = 'm';
SELECT is(max(id), 50::bigint, 'prediction, too') FROM advfair_predict('m', 'people');
SELECT is(sum(n), 50::numeric, 'and scores') FROM advfair_class_accuracy('m', 'people');
RESET ROLE;
SELECT is(array_agg(owner || version ORDER BY owner), '{advfair_ann1,advfair_ben1}', 'each owner counts versions from 1') FROM advfair_model WHERE name = 'm';

-- parallel workers see the registry as their leader does
SET LOCAL ROLE advfair_ann;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE FUNCTION planned(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SELECT ok(bool_or(p ~ 'Parallel Seq Scan'), 'rows are predicted in parallel')
FROM planned($$ SELECT count(*) FROM people p WHERE advfair_predict(advfair_get('m'), p) = advfair_predict((SELECT advfair_get('m')), p) $$) p;
SELECT is(count(*), 200::bigint, 'with one''s own model')
FROM people p WHERE advfair_predict(advfair_get('m'), p) = advfair_predict((SELECT advfair_get('m')), p);
SELECT is(count(*), 200::bigint, 'as the whole data set is')
FROM people p JOIN advfair_predict('m', 'people') d ON d.id = p.person_id WHERE advfair_predict(advfair_get('m'), p) = d.prediction;
SET LOCAL ROLE advfair_ben;
SELECT is(came_to($$ SELECT count(*) FROM people p WHERE advfair_predict(advfair_get('for all'), p) = 'x' $$), '42704', 'and not with another''s');

-- sharing: a group as owner
SET LOCAL ROLE advfair_ann;
SELECT is(came_to($$ UPDATE advfair_model SET owner = 'advfair_ben' WHERE name = 'm' $$), '42501', 'a model cannot be pushed to another role');
UPDATE advfair_model SET owner = 'advfair_both', name = 'shared' WHERE name = 'm';
SELECT is(came_to($$ SELECT * FROM advfair_predict('shared', 'people') $$), '200 rows', 'a group''s model is its members''');
SET LOCAL ROLE advfair_ben;
SELECT is(came_to($$ SELECT * FROM advfair_predict('shared', 'people') $$), '50 rows', 'each with rights of their own to the data');
SELECT is(came_to($$ SELECT * FROM advfair_curve JOIN advfair_model USING (model_id) WHERE name = 'shared' $$), '2 rows', 'with its curve');
SELECT is(came_to($$ SELECT advfair_retrain('shared') $$), '42501', 'but it is trained again by its owner alone');
RESET ROLE;
GRANT SELECT ON people TO advfair_both;
CREATE POLICY more ON people FOR SELECT TO advfair_both USING (person_id <= 100);
SET LOCAL ROLE advfair_both;
SELECT is(r.model || r.version, 'shared2', 'under the name it has now') FROM advfair_retrain('shared') r;
SELECT is(array_agg(concat_ws(' ', owner, version, metrics -> 'rows') ORDER BY version), '{advfair_both 1 200,advfair_both 2 100}',
		  'from the rows the owner sees') FROM advfair_model WHERE name = 'shared';
RESET ROLE;
REVOKE advfair_both FROM advfair_ben;
SET LOCAL ROLE advfair_ben;
SELECT is(came_to($$ SELECT * FROM advfair_model WHERE name = 'shared' $$), '0 rows', 'who leaves the group loses the model');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
