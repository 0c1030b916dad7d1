-- What the extension consists of: names, comments, volatility, rights.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(23);

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'advfair' AND d.deptype = 'e';

SELECT cmp_ok(count(*)::int, '>', 25, 'the extension has members') FROM member;
SELECT is_empty($$ SELECT name FROM member WHERE name !~ '\madvfair_' $$, 'all names begin with advfair_');
SELECT is_empty($$ SELECT name FROM member
				   WHERE obj_description(objid, classid::regclass::name) IS NULL
					 AND NOT (classid = 'pg_type'::regclass AND (name LIKE '%[]' OR EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND t.typrelid <> 0)))
					 AND NOT (classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = objid AND c.relkind IN ('i', 't', 'c'))) $$,
				'every object has a comment');
SELECT is_empty($$ SELECT p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
				   WHERE c.relname LIKE 'advfair%' AND obj_description(p.oid, 'pg_policy') IS NULL $$, 'every policy has a comment');
SELECT is_empty($$ SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
				   WHERE c.relname LIKE 'advfair\_%' AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
					 AND col_description(c.oid, a.attnum) IS NULL $$, 'every column has a comment');
SELECT is_empty($$ SELECT proname FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE prosecdef $$,
				'nothing runs with the rights of its owner');
SELECT results_eq($$ SELECT DISTINCT provolatile::text, proisstrict, proparallel::text FROM pg_proc
					 WHERE proname IN ('advfair_predict', 'advfair_proba', 'advfair_confidence') AND proargtypes[0] = 'bytea'::regtype $$,
				  $$ VALUES ('s', true, 's') $$, 'row functions are stable, strict and parallel safe');
-- the same arguments give the same result for good: whatever settings, catalogs, clock and instruction set are
SELECT results_eq($$ SELECT DISTINCT proname::text COLLATE "C" FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
					 WHERE provolatile = 'i' AND prokind = 'f' ORDER BY 1 $$,
				  $$ VALUES ('advfair_build' COLLATE "C"), ('advfair_chart_colors'), ('advfair_data_in'), ('advfair_data_out'), ('advfair_decode'), ('advfair_describe'), ('advfair_gap_add'),
					 ('advfair_gap_combine'), ('advfair_gap_final'), ('advfair_gap_interval'), ('advfair_given'), ('advfair_html'), ('advfair_make_census'), ('advfair_one_of'),
					 ('advfair_weights') $$, 'only these are immutable');
CREATE TEMP TABLE scored (x real[]);
SELECT throws_ok($$ CREATE INDEX ON scored (advfair_confidence('', x, 'yes')) $$, '42P17', NULL, 'so there are no indexes on predictions');
SELECT results_eq($$ SELECT DISTINCT aggcombinefn <> 0, format_type(aggtranstype, NULL), p.proparallel::text
					 FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE proname LIKE 'advfair%' $$,
				  $$ VALUES (true, 'bytea', 's') $$, 'aggregates have a plain state and combine');
SELECT results_eq($$ SELECT relname::text COLLATE "C", relrowsecurity FROM pg_class WHERE relname ~ '^advfair_(model|curve|luf_part|job|metric_log)$' ORDER BY 1 $$,
				  $$ VALUES ('advfair_curve' COLLATE "C", true), ('advfair_job', true), ('advfair_luf_part', true), ('advfair_metric_log', true), ('advfair_model', true) $$, 'tables have row-level security');
SELECT results_eq($$ SELECT c.relname::text COLLATE "C" FROM pg_extension e, unnest(extconfig) t JOIN pg_class c ON c.oid = t WHERE extname = 'advfair' ORDER BY 1 $$,
				  $$ VALUES ('advfair_curve' COLLATE "C"), ('advfair_job'), ('advfair_job_job_seq'), ('advfair_metric_log'), ('advfair_model') $$, 'tables are dumped');
SELECT is_empty($$ SELECT relname FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
				   WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary) $$, 'every table has a primary key');
