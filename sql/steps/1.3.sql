
/*
 * steps/1.3.sql
 *		Functions that take the name of a method and its settings.
 */

