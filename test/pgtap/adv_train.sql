-- Robust training: what each method stores, what it achieves, and that the task, the rows and the source alone decide on the bytes.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(155);
CREATE TABLE people AS SELECT * FROM advfair_make_census(400, 6);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE FUNCTION newest(which text) RETURNS advfair_model LANGUAGE sql AS $$ SELECT m FROM advfair_model m WHERE name = which ORDER BY version DESC LIMIT 1 $$;
SELECT is(version, 1, 'a standard model') FROM advfair_train('standard', 'people', 'income', arch => 'dense 16, tanh', epochs => 10, learning_rate => 0.01, batch_size => 50);

-- every method; those without a source train one where they need it
CREATE TABLE methods (method text, alpha float8, steps int);
INSERT INTO methods VALUES ('merged', 0.00625, 20), ('pgd', 0.0125, 10), ('trades', 0.0125, 10), ('mart', 0.0125, 10), ('fast', 0.0625, 1);
SELECT ok(version = 1 AND epochs = 10 AND loss > 0 AND accuracy BETWEEN 0.5 AND 1, method || ': trained') FROM methods,
	advfair_adv_train(method, 'people', 'income', method => method, eps => 0.05, arch => 'dense 16, tanh', epochs => 10, learning_rate => 0.01, batch_size => 50);
SELECT is(task - '{id,data,label,features,arch,encoding,scale,missing,unseen,optimizer,learning_rate,momentum,weight_decay,init,epochs,batch_size,seed,workers,validation}'::text[],
		  jsonb_strip_nulls(jsonb_build_object('kind', 'adv_train', 'model', name, 'method', name, 'eps', 0.05, 'alpha', alpha, 'steps', steps, 'restarts', 1, 'norm', 'linf', 'random_start', true, 'eps_unit', 'input', 'beta', CASE WHEN name IN ('trades', 'mart') THEN 6 END, 'warm', false, 'feasible', false)), name || ': the task is complete')
FROM advfair_model JOIN methods ON method = name;
SELECT is(task ->> 'validation', CASE name WHEN 'fast' THEN '0.02' END, name || ': rows to watch') FROM advfair_model JOIN methods ON method = name;
SELECT ok(count(*) = 10 AND min(epoch) = 1 AND max(epoch) = 10, name || ': a curve') FROM advfair_curve JOIN advfair_model USING (model_id) JOIN methods ON method = name GROUP BY name;
SELECT ok((metrics ->> 'rows')::int = 400 AND (metrics ->> 'examples')::int BETWEEN CASE name WHEN 'merged' THEN 800 WHEN 'fast' THEN 380 ELSE 400 END AND CASE name WHEN 'merged' THEN 800 WHEN 'fast' THEN 399 ELSE 400 END, name || ': rows and examples') FROM advfair_model JOIN methods ON method = name;
SELECT is(metrics ? 'twin_success', name = 'merged', name || ': twins are of method merged') FROM advfair_model JOIN methods ON method = name;
SELECT ok(task ? 'source' = false AND task ? 'source_id' = false AND (metrics ->> 'twin_success')::float8 BETWEEN 0.15 AND 1, 'merged: the source it trained is no model of the registry') FROM advfair_model WHERE name = 'merged';
SELECT is(count(*), 6::bigint, 'so there are no other models') FROM advfair_model;
SELECT ok(avg((label = prediction)::int) > 0.78, method || ': and is right on clean rows') FROM methods, LATERAL advfair_predict(method, 'people') GROUP BY method;

-- one input tells the class by far, twenty tell it by little: a standard model heeds them all, a robust one the first
CREATE TABLE points AS SELECT i AS id, ARRAY(SELECT (sign(i % 2 - 0.5) * CASE k WHEN 0 THEN 1 ELSE 0.1 END + (CASE k WHEN 0 THEN 0.4 ELSE 0.02 END) * (mod(i * 7919 + k * 104729 + i * k * 31, 1000) / 1000.0 - 0.5))::real FROM generate_series(0, 20) k) AS v,
	i % 2 AS y FROM generate_series(1, 400) i;
