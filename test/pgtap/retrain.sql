-- Retraining: conditions, promotion, the log.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(75);
SET LOCAL client_min_messages = warning;

CREATE TABLE people AS SELECT * FROM advfair_make_census(600);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE watched AS SELECT * FROM advfair_make_census(200, 1);
ALTER TABLE watched ADD PRIMARY KEY (person_id);
SELECT advfair_train('m', 'people', 'income', epochs => 3, validation => 'watched');
SELECT advfair_train('held', 'people', 'income', epochs => 3, validation => '0.25');
SELECT advfair_train('blind', 'people', 'income', epochs => 1);
CREATE FUNCTION pg_temp.meaning(name text) RETURNS int LANGUAGE sql AS
	$$ SELECT version FROM advfair_model m WHERE m.name = $1 AND m.model = advfair_get($1) ORDER BY promoted_at DESC NULLS LAST LIMIT 1 $$;

-- promotion
SELECT is(promoted_at IS NOT NULL, true, 'a model is promoted when it is trained') FROM advfair_model WHERE name = 'm';
SELECT is(r.model || ' ' || version || ' ' || promoted || COALESCE(reason, ''), 'm 2 true', 'without a condition so is one trained again') FROM advfair_retrain('m') r;
UPDATE people SET age = age + 1;
SELECT is(r.version || ' ' || promoted, '3 true', 'or when it holds') FROM advfair_retrain('m', 'accuracy >= 0.4 AND cau <= 1 AND eou_sex <= 1') r;
SELECT is(pg_temp.meaning('m'), 3, 'the plain name means it');
SELECT is(advfair_promote('m', 1), 'm@1', 'an older version can be promoted');
SELECT is(pg_temp.meaning('m'), 1, 'again');
SELECT throws_ok($$ SELECT advfair_promote('m', 9) $$, '42704', 'model "m@9" does not exist');
SELECT throws_ok($$ SELECT advfair_promote('m@1', 1) $$, '42704', 'model "m@1@1" does not exist');
SELECT is(advfair_promote('m', 3), 'm@3', 'and the newer one again');
SELECT is(r.version || ' ' || promoted || ' ' || (reason LIKE 'accuracy > 1 is false: accuracy = 0.%')::text, '4 false true', 'a version that does not do is kept')
	FROM advfair_retrain('m', 'accuracy > 1') r;
SELECT is(pg_temp.meaning('m'), 3, 'but not meant');
SELECT is(promoted_at, NULL, 'nor promoted') FROM advfair_model WHERE name = 'm' AND version = 4;
SELECT is((SELECT count(*) FROM advfair_predict('m@4', 'watched')), 200::bigint, 'it can be used by its number');
SELECT is(r.version || ' ' || promoted, '5 true', 'the old one is the one that is meant') FROM advfair_retrain('m', 'accuracy = old.accuracy AND new.cau = old.cau') r;

-- the log
SELECT is(array_agg(metric ORDER BY metric COLLATE "C"), '{accuracy,cau,class_accuracy_<=50K,class_accuracy_>50K,demographic_parity_difference_sex,demographic_parity_ratio_sex,eou_sex,group_confidence_sex_Female,group_confidence_sex_Male,promoted,selection_rate_sex_Female,selection_rate_sex_Male}',
		  'metrics are logged') FROM advfair_metric_log WHERE model = 'm' AND version = 3;
SELECT is(value, advfair_cau('m@3', 'watched'), 'with their values') FROM advfair_metric_log WHERE version = 3 AND metric = 'cau';
SELECT is(value, advfair_eou('m@3', 'watched', 'sex', '>50K'), 'those of groups, too') FROM advfair_metric_log WHERE version = 3 AND metric = 'eou_sex';
SELECT is(array_agg(version || ' ' || value ORDER BY version), '{"2 1","3 1","4 0","5 1"}', 'and each decision') FROM advfair_metric_log WHERE model = 'm' AND metric = 'promoted';
SELECT is(note LIKE 'accuracy > 1 is false: %', true, 'with its reason') FROM advfair_metric_log WHERE model = 'm' AND version = 4 AND metric = 'promoted';
SELECT is(count(*), 1::bigint, 'without a condition there is only that') FROM advfair_metric_log WHERE model = 'm' AND version = 2;

-- attacks, held out rows, other data
SELECT is(promoted, true, 'robustness can be asked for') FROM advfair_retrain('m', 'robust_accuracy BETWEEN 0 AND accuracy AND cru_s >= 0 AND cru_eps >= 0', eps => 0.05, eps_max => 1, steps => 3);
SELECT is(promoted, true, 'on rows held out') FROM advfair_retrain('held', 'accuracy > 0.3 AND accuracy = old.accuracy');
SELECT is(value, (metrics ->> 'validation_accuracy')::float8, 'which are those of the training') FROM advfair_metric_log l JOIN advfair_model m ON m.name = l.model AND m.version = l.version
	WHERE l.model = 'held' AND l.version = 2 AND metric = 'accuracy';
