/*
 * figure.c
 *		From what models made of rows to figures. See figure.h.
 *
 * A score's row of the table says which number a row has, how rows are grouped, and what the groups' means come to; here stands how the
 * number is told. Scores of the same means are estimated together, so that a gap and the means it lies between are of the same
 * resampled rows.
 */
#include "pg/operation/figure.h"

#include <math.h>

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/interval.h"

/* What scores are looked at: one attribute (or NULL), the number of an eps, and a class (-1: none). */
typedef struct Place
{
	const AdvpgObservations *o;
	const AdvpgAttribute *attribute;
	int eps;
	int class;
} Place;

typedef struct Making
{
	const AdvpgObservations *o;
	AdvBootstrap how;
	int32_t *all; /* (n) zeros: one group */
	List *figures;
} Making;

/* ---- the number of a row ---- */

static double
correct(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->prediction[i] == p->o->label[i];
}

static double
robust(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->adversarial[p->eps][i] == p->o->label[i];
}

static double
success(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->success[p->eps][i];
}

static double
least_eps(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->least_eps[i];
}

static double
certified(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->radius[i] >= *(double *) list_nth(p->o->eps, p->eps);
}

static double
radius(const Place *p, const AdvpgObserved *m, size_t i)
{
	return Max(m->radius[i], 0);
}

static double
missing(const Place *p, const AdvpgObserved *m, size_t i)
{
	int32_t group = p->attribute->group[i];

	return group == ADVPG_NO_MEMBER ? NAN : group == ADVPG_NO_GROUP;
}

static double
probability(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->proba[i * p->o->n_classes + p->class];
}

static double
predicted(const Place *p, const AdvpgObserved *m, size_t i)
{
	return m->prediction[i] == p->class;
}

/* Values without a function are not for audits. */
static double (*const values[ADV_VALUES])(const Place *p, const AdvpgObserved *m, size_t i) = {
	[ADV_VALUE_CORRECT] = correct,     [ADV_VALUE_ROBUST] = robust,
	[ADV_VALUE_SUCCESS] = success,     [ADV_VALUE_LEAST_EPS] = least_eps,
	[ADV_VALUE_CERTIFIED] = certified, [ADV_VALUE_RADIUS] = radius,
	[ADV_VALUE_MISSING] = missing,     [ADV_VALUE_PROBABILITY] = probability,
	[ADV_VALUE_PREDICTED] = predicted,
};

static double *
values_of(const Place *p, AdvScoreValue value, const AdvpgObserved *model, bool *any)
{
	double *of = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(sizeof(double), p->o->n + 1));

	ADVPG_EACH (i, p->o->n)
	{
		of[i] = values[value](p, model, i);
		*any |= of[i] > 0;
	}
	return of;
}

/* ---- groups ---- */

typedef struct Groups
{
	const int32_t *group;
	int n;
	const char **names;
} Groups;

static Groups
groups_of(const Making *making, const Place *p, AdvGrouping grouping)
{
	const AdvpgObservations *o = making->o;
	const AdvpgAttribute *attribute = p->attribute;
	const Groups groups[] = {
		[ADV_GROUP_ALL] = {making->all, 1},
		[ADV_GROUP_CLASS] = {o->label, o->n_classes, o->classes},
		[ADV_GROUP_ATTRIBUTE] =
			attribute ? (Groups){attribute->group, attribute->n_groups, attribute->groups} : (Groups){0}};

	return groups[grouping];
}

/* ---- figures ---- */

/* A figure of one group (its number), or of all groups together (-1). */
static AdvpgFigure *
new_figure(Making *making, const Place *p, const AdvScore *score, const Groups *groups, int group)
{
	AdvpgFigure *figure = palloc0(sizeof(AdvpgFigure));
	const char *name = group >= 0 && groups->names ? groups->names[group] : NULL;

	figure->score = score;
	figure->eps = adv_score_needs(score) & ADV_NEEDS_ATTACK ? *(double *) list_nth(p->o->eps, p->eps) : NAN;
	figure->class = score->grouping == ADV_GROUP_CLASS ? name
					: p->class >= 0                    ? p->o->classes[p->class]
													   : NULL;
	figure->attribute = p->attribute ? p->attribute->name : NULL;
	figure->group = score->grouping == ADV_GROUP_ATTRIBUTE ? name : NULL;
	figure->value = palloc(sizeof(AdvInterval) * p->o->n_models);
	making->figures = lappend(making->figures, figure);
	return figure;
}

/* Take the values of a figure from estimates, which stand stride apart. */
static void
fill_figure(const Making *making, AdvpgFigure *figure, const AdvEstimates *estimates, int first, int stride)
{
	AdvStatistic statistic = figure->score->statistic;

	for (int m = 0; m < making->o->n_models; m++)
		figure->value[m] = estimates->of[statistic][m * stride + first];
	if (making->o->n_models > 1)
		figure->difference = estimates->change[statistic][stride + first];
}

