
-- Charts --------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION advfair_model_id(model text) RETURNS uuid
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION advfair_model_id(text) IS 'which row of advfair_model a name, or name@version, means now';

-- Raises an error unless value is one of the choices.
CREATE OR REPLACE FUNCTION advfair_one_of(argument text, value text, VARIADIC choices text[]) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_one_of(text, text, text[]) IS 'value, which must be one of the choices: for advfair_chart';

CREATE OR REPLACE FUNCTION advfair_given(argument text, value anyelement) RETURNS anyelement
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION advfair_given(text, anyelement) IS 'value, which must not be NULL: for advfair_chart';

/*
 * Specifications are Vega-Lite 6, with the data inside. Colours are those of Okabe and Ito, and of Tol, told apart by
 * everybody; intervals are drawn in a style of their own, so that a page may colour them as its text. A chart of
 * several panels says so in usermeta, for a page to fit them to its width.
 */
CREATE OR REPLACE FUNCTION advfair_chart_colors() RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN '["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#A6761D", "#332288", '
		'"#44AA99"]'::jsonb;
COMMENT ON FUNCTION advfair_chart_colors() IS 'colours of charts, told apart also by the colour-blind';

CREATE OR REPLACE FUNCTION advfair_chart_field(field text, type text, title text, more jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('field', field, 'type', type, 'title', title) || more;
COMMENT ON FUNCTION advfair_chart_field(text, text, text, jsonb) IS 'encoding of a field of a chart';

-- Colours of what a legend names, none for a single one.
CREATE OR REPLACE FUNCTION advfair_chart_color(field text, names text[]) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN advfair_chart_field(field, 'nominal', NULL, jsonb_build_object('sort', to_jsonb(names),
		'scale', jsonb_build_object('domain', to_jsonb(names), 'range', advfair_chart_colors()),
		'legend', CASE WHEN cardinality(names) BETWEEN 2 AND 12 THEN '{"orient": "top", "columns": 4, "labelLimit": '
			'240, "symbolType": "circle", "symbolOpacity": 1}'::jsonb END));
COMMENT ON FUNCTION advfair_chart_color(text, text[]) IS 'encoding of a field as colour';

-- Bars with intervals, models side by side. Rows: label, model, value, ci_low, ci_high, n.
CREATE OR REPLACE FUNCTION advfair_chart_bars(data jsonb, labels text[], models text[], title text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('data', jsonb_build_object('values', data),
		'height', jsonb_build_object('step', greatest(10, 20 / greatest(cardinality(models), 1)), 'for', 'offset'),
		'encoding', jsonb_build_object(
			'y', advfair_chart_field('label', 'nominal', NULL, jsonb_build_object('sort', to_jsonb(labels), 'axis',
				'{"labelLimit": 200}'::jsonb)),
			'yOffset', advfair_chart_field('model', 'nominal', NULL, jsonb_build_object('sort', to_jsonb(models)))),
		'layer', jsonb_build_array(
			jsonb_build_object('mark', '{"type": "bar"}'::jsonb, 'encoding', jsonb_build_object(
				'x', advfair_chart_field('value', 'quantitative', title,
					'{"axis": {"format": "~g"}, "scale": {"zero": true}}'),
				'color', advfair_chart_color('model', models),
				'tooltip', jsonb_build_array(advfair_chart_field('label', 'nominal', 'of'),
					advfair_chart_field('model', 'nominal', 'model'),
					advfair_chart_field('value', 'quantitative', title, '{"format": ".4f"}'),
					advfair_chart_field('ci_low', 'quantitative', 'interval from', '{"format": ".4f"}'),
					advfair_chart_field('ci_high', 'quantitative', 'to', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			jsonb_build_object('mark', '{"type": "rule", "style": "interval"}'::jsonb, 'encoding', jsonb_build_object(
				'x', advfair_chart_field('ci_low', 'quantitative', title), 'x2', '{"field": "ci_high"}'::jsonb))));
COMMENT ON FUNCTION advfair_chart_bars(jsonb, text[], text[], text) IS 'bars of models side by side, with intervals';

-- Lines over x with intervals. Rows: x, value, ci_low, ci_high, n, and what color says.
CREATE OR REPLACE FUNCTION advfair_chart_lines(x jsonb, y jsonb, color jsonb, more jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('height', 260, 'encoding', jsonb_build_object('x', x, 'color', color) || more,
		'layer', jsonb_build_array(
			jsonb_build_object('mark', '{"type": "rule", "opacity": 0.5}'::jsonb, 'encoding', jsonb_build_object(
				'y', y || '{"field": "ci_low"}', 'y2', '{"field": "ci_high"}'::jsonb)),
			jsonb_build_object('mark', '{"type": "line", "point": {"size": 24}}'::jsonb, 'encoding',
				jsonb_build_object('y', y,
				'tooltip', jsonb_build_array(color - 'scale' - 'legend' - 'sort' || jsonb_build_object('title',
					color ->> 'field'),
					x - 'scale' - 'axis' || '{"format": ".4~g"}', y - 'scale' - 'axis' || '{"format": ".4f"}',
					advfair_chart_field('ci_low', 'quantitative', 'interval from', '{"format": ".4f"}'),
					advfair_chart_field('ci_high', 'quantitative', 'to', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}'))))));
COMMENT ON FUNCTION advfair_chart_lines(jsonb, jsonb, jsonb, jsonb) IS 'lines with intervals';

-- A chart once for each value of a field, in columns.
CREATE OR REPLACE FUNCTION advfair_chart_panels(chart jsonb, field text, names text[], columns int DEFAULT 2)
	RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN cardinality(names) < 2 THEN chart
		ELSE jsonb_build_object('data', chart -> 'data', 'columns', columns, 'usermeta', '{"panels": true}'::jsonb,
			'facet', advfair_chart_field(field, 'nominal', NULL, jsonb_build_object('sort', to_jsonb(names), 'header',
				'{"labelLimit": 320}'::jsonb)),
			'spec', jsonb_build_object('width', 300) || (chart - 'data')) END;
COMMENT ON FUNCTION advfair_chart_panels(jsonb, text, text[], int) IS 'a chart for each value of a field';

CREATE OR REPLACE FUNCTION advfair_chart_of_classes(rows jsonb, metric text, title text) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, a.value, a.ci_low, a.ci_high, a.n, a.class || ' (n = '
			|| ltrim(to_char(a.n, '999,999,999,999')) || CASE WHEN a.value IS NULL THEN ', not measured)' ELSE ')' END
			AS label
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, class text, value float8, ci_low float8,
					ci_high float8, n bigint)
			WHERE a.metric = advfair_chart_of_classes.metric)
		SELECT advfair_chart_bars((SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r),
			ARRAY (SELECT label FROM r GROUP BY label ORDER BY min(at)), ARRAY (SELECT model FROM r GROUP BY model
				ORDER BY min(at)),
			title);
	END;
COMMENT ON FUNCTION advfair_chart_of_classes(jsonb, text, text) IS 'a score of each class, from rows of advfair_audit';

-- With certificates, what is proven stands beside what was found.
CREATE OR REPLACE FUNCTION advfair_chart_of_class_least_eps(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT ordinality AS at, e AS row, e ->> 'model' AS model, e ->> 'metric' AS metric
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality)
			WHERE e ->> 'metric' IN ('least_eps', 'class_radius'))
		SELECT advfair_chart_of_classes(jsonb_agg(a.row || jsonb_build_object('metric', 'least_eps', 'model', a.model
				|| CASE WHEN a.metric = 'class_radius' THEN ', proven'
					WHEN EXISTS (SELECT FROM a p WHERE p.metric = 'class_radius' AND p.model = a.model) THEN ', found'
					ELSE '' END) ORDER BY a.at),
			'least_eps', 'mean least eps (smallest change that suffices)')
		FROM a;
	END;
COMMENT ON FUNCTION advfair_chart_of_class_least_eps(jsonb) IS 'mean least eps of each class, found and proven, from '
	'rows of advfair_audit';

-- eps as x: in equal steps as far as they can be told apart, else in equal ratios. No attack, 0, has its place there,
-- too.
CREATE OR REPLACE FUNCTION advfair_chart_eps(title text, eps float8[]) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (SELECT advfair_chart_field('eps', 'quantitative', title, CASE WHEN max(e) > 20 * min(e) FILTER (WHERE e > 0)
			THEN jsonb_build_object('axis', jsonb_build_object('format', '.3~g', 'labelOverlap', true, 'values',
				jsonb_agg(DISTINCT e)),
				'scale', CASE WHEN min(e) > 0 THEN '{"type": "log", "nice": false}' ELSE jsonb_build_object('type',
					'symlog', 'constant', min(e) FILTER (WHERE e > 0)) END)
			ELSE '{"axis": {"format": ".3~g"}, "scale": {"zero": false}}' END)
		FROM unnest(eps) e);
COMMENT ON FUNCTION advfair_chart_eps(text, float8[]) IS 'encoding of eps as x';

CREATE OR REPLACE FUNCTION advfair_chart_of_class_robustness(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, a.eps, a.class || CASE WHEN a.value IS NULL
			THEN ' (not measured)' ELSE '' END AS class, a.value, a.ci_low, a.ci_high, a.n
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, class text, value float8, ci_low float8,
					ci_high float8, n bigint)
			WHERE a.metric = 'success_rate')
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values',
			(SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r)))
			|| advfair_chart_lines(advfair_chart_eps('eps (largest change of an input)', ARRAY (SELECT r.eps FROM r)),
				advfair_chart_field('value', 'quantitative', 'success rate of the attack (share of rows)',
					'{"scale": {"domain": [0, 1]}}'),
				advfair_chart_color('class', ARRAY (SELECT class FROM r GROUP BY class ORDER BY min(at)))),
			'model', ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at)));
	END;
COMMENT ON FUNCTION advfair_chart_of_class_robustness(jsonb) IS 'success of an attack over eps for each class, from '
	'rows of advfair_audit';

CREATE OR REPLACE FUNCTION advfair_chart_of_robust_accuracy(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT ordinality AS at, a.model, COALESCE(a.eps, 0) AS eps, a.value, a.ci_low, a.ci_high, a.n,
				CASE a.metric WHEN 'certified_accuracy' THEN 'proven' ELSE 'under attack' END AS what
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, eps float8, value float8, ci_low float8,
					ci_high float8, n bigint)
			WHERE a.metric IN ('accuracy', 'robust_accuracy', 'certified_accuracy'))
		SELECT jsonb_build_object('data', jsonb_build_object('values', (SELECT jsonb_agg(to_jsonb(r) - 'at'
			ORDER BY at) FROM r)))
			|| advfair_chart_lines(advfair_chart_eps('eps (largest change of an input; 0: no attack'
				|| CASE WHEN EXISTS (SELECT FROM r WHERE what = 'proven') THEN '; dashed: proven)' ELSE ')' END,
				ARRAY (SELECT r.eps FROM r)),
				advfair_chart_field('value', 'quantitative', 'accuracy under attack (share of rows)',
					'{"scale": {"domain": [0, 1]}}'),
				advfair_chart_color('model', ARRAY (SELECT model FROM r GROUP BY model ORDER BY min(at))),
				jsonb_build_object('strokeDash', advfair_chart_field('what', 'nominal', NULL,
					'{"legend": null, "scale": {"domain": ["under attack", "proven"]}}')));
	END;
COMMENT ON FUNCTION advfair_chart_of_robust_accuracy(jsonb) IS 'accuracy under attack over eps, and what is proven '
	'of it, from rows of advfair_audit';

-- From rows of advfair_least_eps, and the model's name: the share that is broken by each eps, and where there are
-- certificates the share that is not proven to withstand it.
CREATE OR REPLACE FUNCTION advfair_chart_of_least_eps(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT COALESCE(a.model, '') AS model, COALESCE(a.label, '') AS class, a.eps, a.censored, a.radius
			FROM jsonb_to_recordset(rows) AS a (model text, label text, eps float8, censored boolean, radius float8)),
		grid AS (SELECT i * (SELECT max(eps) FROM a) / 40 AS eps FROM generate_series(0, 40) i),
		r AS (SELECT a.model, a.class, grid.eps, w.what, (count(*) FILTER (WHERE CASE w.what
				WHEN 'found' THEN a.eps <= grid.eps AND NOT a.censored
				ELSE a.radius < grid.eps OR a.eps = 0 END))::float8 / count(*) AS value, count(*) AS n
			FROM a, grid, unnest('{found,proven}'::text[]) AS w (what) WHERE w.what = 'found' OR a.radius IS NOT NULL
			GROUP BY a.model, a.class, grid.eps, w.what)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values',
			(SELECT jsonb_agg(to_jsonb(r) ORDER BY model, class, what, eps) FROM r)),
			'height', 260, 'mark', '{"type": "line", "interpolate": "step-after", "tooltip": true}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('eps', 'quantitative',
				CASE WHEN EXISTS (SELECT FROM r WHERE what = 'proven') THEN 'least eps (dashed: proven bound)'
					ELSE 'least eps (smallest change that suffices)' END, '{"axis": {"format": ".3~g"}}'),
				'strokeDash', advfair_chart_field('what', 'nominal', NULL,
					'{"legend": null, "scale": {"domain": ["found", "proven"]}}'),
				'y', advfair_chart_field('value', 'quantitative', 'share of rows that it breaks',
					'{"scale": {"domain": [0, 1]}}'),
				'color', advfair_chart_color('class', ARRAY (SELECT DISTINCT class FROM r ORDER BY class)),
				'tooltip', jsonb_build_array(advfair_chart_field('class', 'nominal', 'class'),
					advfair_chart_field('what', 'nominal', 'bound'),
					advfair_chart_field('eps', 'quantitative', 'eps', '{"format": ".4~g"}'),
					advfair_chart_field('value', 'quantitative', 'share broken', '{"format": ".4f"}'),
						advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_least_eps(jsonb) IS 'share of rows broken by each eps, from rows of '
	'advfair_least_eps';

-- Of many classes those with the largest gaps.
CREATE OR REPLACE FUNCTION advfair_chart_of_group_confidence(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH every_row AS (SELECT ordinality AS at, a.model, a.value, a.ci_low, a.ci_high, a.n, a.attribute
			|| ': confidence in ' || a.class AS panel,
				COALESCE(a.grp, '') || ' (n = ' || ltrim(to_char(a.n, '999,999,999,999')) || CASE WHEN a.value IS NULL
					THEN ', not measured)' ELSE ')' END AS label
			FROM jsonb_array_elements(rows) WITH ORDINALITY e (e, ordinality),
				jsonb_to_record(e) AS a (model text, metric text, class text, attribute text, grp text, value float8,
					ci_low float8, ci_high float8, n bigint)
			WHERE a.metric = 'group_confidence'),
		largest AS (SELECT panel FROM every_row GROUP BY panel ORDER BY max(value) - min(value) DESC NULLS LAST,
			min(at) LIMIT 6),
		r AS (SELECT e.* FROM every_row e WHERE panel IN (SELECT panel FROM largest))
		SELECT advfair_chart_panels(advfair_chart_bars((SELECT jsonb_agg(to_jsonb(r) - 'at' ORDER BY at) FROM r),
			ARRAY (SELECT label FROM r GROUP BY label ORDER BY min(at)), ARRAY (SELECT model FROM r GROUP BY model
				ORDER BY min(at)),
			'mean confidence in the class'), 'panel', ARRAY (SELECT panel FROM r GROUP BY panel ORDER BY min(at)), 1)
			|| CASE WHEN (SELECT count(DISTINCT panel) FROM r) > 1 THEN '{"resolve": {"scale": {"y": '
				'"independent"}}}'::jsonb ELSE '{}' END;
	END;
COMMENT ON FUNCTION advfair_chart_of_group_confidence(jsonb) IS 'mean confidence of groups, from rows of advfair_audit';

-- From rows of advfair_luf_rows, and the model's name.
CREATE OR REPLACE FUNCTION advfair_chart_of_luf(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT COALESCE(a.model, '') AS model, a.luf FROM jsonb_to_recordset(rows) AS a (model text,
			luf float8)),
		bins AS (SELECT i, i * width AS lower, (i + 1) * width AS upper, width
			FROM (SELECT greatest(max(luf), 1e-9) / 30 AS width FROM a) w, generate_series(0, 29) i),
		r AS (SELECT a.model, bins.lower, bins.upper,
				(count(*) FILTER (WHERE least(floor(a.luf / bins.width)::int, 29) = bins.i))::float8 / count(*)
					AS value,
				count(*) FILTER (WHERE least(floor(a.luf / bins.width)::int, 29) = bins.i) AS n
			FROM a, bins GROUP BY a.model, bins.i, bins.lower, bins.upper)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values',
			(SELECT jsonb_agg(to_jsonb(r) ORDER BY model, lower) FROM r)),
			'height', 220, 'mark', '{"type": "bar"}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('lower', 'quantitative',
				'LUF (largest change of a probability)', '{"bin": {"binned": true}, "axis": {"format": ".3~g"}}'),
				'x2', '{"field": "upper"}'::jsonb, 'y', advfair_chart_field('value', 'quantitative', 'share of rows'),
				'color', advfair_chart_color('model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model))
					|| '{"legend": null}',
				'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'),
					advfair_chart_field('lower', 'quantitative', 'LUF from', '{"format": ".4~g"}'),
					advfair_chart_field('upper', 'quantitative', 'to', '{"format": ".4~g"}'),
						advfair_chart_field('value', 'quantitative', 'share', '{"format": ".4f"}'),
					advfair_chart_field('n', 'quantitative', 'rows', '{"format": ","}')))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_luf(jsonb) IS 'distribution of leave-one-out unfairness, from rows of '
	'advfair_luf_rows';

