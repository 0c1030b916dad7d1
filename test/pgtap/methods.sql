-- Methods of attack by name, with settings: what is chosen everywhere is the same, and what a method does not have is refused.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 4);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'people', 'income', epochs => 10, learning_rate => 0.01, batch_size => 50);

-- one form, and what stands for it
SELECT set_eq($$ SELECT id, label, prediction, adversarial, success, linf, l2, loss, x FROM advfair_attack('m', 'people', 0.2) $$,
	$$ SELECT * FROM advfair_pgd('m', 'people', 0.2) $$, 'pgd is what who names none gets');
SELECT set_eq($$ SELECT id, label, prediction, adversarial, success, linf, l2, loss, x FROM advfair_attack('m', 'people', 0.2, attack => 'fgsm') $$,
	$$ SELECT * FROM advfair_fgsm('m', 'people', 0.2) $$, 'fgsm');
SELECT set_eq($$ SELECT id, x FROM advfair_attack('m', 'people', 0.2,
		settings => '{"steps": 7, "alpha": 0.05, "restarts": 2, "random_start": false, "early_stop": false}') $$,
	$$ SELECT id, x FROM advfair_pgd('m', 'people', 0.2, steps => 7, alpha => 0.05, restarts => 2, random_start => false, early_stop => false) $$,
	'settings say what named arguments say');
SELECT set_eq($$ SELECT id, x FROM advfair_attack('m', 'people', 0.2, settings => '{"steps": null}') $$,
	$$ SELECT id, x FROM advfair_pgd('m', 'people', 0.2) $$, 'null is the default');
SELECT is(pg_typeof(id)::text, 'integer', 'ids have the type of key') FROM advfair_attack('m', 'people', 0.2, key => NULL::int) LIMIT 1;

-- what it cost, and what broke a row
SELECT ok(bool_and(CASE WHEN prediction <> label THEN attack IS NULL AND forwards = 1 AND gradients = 0
	WHEN success THEN attack = 'pgd' AND forwards BETWEEN 2 AND 22 AND gradients < forwards
	ELSE attack IS NULL AND forwards >= 22 AND gradients >= 20 END), 'rows say what broke them and what it cost')
	FROM advfair_attack('m', 'people', 0.1);
SELECT ok(count(attack) > 0 AND bool_and(forwards <= 2 AND gradients <= 1), 'one step costs one gradient')
	FROM advfair_attack('m', 'people', 0.3, attack => 'fgsm');
SELECT ok(bool_and((attack IS NOT NULL) = (success AND prediction <> '>50K')), 'of a target, too')
	FROM advfair_attack('m', 'people', 0.3, targeted => '>50K');

-- what is refused
CREATE FUNCTION refused(arguments text, message text, hint text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	hinted text;
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || arguments;
	RETURN ok(false, arguments || ' is refused');
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hinted = PG_EXCEPTION_HINT;
	RETURN is(said || '|' || hinted, message || '|' || hint, arguments || ' is refused');
END $$;
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '{"step": 3}')$$, 'unknown key "step" in settings',
	'Settings of attack pgd are alpha, steps, restarts, random_start, early_stop.');
SELECT refused($$advfair_attack('m', 'people', 0.1, attack => 'fgsm', settings => '{"steps": 3}')$$, 'unknown key "steps" in settings',
	'There are no settings of attack fgsm.');
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '{"steps": 0}')$$,
	'task key "settings.steps" is 0, but must be at least 1 and at most 100000');
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '{"steps": "many"}')$$, 'task key "settings.steps" must be a number');
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '{"random_start": 1}')$$, 'task key "settings.random_start" must be true or false');
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '[1]')$$, 'task key "settings" must be an object');
SELECT refused($$advfair_attack('m', 'people', 0.1, settings => '"steps"')$$, 'task key "settings" must be an object');
SELECT refused($$advfair_audit('{m}', 'people', '{0.1}', steps => 3, settings => '{"steps": 3}')$$,
	'task key "steps" is said twice, as a key of its own and in settings');
