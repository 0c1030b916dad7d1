
/*
 * steps/1.2.sql
 *		No tables so far.
 */
