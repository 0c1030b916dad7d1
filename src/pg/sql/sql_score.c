/*
 * sql_score.c
 *		advfair_scores: which scores there are, and what they say.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "core/score/score.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_scores);

/* The arguments of an audit or report without which it is not measured, NULL: none. */
static char *
argument_names(int needs)
{
	static const struct
	{
		int need;
		const char *argument;
	} arguments[] = {{ADV_NEEDS_ATTACK, "eps"},
					 {ADV_NEEDS_SEARCH, "eps_max"},
					 {ADV_NEEDS_ATTRIBUTE, "protected"},
					 {ADV_NEEDS_TRAININGS, "leave_out"}};
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < lengthof(arguments); i++)
		if (needs & arguments[i].need)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", arguments[i].argument);
	return names.len ? names.data : NULL;
}

/* How many of it there are, in words. */
static const char *
what_of(const AdvScore *score)
{
	static const char *const of[][2] = {[ADV_GROUP_ALL] = {"all rows"},
										[ADV_GROUP_CLASS] = {"each class", "between classes"},
										[ADV_GROUP_ATTRIBUTE] = {"each group", "between groups"}};

	if (score->grouping == ADV_GROUP_ALL && (adv_score_needs(score) & ADV_NEEDS_ATTRIBUTE))
		return "each attribute";
	return of[score->grouping][score->statistic != ADV_MEAN];
}

Datum
advfair_scores(PG_FUNCTION_ARGS)
{
	static const char *const better[] = {
		[ADV_BETTER_NEITHER] = NULL, [ADV_BETTER_HIGHER] = "higher", [ADV_BETTER_LOWER] = "lower"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (const AdvScore *score = adv_scores; score->name; score++)
	{
		const char *texts[] = {score->name,    score->title,
							   score->words,   argument_names(adv_score_needs(score)),
							   what_of(score), better[score->better]};
		Datum values[lengthof(texts)];
		bool nulls[lengthof(texts)];

		for (int i = 0; i < lengthof(texts); i++)
		{
			nulls[i] = texts[i] == NULL;
			values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