SELECT columns_are('advfair_model', '{model_id,name,version,owner,created_at,task,data_digest,metrics,model,promoted_at}');
SELECT columns_are('advfair_curve', '{model_id,epoch,loss,accuracy,validation_loss,validation_accuracy,seconds}');
SELECT columns_are('advfair_progress', '{pid,task,model,phase,done,total,loss,rate,eta}');
-- what users call: arguments by name, and what comes back
CREATE TEMP TABLE contract (name text, arguments text, result text);
INSERT INTO contract VALUES
	('advfair_train', 'model text, data text, label text, features text[], exclude text[], id text, arch text, input_shape integer[], encoding text, '
	 'scale boolean, oversample text, missing text, unseen text, optimizer text, learning_rate double precision, momentum double precision, '
	 'weight_decay double precision, init text, epochs integer, batch_size integer, validation text, seed bigint, workers integer, settings jsonb', 'advfair_trained'),
	('advfair_fit', 'task jsonb', 'bytea'),
	('advfair_retrain', 'model text, promote_if text, data text, eps double precision, protected text[], given text, eps_max double precision, alpha double precision, '
	 'steps integer, restarts integer, norm text, random_start boolean, mutable text[], feasible boolean, eps_unit text, clip_min double precision, clip_max double precision, '
	 'seed bigint, workers integer, id text, attack text, settings jsonb, certify text, certify_settings jsonb', 'advfair_retrained'),
	('advfair_promote', 'model text, version integer', 'text'),
	('advfair_submit', 'task jsonb, not_before timestamp with time zone, max_attempts integer, on_change text', 'bigint'),
	('advfair_cancel', 'job bigint', 'boolean'),
	('advfair_wait', 'job bigint, timeout interval', 'text'),
	('advfair_prune_jobs', 'older_than interval', 'bigint'),
	('advfair_get', 'model text', 'bytea'),
	('advfair_describe', 'model bytea', 'jsonb'),
	('advfair_weights', 'model bytea', 'TABLE(layer integer, parameter text, shape integer[], weights real[])'),
	('advfair_build', 'task jsonb, weights real[]', 'bytea'),
	('advfair_decode', 'model bytea, x real[]', 'jsonb'),
	('advfair_predict', 'model bytea, "row" record', 'text'),
	('advfair_predict', 'model bytea, x real[]', 'text'),
	('advfair_predict', 'model bytea, image bytea', 'text'),
	('advfair_proba', 'model bytea, "row" record', 'real[]'),
	('advfair_proba', 'model bytea, x real[]', 'real[]'),
	('advfair_proba', 'model bytea, image bytea', 'real[]'),
	('advfair_confidence', 'model bytea, "row" record, class text', 'double precision'),
	('advfair_confidence', 'model bytea, x real[], class text', 'double precision'),
	('advfair_confidence', 'model bytea, image bytea, class text', 'double precision'),
	('advfair_predict', 'model text, data text, workers integer, id text', 'TABLE(id bigint, label text, prediction text, confidence real, probabilities real[])'),
	('advfair_predict', 'model text, data text, key anyelement, workers integer, id text',
	 'TABLE(id anyelement, label text, prediction text, confidence real, probabilities real[])'),
	('advfair_scores', '', 'TABLE(name text, title text, words text, needs text, of text, better text)'),
	('advfair_class_accuracy', 'model text, data text, workers integer', 'TABLE(class text, accuracy double precision, n bigint)'),
	('advfair_group_confidence', 'model text, data text, attribute text, class text, given text, mode text, workers integer',
	 'TABLE(grp text, confidence double precision, n bigint)'),
	('advfair_eou', 'model text, data text, attribute text, class text, given text, mode text, workers integer', 'double precision'),
	('advfair_cau', 'model text, data advfair_data, workers integer', 'double precision'),
	('advfair_gap', 'value double precision, grp text', 'double precision'),
	('advfair_cau', 'label "any", prediction "any"', 'double precision'),
	('advfair_eou', 'confidence double precision, attribute text', 'double precision'),
	('advfair_gap_interval', 'value double precision[], grp text[], level double precision, replicates integer, seed bigint',
	 'TABLE(gap double precision, ci_low double precision, ci_high double precision, n bigint)'),
	('advfair_attack_sql', 'data text, label text, predict text, classes text[], eps anycompatible, eps_unit text, mutable text[], constraints text[], derived jsonb, cost jsonb, budget double precision, '
	 'step jsonb, clip jsonb, targeted text, queries integer, seed bigint, id text',
	 'TABLE(id bigint, label text, prediction text, adversarial text, success boolean, linf double precision, l2 double precision, cost double precision, queries bigint, changes jsonb)'),
	('advfair_attack_sql', 'data text, label text, predict text, classes text[], eps anycompatible, key anyelement, eps_unit text, mutable text[], constraints text[], derived jsonb, cost jsonb, budget double precision, '
	 'step jsonb, clip jsonb, targeted text, queries integer, seed bigint, id text',
	 'TABLE(id anyelement, label text, prediction text, adversarial text, success boolean, linf double precision, l2 double precision, cost double precision, queries bigint, changes jsonb)'),
	('advfair_recourse', 'model text, data text, target text, mutable text[], constraints text[], derived jsonb, cost jsonb, k integer, budget double precision, '
	 'step jsonb, clip jsonb, queries integer, seed bigint, id text', 'TABLE(id bigint, rank integer, cost double precision, changes jsonb)'),
	('advfair_recourse', 'model text, data text, target text, key anyelement, mutable text[], constraints text[], derived jsonb, cost jsonb, k integer, budget double precision, '
	 'step jsonb, clip jsonb, queries integer, seed bigint, id text', 'TABLE(id anyelement, rank integer, cost double precision, changes jsonb)'),
	('advfair_pgd', 'model text, data text, eps anycompatible, alpha double precision, steps integer, restarts integer, norm text, random_start boolean, '
	 'targeted text, craft_on text, mutable text[], feasible boolean, eps_unit text, clip_min double precision, clip_max double precision, '
	 'early_stop boolean, seed bigint, workers integer, id text',
	 'TABLE(id bigint, label text, prediction text, adversarial text, success boolean, linf double precision, l2 double precision, loss double precision, x real[])'),
	('advfair_fgsm', 'model text, data text, eps anycompatible, key anyelement, norm text, targeted text, craft_on text, mutable text[], feasible boolean, '
	 'eps_unit text, clip_min double precision, clip_max double precision, workers integer, id text',
	 'TABLE(id anyelement, label text, prediction text, adversarial text, success boolean, linf double precision, l2 double precision, loss double precision, x real[])'),
	('advfair_least_eps', 'model text, data text, eps_max anycompatible, mode text, step double precision, tol double precision, steps integer, restarts integer, '
	 'norm text, random_start boolean, targeted text, mutable text[], feasible boolean, eps_unit text, clip_min double precision, clip_max double precision, '
	 'seed bigint, workers integer, id text, attack text, settings jsonb, certified boolean', 'TABLE(id bigint, label text, eps double precision, censored boolean, radius double precision)'),
	('advfair_luf', 'model text, data text, leave_out integer, leave_out_ids text[], vary_seed boolean, regenerate boolean, seed bigint, workers integer, id text', 'double precision'),
	('advfair_luf_rows', 'model text, data text, key anyelement, leave_out integer, leave_out_ids text[], vary_seed boolean, regenerate boolean, seed bigint, workers integer, id text',
	 'TABLE(id anyelement, label text, prediction text, luf double precision, changed bigint, left_out bigint)'),
	('advfair_audit', 'models text[], data text, eps double precision[], protected text[], given text, eps_max double precision, level double precision, replicates integer, '
	 'alpha double precision, steps integer, restarts integer, norm text, random_start boolean, mutable text[], feasible boolean, eps_unit text, '
	 'clip_min double precision, clip_max double precision, seed bigint, workers integer, id text, attack text, settings jsonb, certify text, certify_settings jsonb',
	 'TABLE(model text, metric text, eps double precision, class text, attribute text, grp text, value double precision, ci_low double precision, '
	 'ci_high double precision, n bigint)'),
	('advfair_compare', 'model_a text, model_b text, data text, eps double precision[], protected text[], given text, eps_max double precision, level double precision, replicates integer, '
	 'alpha double precision, steps integer, restarts integer, norm text, random_start boolean, mutable text[], feasible boolean, eps_unit text, '
	 'clip_min double precision, clip_max double precision, seed bigint, workers integer, id text, attack text, settings jsonb, certify text, certify_settings jsonb',
	 'TABLE(metric text, eps double precision, class text, attribute text, grp text, a double precision, b double precision, '
	 'difference double precision, ci_low double precision, ci_high double precision, n bigint)'),
	('advfair_submit', 'task jsonb, not_before timestamp with time zone, max_attempts integer, on_change text', 'bigint'),
	('advfair_cancel', 'job bigint', 'boolean'),
	('advfair_wait', 'job bigint, timeout interval', 'text'),
	('advfair_run_jobs', 'IN at_once integer', NULL),
	('advfair_prune_jobs', 'older_than interval', 'bigint'),
	('advfair_promote', 'model text, version integer', 'text'),
	('advfair_chart', 'kind text, models text[], data text, eps double precision[], protected text[], given text, eps_max double precision, leave_out integer, title text, '
	 'level double precision, replicates integer, alpha double precision, steps integer, restarts integer, norm text, random_start boolean, mutable text[], '
	 'feasible boolean, eps_unit text, clip_min double precision, clip_max double precision, seed bigint, workers integer, id text, attack text, settings jsonb, certify text, certify_settings jsonb', 'jsonb'),
	('advfair_chart_rows', 'kind text, rows jsonb, title text', 'jsonb'),
	('advfair_report', 'models text[], data text, eps double precision[], protected text[], given text, eps_max double precision, leave_out integer, title text, '
	 'level double precision, replicates integer, alpha double precision, steps integer, restarts integer, norm text, random_start boolean, mutable text[], '
	 'feasible boolean, eps_unit text, clip_min double precision, clip_max double precision, seed bigint, workers integer, id text, attack text, settings jsonb, certify text, certify_settings jsonb', 'text'),
	('advfair_model_id', 'model text', 'uuid'),
	('advfair_make_census', 'n integer, seed bigint',
	 'TABLE(person_id bigint, age integer, education text, hours integer, occupation text, sex text, race text, income text)'),
	('advfair_version', '', 'jsonb');
