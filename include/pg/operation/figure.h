/*
 * figure.h
 *		From what models made of rows to figures: every score of the table (core/score/score.h) that can be told from it.
 */
#ifndef ADVPG_FIGURE_H
#define ADVPG_FIGURE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "core/score/bootstrap.h"
#include "core/score/score.h"

/* What a model made of the rows: values of scores are told from it. Arrays that were not asked for are NULL. */
typedef struct AdvpgObserved
{
	int32_t *prediction;   /* (n) */
	float *proba;          /* (n, classes) */
	int32_t **adversarial; /* (eps), (n) prediction under attack */
	bool **success;        /* (eps), (n) of the attack */
	double *least_eps;     /* (n) */
	double *
		radius; /* (n) up to which eps the label is certified to be what is predicted; -1: it is not predicted */
	const char *unknown
		[ADV_VALUES]; /* why nothing is known of how far groups are apart in a value; NULL: it is known */
} AdvpgObserved;

#define ADVPG_NO_GROUP  (-1) /* the attribute is NULL */
#define ADVPG_NO_MEMBER (-2) /* the row does not count */

/* A protected attribute. */
typedef struct AdvpgAttribute
{
	const char *name;
	int n_groups;
	const char **groups; /* (n_groups) its values in the order of their bytes */
	int32_t *group;      /* (n) of each row */
} AdvpgAttribute;

/* Rows, and what models made of them. */
typedef struct AdvpgObservations
{
	size_t n;
	const int32_t *label; /* (n) */
	int n_classes;
	const char **classes; /* (n_classes) */
	int n_models;
	AdvpgObserved *models;
	int n_attributes;
	AdvpgAttribute *attributes;
	const List *eps; /* of double *: sizes of attacks */
	bool searched;   /* there are least eps */
	bool certified;  /* there are radii */
} AdvpgObservations;

/* One figure, for each model. Texts that do not apply are NULL, eps NaN. */
typedef struct AdvpgFigure
{
	const AdvScore *score;
	double eps;
	const char *class;
	const char *attribute;
	const char *group;
	AdvInterval *value;     /* (n_models); NaN: there is none */
	AdvInterval difference; /* of the second model from the first, with two models */
	int64 n;                /* rows */
	int n_groups;           /* groups that have rows, of which the value is a statistic */
	const char *unknown;    /* why a value is NaN that could be computed; NULL: none is */
} AdvpgFigure;

/*
 * All figures, in the order of the table of scores, with intervals by how. Those of classes come in the model's order, of groups in the
 * attribute's; scores with the same needs once for each attribute and eps. In the current memory context.
 */
extern List *advpg_figures(const AdvpgObservations *observations, AdvBootstrap how);

#endif
