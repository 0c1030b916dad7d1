/*
 * metric.c
 *		Names of an audit's figures, as conditions and the log of metrics write them. See metric.h.
 *
 * Nothing is taken apart: a name is compared with the names that what is there would have. Groups alone are not known before the rows are
 * read; they are what is left of a name.
 */
#include "pg/operation/metric.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "pg/model/classes.h"
#include "pg/data/dictionary.h"
#include "pg/data/source.h"

/* Whether there is one of it for each protected attribute. */
static bool
of_attribute(const AdvScore *score)
{
	return (adv_score_needs(score) & ADV_NEEDS_ATTRIBUTE) != 0;
}

/* ---- spelling ---- */

static void
append_part(StringInfo name, const char *part, bool spelt_out)
{
	if (part == NULL)
		return;
	appendStringInfoChar(name, !spelt_out ? '_' : strchr(name->data, '(') ? ',' : '(');
	for (; *part; part++)
	{
		if (spelt_out && (*part == ',' || *part == '\\'))
			appendStringInfoChar(name, '\\');
		appendStringInfoChar(name, *part);
	}
}

/* The name of a metric; spelt out: metric(attribute,class,group), with a backslash before any comma and backslash of a part. */
static char *
spell(const AdvpgMetric *metric, bool spelt_out)
{
	StringInfoData name;

	initStringInfo(&name);
	appendStringInfoString(&name, metric->score->name);
	append_part(&name, metric->attribute, spelt_out);
	append_part(&name, metric->class, spelt_out);
	append_part(&name, metric->group, spelt_out);
	if (spelt_out && strchr(name.data, '('))
		appendStringInfoChar(&name, ')');
	return name.data;
}

/* What follows a part, and the sign that joins it to what is before, at a place of a name; NULL when something else is there. */
static const char *
skip(const char *at, const char *part, bool spelt_out, bool first)
{
	if (part == NULL || at == NULL)
		return at;
	if (*at++ != (!spelt_out ? '_' : first ? '(' : ','))
		return NULL;
	for (; *part; part++)
	{
		if (spelt_out && (*part == ',' || *part == '\\') && *at++ != '\\')
			return NULL;
		if (*at++ != *part)
			return NULL;
	}
	return at;
}

/* The last part of a name, NULL when there is none. */
static char *
last_part(const char *at, bool spelt_out)
{
	char *part;
	char *to;

	if (at == NULL || *at++ != (spelt_out ? ',' : '_'))
		return NULL;
	part = to = pstrdup(at);
	if (!spelt_out)
		return part;
	for (; *at && *at != ','; at++)
	{
		if (*at == ')' && at[1] == '\0')
		{
			*to = '\0';
			return part;
		}
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at;
	}
	return NULL;
}

/* ---- meaning ---- */

typedef struct Search
{
	const char *name;
	const AdvModel *model;
	const char *data;
	TupleDesc columns;
	const List *protected;
	const AdvScore *score;
	List *found; /* of AdvpgMetric * */
} Search;

/* Add what the name means if it is of this attribute and class (either may be NULL). */
static void
try_meaning(Search *s, const char *attribute, const char *class)
{
	for (int spelt_out = 0; spelt_out < 2; spelt_out++)
	{
		const char *at = s->name + strlen(s->score->name);
		AdvpgMetric metric = {s->score, attribute, class};

		at = skip(at, attribute, spelt_out, true);
		at = skip(at, class, spelt_out, attribute == NULL);
		if (adv_score_of_group(s->score))
			metric.group = last_part(at, spelt_out);
		if (adv_score_of_group(s->score)
				? metric.group != NULL
				: at && strcmp(at, spelt_out && (attribute || class) ? ")" : "") == 0)
		{
			s->found = lappend(s->found, memcpy(palloc(sizeof(AdvpgMetric)), &metric, sizeof(metric)));
			return;
		}
	}
}

static void
try_classes(Search *s, const char *attribute)
{
	const AdvModel *model = s->model;
	const char *at = s->name + strlen(s->score->name);

	if (attribute && !skip(at, attribute, false, true) && !skip(at, attribute, true, true))
		return;
	if (!adv_score_of_class(s->score) || (of_attribute(s->score) && model->net.classes == 2))
		try_meaning(s, attribute, NULL);
	else
		for (int c = 0; c < model->net.classes; c++)
			try_meaning(s, attribute, advpg_text_cstring(model->classes[c]));
}