CREATE FUNCTION withstands(model text) RETURNS float8 LANGUAGE sql AS $$ SELECT sum(accuracy * n) / sum(n) FROM advfair_class_robustness(model, 'points', '{0.3}', restarts => 2) $$;
SELECT ok((advfair_train('points', 'points', 'y', id => 'id', encoding => 'ordinal', scale => false, arch => 'dense 16, tanh', epochs => 10, learning_rate => 0.01, batch_size => 50)).accuracy > 0.99, 'points: a standard model');
SELECT ok((advfair_adv_train('points ' || method, 'points', 'y', method => method, eps => 0.3, id => 'id', encoding => 'ordinal', scale => false, arch => 'dense 16, tanh', epochs => 20, learning_rate => 0.01, batch_size => 50)).accuracy > 0.8, 'points: ' || method)
FROM methods WHERE method <> 'merged';
SELECT cmp_ok(withstands('points'), '<', 0.3::float8, 'the standard model is broken at the eps trained with');
SELECT cmp_ok(withstands('points ' || method), '>', 0.8::float8, method || ': the robust one is not') FROM methods WHERE method <> 'merged';
SELECT cmp_ok(avg((label = prediction)::int), '>', 0.95, method || ': and is right on clean rows') FROM methods, LATERAL advfair_predict('points ' || method, 'points') WHERE method <> 'merged' GROUP BY method;
DELETE FROM advfair_model WHERE name LIKE 'points%';

-- the same again, and with another number of workers
CREATE TABLE again AS SELECT method, (advfair_retrain(method)).version FROM methods;
SELECT ok(b.version = 2 AND a.model = b.model AND a.data_digest = b.data_digest AND a.task = b.task, a.name || ': retrained, the same bytes and task')
FROM methods JOIN advfair_model a ON a.name = method AND a.version = 1 JOIN advfair_model b ON b.name = method AND b.version = 2;
SELECT is(advfair_fit(task - 'model' || jsonb_build_object('workers', workers)), model, format('%s: %s workers', name, workers)) FROM methods JOIN advfair_model ON name = method AND version = 1, unnest('{1,2,3}'::int[]) workers;
SELECT is((advfair_run(task)).version, 3, name || ': advfair_run of the task') FROM methods JOIN advfair_model ON name = method AND version = 1;
SELECT is(count(DISTINCT model), 1::bigint, name || ': again the same') FROM methods JOIN advfair_model ON name = method GROUP BY name;
SELECT isnt(advfair_fit(task - 'model' || '{"seed": 5}'), model, name || ': another seed, another model') FROM methods JOIN advfair_model ON name = method AND version = 1;
SELECT isnt(advfair_fit(task - 'model' || '{"eps": 0.1}'), model, name || ': another eps, another model') FROM methods JOIN advfair_model ON name = method AND version = 1;

-- merged with a source
SELECT is((advfair_train('standard', 'people', 'income', arch => 'dense 16, tanh', epochs => 2)).version, 2, 'another version of the standard model');
SELECT ok(version = 1 AND accuracy > 0.5, 'merged: with a source') FROM advfair_adv_train('sourced', 'people', 'income', source => 'standard@1', eps => 0.05, arch => 'dense 16, tanh', epochs => 10, learning_rate => 0.01, batch_size => 50);
SELECT is(m.task ->> 'source' || ' ' || (m.task ->> 'source_id'), 'standard@1 ' || s.model_id, 'the source is stored, by name and id') FROM newest('sourced') m, advfair_model s WHERE s.name = 'standard' AND s.version = 1;
SELECT ok(abs((metrics ->> 'twin_success')::float8 - (SELECT avg(success::int) FROM advfair_pgd('standard@1', 'people', 0.05, early_stop => false))) < 0.005 AND metrics ->> 'examples' = '800', 'twin_success is the success of the attack on it') FROM newest('sourced');
SELECT is(a.model, b.model, 'a source that is as the one trained along: the same bytes') FROM newest('sourced') a, newest('merged') b;
SELECT is((advfair_adv_train('plain name', 'people', 'income', source => 'standard', eps => 0.2, arch => 'dense 16, tanh', epochs => 2)).version, 1, 'a name without a version');
SELECT is(task ->> 'source', 'standard@2', 'is its newest') FROM newest('plain name');
SELECT is((advfair_adv_train('warm', 'people', 'income', source => 'standard@1', eps => 0.2, warm => true, arch => 'dense 16, tanh', epochs => 1, learning_rate => 1e-9, optimizer => 'sgd')).version, 1, 'warm');
SELECT ok(max(abs(a.w - b.w)) < 1e-4, 'begins with the weights of the source') FROM
	(SELECT layer, parameter, i, w FROM newest('warm') m, advfair_weights(m.model), unnest(weights) WITH ORDINALITY u (w, i)) a JOIN
	(SELECT layer, parameter, i, w FROM advfair_weights(advfair_get('standard@1')), unnest(weights) WITH ORDINALITY u (w, i)) b USING (layer, parameter, i);