-- From rows of advfair_curve, and the model's name.
CREATE OR REPLACE FUNCTION advfair_chart_of_curve(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH r AS (SELECT a.model, a.epoch, m.measure, m.rows, m.value
			FROM jsonb_to_recordset(rows) AS a (model text, epoch int, loss float8, accuracy float8,
				validation_loss float8, validation_accuracy float8),
				LATERAL (VALUES ('loss (nats)', 'training', a.loss), ('loss (nats)', 'validation', a.validation_loss),
					('accuracy (share of rows)', 'training', a.accuracy), ('accuracy (share of rows)', 'validation',
						a.validation_accuracy)) m (measure, rows, value)
			WHERE m.value IS NOT NULL)
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values',
			(SELECT jsonb_agg(to_jsonb(r) ORDER BY model, epoch) FROM r)),
			'height', 220, 'mark', '{"type": "line", "point": {"size": 16}}'::jsonb,
			'encoding', jsonb_build_object('x', advfair_chart_field('epoch', 'quantitative', CASE WHEN EXISTS (SELECT
				FROM r WHERE r.rows = 'validation') THEN 'epoch (dashed: validation)' ELSE 'epoch' END,
				'{"axis": {"tickMinStep": 1, "format": "d"}}'),
				'y', advfair_chart_field('value', 'quantitative', NULL, '{"scale": {"zero": false}}'),
				'color', advfair_chart_color('model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model)),
				'strokeDash', advfair_chart_field('rows', 'nominal', NULL,
					'{"legend": null, "scale": {"domain": ["training", "validation"]}}'),
				'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'),
					advfair_chart_field('rows', 'nominal', 'rows'),
					advfair_chart_field('epoch', 'quantitative', 'epoch'), advfair_chart_field('value',
						'quantitative', 'value', '{"format": ".4f"}')))),
			'measure', '{loss (nats),accuracy (share of rows)}') || '{"resolve": {"scale": {"y": "independent"}}}';
	END;
