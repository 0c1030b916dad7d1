
/*
 * steps/1.2.sql
 *		No tables so far.
 */

-- which now take id
DROP FUNCTION IF EXISTS advfair_report(text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_chart(text, text[], text, float8[], text[], text, float8, int, text, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_retrain(text, text, text, float8, text[], text, float8, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_summary(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_rows(text, text, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_luf_rows(text, text, anyelement, int, text[], boolean, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_audit(text[], text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_compare(text, text, text, float8[], text[], text, float8, float8, int, float8, int, int, text, boolean, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_predict(text, text, int);
DROP FUNCTION IF EXISTS advfair_predict(text, text, anyelement, int);
DROP FUNCTION IF EXISTS advfair_pgd(text, text, anycompatible, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_pgd(text, text, anycompatible, anyelement, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_fgsm(text, text, anycompatible, text, text, text, text[], boolean, text, float8, float8, int);
DROP FUNCTION IF EXISTS advfair_fgsm(text, text, anycompatible, anyelement, text, text, text, text[], boolean, text, float8, float8, int);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_least_eps(text, text, anycompatible, anyelement, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_class_robustness(text, text, float8[], text, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
DROP FUNCTION IF EXISTS advfair_class_least_eps(text, text, anycompatible, text, float8, float8, int, int, text, boolean, text, text[], boolean, text, float8, float8, bigint, int);
DROP FUNCTION IF EXISTS advfair_cru(text, text, float8, float8, text, float8, float8, text, float8, int, int, text, boolean, text, text, text[], boolean, text, float8, float8, boolean, bigint, int);
