-- Functions that take what users give, from the module that is built for fuzzing.
CREATE FUNCTION advfair_fuzz(target text, arguments text[]) RETURNS void AS ':module' LANGUAGE C STRICT;
CREATE FUNCTION advfair_describe(model bytea) RETURNS jsonb AS ':module' LANGUAGE C STRICT;
CREATE FUNCTION advfair_weights(model bytea) RETURNS TABLE (layer int, parameter text, shape int[], weights real[]) AS ':module' LANGUAGE C STRICT;
CREATE FUNCTION advfair_build(task jsonb, weights real[]) RETURNS bytea AS ':module' LANGUAGE C STRICT;
CREATE FUNCTION advfair_decode(model bytea, x real[]) RETURNS jsonb AS ':module' LANGUAGE C STRICT;
CREATE FUNCTION advfair_predict(model bytea, x real[]) RETURNS text AS ':module', 'advfair_predict_array' LANGUAGE C STRICT;
CREATE FUNCTION advfair_proba(model bytea, x real[]) RETURNS real[] AS ':module', 'advfair_proba_array' LANGUAGE C STRICT;
CREATE FUNCTION advfair_gap_combine(state bytea, other bytea) RETURNS bytea AS ':module' LANGUAGE C;
CREATE FUNCTION advfair_gap_final(state bytea) RETURNS float8 AS ':module' LANGUAGE C;
CREATE FUNCTION fuzz_last(state bytea, other bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $2';
CREATE AGGREGATE fuzz_final(bytea) (SFUNC = fuzz_last, STYPE = bytea, FINALFUNC = advfair_gap_final);
CREATE AGGREGATE fuzz_combine(bytea) (SFUNC = advfair_gap_combine, STYPE = bytea, FINALFUNC = advfair_gap_final);
