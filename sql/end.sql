
-- To its place
-- ------------------------------------------------------------------------------------------------------------

/*
 * Functions there that have a name of advfair's may be taken for it by those who call it. PostgreSQL refuses those of
 * the same arguments, here those of others are refused, too; an update, which may mend what is worse, warns of them.
 */
DO $$
DECLARE
	target name := current_setting('advfair_script.target');
	others text := (SELECT string_agg(f.oid::regprocedure::text, ', ') FROM (SELECT o.oid FROM pg_proc o
		WHERE o.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = target)
			AND o.proname IN (SELECT p.proname FROM pg_proc p
				WHERE p.pronamespace = 'advfair_script'::regnamespace) LIMIT 10) f);
	/*
	 * before 1.2 some functions said that they are immutable: what holds their results may be wrong, and no dump of it
	 * can be restored
	 */
	holders text := (SELECT string_agg(h.name, ', ') FROM (SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
		AS name
		FROM pg_depend d JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
		WHERE p.pronamespace = 'advfair_script'::regnamespace AND p.provolatile <> 'i'
			AND (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid
				AND c.relkind IN ('i', 'I'))
				OR d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef e
					JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
					WHERE e.oid = d.objid AND a.attgenerated <> '')) LIMIT 10) h);
BEGIN
	IF holders IS NOT NULL THEN
		RAISE WARNING 'advfair''s functions are not immutable, but these hold their results: %', holders
			USING HINT = 'Drop them, and store results in columns instead.';
	END IF;
	IF others IS NOT NULL AND current_setting('advfair_script.updates')::boolean THEN
		RAISE WARNING 'schema "%" has functions that may be taken for advfair''s: %', target, others
			USING HINT = 'Drop them, unless you know what they are for.';
	ELSIF others IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" has functions that may be taken for advfair''s: %', target, others
			USING ERRCODE = 'duplicate_function', HINT = 'Drop them, or create the extension in another schema.';
	END IF;
	EXECUTE format('ALTER EXTENSION advfair SET SCHEMA %I', target);
END $$;
DROP SCHEMA advfair_script;