/* What lies between groups of which a model has nothing to tell them apart by would look like fairness. */
static void
withdraw_unknown(const Making *making, AdvpgFigure *figure)
{
	const AdvInterval none = {NAN, NAN, NAN};

	for (int m = 0; m < making->o->n_models; m++)
	{
		const char *unknown = making->o->models[m].unknown[figure->score->value];

		if (unknown == NULL || isnan(figure->value[m].value))
			continue;
		figure->unknown = unknown;
		figure->value[m] = none;
		figure->difference = none;
	}
}

/* The figures of a score: one of each group, or one of all. */
static void
add_figures(Making *making, const Place *p, const AdvScore *score, const Groups *groups,
			const AdvEstimates *estimates)
{
	AdvpgFigure *figure;

	if (score->statistic == ADV_MEAN)
	{
		for (int g = 0; g < groups->n; g++)
		{
			figure = new_figure(making, p, score, groups, g);
			fill_figure(making, figure, estimates, g, groups->n);
			figure->n = estimates->n[g];
		}
		return;
	}
	figure = new_figure(making, p, score, groups, -1);
	fill_figure(making, figure, estimates, 0, 1);
	for (int g = 0; g < groups->n; g++)
	{
		figure->n += estimates->n[g];
		figure->n_groups += estimates->n[g] > 0;
	}
	withdraw_unknown(making, figure);
}

/* Scores (first to before end) of the same means. */
static void
make_family(Making *making, const Place *p, const AdvScore *first, const AdvScore *end)
{
	const AdvpgObservations *o = making->o;
	Groups groups = groups_of(making, p, first->grouping);
	double **of = palloc(sizeof(double *) * o->n_models);
	AdvEstimates estimates = {.n = palloc(sizeof(int64_t) * groups.n)};
	bool any = false;

	for (int m = 0; m < o->n_models; m++)
		of[m] = values_of(p, first->value, &o->models[m], &any);
	for (const AdvScore *score = first; score < end; score++)
	{
		size_t n = (size_t) o->n_models * (score->statistic == ADV_MEAN ? groups.n : 1);

		estimates.of[score->statistic] = palloc(sizeof(AdvInterval) * n);
		if (o->n_models > 1)
			estimates.change[score->statistic] = palloc(sizeof(AdvInterval) * n);
	}
	if (any || !first->unless_zero)
	{
		advpg_interval_estimate(
			making->how, &(AdvGrouped){o->n, groups.group, groups.n, o->n_models, (const double *const *) of},
			&estimates);
		for (const AdvScore *score = first; score < end; score++)
			add_figures(making, p, score, &groups, &estimates);
	}
	for (int m = 0; m < o->n_models; m++)
		pfree(of[m]);
}

/* Families of scores with the same needs, at one place; for each class, where the value is of a class: of two classes one says it all. */
static void
make_families(Making *making, Place *p, const AdvScore *first, const AdvScore *end)
{
	const AdvScore *next;

	for (; first < end; first = next)
	{
		bool of_class = adv_value_of_class(first->value);
		int n_classes = p->o->n_classes;

		for (next = first + 1; next < end && adv_score_same_means(first, next);)
			next++;
		if (values[first->value] == NULL)
			continue;
		for (p->class = of_class ? n_classes == 2 : -1; p->class < (of_class ? n_classes : 0); p->class ++)
			make_family(making, p, first, next);
	}
}

/* Scores with the same needs, once for each attribute and eps. */
static void
make_scores(Making *making, const AdvScore *first, const AdvScore *end)
{
	const AdvpgObservations *o = making->o;
	int needs = adv_score_needs(first);
	int n_attributes = needs & ADV_NEEDS_ATTRIBUTE ? o->n_attributes : 1;
	int n_eps = needs & ADV_NEEDS_ATTACK ? list_length(o->eps) : 1;

	if (((needs & ADV_NEEDS_SEARCH) && !o->searched) || ((needs & ADV_NEEDS_CERTIFICATE) && !o->certified))
		return;
	for (int k = 0; k < n_attributes; k++)
		for (int eps = 0; eps < n_eps; eps++)
		{
			Place place = {o, needs & ADV_NEEDS_ATTRIBUTE ? &o->attributes[k] : NULL, eps, -1};

			make_families(making, &place, first, end);
		}
}

List *
advpg_figures(const AdvpgObservations *o, AdvBootstrap how)
{
	Making making = {o, how};
	const AdvScore *end;

	making.all = MemoryContextAllocExtended(CurrentMemoryContext, mul_size(sizeof(int32_t), o->n + 1),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (const AdvScore *first = adv_scores; first->name; first = end)
	{
		for (end = first + 1; end->name && adv_score_needs(end) == adv_score_needs(first);)
			end++;
		make_scores(&making, first, end);
	}
	pfree(making.all);
	return making.figures;
}