SELECT is(promoted, true, 'on other data') FROM advfair_retrain('blind', 'accuracy > 0.3', data => 'SELECT * FROM watched WHERE person_id <= 100');
SELECT is(promoted || ' ' || reason, 'false group_confidence_sex_x > 0 is NULL: group_confidence_sex_x is NULL (no row has this value)', 'what is not known does not hold')
	FROM advfair_retrain('m', 'group_confidence_sex_x > 0');
SELECT is(promoted, true, 'names as they are written, comments at the end') FROM advfair_retrain('m', '"class_accuracy_>50K" >= 0 -- yes');
SELECT is(promoted, true, 'metrics are judged without a condition, too') FROM advfair_retrain('m', protected => '{race}', data => 'watched');
SELECT ok(count(*) > 1, 'and logged') FROM advfair_metric_log WHERE metric ~ '^group_confidence_race';

-- new classes cannot be compared with old ones
INSERT INTO people SELECT person_id + 10000, age, education, hours, occupation, sex, race, 'unknown' FROM people WHERE person_id <= 50;
SELECT is(promoted || ' ' || reason, 'false accuracy >= old.accuracy is NULL: accuracy = ' || round((regexp_match(reason, 'accuracy = ([0-9.]+)'))[1]::numeric, 6)::float8 || ', old.accuracy is NULL (the new version has other classes than the old one)',
		  'a model with other classes has no old one beside it') FROM advfair_retrain('m', 'accuracy >= old.accuracy');
DELETE FROM people WHERE income = 'unknown';

