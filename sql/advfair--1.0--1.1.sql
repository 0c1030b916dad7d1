/*
 * advfair--1.0--1.1.sql
 *		From 1.0 to 1.1: what advfair.sql makes and 1.0 did not.
 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION advfair UPDATE TO '1.1'" to load this file. \quit
