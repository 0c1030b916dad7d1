-- Training with Gaussian noise: what is stored, that it is the same by any workers and again, where noise goes, and that it takes nothing of attacks.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(43);
CREATE TABLE people AS SELECT * FROM advfair_make_census(400, 6);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE FUNCTION fit(more jsonb DEFAULT '{}') RETURNS bytea LANGUAGE sql AS $$
SELECT advfair_fit('{"kind": "adv_train", "method": "gaussian", "data": "people", "label": "income", "arch": "dense 16, tanh", "epochs": 3, "batch_size": 50}'::jsonb || more)
$$;

-- trained, stored, and again
SELECT ok(version = 1 AND epochs = 10 AND loss > 0 AND accuracy BETWEEN 0.6 AND 1, 'trained') FROM advfair_adv_train('noisy', 'people', 'income', method => 'gaussian', arch => 'dense 16, tanh', epochs => 10, learning_rate => 0.01, batch_size => 50);
SELECT is(version, 1, 'by columns') FROM advfair_adv_train('columns', 'people', 'income', method => 'gaussian', arch => 'dense 16, tanh', epochs => 3, encoding => 'ordinal', scale => true,
	settings => '{"sigma": 0.5, "clip_norm": 1}', mutable => '{age,hours}', eps_unit => 'sd');
SELECT is(task - '{id,data,label,features,arch,encoding,scale,missing,unseen,optimizer,learning_rate,momentum,weight_decay,init,epochs,batch_size,seed,workers,validation}'::text[],
	jsonb_build_object('kind', 'adv_train', 'model', name, 'method', 'gaussian', 'warm', false) || own, name || ': the task is complete, and says nothing of attacks')
FROM advfair_model JOIN (VALUES ('noisy', '{"eps_unit": "input", "settings": {"sigma": 0.25}}'::jsonb), ('columns', '{"eps_unit": "sd", "mutable": ["age", "hours"], "settings": {"sigma": 0.5, "clip_norm": 1}}')) v (name, own) USING (name);
SELECT is(advfair_fit(task - 'model' || jsonb_build_object('workers', workers)), model, format('%s: %s workers', name, workers)) FROM advfair_model, unnest('{1,2,3}'::int[]) workers;
CREATE TABLE again AS SELECT name, (advfair_retrain(name)).version FROM (SELECT DISTINCT name FROM advfair_model) m;
SELECT ok(count(DISTINCT model) = 1 AND count(DISTINCT task) = 1 AND count(*) = 2, name || ': retrained, the same bytes and task') FROM advfair_model GROUP BY name;
SELECT ok(avg((label = prediction)::int) > 0.7, 'and it is right on clean rows') FROM advfair_predict('noisy', 'people');

-- how much, where, in which units
SELECT is(fit(), fit('{"settings": {"sigma": 0.25}}'), 'sigma is 0.25 where nothing is said');
SELECT isnt(fit(), fit('{"settings": {"sigma": 0.5}}'), 'and matters');
SELECT isnt(fit(), fit('{"seed": 5}'), 'so does the seed');
SELECT is(fit('{"settings": {"sigma": 0}}'), advfair_fit('{"data": "people", "label": "income", "arch": "dense 16, tanh", "epochs": 3, "batch_size": 50}'), 'without noise it is standard training');
SELECT isnt(fit(), fit('{"mutable": ["age"]}'), 'noise in one column is something else');
SELECT is(fit(), fit('{"mutable": ["age", "education", "hours", "occupation", "sex", "race"]}'), 'in all columns it is not');
SELECT is(fit(), fit('{"eps_unit": "sd"}'), 'standardized numbers have a standard deviation of 1');
SELECT isnt(fit('{"encoding": "ordinal"}'), fit('{"encoding": "ordinal", "eps_unit": "sd"}'), 'raw ones have not');
SELECT is(fit('{"norm": "linf", "feasible": false}'), fit(), 'defaults may be said');

-- images: noise leaves their range, which is no matter
CREATE TABLE images AS SELECT i AS id, (SELECT string_agg(set_byte('\x00', 0, (60 + 120 * (j % 4 = i % 3)::int + (37 * i + 11 * j * j + i * j) % 70)), ''::bytea ORDER BY j) FROM generate_series(0, 15) j) AS image, i % 3 AS y FROM generate_series(1, 200) i;
SELECT ok(version = 1 AND accuracy > 0.6, 'images') FROM advfair_adv_train('images', 'images', 'y', id => 'id', input_shape => '{1,4,4}', arch => 'conv 4x3, relu', method => 'gaussian', settings => '{"sigma": 0.25}', epochs => 40, learning_rate => 0.01);
SELECT ok(NOT task ?| '{eps,clip_min,clip_max}', 'have no range') FROM advfair_model WHERE name = 'images';
SELECT is(advfair_fit(task - 'model' || '{"workers": 3}'), model, 'images: 3 workers') FROM advfair_model WHERE name = 'images';

-- a job
SELECT is(advfair_submit(task || '{"model": "noisy job"}') > 0, true, 'a task for a job') FROM advfair_model WHERE name = 'noisy' AND version = 1;

-- what is refused
CREATE FUNCTION refused(more jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM fit(more);
	RETURN 'nothing';
EXCEPTION WHEN invalid_parameter_value OR undefined_column THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLERRM || coalesce(' / ' || nullif(hint, ''), '');
END $$;
SELECT is(refused(jsonb_build_object(key, value)), format('task key "%s" is no setting of method gaussian / How much noise is said by settings, in which units by eps_unit, where by mutable.', key), key || ' is refused')
FROM jsonb_each('{"attack": "mi_fgsm", "eps": 0.1, "alpha": 0.1, "steps": 5, "restarts": 1, "norm": "l2", "random_start": true, "clip_min": 0, "clip_max": 1}');
SELECT is(refused('{"feasible": true}'), 'task key "feasible" is for method merged alone', 'so is feasible');
SELECT is(refused('{"beta": 6}'), 'task key "beta" is no setting of method gaussian', 'and what other methods have');
SELECT is(refused('{"settings": {"sigma": -1}}'), 'task key "settings.sigma" is -1, but must be at least 0 and at most 1e+30', 'a negative sigma');
SELECT is(refused('{"settings": {"sigma": "much"}}'), 'task key "settings.sigma" must be a number', 'a word');
SELECT is(refused('{"settings": {"steps": 3}}'), 'unknown key "steps" in settings / Settings of method gaussian are sigma, schedule, warmup, step_epochs, step_factor, label_smoothing, clip_norm, augment_flip, augment_shift, augment_cutout, patience.', 'a setting of attacks');
SELECT is(refused('{"method": "pgd", "eps": 0.1, "settings": {"sigma": 1}}'), 'unknown key "sigma" in settings / Settings of method pgd with attack pgd are alpha, steps, restarts, random_start, schedule, warmup, step_epochs, step_factor, label_smoothing, clip_norm, augment_flip, augment_shift, augment_cutout, patience.', 'sigma for another method');
SELECT is(refused('{"mutable": ["height"]}'), 'mutable names column "height", which the model does not have / Its 6 columns are age, education, hours, occupation, sex, race.', 'a column that is none');
SELECT is(refused('{"encoding": "minmax", "eps_unit": "sd"}'), 'the model does not know the standard deviation of its inputs / Train it with scale => true or encoding => ''standard''.', 'sd of inputs that is not known');
SELECT * FROM finish();
ROLLBACK;
