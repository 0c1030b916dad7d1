/*
 * metric.h
 *		Names of an audit's figures, as conditions and the log of metrics write them.
 *
 * A name is that of the score and what it is of, joined by underscores: class_accuracy_setosa, group_confidence_sex_Male. Where that could mean two
 * figures (value b_c of attribute a, value c of attribute a_b) there is another spelling, which cannot: group_confidence(a,b_c).
 */
#ifndef ADVPG_METRIC_H
#define ADVPG_METRIC_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#include "core/network/model.h"
#include "pg/operation/audit.h"

/* What a metric is of. Texts that do not apply are NULL. */
typedef struct AdvpgMetric
{
	const AdvScore *score;
	const char *attribute;
	const char *class; /* of attributes: only with more than two classes, of which one says it all */
	const char *group;
} AdvpgMetric;

/* The score whose name a metric's begins with; 22023 when there is none that an audit can tell. */
extern const AdvScore *advpg_metric_score(const char *name);

/*
 * What a name can mean for a model and data with these columns, as a list of AdvpgMetric *; data is their name for messages. Attributes are
 * any of the columns, but if the name can be of one of protected (of char *), only these. There is one meaning, but for names of groups:
 * these are taken as they come, and only rows tell which there are. Errors: no such class (22023) or column (42703), more than one meaning
 * (22023).
 */
extern List *advpg_metric_resolve(const char *name, const AdvModel *model, const char *data,
								  TupleDesc columns, const List *protected);

/* The value of what a name means, for one of an audit's models; NaN when there is none, then *why says why not. */
extern double advpg_metric_value(const AdvpgAudit *audit, int model, const List *meanings, const char **why);

/* Names of all figures of an audit (in their order), those that would be others' too in the other spelling. */
extern char **advpg_metric_names(const AdvpgAudit *audit);

#endif