SELECT refused($$advfair_audit('{m}', 'people', '{0.1}', steps => 3, attack => 'fgsm')$$, 'task key "steps" is no setting of attack fgsm');
SELECT refused($$advfair_audit('{m}', 'people', '{0.1}', settings => '{"early_stop": true}')$$, 'unknown key "early_stop" in settings',
	'Settings of attack pgd are alpha, steps, restarts, random_start.');
SELECT refused($$advfair_least_eps('m', 'people', 1, settings => '{"alpha": 0.1}')$$, 'unknown key "alpha" in settings',
	'Settings of attack pgd are steps, restarts, random_start.');
SELECT refused($$advfair_audit('{m}', 'people', attack => 'fgsm')$$, 'task key "attack" is given, but there is no attack without eps or eps_max');
SELECT refused($$advfair_audit('{m}', 'people', settings => '{"steps": 3}')$$,
	'task key "settings" is given, but there is no attack without eps or eps_max');
SELECT refused($$advfair_compare('m', 'm', 'people', attack => 'fgsm')$$,
	'task key "attack" is given, but there is no attack without eps or eps_max');
SELECT refused($$advfair_retrain('m', 'accuracy > 0', attack => 'fgsm')$$,
	'task key "attack" is given, but there is no attack without eps or eps_max');
SELECT refused($$advfair_train('t', 'people', 'income', settings => '[]')$$, 'task key "settings" must be an object');
SELECT throws_matching($$SELECT count(*) FROM advfair_attack('m', 'people', 0.1, attack => 'PGD')$$, 'must be one of: pgd, fgsm, mi_fgsm, apgd_ce', 'methods are listed');

-- whoever attacks takes the method and its settings
SELECT set_eq($$ SELECT metric, class, value FROM advfair_audit('{m}', 'people', '{0.2}', attack => 'fgsm', replicates => 50) $$,
	$$ SELECT metric, class, value FROM advfair_audit('{m}', 'people', '{0.2}', steps => 1, alpha => 0.2, random_start => false, replicates => 50) $$,
	'audits');
SELECT set_eq($$ SELECT metric, class, a FROM advfair_compare('m', 'm', 'people', '{0.2}', attack => 'fgsm', replicates => 50) $$,
	$$ SELECT metric, class, value FROM advfair_audit('{m}', 'people', '{0.2}', attack => 'fgsm', replicates => 50) $$, 'comparisons');
SELECT set_eq($$ SELECT class, success_rate FROM advfair_class_robustness('m', 'people', '{0.2}', attack => 'fgsm') $$,
	$$ SELECT class, value FROM advfair_audit('{m}', 'people', '{0.2}', attack => 'fgsm', replicates => 50) WHERE metric = 'success_rate' $$, 'class robustness');
SELECT is(advfair_cru('m', 'people', 0.2, attack => 'fgsm'),
	(SELECT value FROM advfair_audit('{m}', 'people', '{0.2}', attack => 'fgsm', replicates => 50) WHERE metric = 'cru_s'), 'CRU');
SELECT set_eq($$ SELECT id, round(eps::numeric, 6) FROM advfair_least_eps('m', 'people', 1, attack => 'fgsm', mode => 'grid', step => 0.1) $$,
	$$ SELECT a.id, CASE WHEN bool_or(a.wrong) THEN 0 ELSE round(COALESCE(min(e) FILTER (WHERE a.success), 1)::numeric, 6) END FROM unnest('{0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1}'::float8[]) e,
		LATERAL (SELECT id, success, prediction <> label AS wrong FROM advfair_attack('m', 'people', e, attack => 'fgsm')) a GROUP BY a.id $$,
	'searches for the least eps');
SELECT ok(advfair_report('{m}', 'people', '{0.2}', attack => 'fgsm', settings => '{}') ~ 'attack =&gt; &#39;fgsm&#39;|attack =&gt; ''fgsm''',
	'reports, which say how to repeat them');
SELECT is(promoted, true, 'retrainings') FROM advfair_retrain('m', 'robust_accuracy >= 0', data => 'people', eps => 0.2, attack => 'fgsm');

