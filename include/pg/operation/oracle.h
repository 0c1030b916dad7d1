/*
 * oracle.h
 *		A model that SQL can call, asked about many rows at a time: an expression over their columns.
 *
 * The rows lie in a tuple store that the query sees as a relation, with the types that they have. So an expression may be anything that stands in a
 * SELECT list: functions in any language, CASE, subqueries. It runs with the caller's rights and snapshot, read-only.
 */
#ifndef ADVPG_ORACLE_H
#define ADVPG_ORACLE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "nodes/pg_list.h"

#include "core/network/encoder.h"
#include "pg/data/frame.h"

typedef struct AdvpgOracle AdvpgOracle;

/*
 * Prepare to ask; needs a connection to SPI, which must last as long. predict is an expression over the columns of frame, or data, the whole row; its
 * value is an array of probabilities, one for each of classes (of char *), or one class. model, unless 0, is a bytea that the expression calls $1.
 * Results live in the current memory context. Errors: what is not one expression (42601), is volatile, or is no expression of one row (22023), of
 * a type that is neither (42804), a class that is named twice (22023), and the server's own.
 */
extern AdvpgOracle *advpg_oracle_open(const AdvpgFrame *frame, const char *predict, const List *classes,
									  Datum model);

/* Put a row, which is a form of row number row of the frame. */
extern void advpg_oracle_put(AdvpgOracle *oracle, TupleTableSlot *slot, size_t row);

/*
 * Ask about all that were put since the last time. Errors name the row: NULL (22004), not as many probabilities as classes, one that is no number or
 * negative, an unknown class (22000), and what the expression raises, with the row in its context.
 */
extern void advpg_oracle_ask(AdvpgOracle *oracle);

/* The predicted class of the i-th that was put, and how far a class is ahead of all others: the logarithm of the ratio of their probabilities. */
extern int advpg_oracle_class(const AdvpgOracle *oracle, size_t i);
extern double advpg_oracle_margin(const AdvpgOracle *oracle, size_t i, int class);

/* Number of the class that a text means, -1 for none; and its text. */
extern int advpg_oracle_find(const AdvpgOracle *oracle, AdvText text);
extern const char *advpg_oracle_name(const AdvpgOracle *oracle, int class);

/* Whether the expression looks at a column. */
extern bool advpg_oracle_sees(const AdvpgOracle *oracle, int attribute);

extern void advpg_oracle_close(AdvpgOracle *oracle);

#endif
