/*
 * produce.h
 *		Tasks whose result is rows: each function carries out a task and puts its rows. Rows are those of the SQL function of that name.
 */
#ifndef ADVPG_PRODUCE_H
#define ADVPG_PRODUCE_H

#include "postgres.h"

#include "pg/task/call.h"

/* produce_attack.c */
extern void advpg_produce_attack(Oid schema, Jsonb *json, AdvpgOutput *output);
extern void advpg_produce_fgsm(Oid schema, Jsonb *json, AdvpgOutput *output);
extern void advpg_produce_least_eps(Oid schema, Jsonb *json, AdvpgOutput *output);
extern void advpg_produce_class_robustness(Oid schema, Jsonb *json, AdvpgOutput *output);
extern void advpg_produce_class_least_eps(Oid schema, Jsonb *json, AdvpgOutput *output);

/* produce_certify.c */
extern void advpg_produce_certify(Oid schema, Jsonb *json, AdvpgOutput *output);

/* produce_query.c */
extern void advpg_produce_query(Oid schema, Jsonb *json, AdvpgOutput *output);

/* produce_recourse.c */
extern void advpg_produce_recourse(Oid schema, Jsonb *json, AdvpgOutput *output);

/* produce_luf.c */
extern void advpg_produce_luf(Oid schema, Jsonb *json, AdvpgOutput *output);

/* produce_audit.c */
extern void advpg_produce_audit(Oid schema, Jsonb *json, AdvpgOutput *output);
extern void advpg_produce_compare(Oid schema, Jsonb *json, AdvpgOutput *output);

#endif
