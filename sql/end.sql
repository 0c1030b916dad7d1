
-- To its place ------------------------------------------------------------------------------------------------------------

DO $$
BEGIN
	EXECUTE format('ALTER EXTENSION advfair SET SCHEMA %I', current_setting('advfair_script.target'));
END $$;
DROP SCHEMA advfair_script;