-- what is refused, before anything is trained
CREATE TEMP TABLE before AS SELECT count(*) AS n FROM advfair_model;
SELECT throws_ok($$ SELECT advfair_retrain('blind', 'accuracy > 0') $$, '22023', 'there are no rows to judge model "blind" by');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'acuracy > 0') $$, '22023', '"acuracy" is not a metric');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'older.accuracy > 0') $$, '22023', 'condition "older.accuracy > 0" has a name with another prefix than old or new');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'a.b.c > 0') $$, '22023', 'condition "a.b.c > 0" has a name that is no metric');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'old.* IS NULL') $$, '22023', 'condition "old.* IS NULL" has a name that is no metric');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy') $$, '42804', 'condition "accuracy" is not boolean');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy >') $$, '42601');
SELECT throws_ok($$ SELECT advfair_retrain('m', '') $$, '42601');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy > ''x''') $$, '22P02');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true; DROP TABLE people') $$, '42601', 'condition "true; DROP TABLE people" is not one expression');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true) FROM people WHERE (true') $$, '42601');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true FROM people') $$, '42601', 'condition "true FROM people" is not one expression');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true, false') $$, '42601', 'condition "true, false" is not one expression');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true UNION SELECT false') $$, '42601', 'condition "true UNION SELECT false" is not one expression');
SELECT throws_ok($$ SELECT advfair_retrain('m', '(SELECT count(*) FROM people) > 0') $$, '22023', 'condition "(SELECT count(*) FROM people) > 0" has a subquery');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'EXISTS (SELECT)') $$, '22023', 'condition "EXISTS (SELECT)" has a subquery');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy > $1') $$, '22023', 'condition "accuracy > $1" has a parameter');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'cru_s < 1') $$, '22023', 'task key "eps" is missing: metric cru_s is that of an attack');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'cru_eps < 1') $$, '22023', 'task key "eps_max" is missing: metric cru_eps is that of a search');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'eou_shoe < 1') $$, '42703', 'data "public.watched" have no column "shoe"');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy > 0', data => 'nothing') $$, '42P01');
SELECT throws_ok($$ SELECT advfair_retrain('nobody', 'accuracy > 0') $$, '42704', 'model "nobody" does not exist');
SELECT is(count(*), n, 'nothing was trained') FROM advfair_model, before GROUP BY n;

-- a condition means what PostgreSQL means by it, whatever the search_path offers
CREATE SCHEMA decoy;
CREATE FUNCTION decoy.ge(float8, numeric) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'decoy'; END $$;
CREATE OPERATOR decoy.>= (LEFTARG = float8, RIGHTARG = numeric, FUNCTION = decoy.ge);
CREATE FUNCTION decoy.same(float8) RETURNS float8 LANGUAGE sql RETURN $1;
SET LOCAL search_path = decoy, public;
SELECT throws_ok($$ SELECT 1::float8 >= 0.0 $$, 'P0001', 'decoy', 'an operator of another schema may suit better');
SELECT is(promoted, true, 'it is not used') FROM advfair_retrain('m', 'accuracy >= 0.0');
SELECT is(current_setting('search_path'), 'decoy, public', 'the search_path is what it was');
SET LOCAL search_path = public;
TRUNCATE before;
INSERT INTO before SELECT count(*) FROM advfair_model;
SELECT throws_ok(format('SELECT advfair_retrain(%L, %L)', 'm', c), '22023', format('condition "%s" has a function, operator or type outside of pg_catalog', c))
	FROM unnest('{accuracy OPERATOR(decoy.>=) 0.0,decoy.same(accuracy) > 0,accuracy::public.people IS NULL}'::text[]) c;
SELECT throws_ok($$ SELECT advfair_retrain('m', 'same(accuracy) > 0') $$, '42883');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'accuracy > random()') $$, '22023', 'condition "accuracy > random()" has a volatile function');
SELECT is(promoted, true, 'PostgreSQL''s own functions may be named with or without their schema')
	FROM advfair_retrain('m', 'greatest(accuracy, 0) OPERATOR(pg_catalog.>) 0 AND pg_catalog.round(accuracy) <= 1 AND abs(accuracy) > 0');
SELECT is(reason, 'old.accuracy > 2 is false: old.accuracy = ' || (regexp_match(reason, '= ([0-9.]+)$'))[1], 'a reason tells what the condition speaks of')
	FROM advfair_retrain('m', 'old.accuracy > 2');
SELECT is(count(*), n + 2, 'nothing else was trained') FROM advfair_model, before GROUP BY n;

-- another role's data: whatever can run its code
CREATE ROLE advfair_eve;
GRANT ALL ON SCHEMA public TO advfair_eve;
GRANT SELECT ON people TO advfair_eve;
SET LOCAL ROLE advfair_eve;
CREATE FUNCTION trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'run as %', current_user; END $$;
CREATE VIEW bait AS SELECT *, trap() FROM people;
RESET ROLE;
INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model)
	SELECT t.name, 1, 'advfair_eve', t.task || '{"kind": "train", "label": "income"}', '', '{}', model
	FROM advfair_model m, (VALUES ('trapped', '{"model": "x", "data": "SELECT *, trap() FROM people"}'::jsonb),
						   ('baited', '{"model": "x", "data": "public.bait"}'),
						   ('watched', '{"model": "x", "data": "public.people", "validation": "public.bait"}')) t (name, task)
	WHERE m.name = 'm' AND version = 1;
SELECT throws_ok(format('SELECT advfair_retrain(%L)', name), '42501', format('model "%s@1" belongs to role "advfair_eve"', name))
	FROM (VALUES ('trapped'), ('baited'), ('watched')) t (name);
SELECT throws_ok($$ SELECT advfair_luf('baited', 'people', leave_out => 1) $$, '42501', 'model "baited@1" belongs to role "advfair_eve"');
SELECT throws_ok($$ SELECT advfair_retrain('baited', 'accuracy > 0', data => 'watched') $$, '42501', 'model "baited@1" belongs to role "advfair_eve"');
SET LOCAL ROLE advfair_eve;
SELECT throws_ok($$ SELECT advfair_retrain('trapped') $$, 'P0001', 'run as advfair_eve');
SELECT is(count(*), 0::bigint, 'others'' log is not seen') FROM advfair_metric_log;
SELECT throws_ok($$ SELECT advfair_promote('m', 1) $$, '42704', 'model "m@1" does not exist', 'nor can their models be promoted');
RESET ROLE;
-- what was refused does not take the place of what is deleted
SELECT advfair_train('gone', 'people', 'income', epochs => 1);
SELECT is(r.version || ' ' || promoted, '2 false', 'a second version is refused') FROM advfair_retrain('gone', 'accuracy > 1', data => 'watched') r;
DELETE FROM advfair_model WHERE name = 'gone' AND version = 1;
SELECT throws_ok($$ SELECT advfair_get('gone') $$, '42704', 'no version of model "gone" is promoted');
SELECT advfair_promote('gone', 2); -- in a statement of its own: what the next one plans by is older
SELECT is(pg_temp.meaning('gone'), 2, 'unless it is promoted');
-- a retraining is seen at work: here by its own data
CREATE VIEW seen AS SELECT p.*, COALESCE((SELECT task || ', ' || phase FROM advfair_progress WHERE pid = pg_backend_pid()), 'nothing') AS seen FROM people p;
SELECT advfair_train('seen', 'seen', 'income', arch => '', epochs => 1);
SELECT advfair_retrain('seen');
SELECT is(string_agg(v, '; ' ORDER BY version), 'train, reading rows; retrain, reading rows', 'phases of a retraining are shown')
FROM advfair_model, jsonb_array_elements(advfair_describe(model) -> 'encoder' -> 'columns') c, jsonb_array_elements_text(c -> 'values') v
WHERE name = 'seen' AND c ->> 'name' = 'seen';
SELECT * FROM finish();
ROLLBACK;
