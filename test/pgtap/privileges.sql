-- Every function, tried by a role without rights on data and models, with traps in its way.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE SCHEMA ml;
CREATE EXTENSION advfair SCHEMA ml;
SET LOCAL client_min_messages = warning;
SELECT no_plan();

CREATE TABLE public.people AS SELECT * FROM ml.advfair_make_census(200);
ALTER TABLE public.people ADD PRIMARY KEY (person_id);
INSERT INTO public.people SELECT 1001, age, education, 77, 'spy', sex, race, income FROM public.people LIMIT 1;
CREATE ROLE advfair_owner;
CREATE ROLE advfair_nobody;
GRANT USAGE ON SCHEMA ml TO advfair_owner, advfair_nobody;
GRANT SELECT ON public.people TO advfair_owner;
SET LOCAL ROLE advfair_owner;
SELECT ml.advfair_train('m', 'public.people', 'income', epochs => 1, validation => '0.1');
SELECT ml.advfair_submit('{"kind": "train", "model": "m", "data": "public.people", "label": "income"}') AS job \gset
RESET ROLE;
ALTER TABLE public.people ENABLE ROW LEVEL SECURITY; -- nobody sees a row from now on, but by a grant and a policy

-- what each function is tried with: of the others' data it must tell nothing. code: how it must end; NULL: it has nothing to tell
CREATE TEMP TABLE attempt (name text, call text, code text);
INSERT INTO attempt VALUES
	('advfair_train', $$ ml.advfair_train('x', 'public.people', 'income') $$, '42501'),
	('advfair_adv_train', $$ ml.advfair_adv_train('x', 'public.people', 'income', eps => 0.1) $$, '42501'),
	('advfair_run', $$ ml.advfair_run('{"kind": "train", "model": "x", "data": "public.people", "label": "income"}') $$, '42501'),
	('advfair_fit', $$ ml.advfair_fit('{"data": "SELECT * FROM public.people", "label": "income"}') $$, '42501'),
	('advfair_retrain', $$ ml.advfair_retrain('m') $$, '42704'),
	('advfair_promote', $$ ml.advfair_promote('m', 1) $$, '42704'),
	('advfair_get', $$ ml.advfair_get('m') $$, '42704'),
	('advfair_predict', $$ ml.advfair_predict('m', 'VALUES (1)') $$, '42704'),
	('advfair_attack', $$ ml.advfair_attack('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_attack_sql', $$ ml.advfair_attack_sql('public.people', 'income', 'income', '{<=50K,>50K}', 1) $$, '42501'),
	('advfair_recourse', $$ ml.advfair_recourse('m', 'VALUES (1)', 'x') $$, '42704'),
	('advfair_pgd', $$ ml.advfair_pgd('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_fgsm', $$ ml.advfair_fgsm('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_least_eps_values', $$ ml.advfair_least_eps_values('m', 'VALUES (1)', 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) $$, '42704'),
	('advfair_least_eps', $$ ml.advfair_least_eps('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_certify', $$ ml.advfair_certify('m', 'VALUES (1)', eps_max => 0.1) $$, '42704'),
	('advfair_class_accuracy', $$ ml.advfair_class_accuracy('m', 'VALUES (1)') $$, '42704'),
	('advfair_class_robustness', $$ ml.advfair_class_robustness('m', 'VALUES (1)', '{0.1}') $$, '42704'),
	('advfair_class_least_eps', $$ ml.advfair_class_least_eps('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_group_confidence', $$ ml.advfair_group_confidence('m', 'VALUES (1)', 'sex', '>50K') $$, '42704'),
	('advfair_eou', $$ ml.advfair_eou('m', 'VALUES (1)', 'sex', '>50K') $$, '42704'),
	('advfair_cau', $$ ml.advfair_cau('m', 'VALUES (1)') $$, '42704'),
	('advfair_cru', $$ ml.advfair_cru('m', 'VALUES (1)', 0.1) $$, '42704'),
	('advfair_luf', $$ ml.advfair_luf('m', 'VALUES (1)', 1) $$, '42704'),
	('advfair_luf_rows', $$ ml.advfair_luf_rows('m', 'VALUES (1)', 1) $$, '42704'),
	('advfair_luf_values', $$ ml.advfair_luf_values('m', 'VALUES (1)', 1, NULL, NULL, NULL, NULL, NULL, NULL) $$, '42704'),
	('advfair_luf_summary', $$ ml.advfair_luf_summary('m', 'VALUES (1)', 1) $$, '42704'),
	('advfair_audit', $$ ml.advfair_audit('{m}', 'VALUES (1)') $$, '42704'),
	('advfair_compare', $$ ml.advfair_compare('m', 'm', 'VALUES (1)') $$, '42704'),
	('advfair_report', $$ ml.advfair_report('{m}', 'VALUES (1)') $$, '42704'),
	('advfair_chart', $$ ml.advfair_chart('class_accuracy', '{m}', 'VALUES (1)') $$, '42704'),
	('advfair_model_id', $$ ml.advfair_model_id('m') $$, '42704'),
	('advfair_chart_rows', $$ ml.advfair_chart_rows('curve', '[]') $$, NULL),
	('advfair_chart_of_classes', $$ ml.advfair_chart_of_classes('[]', 'class_accuracy', 'x') $$, NULL),
	('advfair_chart_of_robust_accuracy', $$ ml.advfair_chart_of_robust_accuracy('[]') $$, NULL),
	('advfair_chart_of_class_least_eps', $$ ml.advfair_chart_of_class_least_eps('[]') $$, NULL),
	('advfair_chart_of_class_robustness', $$ ml.advfair_chart_of_class_robustness('[]') $$, NULL),
	('advfair_chart_of_group_confidence', $$ ml.advfair_chart_of_group_confidence('[]') $$, NULL),
	('advfair_chart_of_least_eps', $$ ml.advfair_chart_of_least_eps('[]') $$, NULL),
	('advfair_chart_of_luf', $$ ml.advfair_chart_of_luf('[]') $$, NULL),
	('advfair_chart_of_curve', $$ ml.advfair_chart_of_curve('[]') $$, NULL),
	('advfair_chart_of_metric_log', $$ ml.advfair_chart_of_metric_log('[]') $$, NULL),
	('advfair_chart_bars', $$ ml.advfair_chart_bars('[]', '{}', '{}', 'x') $$, NULL),
	('advfair_chart_lines', $$ ml.advfair_chart_lines('{}', '{}', '{}') $$, NULL),
	('advfair_chart_panels', $$ ml.advfair_chart_panels('{}', 'x', '{a,b}') $$, NULL),
	('advfair_chart_eps', $$ ml.advfair_chart_eps('x', '{0,1,100}') $$, NULL),
	('advfair_chart_field', $$ ml.advfair_chart_field('x', 'nominal', 'x') $$, NULL),
	('advfair_chart_color', $$ ml.advfair_chart_color('x', '{a,b}') $$, NULL),
	('advfair_chart_colors', $$ ml.advfair_chart_colors() $$, NULL),
	('advfair_one_of', $$ ml.advfair_one_of('x', 'a', 'b') $$, '22023'),
	('advfair_given', $$ ml.advfair_given('x', NULL::text) $$, '22023'),
	('advfair_html', $$ ml.advfair_html('<') $$, NULL),
	('advfair_html_number', $$ ml.advfair_html_number(1) $$, NULL),
	('advfair_html_chart', $$ ml.advfair_html_chart('{}', 'x', 'y') $$, NULL),
	('advfair_report_call', $$ ml.advfair_report_call('[]') $$, NULL),
	('advfair_report_comparison', $$ ml.advfair_report_comparison('[]') $$, NULL),
	('advfair_html_count', $$ ml.advfair_html_count(1) $$, NULL),
	('advfair_html_percent', $$ ml.advfair_html_percent(1) $$, NULL),
	('advfair_html_section', $$ ml.advfair_html_section('x', 'y') $$, NULL),
	('advfair_html_table', $$ ml.advfair_html_table('{x}', 'y') $$, NULL),
	('advfair_report_about', $$ ml.advfair_report_about('[]', 'x') $$, NULL),
	('advfair_report_attacked', $$ ml.advfair_report_attacked('[]', 'm') $$, NULL),
	('advfair_report_certified', $$ ml.advfair_report_certified('[]', 'm') $$, NULL),
	('advfair_report_charts', $$ ml.advfair_report_charts('[]', '[]', '[]', '[]', '{}') $$, NULL),
	('advfair_report_classes', $$ ml.advfair_report_classes('[]', 'm') $$, NULL),
	('advfair_report_figures', $$ ml.advfair_report_figures('[]') $$, NULL),
	('advfair_report_groups', $$ ml.advfair_report_groups('[]', 'm') $$, NULL),
	('advfair_report_influence', $$ ml.advfair_report_influence('[]') $$, NULL),
	('advfair_report_models', $$ ml.advfair_report_models('[]') $$, NULL),
	('advfair_report_page', $$ ml.advfair_report_page('x', 'y') $$, NULL),
	('advfair_report_rows', $$ ml.advfair_report_rows('[]') $$, NULL),
	('advfair_report_scores', $$ ml.advfair_report_scores('[]', 0.9, 1) $$, NULL),
	('advfair_report_seen', $$ ml.advfair_report_seen('[]', 'x') $$, NULL),
	('advfair_report_small', $$ ml.advfair_report_small('[]') $$, NULL),
	('advfair_report_verdicts', $$ ml.advfair_report_verdicts('[]', '[]', '[]') $$, NULL),
	('advfair_report_versions', $$ ml.advfair_report_versions('[]') $$, NULL),
	('advfair_report_warnings', $$ ml.advfair_report_warnings('[]', '[]', '[]', 'x', 1) $$, NULL),
	('advfair_report_weak', $$ ml.advfair_report_weak('[]', '[]', 1) $$, NULL),
	('advfair_report_file', $$ ml.advfair_report_file('PG_VERSION') $$, NULL),
	('advfair_cancel', format($$ ml.advfair_cancel(%s) $$, :job), '42704'),
	('advfair_wait', format($$ ml.advfair_wait(%s) $$, :job), '42704'),
	('advfair_jobs_due', $$ ml.advfair_jobs_due() $$, NULL),
	('advfair_job_pid', format($$ ml.advfair_job_pid(%s) $$, :job), NULL),
	('advfair_job_settings', $$ ml.advfair_job_settings() $$, NULL),
	('advfair_prune_jobs', $$ ml.advfair_prune_jobs('-1 day') $$, NULL),
	('advfair_submit', $$ ml.advfair_submit('{"kind": "retrain", "model": "m"}') $$, NULL), -- it fails when it runs, as its own
	('advfair_job_changed', $$ ml.advfair_job_changed() $$, '39P01'), -- a trigger, and nothing else
	('advfair_job_queued', $$ ml.advfair_job_queued() $$, '39P01'),
	('advfair_model_changed', $$ ml.advfair_model_changed() $$, '39P01'),
	('advfair_origin', $$ ml.advfair_origin() $$, NULL),
	('advfair_model_missing', $$ ml.advfair_model_missing(gen_random_uuid()) $$, NULL),
	('advfair_run_jobs', $$ ml.advfair_run_jobs() $$, '42809'), -- a procedure
	('advfair_progress_rows', $$ ml.advfair_progress_rows() $$, NULL),
	('advfair_owns', $$ ml.advfair_owns('advfair_owner') $$, NULL),
	('advfair_scores', $$ ml.advfair_scores() $$, NULL),
	('advfair_version', $$ ml.advfair_version() $$, NULL),
	('advfair_make_census', $$ ml.advfair_make_census(1) $$, NULL),
	('advfair_describe', $$ ml.advfair_describe('') $$, '22P03'),
	('advfair_weights', $$ ml.advfair_weights('') $$, '22P03'),
	('advfair_build', $$ ml.advfair_build('{}', '{}') $$, '22023'),
	('advfair_decode', $$ ml.advfair_decode('', '{}') $$, '22P03'),
	('advfair_proba', $$ ml.advfair_proba('', '{}'::real[]) $$, '22P03'),
	('advfair_confidence', $$ ml.advfair_confidence('', '{}'::real[], '') $$, '22P03'),
	('advfair_gap', $$ ml.advfair_gap(1, 'a') $$, NULL),
	('advfair_gap_add', $$ ml.advfair_gap_add(NULL, 1, 'a') $$, '0A000'),
	('advfair_cau_add', $$ ml.advfair_cau_add(NULL, 'a'::text, 'a'::text) $$, '0A000'),
	('advfair_gap_combine', $$ ml.advfair_gap_combine(NULL, NULL) $$, '0A000'),
	('advfair_gap_final', $$ ml.advfair_gap_final(NULL) $$, '0A000'),
	('advfair_gap_interval', $$ ml.advfair_gap_interval('{1,2}', '{a,b}') $$, NULL),
	('advfair_data_in', $$ ml.advfair_data_in('x') $$, NULL),
	('advfair_data_recv', $$ ml.advfair_data_recv('x'::text) $$, '42883'), -- which SQL has no value for
	('advfair_data_send', $$ ml.advfair_data_send('x') $$, NULL),
	('advfair_data_out', $$ ml.advfair_data_out('x') $$, NULL);
SELECT is_empty($$ SELECT DISTINCT p.proname::text FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
				   JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'advfair' EXCEPT SELECT name FROM attempt $$, 'every function is tried');

CREATE FUNCTION pg_temp.ended(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || CASE WHEN told || detail || hint ~ 'spy|77|50K|advfair_owner' THEN ' tells too much: ' || told || detail || hint ELSE '' END;
END $$;
GRANT ALL ON attempt TO advfair_nobody;
SET LOCAL ROLE advfair_nobody;
SELECT is(pg_temp.ended('SELECT ' || call), code, name || ' tells nothing') FROM attempt ORDER BY name;
SELECT is(pg_temp.ended('SELECT ' || replace(call, '''VALUES (1)''', '''public.people''')), code, name || ' nor of the table')
	FROM attempt WHERE call LIKE '%''VALUES (1)''%' ORDER BY name;
SELECT is((SELECT count(*) FROM ml.advfair_model) + (SELECT count(*) FROM ml.advfair_curve) + (SELECT count(*) FROM ml.advfair_luf_part)
		  + (SELECT count(*) FROM ml.advfair_metric_log) + (SELECT count(*) FROM ml.advfair_jobs WHERE owner <> 'advfair_nobody'), 0::bigint, 'nor do the tables');
SELECT is(pg_temp.ended('SELECT * FROM ml.advfair_checkpoint'), '42501', 'checkpoints are nobody''s');
RESET ROLE;

-- rows that a policy hides are hidden from everything that reads
GRANT SELECT ON public.people TO advfair_nobody;
CREATE POLICY first_hundred ON public.people TO advfair_nobody USING (person_id <= 100);
UPDATE ml.advfair_model SET owner = 'advfair_nobody', task = task || '{"validation": null}' WHERE name = 'm';
SET LOCAL ROLE advfair_nobody;
SELECT is(count(*), 100::bigint, 'a prediction sees what its caller sees') FROM ml.advfair_predict('m', 'public.people');
SELECT is(sum(n), 100::numeric, 'so does a score') FROM ml.advfair_class_accuracy('m', 'public.people');
SELECT is(max(n), 100::bigint, 'an audit') FROM ml.advfair_audit('{m}', 'public.people', eps => '{0.1}', steps => 1);
SELECT is(count(*), 100::bigint, 'an attack') FROM ml.advfair_pgd('m', 'public.people', 0.1, steps => 1);
SELECT is(metrics ->> 'rows', '100', 'a training') FROM ml.advfair_retrain('m') r, ml.advfair_model m WHERE m.version = r.version;
RESET ROLE;

-- traps: what a hostile schema in front of the search_path offers under names that the extension uses
CREATE SCHEMA trap;
CREATE ROLE advfair_victim;
GRANT USAGE ON SCHEMA ml, trap TO advfair_victim;
GRANT ALL ON SCHEMA public TO advfair_victim;
CREATE TABLE trap.sprung (what text);
GRANT ALL ON trap.sprung TO PUBLIC;
CREATE FUNCTION trap.spring(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap: %', what USING ERRCODE = 'XXTRP'; END $$;
DO $$
DECLARE
	f record;
	i int := 0;
BEGIN
	-- all functions of pg_catalog that take types an exact match would prefer here
	FOR f IN SELECT DISTINCT proname, pg_get_function_identity_arguments(oid) AS args, oid::regprocedure AS name FROM pg_proc
			 WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
			   AND proname IN ('max', 'count', 'now', 'clock_timestamp', 'unnest', 'avg', 'sum', 'array_agg', 'jsonb_build_object', 'jsonb_strip_nulls', 'pg_has_role',
							   'current_database', 'make_interval', 'power', 'format', 'position', 'gen_random_uuid', 'quote_ident', 'hex_encode')
			   AND provariadic = 0 AND proretset = false AND NOT EXISTS (SELECT FROM unnest(proargtypes) t WHERE t = 'internal'::regtype)
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS boolean LANGUAGE sql AS %L', f.proname, f.args, format('SELECT trap.spring(%L)', f.name));
	END LOOP;
	FOR f IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r FROM pg_operator
			 WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '||', '->>', '>>', '&', '~')
			   AND oprleft IN ('text'::regtype, 'name'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'uuid'::regtype, 'bool'::regtype, 'jsonb'::regtype,
							   'timestamptz'::regtype, 'float8'::regtype, '"char"'::regtype, 'xid'::regtype)
	LOOP
		i := i + 1;
		EXECUTE format('CREATE FUNCTION trap.op_%s(a %s, b %s) RETURNS boolean LANGUAGE sql AS %L', i, f.l, f.r, format('SELECT trap.spring(%L)', f.oprname || f.l || f.r));
		EXECUTE format('CREATE OPERATOR trap.%s (leftarg = %s, rightarg = %s, function = trap.op_%s)', f.oprname, f.l, f.r, i);
	END LOOP;
	FOR f IN SELECT relname FROM pg_class WHERE relname IN ('advfair_model', 'advfair_curve', 'advfair_job', 'advfair_checkpoint', 'advfair_luf_part', 'advfair_metric_log',
		'advfair_jobs', 'advfair_progress', 'pg_roles', 'pg_settings', 'pg_locks', 'pg_database', 'pg_extension', 'pg_namespace') GROUP BY 1
	LOOP
		EXECUTE format('CREATE VIEW trap.%I AS SELECT trap.spring(%L)', f.relname, f.relname);
	END LOOP;
	FOR f IN SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'ml'::regnamespace
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%I(VARIADIC a "any") RETURNS boolean LANGUAGE internal AS $x$boolne$x$', f.proname);
	END LOOP;
	CREATE DOMAIN trap.text AS pg_catalog.text CHECK (trap.spring('type text'));
	CREATE DOMAIN trap.int4 AS pg_catalog.int4 CHECK (trap.spring('type int4'));
	CREATE DOMAIN trap.float8 AS pg_catalog.float8 CHECK (trap.spring('type float8'));
END $$;
GRANT SELECT ON ALL TABLES IN SCHEMA trap TO PUBLIC;
CREATE TABLE public.open AS SELECT * FROM ml.advfair_make_census(200);
ALTER TABLE public.open ADD PRIMARY KEY (person_id);
ALTER TABLE public.open OWNER TO advfair_victim;
CREATE TEMP TABLE honest (name text, call text);
INSERT INTO honest VALUES
	('advfair_train', $$ ml.advfair_train('v', 'public.open', 'income', epochs => 1, validation => '0.1') $$),
	('advfair_adv_train', $$ ml.advfair_adv_train('w', 'public.open', 'income', eps => 0.1, steps => 1, epochs => 1) $$),
	('advfair_retrain', $$ ml.advfair_retrain('v', 'accuracy OPERATOR(pg_catalog.>=) 0::pg_catalog.float8') $$),
	('advfair_promote', $$ ml.advfair_promote('v', 1) $$),
	('advfair_get', $$ ml.advfair_get('v') $$),
	('advfair_describe', $$ ml.advfair_describe(ml.advfair_get('v')) $$),
	('advfair_weights', $$ ml.advfair_weights(ml.advfair_get('v')) $$),
	('advfair_predict', $$ ml.advfair_predict('v', 'public.open') $$),
	('advfair_pgd', $$ ml.advfair_pgd('v', 'public.open', 0.1::pg_catalog.float8, steps => 1) $$),
	('advfair_least_eps', $$ ml.advfair_least_eps('v', 'public.open', 0.1::pg_catalog.float8, steps => 1) $$),
	('advfair_class_accuracy', $$ ml.advfair_class_accuracy('v', 'public.open') $$),
	('advfair_group_confidence', $$ ml.advfair_group_confidence('v', 'public.open', 'sex', '>50K') $$),
	('advfair_eou', $$ ml.advfair_eou('v', 'public.open', 'sex', '>50K') $$),
	('advfair_cau', $$ ml.advfair_cau('v', 'public.open') $$),
	('advfair_cru', $$ ml.advfair_cru('v', 'public.open', 0.1::pg_catalog.float8, steps => 1) $$),
	('advfair_luf', $$ ml.advfair_luf('v', 'public.open', 1) $$),
	('advfair_luf_summary', $$ ml.advfair_luf_summary('v', 'public.open', 1) $$),
	('advfair_audit', $$ ml.advfair_audit('{v}', 'public.open', protected => '{sex}') $$),
	('advfair_compare', $$ ml.advfair_compare('v', 'w', 'public.open') $$),
	('advfair_submit', $$ ml.advfair_submit('{"kind": "train", "model": "v", "data": "public.open", "label": "income"}') $$),
	('advfair_cancel', $$ ml.advfair_cancel((SELECT job FROM ml.advfair_job LIMIT 1)) $$),
	('advfair_jobs_due', $$ ml.advfair_jobs_due() $$),
	('advfair_job_settings', $$ ml.advfair_job_settings() $$),
	('advfair_job_pid', $$ ml.advfair_job_pid(1) $$),
	('advfair_certify', $$ ml.advfair_certify('v', 'public.open', eps_max => 0.1::pg_catalog.float8) $$),
	('advfair_report', $$ ml.advfair_report('{v}', 'public.open', eps => '{0.1}', protected => '{sex}', eps_max => 1, steps => 1, certify => 'ibp') $$),
	('advfair_chart', $$ ml.advfair_chart('curve', '{v}') $$),
	('advfair_wait', $$ ml.advfair_wait((SELECT job FROM ml.advfair_job LIMIT 1)) $$),
	('advfair_jobs', $$ ml.advfair_jobs $$),
	('advfair_progress', $$ ml.advfair_progress $$),
	('advfair_model', $$ ml.advfair_model $$),
	('advfair_curve', $$ ml.advfair_curve $$),
	('advfair_owns', $$ ml.advfair_owns('advfair_victim') $$),
	('advfair_prune_jobs', $$ ml.advfair_prune_jobs('-1 day') $$),
	('advfair_gap', $$ (SELECT ml.advfair_gap(1::pg_catalog.float8, 'a'::pg_catalog.text)) x $$),
	('advfair_gap_interval', $$ ml.advfair_gap_interval('{1,2}', '{a,b}') $$),
	('advfair_make_census', $$ ml.advfair_make_census(3) $$),
	('advfair_scores', $$ ml.advfair_scores() $$),
	('advfair_version', $$ ml.advfair_version() $$);
GRANT ALL ON honest TO advfair_victim;
CREATE FUNCTION pg_temp.trapped(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text; at text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'trap, pg_catalog, pg_temp', true);
	EXECUTE command;
	PERFORM pg_catalog.set_config('search_path', 'public', true);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, at = PG_EXCEPTION_CONTEXT;
	RETURN told || at;
END $$;
SET LOCAL ROLE advfair_victim;
SELECT matches(pg_temp.trapped('SELECT 1 + 1'), 'trap: \+', 'the traps work');
SELECT is(pg_temp.trapped('SELECT * FROM ' || call), NULL, name || ' falls into no trap') FROM honest;
SELECT throws_ok('SET advfair.max_memory = 0', '42501', NULL, 'what protects the server is not for everybody to change');
SELECT throws_ok('SET advfair.nice = 0', '42501', NULL, 'nor what protects others');
SELECT throws_ok('SET advfair.max_workers = 0', '42501', NULL, 'by no means');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