SELECT is_empty($$ SELECT * FROM contract EXCEPT
				   SELECT proname::text, regexp_replace(pg_get_function_arguments(oid), ' DEFAULT [^,]*', '', 'g'), pg_get_function_result(oid) FROM pg_proc $$,
				'functions have the arguments and results that users rely on');
SELECT is_empty($$ SELECT proname, pronargs - pronargdefaults FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
				   WHERE pronargdefaults > 0 AND proargnames[1] = 'model' AND pronargs - pronargdefaults <> CASE
					 WHEN proname = 'advfair_retrain' THEN 1
					 WHEN proname IN ('advfair_train', 'advfair_adv_train') THEN 3 -- label
					 WHEN proname IN ('advfair_group_confidence', 'advfair_eou') THEN 4 -- attribute, class
					 ELSE 2 + ('key' = ANY (proargnames))::int
						+ (proname = 'advfair_attack' AND NOT proretset)::int -- label
						+ (proname = 'advfair_recourse')::int -- target
						+ (proname IN ('advfair_attack', 'advfair_pgd', 'advfair_fgsm', 'advfair_least_eps', 'advfair_class_robustness'))::int -- eps
					 END $$, 'all but model, data, key and what else nobody can guess may be left out');
SELECT is((SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)::text FROM pg_attribute
		   WHERE attrelid = 'advfair_trained'::regclass AND attnum > 0),
		  '{"model text","version integer","epochs integer","loss double precision","accuracy double precision","seconds double precision"}', 'row of a training');
SELECT is_empty($$ SELECT proname FROM pg_proc WHERE proname IN ('advfair_run', 'advfair_train', 'advfair_adv_train', 'advfair_fit', 'advfair_retrain') AND (provolatile <> 'v' OR proparallel <> 'u') $$,
				'trainings are volatile and stay in the leader');
SELECT is_empty($$ SELECT relname FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
				   WHERE relkind IN ('r', 'v') AND NOT has_table_privilege('pg_monitor', c.oid, 'SELECT') AND relname <> 'advfair_checkpoint' $$, 'everybody may look at tables and views, but for checkpoints');
SELECT is(advfair_version() ->> 'advfair', (SELECT extversion FROM pg_extension WHERE extname = 'advfair'), 'versions of library and extension agree');
SELECT matches(advfair_version() ->> 'blas', '^(OpenBLAS \d|portable)', 'compute workers tell their BLAS');
SELECT * FROM finish();
ROLLBACK;