COMMENT ON FUNCTION advfair_chart_of_curve(jsonb) IS 'learning curves, from rows of advfair_curve';

-- From rows of advfair_metric_log: scores of whole models and their gaps, not those of single classes and groups.
CREATE OR REPLACE FUNCTION advfair_chart_of_metric_log(rows jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		WITH a AS (SELECT a.* FROM jsonb_to_recordset(rows) AS a (model text, version int, at timestamptz,
			metric text, value float8)),
		r AS (SELECT a.model, a.version, a.at, a.metric, a.value, COALESCE(p.value = 1, false) AS promoted
			FROM a LEFT JOIN a p ON p.model = a.model AND p.version = a.version AND p.metric = 'promoted'
			WHERE a.value IS NOT NULL AND EXISTS (SELECT FROM advfair_scores() s WHERE
				s.of IN ('all rows', 'between classes') AND a.metric = s.name OR s.of = 'between groups'
				AND (starts_with(a.metric, s.name || '_') OR starts_with(a.metric, s.name || '('))))
		SELECT advfair_chart_panels(jsonb_build_object('data', jsonb_build_object('values',
			(SELECT jsonb_agg(to_jsonb(r) ORDER BY model, at) FROM r)),
			'height', 260, 'encoding', jsonb_build_object('x', advfair_chart_field('at', 'temporal', 'trained'),
				'y', advfair_chart_field('value', 'quantitative', 'score'),
				'color', advfair_chart_color('metric', ARRAY (SELECT DISTINCT metric FROM r ORDER BY metric))),
			'layer', jsonb_build_array('{"mark": {"type": "line", "opacity": 0.6}}'::jsonb, jsonb_build_object('mark',
				'{"type": "point", "size": 50, "filled": true}'::jsonb,
				'encoding', jsonb_build_object('shape', advfair_chart_field('promoted', 'nominal', 'promoted',
					'{"scale": {"domain": [true, false], "range": ["circle", "cross"]}, "legend": {"orient": "top", '
					'"symbolFillColor": "#8C8C8C"}}'),
					'tooltip', jsonb_build_array(advfair_chart_field('model', 'nominal', 'model'),
						advfair_chart_field('version', 'quantitative', 'version'),
						advfair_chart_field('at', 'temporal', 'trained', '{"format": "%Y-%m-%d %H:%M"}'),
							advfair_chart_field('metric', 'nominal', 'score'),
						advfair_chart_field('value', 'quantitative', 'value', '{"format": ".4f"}'),
							advfair_chart_field('promoted', 'nominal', 'promoted')))))),
			'model', ARRAY (SELECT DISTINCT model FROM r ORDER BY model));
	END;
COMMENT ON FUNCTION advfair_chart_of_metric_log(jsonb) IS 'scores of versions over time, from rows of '
	'advfair_metric_log';

CREATE OR REPLACE FUNCTION advfair_chart_rows(kind text, rows jsonb, title text DEFAULT NULL) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE SET extra_float_digits = 1
	BEGIN ATOMIC
		WITH r AS (SELECT CASE WHEN jsonb_typeof(rows) = 'array' THEN rows ELSE '[]' END AS rows)
		SELECT '{"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": "container", "autosize": '
			'{"type": "fit-x", "contains": "padding"},
				"config": {"view": {"stroke": null}, "axis": {"grid": true, "gridOpacity": 0.3}}}'::jsonb
			- CASE WHEN chart ? 'facet' THEN '{width,autosize}'::text[] ELSE '{}' END
			|| jsonb_strip_nulls(jsonb_build_object('title', title, 'data', '{"values": []}'::jsonb)) || chart
			|| CASE WHEN chart #> '{data,values}' = 'null' THEN '{"data": {"values": []}}'::jsonb ELSE '{}' END
		FROM r, LATERAL (SELECT CASE advfair_one_of('kind', kind, 'class_accuracy', 'class_least_eps',
			'class_robustness', 'robust_accuracy', 'least_eps', 'group_confidence', 'luf', 'curve', 'metric_log')
			WHEN 'class_accuracy' THEN advfair_chart_of_classes(r.rows, 'class_accuracy',
				'accuracy (share of the class''s rows)')
			WHEN 'class_least_eps' THEN advfair_chart_of_class_least_eps(r.rows)
			WHEN 'class_robustness' THEN advfair_chart_of_class_robustness(r.rows)
			WHEN 'robust_accuracy' THEN advfair_chart_of_robust_accuracy(r.rows)
			WHEN 'least_eps' THEN advfair_chart_of_least_eps(r.rows)
			WHEN 'group_confidence' THEN advfair_chart_of_group_confidence(r.rows)
			WHEN 'luf' THEN advfair_chart_of_luf(r.rows)
			WHEN 'curve' THEN advfair_chart_of_curve(r.rows)
			WHEN 'metric_log' THEN advfair_chart_of_metric_log(r.rows) END AS chart) c;
	END;
