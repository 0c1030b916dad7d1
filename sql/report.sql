
-- Reports -----------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_report_file(name text) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION advfair_report_file(text) IS 'a file that advfair has installed for its reports, NULL when it was not: report.css, report.js, vega.js';

CREATE OR REPLACE FUNCTION advfair_html(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN replace(replace(replace(replace(replace(COALESCE(value, ''), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION advfair_html(text) IS 'a text as HTML shows it';

CREATE OR REPLACE FUNCTION advfair_html_number(value float8) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN value IS NULL THEN 'not measured' WHEN abs(value) >= 1e6 THEN to_char(value, '9.99EEEE') WHEN value > 0 AND value < 0.00005 THEN '&lt; 0.0001'
		ELSE round(value::numeric, 4)::text END;
COMMENT ON FUNCTION advfair_html_number(float8) IS 'a score as HTML shows it';

-- JSON inside of a script element ends where the element does: no < may be in it.
CREATE OR REPLACE FUNCTION advfair_html_chart(chart jsonb, heading text, explanation text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN jsonb_array_length(chart #> '{data,values}') > 0 THEN
		'<figure><figcaption><h3>' || advfair_html(heading) || '</h3><p>' || advfair_html(explanation)
		|| E'</p></figcaption><div class="chart" role="img" aria-label="' || advfair_html(heading) || E'"></div>\n<script type="application/json">'
		|| replace(replace(chart::text, '<', E'\\u003c'), '>', E'\\u003e') || E'</script></figure>\n' ELSE '' END;
COMMENT ON FUNCTION advfair_html_chart(jsonb, text, text) IS 'a chart of a report';

-- How to call the report again, in words for psql.
CREATE OR REPLACE FUNCTION advfair_report_call(arguments jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT E'SELECT advfair_report(\n    ' || string_agg(key || ' => ' || CASE jsonb_typeof(value)
				WHEN 'array' THEN quote_literal((SELECT array_agg(e)::text FROM jsonb_array_elements_text(value) e))
				WHEN 'string' THEN quote_literal(value #>> '{}')
				WHEN 'object' THEN quote_literal(value::text)
				ELSE value #>> '{}' END, E',\n    ' ORDER BY ordinality) || ');'
		FROM jsonb_array_elements(arguments) WITH ORDINALITY a (a, ordinality), jsonb_each(a.a) WHERE jsonb_typeof(value) <> 'null';
	END;
COMMENT ON FUNCTION advfair_report_call(jsonb) IS 'the call that makes a report';

CREATE OR REPLACE FUNCTION advfair_report_metric(metric text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE metric WHEN 'accuracy' THEN 'accuracy' WHEN 'cau' THEN 'CAU: gap of accuracy between classes' WHEN 'class_accuracy' THEN 'accuracy of a class'
		WHEN 'robust_accuracy' THEN 'accuracy under attack' WHEN 'success_rate' THEN 'success of the attack in a class'
		WHEN 'cru_s' THEN 'CRU: gap of success between classes' WHEN 'least_eps' THEN 'mean least eps of a class'
		WHEN 'cru_eps' THEN 'CRU: gap of least eps between classes' WHEN 'group_confidence' THEN 'mean confidence of a group'
		WHEN 'eou' THEN 'EOU: gap of confidence between groups' WHEN 'attribute_missing' THEN 'share of rows in no group' WHEN 'luf' THEN 'LUF: change by one row left out' ELSE metric END;
COMMENT ON FUNCTION advfair_report_metric(text) IS 'a score in words';

-- Each further model beside the first one, as items of a list. Rows: those of advfair_audit, in its order.
CREATE OR REPLACE FUNCTION advfair_report_comparison(rows jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT ordinality AS at, first_value(a.model) OVER (ORDER BY ordinality) AS first, a.*, a.metric IN ('accuracy', 'robust_accuracy') AS more_is_better,
				CASE a.metric WHEN 'accuracy' THEN 'accuracy' WHEN 'robust_accuracy' THEN 'accuracy under attack with eps ' || a.eps WHEN 'cau' THEN 'CAU' WHEN 'cru_s' THEN 'CRU with eps ' || a.eps
					WHEN 'cru_eps' THEN 'CRU in least eps' ELSE 'EOU of ' || a.attribute || ' (' || a.class || ')' END AS name
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, class text, attribute text, value float8, ci_low float8, ci_high float8)
			WHERE a.metric IN ('accuracy', 'robust_accuracy', 'cau', 'cru_s', 'cru_eps', 'eou') AND a.ci_low IS NOT NULL),
		pair AS (SELECT b.at, b.model, b.first, advfair_html(b.name) || ' (' || advfair_html_number(b.value) || ' instead of ' || advfair_html_number(a.value) || ')' AS what,
				CASE WHEN b.ci_low <= a.ci_high AND a.ci_low <= b.ci_high THEN 'close' WHEN (b.value > a.value) = b.more_is_better THEN 'better' ELSE 'worse' END AS how
			FROM a b JOIN a ON a.model = b.first AND b.model <> b.first AND a.name = b.name)
		SELECT string_agg('<li><strong>' || advfair_html(model) || '</strong> beside <strong>' || advfair_html(first) || '</strong>: ' || concat_ws('; ', 'better in ' || better, 'worse in ' || worse,
			'too close to tell, as intervals overlap, in ' || close) || '.</li>', E'\n' ORDER BY at)
		FROM (SELECT min(at) AS at, model, first, string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'better') AS better, string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'worse') AS worse,
			string_agg(what, ', ' ORDER BY at) FILTER (WHERE how = 'close') AS close FROM pair GROUP BY model, first) p;
	END;
COMMENT ON FUNCTION advfair_report_comparison(jsonb) IS 'in which scores a model is better or worse than the first one, as HTML';

/*
 * Everything is computed once: the audit, and what it leaves out. A page without the chart library has all but the charts, and says so.
 */
CREATE OR REPLACE FUNCTION advfair_report(models text[], data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL, given text DEFAULT NULL,
		eps_max float8 DEFAULT NULL, leave_out int DEFAULT NULL, title text DEFAULT NULL, level float8 DEFAULT 0.95, replicates int DEFAULT 1000,
		alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL, norm text DEFAULT NULL, random_start boolean DEFAULT NULL,
		mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL, eps_unit text DEFAULT NULL, clip_min float8 DEFAULT NULL,
		clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL, workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	BEGIN ATOMIC
		WITH entry AS MATERIALIZED (
			SELECT ordinality AS at, m.name || '@' || m.version AS model, m.owner, m.created_at, m.task, m.metrics, m.model_id
			FROM unnest(models) WITH ORDINALITY AS a (name, ordinality) JOIN advfair_model m ON m.model_id = advfair_model_id(a.name)),
		audit AS MATERIALIZED (
			SELECT ordinality AS at, a.* FROM ROWS FROM (advfair_audit(models, data, eps, protected, given, eps_max, level, replicates, alpha, steps, restarts, norm, random_start,
				mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id, attack, settings)) WITH ORDINALITY AS a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, ordinality)),
		broken AS MATERIALIZED (
			SELECT jsonb_agg(jsonb_build_object('model', e.model, 'label', l.label, 'eps', l.eps, 'censored', l.censored)) AS rows
			FROM entry e, advfair_least_eps_values(e.model, data, eps_max, steps, restarts, norm, random_start, mutable, feasible, eps_unit, clip_min, clip_max,
				seed, workers, id, attack, settings) l
			WHERE eps_max IS NOT NULL),
		luf AS MATERIALIZED (
			SELECT e.model, l.luf, l.left_out FROM entry e, advfair_luf_values(e.model, data, leave_out, NULL, NULL, NULL, seed, workers, id) l
			WHERE leave_out IS NOT NULL),
		figures AS MATERIALIZED (
			SELECT at, model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n FROM audit
			UNION ALL SELECT 1000000000, model, 'luf', NULL, NULL, NULL, NULL, avg(luf), NULL, NULL, count(*) FROM luf GROUP BY model),
		a AS MATERIALIZED (SELECT jsonb_agg(to_jsonb(audit) ORDER BY at) AS rows FROM audit),
		verdict AS (
			SELECT e.at, '<li><strong>' || advfair_html(e.model) || '</strong> is right about ' || round(100 * f.value::numeric, 1) || ' % of the '
				|| ltrim(to_char(f.n, '999,999,999,999')) || ' rows' || CASE WHEN best.classes = 1 THEN ', which are all of class ' || advfair_html(best.class) || '.'
				WHEN best.value = worst.value THEN '. It serves all classes alike.' ELSE '. It serves the class ' || advfair_html(best.class) || ' best (' || round(100 * best.value::numeric, 1)
				|| ' % right) and ' || advfair_html(worst.class) || ' worst (' || round(100 * worst.value::numeric, 1) || ' %): who belongs to ' || advfair_html(worst.class)
				|| ' bears more of its mistakes.' END || COALESCE((SELECT ' When somebody may change each input by ' || string_agg(r.eps::text, ', ' ORDER BY r.eps) || ' to make it fail, it is right about '
				|| string_agg(COALESCE(round(100 * r.value::numeric, 1)::text, '?'), ', ' ORDER BY r.eps) || ' %.' FROM figures r WHERE r.model = e.model AND r.metric = 'robust_accuracy'
				HAVING count(*) > 0), '')
				|| COALESCE((SELECT string_agg(CASE WHEN r.value IS NULL THEN ' Whether it treats groups of ' || advfair_html(r.attribute) || ' alike was not measured: fewer than two have rows.'
				ELSE ' Between groups of ' || advfair_html(r.attribute) || ' its mean confidence in ' || advfair_html(r.class) || ' differs by ' || advfair_html_number(r.value) || '.' END, '' ORDER BY r.at) FROM (SELECT DISTINCT ON (attribute) * FROM figures
				WHERE model = e.model AND metric = 'eou' ORDER BY attribute, value DESC NULLS LAST, at) r), '')
				|| COALESCE((SELECT ' Trained again without one row, it changes the probabilities of others by up to ' || advfair_html_number(avg(l.luf)) || ' on the average; only '
				|| max(l.left_out) || ' rows were left out in turn.' FROM luf l WHERE l.model = e.model HAVING count(*) > 0), '') || '</li>' AS html
			FROM entry e JOIN figures f ON f.model = e.model AND f.metric = 'accuracy',
				LATERAL (SELECT class, value, count(*) OVER () AS classes FROM figures WHERE model = e.model AND metric = 'class_accuracy' AND value IS NOT NULL ORDER BY value DESC, at LIMIT 1) best,
				LATERAL (SELECT class, value FROM figures WHERE model = e.model AND metric = 'class_accuracy' AND value IS NOT NULL ORDER BY value, at LIMIT 1) worst),
		warning AS (
			SELECT CASE WHEN count(DISTINCT class) > 1 THEN count(DISTINCT class) || ' classes have' ELSE 'A class has' END || ' fewer than 30 rows, ' || (array_agg(class ORDER BY n, at))[1]
				|| ' only ' || min(n) || ': what is said of such a class is uncertain, as its intervals show.' AS text
			FROM figures WHERE metric = 'class_accuracy' AND n < 30 HAVING count(*) > 0
			UNION ALL SELECT CASE WHEN count(DISTINCT grp) > 1 THEN count(DISTINCT grp) || ' groups' ELSE 'A group' END || ' of ' || attribute || CASE WHEN count(DISTINCT grp) > 1 THEN ' have' ELSE ' has' END
				|| ' fewer than 30 rows, ' || COALESCE((array_agg(grp ORDER BY n, at))[1], '') || ' only ' || min(n) || ': what is said of such a group is uncertain, as its intervals show.'
			FROM figures WHERE metric = 'group_confidence' AND n < 30 GROUP BY attribute
			UNION ALL SELECT round(100 * max(value)::numeric, 1) || ' % of the ' || ltrim(to_char(max(n), '999,999,999,999')) || ' rows have no ' || attribute || ': they are in none of its groups.'
			FROM figures WHERE metric = 'attribute_missing' GROUP BY attribute
			UNION ALL SELECT 'Model ' || model || ' was trained on the data it is measured on: it may do worse on rows it has not seen.'
			FROM entry WHERE task ->> 'data' IN (data, to_regclass(CASE WHEN data !~ E'\\s' THEN data END)::text, (SELECT quote_ident(nspname) || '.' || quote_ident(relname)
				FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace WHERE c.oid = to_regclass(CASE WHEN data !~ E'\\s' THEN data END)))
			UNION ALL SELECT 'Model ' || b.model || ' withstands the attack up to an eps of ' || eps_max || ' on ' || round(100.0 * count(*) FILTER (WHERE b.censored) / count(*), 1)
				|| ' % of the rows: these count with that eps in means of the least eps, which may be larger.'
			FROM broken, jsonb_to_recordset(broken.rows) AS b (model text, censored boolean) GROUP BY b.model HAVING bool_or(b.censored)
			UNION ALL SELECT 'Against model ' || f.model || ' the attack succeeds less often with eps ' || g.eps || ' than with the smaller ' || f.eps || ': it is too weak there, and the model is less robust than it seems. More steps and restarts may help.'
			FROM (SELECT model, eps, value, lead(eps) OVER w AS next FROM figures WHERE metric = 'robust_accuracy' WINDOW w AS (PARTITION BY model ORDER BY eps)) f
			JOIN figures g ON g.model = f.model AND g.metric = 'robust_accuracy' AND g.eps = f.next WHERE g.value > f.value + 0.005
			UNION ALL SELECT 'Intervals tell how much scores would vary with other rows. They do not tell how much they would vary with another training: train with several seeds to see.'
			UNION ALL SELECT 'Models are compared by their intervals here. advfair_compare does so row by row, and finds smaller differences.' FROM entry HAVING count(DISTINCT model) > 1
			UNION ALL SELECT 'The chart library is not installed on this server, so this page has no charts. To have them, run make charts, which takes npm, and make install where advfair was built.' WHERE advfair_report_file('vega.js') IS NULL),
		method AS (
			SELECT string_agg('<tr><th>' || advfair_html(model) || '</th><td>' || advfair_html(owner) || '</td><td>' || advfair_html(to_char(created_at, 'YYYY-MM-DD HH24:MI TZ'))
				|| '</td><td>' || advfair_html(task ->> 'kind') || advfair_html(', ' || (task ->> 'method')) || '</td><td class="number">' || COALESCE(ltrim(to_char((metrics ->> 'rows')::bigint, '999,999,999,999')), '&ndash;')
				|| '</td><td><details><summary>task</summary><pre>' || advfair_html(jsonb_pretty(task)) || '</pre></details></td></tr>', E'\n' ORDER BY at) AS html FROM entry)
		SELECT E'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
			|| E'<meta http-equiv="Content-Security-Policy" content="default-src ''none''; script-src ''unsafe-inline''; style-src ''unsafe-inline''; img-src data: blob:">\n<title>'
			|| advfair_html(heading) || E'</title>\n<style>\n' || COALESCE(advfair_report_file('report.css'), '') || E'</style>\n</head>\n<body>\n<main>\n<h1>' || advfair_html(heading)
			|| E'</h1>\n<p class="about">Measured on ' || COALESCE((SELECT ltrim(to_char(max(n), '999,999,999,999')) FROM figures WHERE metric = 'accuracy'), '0') || ' rows of <code>' || advfair_html(data)
			|| '</code> on ' || to_char(now(), 'YYYY-MM-DD HH24:MI TZ') || ', with advfair ' || advfair_html(advfair_version() ->> 'advfair') || ' on PostgreSQL ' || advfair_html(advfair_version() ->> 'postgresql')
			|| E'.</p>\n<section>\n<h2>In short</h2>\n<ul class="verdict">\n' || COALESCE((SELECT string_agg(html, E'\n' ORDER BY at) FROM verdict), '<li>There are no rows to say anything about.</li>')
			|| COALESCE(E'\n' || advfair_report_comparison(a.rows), '') || E'\n</ul>\n</section>\n<section class="warnings">\n<h2>To bear in mind</h2>\n<ul>\n' || (SELECT string_agg('<li>' || advfair_html(text) || '</li>', E'\n') FROM warning)
			|| E'\n</ul>\n</section>\n<section>\n<h2>Charts</h2>\n'
			|| advfair_html_chart(advfair_chart_rows('class_accuracy', a.rows), 'Accuracy of each class', 'How often the model is right about rows of a class. Classes that are served equally have equal bars; the gap between the longest and the shortest is CAU. Lines are intervals.')
			|| advfair_html_chart(CASE WHEN eps IS NOT NULL THEN advfair_chart_rows('robust_accuracy', a.rows) END, 'Accuracy under attack', 'How often the model is still right when somebody changes each input by at most eps to make it fail. The attacker knows the model (PGD, white box).')
			|| advfair_html_chart(CASE WHEN eps IS NOT NULL THEN advfair_chart_rows('class_robustness', a.rows) END, 'Who is easiest to attack', 'Share of a class''s rows about which the model is wrong after the attack. The gap between classes at one eps is CRU.')
			|| advfair_html_chart(CASE WHEN eps_max IS NOT NULL THEN advfair_chart_rows('least_eps', broken.rows) END, 'How much change it takes', 'Share of rows for which a change of so much suffices. Lines further left are classes that are easier to attack.')
			|| advfair_html_chart(CASE WHEN protected IS NOT NULL THEN advfair_chart_rows('group_confidence', a.rows) END, 'Confidence by group', 'How much the model believes in a class, on the average of each group' || COALESCE(', among rows whose true class is ' || given, '') || '. The gap between groups is EOU; of many classes those with the largest gaps are shown.')
			|| advfair_html_chart(CASE WHEN leave_out IS NOT NULL THEN advfair_chart_rows('luf', (SELECT jsonb_agg(jsonb_build_object('model', model, 'luf', luf)) FROM luf)) END, 'Influence of a single row', 'How much the probabilities of a row change at most when the model is trained again without one other row. '
				|| 'Only ' || (SELECT max(left_out) FROM luf) || ' rows, drawn by chance, were left out in turn; with more of them the changes can only grow.')
			|| advfair_html_chart(advfair_chart_rows('curve', (SELECT jsonb_agg(jsonb_build_object('model', e.model) || (to_jsonb(c) - 'model_id')) FROM entry e JOIN advfair_curve c ON c.model_id = e.model_id)), 'Learning curves', 'Loss and accuracy in the course of the training.')
			|| E'</section>\n<section>\n<h2>What the scores mean</h2>\n<dl>\n'
			|| E'<dt>CAU, class-wise accuracy unfairness</dt><dd>The gap between the class the model is right about most often and the one it is right about least often. 0: all classes are served equally. 0.05: of 100 people of the worst class, five more are misjudged than of 100 of the best one. Who belongs to the worst class bears more of the mistakes.</dd>\n'
			|| E'<dt>CRU, class-wise robustness unfairness</dt><dd>The same gap under attack: in the share of rows for which a change of at most eps succeeds, or in the mean of the least eps that succeeds. Who belongs to the most fragile class is the easiest to misrepresent.</dd>\n'
			|| E'<dt>EOU, equalized-odds unfairness</dt><dd>Among people whose true class is the same: the largest difference between two groups in the mean confidence in a class. 0: the model treats groups alike. 0.1: with the same true class, one group is thought ten points of a hundred more likely to belong to the class. The group with the lower confidence in a favourable class is put at a disadvantage.</dd>\n'
			|| E'<dt>LUF, leave-one-out unfairness</dt><dd>The largest change of a row''s probabilities when one other row is taken out of the training data. A decision that hinges on whether one stranger was among the data is arbitrary.</dd>\n'
			|| E'<dt>What is bad?</dt><dd>No number parts fair from unfair. It depends on what is decided and on who pays for a mistake: five more mistakes among a hundred people are little for an advertisement and much for a loan. Look at the lower end of the interval, for a gap between few rows may be chance, and at what another model or a simpler one would score.</dd>\n'
			|| '<dt>Intervals</dt><dd>Bootstrap intervals of ' || level || ' from ' || replicates || E' replicates.</dd>\n</dl>\n</section>\n<section>\n<h2>All figures</h2>\n<div class="wide"><table>\n<thead><tr><th>score</th><th>model</th><th>eps</th><th>class</th><th>attribute</th><th>group</th><th>value</th><th>interval</th><th>rows</th></tr></thead>\n<tbody>\n'
			|| COALESCE((SELECT string_agg('<tr' || CASE WHEN metric IN ('cau', 'cru_s', 'cru_eps', 'eou', 'luf') THEN ' class="gap"' ELSE '' END || '><td>' || advfair_html(advfair_report_metric(metric)) || '</td><td>' || advfair_html(model)
				|| '</td><td class="number">' || COALESCE(figures.eps::text, '') || '</td><td>' || advfair_html(class) || '</td><td>' || advfair_html(attribute) || '</td><td>' || advfair_html(grp) || '</td><td class="number">' || advfair_html_number(value)
				|| '</td><td class="number">' || CASE WHEN ci_low IS NULL THEN '' ELSE advfair_html_number(ci_low) || ' to ' || advfair_html_number(ci_high) END
				|| '</td><td class="number">' || ltrim(to_char(n, '999,999,999,999')) || '</td></tr>', E'\n' ORDER BY at, model) FROM figures), '')
			|| E'\n</tbody></table></div>\n</section>\n<section>\n<h2>Models</h2>\n<div class="wide"><table>\n<thead><tr><th>version</th><th>owner</th><th>made</th><th>by</th><th>training rows</th><th></th></tr></thead>\n<tbody>\n'
			|| COALESCE(method.html, '') || E'\n</tbody></table></div>\n</section>\n<section>\n<h2>To repeat it</h2>\n<pre>'
			|| advfair_html(advfair_report_call(jsonb_build_array(jsonb_build_object('models', (SELECT array_agg(model ORDER BY at) FROM entry)), jsonb_build_object('data', data), jsonb_build_object('eps', eps), jsonb_build_object('protected', protected),
				jsonb_build_object('given', given), jsonb_build_object('eps_max', eps_max), jsonb_build_object('leave_out', leave_out), jsonb_build_object('title', title), jsonb_build_object('level', level), jsonb_build_object('replicates', replicates),
				jsonb_build_object('alpha', alpha), jsonb_build_object('steps', steps), jsonb_build_object('restarts', restarts), jsonb_build_object('norm', norm), jsonb_build_object('random_start', random_start), jsonb_build_object('mutable', mutable),
				jsonb_build_object('feasible', feasible), jsonb_build_object('eps_unit', eps_unit), jsonb_build_object('clip_min', clip_min), jsonb_build_object('clip_max', clip_max), jsonb_build_object('seed', seed), jsonb_build_object('id', id), jsonb_build_object('attack', attack), jsonb_build_object('settings', settings))))
			|| E'</pre>\n</section>\n</main>\n<script>\n' || COALESCE(advfair_report_file('vega.js'), '') || E'\n</script>\n<script>\n' || COALESCE(advfair_report_file('report.js'), '') || E'</script>\n</body>\n</html>'
		FROM a, broken, method, LATERAL (SELECT COALESCE(title, 'Fairness and robustness of ' || array_to_string(models, ', ')) AS heading) h;
	END;
COMMENT ON FUNCTION advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean,
	text, float8, float8, bigint, int, text, text, jsonb) IS 'an HTML page of its own: what models score on data, in figures, charts and plain words';
