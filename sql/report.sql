
-- Reports -------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_report_file(name text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION advfair_report_file(text)
	IS 'a file that advfair has installed for its reports, NULL when it was not: report.css, report.js, vega.js';

-- Texts, numbers, charts as HTML

CREATE OR REPLACE FUNCTION advfair_html(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN replace(replace(replace(replace(replace(COALESCE(value, ''), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'),
		'"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION advfair_html(text) IS 'a text as HTML shows it';

CREATE OR REPLACE FUNCTION advfair_html_number(value float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN value IS NULL THEN 'not measured'
		WHEN abs(value) >= 1e6 THEN to_char(value, '9.99EEEE')
		WHEN value > 0 AND value < 0.00005 THEN '&lt; 0.0001'
		ELSE round(value::numeric, 4)::text END;
COMMENT ON FUNCTION advfair_html_number(float8) IS 'a score as HTML shows it';

CREATE OR REPLACE FUNCTION advfair_html_count(value bigint) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN ltrim(to_char(value, '999,999,999,999'));
COMMENT ON FUNCTION advfair_html_count(bigint) IS 'a number of rows as HTML shows it';

CREATE OR REPLACE FUNCTION advfair_html_percent(share float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN round(100 * share::numeric, 1)::text;
COMMENT ON FUNCTION advfair_html_percent(float8) IS 'a share in percent as HTML shows it';

-- JSON inside of a script element ends where the element does: no < may be in it.
CREATE OR REPLACE FUNCTION advfair_html_chart(chart jsonb, heading text, explanation text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN jsonb_array_length(chart #> '{data,values}') > 0 THEN
		'<figure><figcaption><h3>' || advfair_html(heading) || '</h3><p>' || advfair_html(explanation)
		|| '</p></figcaption><div class="chart" role="img" aria-label="' || advfair_html(heading) || E'"></div>\n'
		|| '<script type="application/json">' || replace(replace(chart::text, '<', E'\\u003c'), '>', E'\\u003e')
		|| E'</script></figure>\n'
		ELSE '' END;
COMMENT ON FUNCTION advfair_html_chart(jsonb, text, text) IS 'a chart of a report';

CREATE OR REPLACE FUNCTION advfair_html_section(heading text, body text, class text DEFAULT NULL) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN '<section' || COALESCE(' class="' || class || '"', '') || E'>\n<h2>' || heading || E'</h2>\n' || body
		|| E'\n</section>\n';
COMMENT ON FUNCTION advfair_html_section(text, text, text) IS 'a section of a report: a heading and HTML';

CREATE OR REPLACE FUNCTION advfair_html_table(headings text[], rows text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN E'<div class="wide"><table>\n<thead><tr><th>' || array_to_string(headings, '</th><th>')
		|| E'</th></tr></thead>\n<tbody>\n' || COALESCE(rows, '') || E'\n</tbody></table></div>';
COMMENT ON FUNCTION advfair_html_table(text[], text) IS 'a table of a report: headings, and rows that are HTML';

-- What a page is made of

/*
 * Sections share what was computed once, as jsonb: models, the versions a page is about; figures, the rows of their
 * audit and of what leaving rows out gave, each with its place (at); broken, the least eps of each row; influence, how
 * much single rows matter to others. Each section is a function of those it needs, and gives HTML.
 */
CREATE OR REPLACE FUNCTION advfair_report_figures(figures jsonb)
	RETURNS TABLE (at bigint, model text, metric text, eps float8, class text, attribute text, grp text, value float8,
		ci_low float8, ci_high float8, n bigint)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
	BEGIN ATOMIC
		SELECT f.* FROM jsonb_to_recordset(figures) AS f (at bigint, model text, metric text, eps float8, class text,
			attribute text, grp text, value float8, ci_low float8, ci_high float8, n bigint);
	END;
COMMENT ON FUNCTION advfair_report_figures(jsonb) IS 'the figures of a report as rows';

CREATE OR REPLACE FUNCTION advfair_report_models(models jsonb)
	RETURNS TABLE (at bigint, model text, owner text, created_at timestamptz, task jsonb, metrics jsonb, model_id uuid)
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
	BEGIN ATOMIC
		SELECT m.* FROM jsonb_to_recordset(models) AS m (at bigint, model text, owner text, created_at timestamptz,
			task jsonb,
			metrics jsonb, model_id uuid);
	END;
COMMENT ON FUNCTION advfair_report_models(jsonb) IS 'the models of a report as rows';

CREATE OR REPLACE FUNCTION advfair_report_influence(influence jsonb) RETURNS TABLE (model text, luf float8,
	left_out bigint)
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT i.* FROM jsonb_to_recordset(influence) AS i (model text, luf float8, left_out bigint);
	END;
COMMENT ON FUNCTION advfair_report_influence(jsonb) IS 'how much single rows matter, of a report, as rows';

-- In short

-- Which classes a model serves best and worst, of those that have rows.
CREATE OR REPLACE FUNCTION advfair_report_classes(figures jsonb, of text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH f AS MATERIALIZED (
			SELECT class, value, at, count(*) OVER () AS classes FROM advfair_report_figures(figures)
			WHERE model = of AND metric = 'class_accuracy' AND value IS NOT NULL),
		best AS (SELECT * FROM f ORDER BY value DESC, at LIMIT 1),
		worst AS (SELECT * FROM f ORDER BY value, at LIMIT 1)
		SELECT CASE
			WHEN best.classes = 1 THEN ', which are all of class ' || advfair_html(best.class) || '.'
			WHEN best.value = worst.value THEN '. It serves all classes alike.'
			ELSE '. It serves the class ' || advfair_html(best.class) || ' best (' || advfair_html_percent(best.value)
				|| ' % right) and ' || advfair_html(worst.class) || ' worst (' || advfair_html_percent(worst.value)
				|| ' %): who belongs to ' || advfair_html(worst.class) || ' bears more of its mistakes.' END
		FROM best, worst;
	END;
COMMENT ON FUNCTION advfair_report_classes(jsonb, text) IS 'which classes a model serves best and worst, in words';

CREATE OR REPLACE FUNCTION advfair_report_attacked(figures jsonb, of text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT ' When somebody may change each input by ' || string_agg(eps::text, ', ' ORDER BY eps)
			|| ' to make it fail, it is right about '
			|| string_agg(COALESCE(advfair_html_percent(value), '?'), ', ' ORDER BY eps) || ' %.'
		FROM advfair_report_figures(figures) WHERE model = of AND metric = 'robust_accuracy' HAVING count(*) > 0;
	END;
COMMENT ON FUNCTION advfair_report_attacked(jsonb, text) IS 'how a model fares under attack, in words';

CREATE OR REPLACE FUNCTION advfair_report_certified(figures jsonb, of text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT ' Whatever is done to inputs by up to ' || string_agg(eps::text, ', ' ORDER BY eps)
			|| ', it is proven to stay right about '
			|| string_agg(COALESCE(advfair_html_percent(value), '?'), ', ' ORDER BY eps) || ' %.'
		FROM advfair_report_figures(figures) WHERE model = of AND metric = 'certified_accuracy' HAVING count(*) > 0;
	END;
COMMENT ON FUNCTION advfair_report_certified(jsonb, text) IS 'what is proven of a model, in words';

-- Of each attribute the class in which groups differ most.
CREATE OR REPLACE FUNCTION advfair_report_groups(figures jsonb, of text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT string_agg(CASE
			WHEN value IS NULL THEN ' Whether it treats groups of ' || advfair_html(attribute)
				|| ' alike was not measured: fewer than two have rows.'
			ELSE ' Between groups of ' || advfair_html(attribute) || ' its mean confidence in ' || advfair_html(class)
				|| ' differs by ' || advfair_html_number(value) || '.' END, '' ORDER BY at)
		FROM (SELECT DISTINCT ON (attribute) * FROM advfair_report_figures(figures) WHERE model = of AND metric = 'eou'
			ORDER BY attribute, value DESC NULLS LAST, at) largest;
	END;
COMMENT ON FUNCTION advfair_report_groups(jsonb, text) IS 'how differently a model treats groups, in words';

CREATE OR REPLACE FUNCTION advfair_report_verdicts(models jsonb, figures jsonb, influence jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT string_agg('<li><strong>' || advfair_html(m.model) || '</strong> is right about '
			|| advfair_html_percent(f.value)
			|| ' % of the ' || advfair_html_count(f.n) || ' rows' || advfair_report_classes(figures, m.model)
			|| COALESCE(advfair_report_attacked(figures, m.model), '')
			|| COALESCE(advfair_report_certified(figures, m.model), '')
			|| COALESCE(advfair_report_groups(figures, m.model), '')
			|| COALESCE((SELECT ' Trained again without one row, it changes the probabilities of others by up to '
					|| advfair_html_number(avg(i.luf)) || ' on the average; only ' || max(i.left_out)
					|| ' rows were left out in turn.'
				FROM advfair_report_influence(influence) i WHERE i.model = m.model HAVING count(*) > 0), '')
			|| '</li>', E'\n' ORDER BY m.at)
		FROM advfair_report_models(models) m
			JOIN advfair_report_figures(figures) f ON f.model = m.model AND f.metric = 'accuracy'
		WHERE advfair_report_classes(figures, m.model) IS NOT NULL;
	END;
COMMENT ON FUNCTION advfair_report_verdicts(jsonb, jsonb, jsonb) IS 'what is to be said of each model of a report, as '
	'items of a list';

-- Each further model beside the first one, in the scores of a model as a whole. Rows: those of advfair_audit, in its
-- order.
CREATE OR REPLACE FUNCTION advfair_report_comparison(rows jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (
			SELECT ordinality AS at, first_value(a.model) OVER (ORDER BY ordinality) AS first, a.*,
				s.better = 'higher' AS more_is_better,
				split_part(s.title, ':', 1) || COALESCE(' with eps ' || a.eps, '') || COALESCE(' of ' || a.attribute,
					'')
					|| COALESCE(' (' || a.class || ')', '') AS name
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, class text, attribute text, value float8,
					ci_low float8, ci_high float8),
				advfair_scores() s
			WHERE s.name = a.metric AND s.better IS NOT NULL AND s.of IN ('all rows', 'between classes',
				'between groups')
				AND a.ci_low IS NOT NULL),
		pair AS (
			SELECT b.at, b.model, b.first, advfair_html(b.name) || ' (' || advfair_html_number(b.value)
				|| ' instead of '
					|| advfair_html_number(a.value) || ')' AS what,
				CASE WHEN b.ci_low <= a.ci_high AND a.ci_low <= b.ci_high THEN 'close'
					WHEN (b.value > a.value) = b.more_is_better THEN 'better' ELSE 'worse' END AS how
			FROM a b JOIN a ON a.model = b.first AND b.model <> b.first AND a.name = b.name),
		model AS (
			SELECT min(at) AS at, model, first, string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'better')
				AS better,
				string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'worse') AS worse,
				string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'close') AS close
			FROM pair GROUP BY model, first)
		SELECT string_agg('<li><strong>' || advfair_html(model) || '</strong> beside <strong>' || advfair_html(first)
			|| '</strong>: ' || concat_ws('; ', 'better in ' || better, 'worse in ' || worse,
				'too close to tell, as intervals overlap, in ' || close) || '.</li>', E'\n' ORDER BY at)
		FROM model;
	END;
COMMENT ON FUNCTION advfair_report_comparison(jsonb) IS 'in which scores a model is better or worse than the first '
	'one, as HTML';

-- To bear in mind

CREATE OR REPLACE FUNCTION advfair_report_small(figures jsonb) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT CASE WHEN count(DISTINCT class) > 1 THEN count(DISTINCT class) || ' classes have' ELSE 'A class has' END
			|| ' fewer than 30 rows, ' || (array_agg(class ORDER BY n, at))[1] || ' only ' || min(n)
			|| ': what is said of such a class is uncertain, as its intervals show.'
		FROM advfair_report_figures(figures) WHERE metric = 'class_accuracy' AND n < 30 HAVING count(*) > 0
		UNION ALL
		SELECT CASE WHEN count(DISTINCT grp) > 1 THEN count(DISTINCT grp) || ' groups' ELSE 'A group' END || ' of '
			|| attribute
			|| CASE WHEN count(DISTINCT grp) > 1 THEN ' have' ELSE ' has' END || ' fewer than 30 rows, '
			|| COALESCE((array_agg(grp ORDER BY n, at))[1], '') || ' only ' || min(n)
			|| ': what is said of such a group is uncertain, as its intervals show.'
		FROM advfair_report_figures(figures) WHERE metric = 'group_confidence' AND n < 30 GROUP BY attribute
		UNION ALL
		SELECT advfair_html_percent(max(value)) || ' % of the ' || advfair_html_count(max(n)) || ' rows have no '
			|| attribute
			|| ': they are in none of its groups.'
		FROM advfair_report_figures(figures) WHERE metric = 'attribute_missing' GROUP BY attribute;
	END;
COMMENT ON FUNCTION advfair_report_small(jsonb) IS 'warnings of a report about few rows';

-- Data by the name that was given, or by the relation's own.
CREATE OR REPLACE FUNCTION advfair_report_seen(models jsonb, data text) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT 'Model ' || m.model
			|| ' was trained on the data it is measured on: it may do worse on rows it has not seen.'
		FROM advfair_report_models(models) m,
			to_regclass(CASE WHEN data !~ E'\\s' THEN data END) relation
		WHERE m.task ->> 'data' IN (data, relation::text, (
			SELECT quote_ident(s.nspname) || '.' || quote_ident(c.relname)
			FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.oid = relation));
	END;
COMMENT ON FUNCTION advfair_report_seen(jsonb, text) IS 'warnings of a report about models that have seen the rows';

CREATE OR REPLACE FUNCTION advfair_report_weak(figures jsonb, broken jsonb, eps_max float8) RETURNS SETOF text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT 'Model ' || b.model || ' withstands the attack up to an eps of ' || eps_max || ' on '
			|| round(100.0 * count(*) FILTER (WHERE b.censored) / count(*), 1)
			|| ' % of the rows: these count with that eps in means of the least eps, which may be larger.'
		FROM jsonb_to_recordset(broken) AS b (model text, censored boolean) GROUP BY b.model HAVING bool_or(b.censored)
		UNION ALL
		SELECT 'Against model ' || f.model || ' the attack succeeds less often with eps ' || f.next
			|| ' than with the smaller '
			|| f.eps || ': it is too weak there, and the model is less robust than it seems. More steps and restarts '
				'may help.'
		FROM (SELECT model, eps, value, lead(eps) OVER w AS next, lead(value) OVER w AS next_value
			FROM advfair_report_figures(figures) WHERE metric = 'robust_accuracy'
			WINDOW w AS (PARTITION BY model ORDER BY eps)) f
		WHERE f.next_value > f.value + 0.005;
	END;
COMMENT ON FUNCTION advfair_report_weak(jsonb, jsonb, float8) IS 'warnings of a report about attacks';

CREATE OR REPLACE FUNCTION advfair_report_warnings(models jsonb, figures jsonb, broken jsonb, data text, eps_max float8)
	RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT string_agg('<li>' || advfair_html(warning) || '</li>', E'\n') FROM (
			SELECT advfair_report_small(figures) AS warning
			UNION ALL SELECT advfair_report_seen(models, data)
			UNION ALL SELECT advfair_report_weak(figures, broken, eps_max)
			UNION ALL SELECT 'Intervals tell how much scores would vary with other rows. They do not tell how much '
				'they would '
				'vary with another training: train with several seeds to see.'
			UNION ALL SELECT 'Models are compared by their intervals here. advfair_compare does so row by row, and '
				'finds '
				'smaller differences.'
				FROM advfair_report_models(models) HAVING count(DISTINCT model) > 1
			UNION ALL SELECT 'The chart library is not installed on this server, so this page has no charts. To have '
				'them, run '
				'make charts, which takes npm, and make install where advfair was built.'
				WHERE advfair_report_file('vega.js') IS NULL) w;
	END;
COMMENT ON FUNCTION advfair_report_warnings(jsonb, jsonb, jsonb, text, float8)
	IS 'what is to be borne in mind, as items of a list';

-- Charts

-- Those that there are rows for: asked says what was asked for beside models and data, an object.
CREATE OR REPLACE FUNCTION advfair_report_charts(models jsonb, figures jsonb, broken jsonb, influence jsonb,
	asked jsonb)
	RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN advfair_html_chart(advfair_chart_rows('class_accuracy', figures), 'Accuracy of each class',
			'How often the model is right about rows of a class. Classes that are served equally have equal bars; the '
				'gap '
			'between the longest and the shortest is CAU. Lines are intervals.')
		|| advfair_html_chart(CASE WHEN asked ? 'eps' THEN advfair_chart_rows('robust_accuracy', figures) END,
			'Accuracy under attack',
			'How often the model is still right when somebody changes each input by at most eps to make it fail. The '
				'attacker '
			'knows the model (' || CASE WHEN COALESCE(asked ->> 'attack', 'pgd') = 'pgd' THEN 'PGD'
				ELSE asked ->> 'attack' END
			|| ', white box).' || CASE
				WHEN asked ->> 'certify' = 'smoothing' THEN ' Dashed: how often it is right when noise is added many '
					'times and the most frequent answer counts, proven for all changes of that size.'
				WHEN asked ? 'certify' THEN ' Dashed: how often it is proven to stay right, whoever attacks ('
					|| (asked ->> 'certify') || '). What is true lies between the two.' ELSE '' END)
		|| advfair_html_chart(CASE WHEN asked ? 'eps' THEN advfair_chart_rows('class_robustness', figures) END,
			'Who is easiest to attack',
			'Share of a class''s rows about which the model is wrong after the attack. The gap between classes at one '
				'eps is '
			'CRU.')
		|| advfair_html_chart(CASE WHEN asked ? 'eps_max' THEN advfair_chart_rows('least_eps', broken) END,
			'How much change it takes',
			'Share of rows for which a change of so much suffices. Lines further left are classes that are easier to '
				'attack.')
		|| advfair_html_chart(CASE WHEN asked ? 'eps_max' AND asked ->> 'certify' <> 'smoothing'
				THEN advfair_chart_rows('class_least_eps', figures) END, 'Found and proven',
			'The smallest change that was found to make the model fail, and the largest that is proven not to ('
			|| (asked ->> 'certify') || '), on the average of a class. What is true lies between the two.')
		|| advfair_html_chart(CASE WHEN asked ? 'protected' THEN advfair_chart_rows('group_confidence', figures) END,
			'Confidence by group',
			'How much the model believes in a class, on the average of each group'
			|| COALESCE(', among rows whose true class is ' || (asked ->> 'given'), '')
			|| '. The gap between groups is EOU; of many classes those with the largest gaps are shown.')
		|| advfair_html_chart(CASE WHEN asked ? 'leave_out' THEN advfair_chart_rows('luf', influence) END,
			'Influence of a single row',
			'How much the probabilities of a row change at most when the model is trained again without one other row. '
				'Only '
			|| (SELECT max(left_out) FROM advfair_report_influence(influence))
			|| ' rows, drawn by chance, were left out in turn; with more of them the changes can only grow.')
		|| advfair_html_chart(advfair_chart_rows('curve', (
				SELECT jsonb_agg(jsonb_build_object('model', m.model) || (to_jsonb(c) - 'model_id'))
				FROM advfair_report_models(models) m JOIN advfair_curve c ON c.model_id = m.model_id)),
			'Learning curves', 'Loss and accuracy in the course of the training.');
COMMENT ON FUNCTION advfair_report_charts(jsonb, jsonb, jsonb, jsonb, jsonb) IS 'the charts of a report, as HTML';

-- Scores, figures, models

CREATE OR REPLACE FUNCTION advfair_report_scores(figures jsonb, level float8, replicates int) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT E'<dl>\n' || COALESCE(string_agg('<dt>' || advfair_html(s.title) || '</dt><dd>'
			|| advfair_html(s.words) || '</dd>',
				E'\n' ORDER BY s.ordinality) || E'\n', '')
			|| E'<dt>What is bad?</dt><dd>No number parts fair from unfair. It depends on what is decided and on who '
				'pays for a '
			'mistake: five more mistakes among a hundred people are little for an advertisement and much for a loan. '
				'Look at the '
			'lower end of the interval, for a gap between few rows may be chance, and at what another model or a '
				'simpler one would '
			'score.</dd>\n<dt>Intervals</dt><dd>Bootstrap intervals of ' || level || ' from ' || replicates
			|| E' replicates.</dd>\n</dl>'
		FROM ROWS FROM (advfair_scores()) WITH ORDINALITY AS s (name, title, words, needs, of, better, ordinality)
		WHERE s.name IN (SELECT metric FROM advfair_report_figures(figures));
	END;
COMMENT ON FUNCTION advfair_report_scores(jsonb, float8, int) IS 'what the scores of a report mean, as HTML';

CREATE OR REPLACE FUNCTION advfair_report_rows(figures jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT string_agg('<tr' || CASE WHEN s.of LIKE 'between%' OR f.metric = 'luf' THEN ' class="gap"' ELSE '' END
			|| '><td>' || advfair_html(COALESCE(s.title, f.metric)) || '</td><td>' || advfair_html(f.model)
			|| '</td><td class="number">' || COALESCE(f.eps::text, '') || '</td><td>' || advfair_html(f.class)
			|| '</td><td>' || advfair_html(f.attribute) || '</td><td>' || advfair_html(f.grp)
			|| '</td><td class="number">' || advfair_html_number(f.value)
			|| '</td><td class="number">'
			|| CASE WHEN f.ci_low IS NULL THEN '' ELSE advfair_html_number(f.ci_low) || ' to '
				|| advfair_html_number(f.ci_high) END
			|| '</td><td class="number">' || advfair_html_count(f.n) || '</td></tr>', E'\n' ORDER BY f.at, f.model)
		FROM advfair_report_figures(figures) f LEFT JOIN advfair_scores() s ON s.name = f.metric;
	END;
COMMENT ON FUNCTION advfair_report_rows(jsonb) IS 'all figures of a report, as rows of a table';

CREATE OR REPLACE FUNCTION advfair_report_versions(models jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT string_agg('<tr><th>' || advfair_html(model) || '</th><td>' || advfair_html(owner)
			|| '</td><td>' || advfair_html(to_char(created_at, 'YYYY-MM-DD HH24:MI TZ'))
			|| '</td><td>' || advfair_html(task ->> 'kind') || advfair_html(', ' || (task ->> 'method'))
			|| '</td><td class="number">' || COALESCE(advfair_html_count((metrics ->> 'rows')::bigint), '&ndash;')
			|| '</td><td><details><summary>task</summary><pre>' || advfair_html(jsonb_pretty(task))
			|| '</pre></details></td></tr>', E'\n' ORDER BY at)
		FROM advfair_report_models(models);
	END;
COMMENT ON FUNCTION advfair_report_versions(jsonb) IS 'the models of a report, as rows of a table';

-- How to call the report again, in words for psql.
CREATE OR REPLACE FUNCTION advfair_report_call(arguments jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT E'SELECT advfair_report(\n    ' || string_agg(key || ' => ' || CASE jsonb_typeof(value)
				WHEN 'array' THEN quote_literal((SELECT array_agg(e)::text FROM jsonb_array_elements_text(value) e))
				WHEN 'string' THEN quote_literal(value #>> '{}')
				WHEN 'object' THEN quote_literal(value::text)
				ELSE value #>> '{}' END, E',\n    ' ORDER BY ordinality) || ');'
		FROM jsonb_array_elements(arguments) WITH ORDINALITY a (a, ordinality), jsonb_each(a.a)
		WHERE jsonb_typeof(value) <> 'null';
	END;
COMMENT ON FUNCTION advfair_report_call(jsonb) IS 'the call that makes a report';

-- The page

CREATE OR REPLACE FUNCTION advfair_report_page(heading text, body text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN E'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
		'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
		'<meta http-equiv="Content-Security-Policy" content="default-src ''none''; script-src ''unsafe-inline''; '
		'style-src ''unsafe-inline''; img-src data: blob:">\n'
		'<title>' || advfair_html(heading) || E'</title>\n<style>\n' || COALESCE(advfair_report_file('report.css'), '')
		|| E'</style>\n</head>\n<body>\n<main>\n<h1>' || advfair_html(heading) || E'</h1>\n' || body
		|| E'</main>\n<script>\n' || COALESCE(advfair_report_file('vega.js'), '')
		|| E'\n</script>\n<script>\n' || COALESCE(advfair_report_file('report.js'), '')
			|| E'</script>\n</body>\n</html>';
COMMENT ON FUNCTION advfair_report_page(text, text) IS 'a page of its own around the sections of a report';

CREATE OR REPLACE FUNCTION advfair_report_about(figures jsonb, data text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN '<p class="about">Measured on '
		|| COALESCE((SELECT advfair_html_count(max(n)) FROM advfair_report_figures(figures)
			WHERE metric = 'accuracy'), '0')
		|| ' rows of <code>' || advfair_html(data) || '</code> on ' || to_char(now(), 'YYYY-MM-DD HH24:MI TZ')
		|| ', with advfair ' || advfair_html(advfair_version() ->> 'advfair') || ' on PostgreSQL '
		|| advfair_html(advfair_version() ->> 'postgresql') || E'.</p>\n';
COMMENT ON FUNCTION advfair_report_about(jsonb, text) IS 'what a report was measured on, and with';

/*
 * Everything is computed once: the audit, and what it leaves out. A page without the chart library has all but the
 * charts, and says so.
 */
CREATE OR REPLACE FUNCTION advfair_report(models text[], data text, eps float8[] DEFAULT NULL,
	protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, leave_out int DEFAULT NULL, title text DEFAULT NULL,
		level float8 DEFAULT 0.95, replicates int DEFAULT 1000, alpha float8 DEFAULT NULL, steps int DEFAULT NULL,
		restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
			mutable text[] DEFAULT NULL,
		feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
			clip_max float8 DEFAULT NULL,
		seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL,
		settings jsonb DEFAULT NULL,
		certify text DEFAULT NULL, certify_settings jsonb DEFAULT NULL) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SET extra_float_digits = 1
	BEGIN ATOMIC
		WITH model AS MATERIALIZED (
			SELECT a.at, m.name || '@' || m.version AS model, m.owner, m.created_at, m.task, m.metrics, m.model_id
			FROM unnest(models) WITH ORDINALITY AS a (name, at)
				JOIN advfair_model m ON m.model_id = advfair_model_id(a.name)),
		audit AS MATERIALIZED (
			SELECT a.* FROM ROWS FROM (advfair_audit(models, data, eps, protected, given, eps_max, level, replicates,
				alpha, steps,
					restarts, norm, random_start, mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id,
						attack, settings, certify, certify_settings))
				WITH ORDINALITY AS a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, at)),
		broken AS MATERIALIZED (
			SELECT m.model, l.label, l.eps, l.censored
			FROM model m, advfair_least_eps_values(m.model, data, eps_max, steps, restarts, norm, random_start,
				mutable, feasible,
				eps_unit, clip_min, clip_max, seed, workers, id, attack, settings, NULL) l
			WHERE eps_max IS NOT NULL),
		influence AS MATERIALIZED (
			SELECT m.model, l.luf, l.left_out
			FROM model m, advfair_luf_values(m.model, data, leave_out, NULL, NULL, NULL, seed, workers, id) l
			WHERE leave_out IS NOT NULL),
		figure AS (
			SELECT at, model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n FROM audit
			UNION ALL
			SELECT 1000000000, model, 'luf', NULL, NULL, NULL, NULL, avg(luf), NULL, NULL, count(*) FROM influence
				GROUP BY model),
		page AS MATERIALIZED (
			SELECT (SELECT jsonb_agg(to_jsonb(m) ORDER BY at) FROM model m) AS models,
				(SELECT jsonb_agg(to_jsonb(f) ORDER BY at, model) FROM figure f) AS figures,
				(SELECT jsonb_agg(to_jsonb(b)) FROM broken b) AS broken,
				(SELECT jsonb_agg(to_jsonb(i)) FROM influence i) AS influence,
				COALESCE(title, 'Fairness and robustness of ' || array_to_string(models, ', ')) AS heading,
				jsonb_build_array(
					jsonb_build_object('models', (SELECT array_agg(model ORDER BY at) FROM model)),
					jsonb_build_object('data', data), jsonb_build_object('eps', eps), jsonb_build_object('protected',
						protected),
					jsonb_build_object('given', given), jsonb_build_object('eps_max', eps_max),
					jsonb_build_object('leave_out', leave_out), jsonb_build_object('title', title),
					jsonb_build_object('level', level), jsonb_build_object('replicates', replicates),
					jsonb_build_object('alpha', alpha), jsonb_build_object('steps', steps),
					jsonb_build_object('restarts', restarts), jsonb_build_object('norm', norm),
					jsonb_build_object('random_start', random_start), jsonb_build_object('mutable', mutable),
					jsonb_build_object('feasible', feasible), jsonb_build_object('eps_unit', eps_unit),
					jsonb_build_object('clip_min', clip_min), jsonb_build_object('clip_max', clip_max),
					jsonb_build_object('seed', seed), jsonb_build_object('id', id), jsonb_build_object('attack',
						attack),
					jsonb_build_object('settings', settings), jsonb_build_object('certify', certify),
					jsonb_build_object('certify_settings', certify_settings)) AS arguments,
				jsonb_strip_nulls(jsonb_build_object('eps', eps, 'eps_max', eps_max, 'protected', protected, 'given',
					given,
					'leave_out', leave_out, 'attack', attack, 'certify', certify)) AS asked)
		SELECT advfair_report_page(p.heading,
			advfair_report_about(p.figures, data)
			|| advfair_html_section('In short', COALESCE(
				'<p>What is said of groups is said of rows whose true class is '
				|| CASE WHEN given IS NOT NULL THEN advfair_html(given) END || E'.</p>\n', '')
				|| E'<ul class="verdict">\n'
				|| COALESCE(advfair_report_verdicts(p.models, p.figures, p.influence),
					'<li>There are no rows to say anything about.</li>')
				|| COALESCE(E'\n' || advfair_report_comparison(p.figures), '') || E'\n</ul>')
			|| advfair_html_section('To bear in mind', E'<ul>\n'
				|| advfair_report_warnings(p.models, p.figures, p.broken, data, eps_max) || E'\n</ul>', 'warnings')
			|| advfair_html_section('Charts', advfair_report_charts(p.models, p.figures, p.broken, p.influence,
				p.asked))
			|| advfair_html_section('What the scores mean', advfair_report_scores(p.figures, level, replicates))
			|| advfair_html_section('All figures', advfair_html_table(
				'{score,model,eps,class,attribute,group,value,interval,rows}', advfair_report_rows(p.figures)))
			|| advfair_html_section('Models', advfair_html_table(
				'{version,owner,made,by,"training rows",""}', advfair_report_versions(p.models)))
			|| advfair_html_section('To repeat it', '<pre>' || advfair_html(advfair_report_call(p.arguments))
				|| '</pre>'))
		FROM page p;
	END;
COMMENT ON FUNCTION advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int,
	int, text,
	boolean, text[], boolean, text, float8, float8, bigint, int, text, text, jsonb, text, jsonb)
	IS 'an HTML page of its own: what models score on data, in figures, charts and plain words';
