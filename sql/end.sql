
-- To its place ------------------------------------------------------------------------------------------------------------

/*
 * Functions there that have a name of advfair's may be taken for it by those who call it. PostgreSQL refuses those of the same arguments, here
 * those of others are refused, too; an update, which may mend what is worse, warns of them.
 */
DO $$
DECLARE
	target name := current_setting('advfair_script.target');
	others text := (SELECT string_agg(f.oid::regprocedure::text, ', ') FROM (SELECT o.oid FROM pg_proc o
		WHERE o.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = target)
			AND o.proname IN (SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'advfair_script'::regnamespace) LIMIT 10) f);
BEGIN
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
