-- Early stopping: the model is the best epoch's, in trainings of all kinds, jobs and leave-one-out runs.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(24);
CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 6);
ALTER TABLE people ADD PRIMARY KEY (person_id);

-- small data and a fast pace: soon overfitted
CREATE TABLE kinds (name text, call text);
INSERT INTO kinds VALUES
	('standard', $$SELECT * FROM advfair_train('standard', 'people', 'income', arch => 'dense 32, batchnorm, relu', epochs => 40, batch_size => 40,
		learning_rate => 0.02, validation => '0.3', unseen => 'ignore', settings => '{"patience": 5}')$$),
	('pgd', $$SELECT * FROM advfair_adv_train('pgd', 'people', 'income', arch => 'dense 32, tanh', epochs => 40, batch_size => 40, eps => 0.02,
		method => 'pgd', steps => 2, learning_rate => 0.02, validation => '0.3', unseen => 'ignore', settings => '{"patience": 4, "schedule": "cosine"}')$$),
	('merged', $$SELECT * FROM advfair_adv_train('merged', 'people', 'income', arch => 'dense 32, tanh', epochs => 40, batch_size => 40, eps => 0.02,
		steps => 2, learning_rate => 0.02, validation => '0.3', unseen => 'ignore', settings => '{"patience": 3}')$$);
CREATE FUNCTION train(call text) RETURNS advfair_trained LANGUAGE plpgsql AS $$
DECLARE
	result advfair_trained;
BEGIN
	EXECUTE call INTO result;
	RETURN result;
END $$;
CREATE TABLE trained AS SELECT k.name, t.* FROM kinds k, train(call) t;
SELECT ok(epochs < 40, format('%s: ended after %s epochs of 40', name, epochs)) FROM trained;
CREATE TABLE best AS
SELECT DISTINCT ON (name) name, epoch, c.loss, c.validation_loss, metrics, task, model FROM advfair_model m JOIN advfair_curve c USING (model_id)
ORDER BY name, c.validation_loss, epoch;
SELECT is((metrics ->> 'epoch')::int, epoch, name || ': the model is that of the epoch with the smallest validation loss') FROM best;
SELECT is(t.epochs, b.epoch + (task -> 'settings' ->> 'patience')::int, b.name || ': it ended when it had waited for so long') FROM best b JOIN trained t USING (name);
SELECT ok(t.loss = b.loss AND (metrics ->> 'loss')::float8 = b.loss AND (metrics ->> 'validation_loss')::float8 = b.validation_loss,
	name || ': losses are those of that epoch') FROM best b JOIN trained t USING (name);
SELECT is(advfair_fit((task || '{"workers": 3}') - 'model'), model, name || ': 3 workers') FROM best;

-- constant schedules: just as many epochs make the same model
SELECT is(advfair_fit(jsonb_set(task, '{epochs}', to_jsonb(epoch)) - '{model,settings}'::text[]), model, 'standard: as after just as many epochs')
FROM best WHERE name = 'standard';

SELECT is(version, 2, 'retrained') FROM advfair_retrain('standard');
SELECT is((SELECT model FROM advfair_model WHERE name = 'standard' AND version = 2), (SELECT model FROM best WHERE name = 'standard'), 'to the same model');
SELECT is((SELECT left_out FROM advfair_luf_summary('standard', 'people', leave_out => 3)), 3::bigint, 'left out of, which ends early, too');

-- what is refused
PREPARE without AS SELECT advfair_train('t', 'people', 'income', settings => '{"patience": 3}');
SELECT throws_ok('without', '22023', 'setting "patience" needs validation rows');
PREPARE zero AS SELECT advfair_train('t', 'people', 'income', validation => '0.3', settings => '{"patience": 0}');
SELECT throws_ok('zero', '22023', 'task key "settings.patience" is 0, but must be at least 1 and at most 100000');
PREPARE part AS SELECT advfair_train('t', 'people', 'income', validation => '0.3', settings => '{"patience": 1.5}');
SELECT throws_ok('part', '22023', NULL, 'patience of 1.5 epochs');
SELECT lives_ok($$SELECT advfair_adv_train('fast', 'people', 'income', method => 'fast', unseen => 'ignore', eps => 0.01, epochs => 3, settings => '{"patience": 1}')$$,
	'method fast holds rows out by itself');
SELECT ok(metrics ? 'epoch', 'and looks at them') FROM advfair_model WHERE name = 'fast';
SELECT * FROM finish();
ROLLBACK;
