-- advfair_scores: the table that audits, conditions, charts and reports go by.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(7);
SET LOCAL client_min_messages = error; -- attacks on such small networks warn

SELECT results_eq($$ SELECT name FROM advfair_scores() WHERE name <> ALL ('{luf}') LIMIT 16 $$,
	$$ SELECT unnest('{accuracy,class_accuracy,cau,robust_accuracy,success_rate,cru_s,least_eps,cru_eps,certified_accuracy,class_certified_accuracy,mean_radius,class_radius,cru_cert,attribute_missing,group_confidence,eou}'::text[]) $$, 'scores come in order');
SELECT is_empty($$ SELECT name FROM advfair_scores() WHERE (title <> '' AND words ~ '^[A-Z].*\.$' AND of <> '') IS NOT TRUE $$, 'each has a title, and says in sentences what it is');
SELECT is_empty($$ SELECT name FROM advfair_scores() GROUP BY name HAVING count(*) > 1 $$, 'each is there once');
SELECT results_eq($$ SELECT needs, array_agg(name ORDER BY name) FROM advfair_scores() WHERE of ~ 'between' AND name ~ '^(c|e)' GROUP BY needs ORDER BY needs NULLS FIRST $$,
	$$ VALUES (NULL, '{cau}'::text[]), ('certify', '{cru_cert}'), ('eps', '{cru_s}'), ('eps_max', '{cru_eps}'), ('protected', '{eou}') $$, 'they say which arguments they need');
SELECT is_empty($$ SELECT name FROM advfair_scores() WHERE of ~ 'between' AND better IS DISTINCT FROM CASE WHEN name ~ '_ratio$' THEN 'higher' ELSE 'lower' END $$, 'a smaller gap is better');

-- an audit that is asked for everything has all of them and no others, in this order
CREATE TABLE people AS SELECT *, nullif(race, 'Other') AS known_race FROM advfair_make_census(300, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'people', 'income', '{age,hours}', arch => 'dense 4, tanh', epochs => 3);
SELECT is((SELECT array_agg(metric ORDER BY at) FROM (SELECT metric, min(at) AS at FROM advfair_audit('{m}', 'people', '{0.1}', '{known_race}', eps_max => 0.2, steps => 1, replicates => 1, certify => 'ibp')
			WITH ORDINALITY a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, at) GROUP BY metric) a),
		  (SELECT array_agg(name ORDER BY at) FROM advfair_scores() WITH ORDINALITY s (name, title, words, needs, of, better, at) WHERE needs IS DISTINCT FROM 'leave_out'), 'an audit has all of them');
SELECT * FROM finish();
ROLLBACK;