SELECT is(advfair_fit(task - 'model' || jsonb_build_object('workers', workers)), model, format('sourced: %s workers', workers)) FROM newest('sourced'), unnest('{1,3}'::int[]) workers;
-- rows are encoded as the source encodes them, whatever they are
SELECT is((advfair_train('small', 'SELECT person_id, age, sex, income FROM people WHERE person_id <= 200', 'income', encoding => 'minmax', id => 'person_id', arch => '', epochs => 2, unseen => 'ignore')).version, 1, 'a source of other rows and fewer columns');
SELECT is((advfair_adv_train('from small', 'people', 'income', source => 'small', eps => 0.05, arch => 'dense 4, relu', epochs => 2)).version, 1, 'merged: with it');
SELECT is(advfair_describe(a.model) -> 'encoder', advfair_describe(b.model) -> 'encoder', 'the same encoder') FROM newest('from small') a, newest('small') b;
SELECT ok(task ->> 'encoding' = 'minmax' AND task ->> 'unseen' = 'ignore' AND NOT task ? 'features', 'which the task tells') FROM newest('from small');

-- the source is found again by what it is, not by its name
SELECT is((advfair_retrain('sourced')).version, 2, 'retrained with its source');
UPDATE advfair_model SET name = 'renamed' WHERE name = 'standard' AND version = 1;
SELECT is((advfair_retrain('sourced')).version, 3, 'and with its source renamed');
SELECT is((advfair_train('standard', 'people', 'income', arch => 'dense 16, tanh', epochs => 1, seed => 9)).version, 3, 'while others bear its name');
UPDATE advfair_model SET version = 1 WHERE name = 'standard' AND version = 3;
SELECT is((advfair_retrain('sourced')).version, 4, 'is not one of those');
SELECT is(count(DISTINCT model), 1::bigint, 'the same bytes each time') FROM advfair_model WHERE name = 'sourced';
SELECT is(task ->> 'source', 'renamed@1', 'the task tells its present name') FROM newest('sourced');
UPDATE advfair_model SET name = 'renamed too' WHERE name = 'sourced' AND version = 4;
SELECT is(model || ' ' || version, 'renamed too 5', 'a model that is renamed itself is retrained by its new name') FROM advfair_retrain('renamed too');
CREATE TEMP TABLE before AS SELECT count(*) AS models FROM advfair_model;
DELETE FROM advfair_model WHERE name = 'renamed';
SELECT throws_ok($$ SELECT advfair_retrain('sourced') $$, '42704', 'source "renamed@1" does not exist', 'without its source it cannot be trained again');
SELECT is(count(*), models - 1, 'and leaves nothing') FROM advfair_model, before GROUP BY models;

-- a method's setting, said in either way
SELECT unnest(ARRAY[is(advfair_fit(t || '{"beta": 2}'), advfair_fit(t || '{"settings": {"beta": 2}}'), 'beta is a setting of mart'), isnt(advfair_fit(t || '{"beta": 2}'), advfair_fit(t), 'which matters')])
FROM (SELECT '{"kind": "adv_train", "method": "mart", "data": "people", "label": "income", "arch": "dense 16, tanh", "epochs": 2, "eps": 0.1}'::jsonb) t (t);

