-- What the extension consists of: names, comments, volatility, rights.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(16);

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
				   WHERE c.relname IN ('advfair_curve', 'advfair_progress', 'advfair_model') AND a.attnum > 0
					 AND col_description(c.oid, a.attnum) IS NULL $$, 'every column has a comment');
SELECT is_empty($$ SELECT proname FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE prosecdef $$,
				'nothing runs with the rights of its owner');
SELECT results_eq($$ SELECT DISTINCT provolatile::text, proisstrict, proparallel::text FROM pg_proc
					 WHERE proname IN ('advfair_predict', 'advfair_proba', 'advfair_confidence') AND proargtypes[0] = 'bytea'::regtype $$,
				  $$ VALUES ('i', true, 's') $$, 'row functions are immutable, strict and parallel safe');
SELECT results_eq($$ SELECT DISTINCT aggcombinefn <> 0, format_type(aggtranstype, NULL), p.proparallel::text
					 FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE proname LIKE 'advfair%' $$,
				  $$ VALUES (true, 'bytea', 's') $$, 'aggregates have a plain state and combine');
SELECT results_eq($$ SELECT relname::text COLLATE "C", relrowsecurity FROM pg_class WHERE relname IN ('advfair_model', 'advfair_curve') ORDER BY 1 $$,
				  $$ VALUES ('advfair_curve' COLLATE "C", true), ('advfair_model', true) $$, 'tables have row-level security');
SELECT results_eq($$ SELECT c.relname::text COLLATE "C" FROM pg_extension e, unnest(extconfig) t JOIN pg_class c ON c.oid = t WHERE extname = 'advfair' ORDER BY 1 $$,
				  $$ VALUES ('advfair_curve' COLLATE "C"), ('advfair_model') $$, 'tables are dumped');
SELECT columns_are('advfair_model', '{model_id,name,version,owner,created_at,task,data_digest,metrics,model}');
SELECT columns_are('advfair_curve', '{model_id,epoch,loss,accuracy,validation_loss,validation_accuracy,seconds}');
SELECT columns_are('advfair_progress', '{pid,task,model,phase,done,total,loss,rate,eta}');
SELECT is(array_to_string(proargnames, ','),
		  'model,data,label,features,exclude,id,arch,input_shape,encoding,scale,oversample,missing,unseen,optimizer,learning_rate,'
		  'momentum,weight_decay,init,epochs,batch_size,validation,seed,workers', 'arguments of advfair_train')
FROM pg_proc WHERE proname = 'advfair_train';
SELECT is(advfair_version() ->> 'advfair', (SELECT extversion FROM pg_extension WHERE extname = 'advfair'), 'versions of library and extension agree');
SELECT matches(advfair_version() ->> 'blas', '^(OpenBLAS \d|portable)', 'compute workers tell their BLAS');
SELECT * FROM finish();
ROLLBACK;
