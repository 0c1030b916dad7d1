-- Schedules of the learning rate, label smoothing and clipping: settings of every kind of training, stored with the task, the same for any number of workers.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(75);
CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 6);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE FUNCTION refused(settings jsonb, message text, hint text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	PERFORM advfair_train('t', 'people', 'income', epochs => 4, settings => settings);
	RETURN fail(settings::text);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS found = PG_EXCEPTION_HINT;
	RETURN is(SQLERRM || coalesce(': ' || nullif(hint, '') || (CASE WHEN found = hint THEN '' ELSE ' is ' || found END), ''), message || coalesce(': ' || hint, ''), settings::text);
END $$;

-- trained by each, and again
CREATE TABLE schedules (name text, settings jsonb, stored jsonb);
INSERT INTO schedules VALUES ('constant', '{"schedule": "constant"}', '{"schedule": "constant", "warmup": 0}'),
	('warm', '{"warmup": 1.5}', '{"schedule": "constant", "warmup": 1.5}'),
	('cosine', '{"schedule": "cosine"}', '{"schedule": "cosine", "warmup": 0}'),
	('step', '{"schedule": "step", "step_factor": 0.5}', '{"schedule": "step", "warmup": 0, "step_epochs": 2, "step_factor": 0.5}'),
	('one_cycle', '{"schedule": "one_cycle"}', '{"schedule": "one_cycle", "warmup": 1.2}'),
	('smooth', '{"label_smoothing": 0.2}', '{"label_smoothing": 0.2}'),
	('clipped', '{"clip_norm": 0.05}', '{"clip_norm": 0.05}');
SELECT ok(version = 1 AND accuracy > 0.5, name || ': trained') FROM schedules,
	advfair_train(name, 'people', 'income', arch => 'dense 8, tanh', epochs => 4, batch_size => 40, learning_rate => 0.01, settings => settings);
SELECT ok(version = 1, 'without') FROM advfair_train('without', 'people', 'income', arch => 'dense 8, tanh', epochs => 4, batch_size => 40, learning_rate => 0.01);
SELECT is(task -> 'settings', stored, name || ': the task has what was left open, too') FROM schedules JOIN advfair_model USING (name);
SELECT ok(NOT task ? 'settings', 'nothing said, nothing stored') FROM advfair_model WHERE name = 'without';
SELECT is(count(DISTINCT model), 7::bigint, 'each is another model, but that constant is as without') FROM advfair_model;
SELECT is((SELECT model FROM advfair_model WHERE name = 'constant'), (SELECT model FROM advfair_model WHERE name = 'without'), 'by the same bytes');
SELECT is(advfair_fit(task - 'model' || jsonb_build_object('workers', workers)), model, format('%s: %s workers', name, workers))
FROM schedules JOIN advfair_model USING (name), unnest('{1,2,3}'::int[]) workers;
CREATE TABLE again AS SELECT name, (advfair_retrain(name)).version FROM schedules;
SELECT ok(b.model = a.model AND b.task = a.task, a.name || ': retrained') FROM advfair_model a JOIN advfair_model b USING (name) JOIN schedules USING (name) WHERE a.version = 1 AND b.version = 2;

-- robust trainings have theirs beside settings of methods, and merged ones train their source so, too
SELECT is(version, 1, method || ': robust') FROM unnest('{merged,pgd,trades,mart,fast}'::text[]) method,
	advfair_adv_train('robust ' || method, 'people', 'income', method => method, arch => 'dense 8, tanh', epochs => 3, eps => 0.1,
		settings => '{"schedule": "one_cycle", "warmup": 1}' || CASE WHEN method = 'trades' THEN '{"beta": 3}'::jsonb ELSE '{}' END);
SELECT is(task -> 'settings', '{"schedule": "one_cycle", "warmup": 1}', name || ': stored') FROM advfair_model WHERE name LIKE 'robust %';
SELECT isnt(advfair_fit(task - '{model,settings}'::text[]), model, name || ': which matters') FROM advfair_model WHERE name LIKE 'robust %';
SELECT is(advfair_fit((task || '{"workers": 2}') - 'model'), model, name || ': 2 workers') FROM advfair_model WHERE name LIKE 'robust %';

-- what is refused
SELECT refused('{"schedule": "linear"}', 'task key "settings.schedule" is "linear", but must be one of: constant, cosine, step, one_cycle');
SELECT refused('{"scheduler": "step"}', 'unknown key "scheduler" in settings', 'Settings of a training are schedule, warmup, step_epochs, step_factor, label_smoothing, clip_norm, augment_flip, augment_shift, augment_cutout, patience.');
SELECT refused('{"warmup": -1}', 'task key "settings.warmup" is -1, but must be at least 0 and at most 100000');
SELECT refused('{"warmup": 5}', 'warmup is 5 epochs, but the training has 4');
SELECT refused('{"schedule": "step", "step_factor": 0}', 'task key "settings.step_factor" is 0, but must be greater than 0 and at most 1');
SELECT refused('{"schedule": "cosine", "step_epochs": 2}', 'step_epochs is for schedule step alone');
SELECT refused('{"clip_norm": 0}', 'task key "settings.clip_norm" is 0, but must be greater than 0 and at most 1e+30');
SELECT refused('{"label_smoothing": 1.5}', 'task key "settings.label_smoothing" is 1.5, but must be at least 0 and at most 1');
SELECT refused('{"step_factor": 0.5}', 'step_factor is for schedule step alone');
SELECT * FROM finish();
ROLLBACK;