/* The column that a name seems to be of, what it is followed by in *rest; NULL: none. */
static const char *
seeming_attribute(const Search *s, const char **rest)
{
	const char *at = s->name + strlen(s->score->name);

	for (int i = 0; i < s->columns->natts; i++)
		for (int spelt_out = 0; spelt_out < 2; spelt_out++)
		{
			const char *column = NameStr(TupleDescAttr(s->columns, i)->attname);

			*rest = skip(at, column, spelt_out, true);
			if (*rest && strchr("_,)", **rest))
				return column;
		}
	return NULL;
}

/* Report that a name has no meaning. */
static void
fail_unknown(const Search *s)
{
	const char *part = s->name + strlen(s->score->name) + 1;
	const char *rest;
	const char *attribute;
	AdvpgMetric like = {s->score, NULL, advpg_text_cstring(s->model->classes[0])};

	if (!of_attribute(s->score))
		advpg_fail_no_class(s->model, advpg_cstring_text(part));
	attribute = seeming_attribute(s, &rest);
	if (attribute == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("data \"%s\" have no column \"%s\"", s->data, part));
	if (adv_score_of_class(s->score) && s->model->net.classes > 2)
	{
		like.attribute = attribute;
		like.group = adv_score_of_group(s->score) ? "VALUE" : NULL;
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("metric \"%s\" does not say of which class it is", s->name),
				errhint("The model has %d classes, of which each has a value: write %s.",
						s->model->net.classes, spell(&like, false)));
	}
	ereport(
		ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		errmsg("metric \"%s\" does not say of which value of attribute \"%s\" it is", s->name, attribute));
}

/* Two of the meanings a name has, in the other spelling. */
static char *
spell_two(const List *meanings)
{
	return psprintf("\"%s\" or \"%s\"", spell(linitial(meanings), true), spell(lsecond(meanings), true));
}

static void
fail_ambiguous(const Search *s)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("metric \"%s\" has more than one meaning", s->name),
			errhint("Write %s, in double quotes.", spell_two(s->found)));
}

/* Of several meanings, those of attributes that are protected in any case count. */
static void
prefer_protected(Search *s)
{
	List *listed = NIL;
	ListCell *cell;

	foreach (cell, s->found)
	{
		const AdvpgMetric *metric = lfirst(cell);

		if (metric->attribute && advpg_is_listed(s->protected, metric->attribute))
			listed = lappend(listed, lfirst(cell));
	}
	if (listed != NIL)
		s->found = listed;
}

/* Whether a name is a score's, with what it is of behind it or, where it is of the whole model, nothing. */
static bool
begins_with(const char *name, const AdvScore *score)
{
	size_t len = strlen(score->name);
	bool has_parts = adv_score_of_class(score) || of_attribute(score);

	return strncmp(name, score->name, len) == 0 &&
		   (has_parts ? name[len] == '_' || name[len] == '(' : name[len] == '\0');
}

/* The names of scores with these needs, but for an attribute, and what they are of. */
static void
append_names(StringInfo names, int needs)
{
	const char *separator = "";

	for (const AdvScore *score = adv_scores; score->name; score++)
	{
		const AdvpgMetric metric = {score, of_attribute(score) ? "ATTRIBUTE" : NULL,
									adv_score_of_class(score) && !of_attribute(score) ? "CLASS" : NULL,
									adv_score_of_group(score) ? "GROUP" : NULL};

		if ((adv_score_needs(score) & ~ADV_NEEDS_ATTRIBUTE) != needs)
			continue;
		appendStringInfo(names, "%s%s", separator, spell(&metric, false));
		separator = ", ";
	}
}

/* All names there can be. */
static char *
all_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	append_names(&names, 0);
	appendStringInfoString(&names, "; with eps ");
	append_names(&names, ADV_NEEDS_ATTACK);
	appendStringInfoString(&names, "; with eps_max ");
	append_names(&names, ADV_NEEDS_SEARCH);
	appendStringInfoString(&names, "; with certify ");
	append_names(&names, ADV_NEEDS_CERTIFICATE);
	appendStringInfoString(&names, "; with eps and certify ");
	append_names(&names, ADV_NEEDS_ATTACK | ADV_NEEDS_CERTIFICATE);
	return names.data;
}

