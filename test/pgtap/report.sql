-- Charts and pages as text: what is in them, what is asked for wrongly, what names may be. How they look is in test/t/report.pl.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(105);
CREATE TABLE people AS SELECT * FROM advfair_make_census(400, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE test AS SELECT * FROM advfair_make_census(300, 1);
ALTER TABLE test ADD PRIMARY KEY (person_id);
SELECT version FROM advfair_train('m', 'people', 'income', epochs => 2, validation => '0.2') \gset
SELECT version FROM advfair_train('o', 'people', 'income', epochs => 2, seed => 1) \gset

-- every kind has its rows inside
CREATE TEMP TABLE chart AS SELECT kind, CASE kind
	WHEN 'luf' THEN advfair_chart(kind, '{m,o}', 'test', leave_out => 2, title => kind)
	WHEN 'class_least_eps' THEN advfair_chart(kind, '{m,o}', 'test', eps_max => 0.5, title => kind)
	WHEN 'least_eps' THEN advfair_chart(kind, '{m,o}', 'test', eps_max => 0.5, title => kind)
	WHEN 'group_confidence' THEN advfair_chart(kind, '{m,o}', 'test', protected => '{sex,race}', given => '>50K', title => kind)
	ELSE advfair_chart(kind, '{m,o}', 'test', eps => '{0.05,0.1}', title => kind) END AS chart
FROM unnest('{class_accuracy,class_least_eps,robust_accuracy,class_robustness,least_eps,group_confidence,luf,curve}'::text[]) kind;
SELECT version FROM advfair_retrain('m', 'accuracy > 0', data => 'test') \gset
INSERT INTO chart SELECT 'metric_log', advfair_chart('metric_log', '{m}', title => 'metric_log');
SELECT is(chart ->> '$schema', 'https://vega.github.io/schema/vega-lite/v6.json', kind || ' is Vega-Lite') FROM chart;
SELECT ok(jsonb_array_length(chart #> '{data,values}') > 1, kind || ' has its data inside') FROM chart;
SELECT is(chart ->> 'title', kind, kind || ' has its title') FROM chart;
SELECT is(array_agg(kind ORDER BY kind), '{class_robustness,curve,group_confidence,least_eps,luf}', 'several models, attributes or measures: several panels') FROM chart WHERE chart ? 'facet';
SELECT is((SELECT jsonb_agg(v - 'label' - 'n' - 'ci_low' - 'ci_high' ORDER BY v ->> 'model', v ->> 'label') FROM chart, jsonb_array_elements(chart #> '{data,values}') v WHERE kind = 'class_accuracy'),
	(SELECT jsonb_agg(jsonb_build_object('model', model || '@1', 'value', accuracy) ORDER BY model, class) FROM unnest('{m,o}'::text[]) model, advfair_class_accuracy(model || '@1', 'test')),
	'values are those of the functions');
SELECT is((SELECT sum((v ->> 'value')::float8)::numeric(9, 6) FROM chart, jsonb_array_elements(chart #> '{data,values}') v WHERE kind = 'luf' AND v ->> 'model' = 'm'), 1.0, 'shares of a distribution are those of a whole');
SELECT ok((SELECT bool_and(b >= a) FROM (SELECT (v ->> 'value')::float8 AS b, lag((v ->> 'value')::float8) OVER (PARTITION BY v ->> 'model', v ->> 'class' ORDER BY (v ->> 'eps')::float8) AS a
	FROM chart, jsonb_array_elements(chart #> '{data,values}') v WHERE kind = 'least_eps') t), 'a larger eps breaks no fewer rows');
SELECT is((SELECT count(*) FROM chart, jsonb_array_elements(chart #> '{data,values}') v WHERE kind = 'metric_log' AND (v ->> 'promoted')::boolean), 2::bigint, 'accuracy and cau of a promoted version');
SELECT is(advfair_chart_rows('class_accuracy', (SELECT jsonb_agg(to_jsonb(a)) FROM advfair_audit('{m@1,o@1}', 'test') a), 'class_accuracy'), chart, 'rows that were computed before give the same')
	FROM chart WHERE kind = 'class_accuracy';

-- asked for wrongly
SELECT throws_ok($$ SELECT advfair_chart('pie', '{m}') $$, '22023', 'kind is "pie", but must be one of: class_accuracy, class_least_eps, class_robustness, robust_accuracy, least_eps, group_confidence, luf, curve, metric_log');
SELECT throws_ok($$ SELECT advfair_chart(NULL, '{m}') $$, '22023');
SELECT throws_ok(format('SELECT advfair_chart(%L, %L%s)', kind, '{m}', more), '22023', what || ' is missing: this kind of chart needs it')
	FROM (VALUES ('class_accuracy', '', 'data'), ('class_robustness', ', ''test''', 'eps'), ('group_confidence', ', ''test''', 'protected'),
		('least_eps', ', ''test''', 'eps_max'), ('class_least_eps', ', ''test''', 'eps_max'), ('luf', ', ''test''', 'leave_out')) t (kind, more, what);
SELECT throws_ok($$ SELECT advfair_chart('metric_log', '{m,nobody}') $$, '42704', 'model "nobody" does not exist');
SELECT throws_ok(format('SELECT advfair_chart(%L, %L, ''test'', leave_out => 1, eps_max => 1)', kind, models), '22023', 'models is missing: this kind of chart needs it')
	FROM unnest('{curve,metric_log,luf,least_eps}'::text[]) AS kind, (VALUES ('{}'), (NULL)) AS t (models);
SELECT throws_ok($$ SELECT advfair_chart('curve', '{nobody}') $$, '42704', 'model "nobody" does not exist');
SELECT throws_ok($$ SELECT advfair_chart_rows('luf', '[1]') $$, '22023');
SELECT is(advfair_chart_rows(kind, rows) #> '{data,values}', '[]'::jsonb, kind || ': nothing to show') FROM (VALUES ('curve', NULL::jsonb), ('luf', '[]'), ('class_accuracy', '{}')) t (kind, rows);
SELECT throws_ok($$ SELECT advfair_report('{}', 'test') $$, '22023');
SELECT throws_ok($$ SELECT advfair_report('{m}', NULL) $$, '22023');
SELECT throws_ok($$ SELECT advfair_report('{nobody}', 'test') $$, '42704', 'model "nobody" does not exist');
SELECT throws_ok($$ SELECT advfair_report('{m}', 'SELECT * FROM test WHERE false') $$, '22000', 'data "SELECT * FROM test WHERE false" has no rows');

-- pages
CREATE TEMP TABLE page AS SELECT advfair_report('{m@1}', 'SELECT *, CASE WHEN person_id < 20 THEN ''</script><b>&"'''''' ELSE ''x'' END AS g FROM people', protected => '{g,sex}', title => '<i>"&''') AS html;
SELECT unalike(html, '%<b>%', 'no name is HTML') FROM page;
SELECT unalike(html, '%<i>%', 'nor the title') FROM page;
SELECT is((SELECT count(*) FROM regexp_matches(html, '<script', 'g')), (SELECT count(*) FROM regexp_matches(html, '</script>', 'g')), 'scripts end where they should') FROM page;
SELECT ok(html ~ '<td class="number">[01]\.\d{4}</td><td class="number">[01]\.\d{4} to [01]\.\d{4}</td><td class="number">400</td>', 'figures have intervals and numbers of rows') FROM page;
SELECT ok(html LIKE E'%<pre>SELECT advfair_report(\n    models =&gt; &#39;{m@1}&#39;,\n    data =&gt; &#39;SELECT *, CASE%', 'a page says how to repeat it') FROM page;
SELECT ok(html LIKE '%A group of g has fewer than 30 rows%', 'small groups are pointed out') FROM page;
SELECT ok(advfair_report('{m@1}', 'people') LIKE '%was trained on the data it is measured on%', 'measuring on training rows is pointed out');
SELECT ok(advfair_report('{m@1}', 'test') NOT LIKE '%was trained on the data it is measured on%', 'on others it is not');
SELECT ok(advfair_report('{m@1}', 'SELECT * FROM test WHERE income = ''>50K''', eps => '{0.1}') LIKE '%rows, which are all of class &gt;50K.%', 'one class has no worse one');
CREATE TABLE judged AS SELECT t.* FROM test t JOIN advfair_predict('m@1', 'test') p ON p.id = t.person_id WHERE p.prediction = p.label;
SELECT ok(advfair_report('{m@1}', 'judged') LIKE '%right about 100.0 \% of the % rows. It serves all classes alike.%', 'nor have classes served alike, and rows are not all of one of them');
-- what was not measured is no number
CREATE TEMP TABLE one AS SELECT advfair_report('{m@1}', 'SELECT *, nullif(race, ''White'') AS known FROM test WHERE income = ''>50K'' AND sex = ''Male''', eps => '{0.1}', protected => '{sex,known}') AS html;
SELECT ok(html ~ (score || '</td><td>m@1</td>(<td[^>]*>[^<]*</td>){4}<td class="number">not measured</td><td class="number"></td>'), score || ' is not measured')
	FROM one, unnest('{CAU: gap of accuracy between classes,CRU: gap of success between classes,EOU: gap of confidence between groups}'::text[]) score;
SELECT ok(html LIKE '%Whether it treats groups of sex alike was not measured: fewer than two have rows.%', 'in words, too') FROM one;
SELECT ok(html ~ '[0-9.]+ % of the \d+ rows have no known: they are in none of its groups\.', 'rows without a group are counted') FROM one;
SELECT is(advfair_chart_rows(kind, (SELECT jsonb_agg(to_jsonb(a)) FROM advfair_audit('{m@1}', 'SELECT * FROM test WHERE income = ''>50K''', '{0.1}', '{sex}', '<=50K', steps => 1) a)) #> '{data,values}' @? path::jsonpath, true, kind || ': nor do charts make it one')
	FROM (VALUES ('class_accuracy', '$[*] ? (@.label == "<=50K (n = 0, not measured)" && @.value == null)'), ('class_robustness', '$[*] ? (@.class == "<=50K (not measured)" && @.value == null)'),
		  ('group_confidence', '$[*] ? (@.label == "Male (n = 0, not measured)" && @.value == null)')) t (kind, path);
SELECT is(advfair_report_file('../../../../../../etc/passwd'), NULL, 'other files are not read');
SELECT is(length(advfair_report_file('report.css')) > 100, true, 'its own are');

-- what a page says of several models, of leaving rows out, and of small numbers
CREATE TEMP TABLE pair AS SELECT advfair_report('{m@1,o@1}', 'test', eps => '{0.01,0.5}', eps_max => 0.5, leave_out => 3, replicates => 100) AS html;
SELECT ok(html ~ '<li><strong>o@1</strong> beside <strong>m@1</strong>: [^<]*accuracy \([01]\.\d{4} instead of [01]\.\d{4}\)', 'models are compared') FROM pair;
SELECT ok(html LIKE '%only 3 rows were left out in turn%' AND html LIKE '%Only 3 rows, drawn by chance, were left out in turn%', 'it tells how few rows were left out') FROM pair;
SELECT unalike(html, '%, </td>%', 'what is not there leaves no comma') FROM pair;
SELECT is(advfair_report_comparison('[{"model": "a", "metric": "cau", "value": 0.2, "ci_low": 0.1, "ci_high": 0.3}, {"model": "a", "metric": "accuracy", "value": 0.8, "ci_low": 0.7, "ci_high": 0.9},
	{"model": "a", "metric": "robust_accuracy", "eps": 0.5, "value": 0.5, "ci_low": 0.4, "ci_high": 0.6}, {"model": "<b>", "metric": "cau", "value": 0.05, "ci_low": 0, "ci_high": 0.09},
	{"model": "<b>", "metric": "accuracy", "value": 0.65, "ci_low": 0.6, "ci_high": 0.69}, {"model": "<b>", "metric": "robust_accuracy", "eps": 0.5, "value": 0.6, "ci_low": 0.55, "ci_high": 0.65}]'),
	'<li><strong>&lt;b&gt;</strong> beside <strong>a</strong>: better in CAU (0.0500 instead of 0.2000); worse in accuracy (0.6500 instead of 0.8000); '
	'too close to tell, as intervals overlap, in accuracy under attack with eps 0.5 (0.6000 instead of 0.5000).</li>', 'a higher accuracy is better, and a lower unfairness');
SELECT is(advfair_report_comparison('[{"model": "a", "metric": "cau", "value": 0.2, "ci_low": 0.1, "ci_high": 0.3}]'), NULL, 'a model alone is compared with nothing');
SELECT is(array_agg(advfair_html_number(x) ORDER BY x), '{-0.2500,0.0000,&lt; 0.0001,0.0002,0.2500," 1.00e+07"}', 'numbers of a column are written alike') FROM unnest('{0,0.25,-0.25,0.000162,0.00001,1e7}'::float8[]) x;
SELECT is(advfair_chart_eps('eps', '{0.25,0.5,10}') -> 'scale' ->> 'type', 'log', 'eps of all sizes have their ratios shown');
SELECT is(advfair_chart_eps('eps', '{0,0.25,10}') -> 'scale', '{"type": "symlog", "constant": 0.25}', 'also beside 0');
SELECT is(advfair_chart_eps('eps', '{0,0.25,1}') -> 'scale' ->> 'type', NULL, 'those of a like size have not');
SELECT ok(advfair_chart('curve', '{m@1}')::text LIKE '%(dashed: validation)%' AND advfair_chart_rows('curve', '[{"model": "m", "epoch": 1, "loss": 1, "accuracy": 1}]')::text NOT LIKE '%validation)%',
		  'dashes are explained where there are any');

-- what is proven beside what is found: a certified share is no larger, and a page says what it is
CREATE TEMP TABLE certified AS SELECT advfair_chart('robust_accuracy', '{m@1,o@1}', 'test', eps => '{0.001,0.005}', steps => 3, certify => 'crown', certify_settings => '{"tol": 1e-3}') AS accuracy,
	advfair_chart('class_least_eps', '{m@1,o@1}', 'test', eps_max => 0.05, steps => 3, certify => 'crown') AS least_eps,
	advfair_report('{m@1}', 'test', eps => '{0.001,0.005}', steps => 3, certify => 'crown', replicates => 100) AS html;
SELECT is((SELECT jsonb_agg(v - 'ci_low' - 'ci_high' - 'n' ORDER BY v ->> 'model', v ->> 'eps') FROM certified, jsonb_array_elements(accuracy #> '{data,values}') AS v WHERE v ->> 'what' = 'proven'),
	(SELECT jsonb_agg(jsonb_build_object('model', model, 'eps', eps, 'value', value, 'what', 'proven') ORDER BY model, eps) FROM advfair_audit('{m@1,o@1}', 'test', '{0.001,0.005}', steps => 3, certify => 'crown', certify_settings => '{"tol": 1e-3}') WHERE metric = 'certified_accuracy'),
	'what is proven is in the chart of accuracy under attack');
SELECT ok(accuracy::text LIKE '%; dashed: proven)%', 'whose axis says which lines it is') FROM certified;
SELECT ok(chart::text NOT LIKE '%dashed: proven%', 'and does not where there is none') FROM chart WHERE kind = 'robust_accuracy';
SELECT is((SELECT array_agg(DISTINCT v ->> 'model' ORDER BY v ->> 'model') FROM certified, jsonb_array_elements(least_eps #> '{data,values}') AS v), '{"m@1, found","m@1, proven","o@1, found","o@1, proven"}', 'least eps of classes are found and proven');
SELECT ok(bool_and((p ->> 'value')::float8 <= (f ->> 'value')::float8), 'and no more is proven than found') FROM certified, jsonb_array_elements(least_eps #> '{data,values}') AS p, jsonb_array_elements(least_eps #> '{data,values}') AS f
	WHERE p ->> 'label' = f ->> 'label' AND p ->> 'model' ~ 'proven' AND f ->> 'model' = replace(p ->> 'model', 'proven', 'found');
SELECT ok(html ~ 'Whatever is done to inputs by up to 0.001, 0.005, it is proven to stay right about [0-9.]+, [0-9.]+ %\.', 'a page says so in words') FROM certified;
SELECT ok(html LIKE '%Dashed: how often it is proven to stay right, whoever attacks (crown).%' AND html LIKE '%certify =&gt; &#39;crown&#39;%', 'and by what, and how to repeat it') FROM certified;

SELECT ok(html NOT LIKE '%<h3>Found and proven</h3>%' AND advfair_report('{m@1}', 'test', eps_max => 0.05, steps => 1, certify => 'ibp', replicates => 10) LIKE '%<h3>Found and proven</h3>%proven not to (ibp)%', 'with eps_max it has both sides of the least eps') FROM certified;
SELECT ok(page LIKE '%Dashed: how often it is right when noise is added%' AND page NOT LIKE '%<h3>Found and proven</h3>%', 'what is smoothed is another classifier, and said to be')
	FROM advfair_report('{m@1}', 'test', eps => '{0.1}', eps_max => 0.5, norm => 'l2', steps => 1, certify => 'smoothing', certify_settings => '{"n": 200}', replicates => 10) AS page;
SELECT unalike(html, '%true class is%', 'nothing is said of a class that is not given') FROM certified;

-- rights
CREATE ROLE advfair_eve;
SET LOCAL ROLE advfair_eve;
SELECT throws_ok($$ SELECT advfair_report('{m}', 'test') $$, '42704', 'model "m" does not exist');
SELECT throws_ok($$ SELECT advfair_model_id('m') $$, '42704', 'model "m" does not exist');
RESET ROLE;
-- The log's chart shows what advfair_scores() has of whole models and of gaps between classes or groups, and nothing of one class or group.
CREATE TEMP TABLE shown AS SELECT jsonb_path_query(advfair_chart_of_metric_log((SELECT jsonb_agg(jsonb_build_object('model', 'm', 'version', 1,
	'at', '2026-01-01', 'metric', metric, 'value', 0.5)) FROM unnest('{accuracy,class_accuracy_p,cau,robust_accuracy,success_rate_p,cru_s,least_eps_p,
	cru_eps,luf,eou_sex,"eou(sex,p)",selection_rate_sex_f,demographic_parity_difference_sex,demographic_parity_ratio_sex,promoted}'::text[]) metric)),
	'$.**.metric ? (@.type() == "string")') #>> '{}' AS metric;
SELECT set_has('SELECT metric FROM shown', $$ SELECT unnest('{accuracy,cau,robust_accuracy,cru_s,cru_eps,luf,eou_sex,"eou(sex,p)",
	demographic_parity_difference_sex,demographic_parity_ratio_sex}'::text[]) $$, 'the chart of the log has every score of models and gaps');
SELECT is_empty($$ SELECT metric FROM shown WHERE metric ~ '^(class_accuracy|success_rate|least_eps|selection_rate|promoted)' $$,
	'and none of single classes and groups');

-- whatever a session has numbers printed by
CREATE TABLE printed AS SELECT advfair_chart('class_accuracy', '{m}', 'test', replicates => 10) AS chart,
	regexp_replace(advfair_report('{m}', 'test', replicates => 10), ' on \d{4}-\d\d-\d\d \d\d:\d\d ', ' ') AS page;
SET LOCAL extra_float_digits = -15;
SELECT is(advfair_chart('class_accuracy', '{m}', 'test', replicates => 10), chart, 'a chart has all digits') FROM printed;
SELECT ok(regexp_replace(advfair_report('{m}', 'test', replicates => 10), ' on \d{4}-\d\d-\d\d \d\d:\d\d ', ' ') = page, 'and so has a page') FROM printed;
SELECT * FROM finish();
ROLLBACK;