-- robust trainings
SELECT is(version, 1, 'trained robustly') FROM advfair_adv_train('r', 'people', 'income', method => 'pgd', eps => 0.2, epochs => 2, settings => '{"steps": 3}');
SELECT is(version, 1, 'and by named arguments') FROM advfair_adv_train('n', 'people', 'income', method => 'pgd', eps => 0.2, epochs => 2, steps => 3);
SELECT is(advfair_get('r'), advfair_get('n'), 'which is the same');
SELECT is((SELECT task - 'model' FROM advfair_model WHERE name = 'r'), (SELECT task - 'model' FROM advfair_model WHERE name = 'n'), 'and stored alike');
SELECT is(version, 1, 'by fgsm') FROM advfair_adv_train('f', 'people', 'income', method => 'pgd', attack => 'fgsm', eps => 0.2, epochs => 2);
SELECT is((SELECT task ->> 'attack' FROM advfair_model WHERE name = 'f'), 'fgsm', 'which the task says');
SELECT is(version, 2, 'so that it can be run again') FROM advfair_retrain('f');
SELECT is(advfair_get('f@2'), advfair_get('f@1'), 'with the same bytes');
SELECT is(version, 1, 'twins, too') FROM advfair_adv_train('w', 'people', 'income', attack => 'fgsm', eps => 0.2, epochs => 2);
SELECT refused($$advfair_adv_train('x', 'people', 'income', method => 'pgd', attack => 'fgsm', steps => 3, eps => 0.1)$$,
	'task key "steps" is no setting of attack fgsm');

-- momentum
SELECT set_eq($$ SELECT id, x FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm', settings => '{"decay": 0}') $$,
	$$ SELECT id, x FROM advfair_pgd('m', 'people', 0.2, steps => 10, alpha => 0.02, random_start => false) $$, 'without momentum mi_fgsm is pgd from the row');
SELECT ok(bool_and(linf <= 0.2 * (1 + 1e-6)) AND count(attack) > 0 AND bool_and(attack = 'mi_fgsm' OR attack IS NULL), 'with it stays in the ball, too')
	FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm');
SELECT isnt((SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm', settings => '{"early_stop": false}')),
	(SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm', settings => '{"early_stop": false, "decay": 0}')),
	'momentum makes a difference');
SELECT is((SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm', workers => 1)),
	(SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.2, attack => 'mi_fgsm', workers => 3)), 'any number of workers gives the same');
SELECT refused($$advfair_attack('m', 'people', 0.1, attack => 'mi_fgsm', settings => '{"decay": 2}')$$,
	'task key "settings.decay" is 2, but must be at least 0 and at most 1');
SELECT ok(value BETWEEN 0 AND 1, 'audits know it at once')
	FROM advfair_audit('{m}', 'people', '{0.2}', attack => 'mi_fgsm', settings => '{"decay": 0.5}', replicates => 50) WHERE metric = 'robust_accuracy';
SELECT ok(length(advfair_report('{m}', 'people', '{0.2}', attack => 'mi_fgsm')) > 1000, 'reports, too');
SELECT ok(count(*) > 0 AND bool_and(eps <= 1), 'searches') FROM advfair_least_eps('m', 'people', 1, attack => 'mi_fgsm');
SELECT is(version, 1, 'robust trainings') FROM advfair_adv_train('mi', 'people', 'income', method => 'trades', attack => 'mi_fgsm', eps => 0.2, epochs => 2,
	settings => '{"decay": 0.5, "steps": 3}');
SELECT is((SELECT task -> 'settings' FROM advfair_model WHERE name = 'mi'), '{"decay": 0.5}', 'whose task has its settings');
SELECT is(version, 2, 'so that it can be run again') FROM advfair_retrain('mi');
SELECT is(advfair_get('mi@2'), advfair_get('mi@1'), 'with the same bytes');
SELECT isnt(advfair_fit('{"kind": "adv_train", "data": "people", "label": "income", "method": "trades", "attack": "mi_fgsm", "eps": 0.2, "epochs": 2, "steps": 3}'),
	advfair_get('mi@1'), 'other settings give another model');
SELECT * FROM finish();
ROLLBACK;