-- what methods have in common with standard training
SELECT is(advfair_fit(t || '{"kind": "adv_train", "method": "pgd", "eps": 0}'), advfair_fit(t), 'eps 0 is standard training: ' || coalesce(t ->> 'encoding', ''))
FROM unnest(ARRAY['{"data": "people", "label": "income", "arch": "dense 16, tanh", "epochs": 3, "oversample": "balance", "validation": "0.2", "seed": 3}', '{"data": "people", "label": "income", "arch": "dense 16, relu", "epochs": 3, "encoding": "ordinal"}']::jsonb[]) t;
SELECT unnest(ARRAY[isnt(advfair_fit(t || '{"kind": "adv_train", "method": "pgd", "eps": {"age": 0.5}}'), advfair_fit(t), 'an eps for one column is something else'),
	   is(advfair_fit(t || '{"kind": "adv_train", "method": "pgd", "eps": {"age": 0.5}}'), advfair_fit(t || '{"kind": "adv_train", "method": "pgd", "eps": [0.5, 0, 0, 0, 0, 0]}'), 'and the same as an array'),
	   is(advfair_fit(t || '{"kind": "adv_train", "method": "trades", "eps": 0.1, "beta": 0}'), advfair_fit(t || '{"kind": "adv_train", "method": "trades", "eps": 0.2, "beta": 0}'), 'trades without its second term does not ask for eps')])
FROM (SELECT '{"data": "people", "label": "income", "arch": "dense 16, tanh", "epochs": 2}'::jsonb) t (t);
SELECT is((advfair_adv_train('columns', 'people', 'income', method => method, eps => '{"age": 0.5, "hours": 0.2}', norm => 'l2', mutable => '{age}', clip_max => 3, arch => '', epochs => 1)).version > 0, true, method || ': eps for columns') FROM methods;
SELECT is(task -> 'eps' || jsonb_build_object('norm', task -> 'norm', 'mutable', task -> 'mutable', 'clip', task -> 'clip_max', 'none', task -> 'clip_min'), '{"age": 0.5, "hours": 0.2, "norm": "l2", "mutable": ["age"], "clip": 3, "none": null}', task ->> 'method' || ': is stored as it was given') FROM advfair_model WHERE name = 'columns';
SELECT is(advfair_fit(task - 'model'), model, task ->> 'method' || ': and gives the same bytes') FROM advfair_model WHERE name = 'columns';
SELECT throws_ok(format($$ SELECT advfair_fit('{"kind": "adv_train", "method": %s, "data": "people", "label": "income", "eps": 0.1, "source_id": "%s"}') $$, to_json(method), model_id), '22023',
				 'task key "source_id" is for method merged alone', method || ': no source by id') FROM methods, newest('small') WHERE method <> 'merged';
SELECT throws_ok($$ SELECT advfair_fit('{"kind": "adv_train", "data": "people", "label": "income", "eps": 0.1, "source_id": "small"}') $$, '22P02', NULL, 'an id that is none');

-- images have an eps of their own
CREATE TABLE images AS SELECT i AS id, (SELECT string_agg(set_byte('\x00', 0, (60 + 120 * (j % 4 = i % 3)::int + (37 * i + 11 * j * j + i * j) % 70)), ''::bytea ORDER BY j) FROM generate_series(0, 15) j) AS image, i % 3 AS y FROM generate_series(1, 200) i;
SELECT is((advfair_adv_train('images', 'images', 'y', id => 'id', input_shape => '{1,4,4}', arch => 'conv 4x3, relu', method => method, epochs => 2)).version > 0, true, method || ': images') FROM methods;
SELECT ok(abs((task ->> 'eps')::float8 - 8 / 255.0) < 1e-12 AND task ->> 'clip_min' = '0' AND task ->> 'clip_max' = '1', task ->> 'method' || ': eps and range of images') FROM advfair_model WHERE name = 'images';
SELECT is((advfair_adv_train('whole', 'images', 'y', id => 'id', input_shape => '{1,4,4}', arch => 'conv 4x3, relu', eps => 0.05, epochs => 2, feasible => true, restarts => 2)).version, 1, 'twins of whole bytes');
SELECT is((SELECT count(*) FROM advfair_progress), 0::bigint, 'and no progress');
SELECT * FROM finish();
ROLLBACK;