const AdvScore *
advpg_metric_score(const char *name)
{
	const AdvScore *found = NULL;

	for (const AdvScore *score = adv_scores; score->name; score++)
		if (begins_with(name, score) && !(adv_score_needs(score) & ADV_NEEDS_TRAININGS) &&
			(found == NULL || strlen(score->name) > strlen(found->name)))
			found = score;
	if (found == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a metric", name),
			errhint("Metrics are %s. With more than two classes _CLASS follows _ATTRIBUTE.", all_names()));
	return found;
}

List *
advpg_metric_resolve(const char *name, const AdvModel *model, const char *data, TupleDesc columns,
					 const List *protected)
{
	Search s = {name, model, data, columns, protected};

	s.score = advpg_metric_score(name);
	if (!of_attribute(s.score))
		try_classes(&s, NULL);
	else
		for (int i = 0; i < columns->natts; i++)
			if (!TupleDescAttr(columns, i)->attisdropped)
				try_classes(&s, pstrdup(NameStr(TupleDescAttr(columns, i)->attname)));
	prefer_protected(&s);
	if (s.found == NIL)
		fail_unknown(&s);
	if (list_length(s.found) > 1 && !adv_score_of_group(s.score))
		fail_ambiguous(&s);
	return s.found;
}

/* ---- figures ---- */

/* Whether a class is told with an attribute: of two classes one says it all. */
static bool
tells_class(const AdvpgAudit *audit, const AdvpgFigure *figure)
{
	return figure->class && (!figure->attribute || audit->n_classes > 2);
}

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The figure that a metric is, NULL when the audit has none. */
static const AdvpgFigure *
find_figure(const AdvpgAudit *audit, const AdvpgMetric *metric)
{
	ListCell *cell;

	foreach (cell, audit->figures)
	{
		const AdvpgFigure *figure = lfirst(cell);

		if (figure->score == metric->score && same(figure->attribute, metric->attribute) &&
			same(tells_class(audit, figure) ? figure->class : NULL, metric->class) &&
			same(figure->group, metric->group))
			return figure;
	}
	return NULL;
}

double
advpg_metric_value(const AdvpgAudit *audit, int model, const List *meanings, const char **why)
{
	const AdvpgMetric *metric = linitial(meanings);
	const AdvpgFigure *figure = NULL;
	List *measured = NIL;
	ListCell *cell;

	foreach (cell, meanings)
	{
		const AdvpgFigure *of_it = find_figure(audit, lfirst(cell));

		if (of_it == NULL)
			continue;
		figure = of_it;
		measured = lappend(measured, lfirst(cell));
	}
	if (model >= audit->n_models)
		*why = "the new version has other classes than the old one";
	else if (list_length(measured) > 1)
		*why = psprintf("it can mean %s", spell_two(measured));
	else if (figure == NULL && metric->score->unless_zero)
		return 0;
	else if (figure == NULL)
		*why = metric->group ? "no row has this value" : "the new version has no such class";
	else if (!isnan(figure->value[model].value))
		return figure->value[model].value;
	else if (figure->n == 0)
		*why = "no row counts";
	else if (figure->unknown)
		*why = figure->unknown;
	else if (figure->n_groups < 2)
		*why = figure->attribute ? "fewer than two values of the attribute have rows"
								 : "fewer than two classes have rows";
	else
		*why = "the means of all groups are 0";
	return NAN;
}

typedef struct Spelling
{
	int figure;
	char *name;
	char *spelt_out;
} Spelling;

static int
compare_spellings(const void *a, const void *b)
{
	return strcmp(((const Spelling *) a)->name, ((const Spelling *) b)->name);
}

char **
advpg_metric_names(const AdvpgAudit *audit)
{
	int n = list_length(audit->figures);
	char **names = palloc(sizeof(char *) * (n + 1));
	Spelling *spellings = palloc(sizeof(Spelling) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		const AdvpgFigure *figure = list_nth(audit->figures, i);
		AdvpgMetric metric = {figure->score, figure->attribute,
							  tells_class(audit, figure) ? figure->class : NULL, figure->group};

		spellings[i] = (Spelling){i, spell(&metric, false), spell(&metric, true)};
	}
	qsort(spellings, n, sizeof(Spelling), compare_spellings);
	for (int first = 0, end; first < n; first = end)
	{
		bool alike = true;

		for (end = first; end < n && compare_spellings(&spellings[first], &spellings[end]) == 0; end++)
			alike &= strcmp(spellings[first].spelt_out, spellings[end].spelt_out) == 0;
		for (int i = first; i < end; i++)
			names[spellings[i].figure] = alike ? spellings[i].name : spellings[i].spelt_out;
	}
	return names;
}