COMMENT ON FUNCTION advfair_chart_rows(text, jsonb, text) IS 'a Vega-Lite specification of rows that were computed '
	'before: of advfair_audit, advfair_least_eps, advfair_luf_rows, advfair_curve or advfair_metric_log';

/*
 * What a kind needs: class_accuracy models and data; robust_accuracy and class_robustness eps, too; group_confidence
 * protected; least_eps eps_max, as class_least_eps does; luf leave_out; curve and metric_log models alone. With certify
 * robust_accuracy, class_least_eps and, by crown, least_eps show what is proven, too.
 */
CREATE OR REPLACE FUNCTION advfair_chart(kind text, models text[], data text DEFAULT NULL, eps float8[] DEFAULT NULL,
	protected text[] DEFAULT NULL,
		given text DEFAULT NULL, eps_max float8 DEFAULT NULL, leave_out int DEFAULT NULL, title text DEFAULT NULL,
			level float8 DEFAULT 0.95,
		replicates int DEFAULT 1000, alpha float8 DEFAULT NULL, steps int DEFAULT NULL, restarts int DEFAULT NULL,
			norm text DEFAULT NULL,
		random_start boolean DEFAULT NULL, mutable text[] DEFAULT NULL, feasible boolean DEFAULT NULL,
			eps_unit text DEFAULT NULL,
		clip_min float8 DEFAULT NULL, clip_max float8 DEFAULT NULL, seed bigint DEFAULT NULL,
			workers int DEFAULT NULL, id text DEFAULT NULL, attack text DEFAULT NULL, settings jsonb DEFAULT NULL,
		certify text DEFAULT NULL, certify_settings jsonb DEFAULT NULL)
			RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SET extra_float_digits = 1
	RETURN advfair_chart_rows(kind, CASE
		-- never so: an error where there is no such model, and nothing else that remembers it
		WHEN kind IN ('curve', 'metric_log') AND (SELECT pg_catalog.count(advfair_model_id(u.name))
			FROM unnest(advfair_given('models', CASE WHEN pg_catalog.cardinality(models) > 0 THEN models END))
				AS u (name)
			WHERE kind = 'curve' OR NOT EXISTS (SELECT FROM advfair_metric_log l WHERE l.model = u.name)) < 0 THEN NULL
		WHEN kind IN ('class_accuracy', 'class_least_eps', 'robust_accuracy', 'class_robustness', 'group_confidence')
			THEN (SELECT jsonb_agg(to_jsonb(a))
			FROM advfair_audit(models, advfair_given('data', data),
				CASE WHEN kind IN ('robust_accuracy', 'class_robustness') THEN advfair_given('eps', eps) END,
				CASE kind WHEN 'group_confidence' THEN advfair_given('protected', protected) END, given,
				CASE kind WHEN 'class_least_eps' THEN advfair_given('eps_max', eps_max) END, level, replicates, alpha,
					steps, restarts,
				norm, random_start, mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id,
				CASE WHEN kind NOT IN ('class_accuracy', 'group_confidence') THEN attack END,
				CASE WHEN kind NOT IN ('class_accuracy', 'group_confidence') THEN settings END,
				CASE WHEN kind IN ('robust_accuracy', 'class_least_eps') THEN certify END,
				CASE WHEN kind IN ('robust_accuracy', 'class_least_eps') THEN certify_settings END) a)
		WHEN kind = 'least_eps' THEN (SELECT jsonb_agg(jsonb_build_object('model', m, 'label', l.label, 'eps', l.eps,
			'censored', l.censored, 'radius', l.radius))
			FROM unnest(advfair_given('models', CASE WHEN pg_catalog.cardinality(models) > 0 THEN models END)) m,
				advfair_least_eps_values(m, advfair_given('data', data), advfair_given('eps_max',
				eps_max), steps, restarts, norm, random_start,
				mutable, feasible, eps_unit, clip_min, clip_max, seed, workers, id, attack, settings,
				CASE WHEN certify IS NOT NULL THEN advfair_one_of('certify', certify, 'crown') IS NOT NULL END) l)
		WHEN kind = 'luf' THEN (SELECT jsonb_agg(jsonb_build_object('model', m, 'luf', l.luf))
			FROM unnest(advfair_given('models', CASE WHEN pg_catalog.cardinality(models) > 0 THEN models END)) m,
				advfair_luf_values(m, advfair_given('data', data), advfair_given('leave_out',
				leave_out), NULL, NULL, NULL, seed, workers, id) l)
		WHEN kind = 'curve' THEN (SELECT jsonb_agg(jsonb_build_object('model', m.name || '@' || m.version)
			|| (to_jsonb(c) - 'model_id'))
			FROM unnest(models) AS u (name) JOIN advfair_model m ON m.model_id = advfair_model_id(u.name)
				JOIN advfair_curve c USING (model_id))
		WHEN kind = 'metric_log' THEN (SELECT jsonb_agg(to_jsonb(l)) FROM advfair_metric_log l
			WHERE l.model = ANY (models)) END, title);
COMMENT ON FUNCTION advfair_chart(text, text[], text, float8[], text[], text, float8, int, text, float8, int, float8,
	int, int, text, boolean, text[], boolean,
	text, float8, float8, bigint, int, text, text, jsonb, text, jsonb)
	IS 'a Vega-Lite specification with its data inside: '
		'class_accuracy, class_least_eps, robust_accuracy, class_robustness, least_eps, group_confidence, luf, curve '
		'or metric_log';
