/*
 * bootstrap.c
 *		Means of groups, statistics of them, and percentile bootstrap intervals.
 *
 * The rows that take part are gathered by group first. A replicate then is, for each group: draw as many row numbers as it has
 * rows, count how often each came up, and form the mean of every model from the same counts. Counting costs the draws once for all
 * models, and sums run over memory in order.
 *
 * This file is compiled without contraction of products and sums (see the Makefile), so that processors with and without fused
 * instructions give the same numbers.
 */
#include "core/score/bootstrap.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/base/rng.h"

#define ROWS_PER_POLL 65536 /* between two questions whether to stop */

/* The rows that take part, and room for a replicate. */
typedef struct Sample
{
	const AdvBootstrap *spec;
	const AdvEstimates *wanted;
	int n_groups;
	int n_models;
	size_t n;
	size_t largest;   /* rows of the largest group */
	size_t *first;    /* (n_groups + 1) where each group's rows begin */
	double *value;    /* (n_models, n) group by group */
	uint32_t *count;  /* (largest) how often each row of a group was drawn */
	double *observed; /* (n_models, n_groups) means of the rows themselves, NaN without rows */
	double *drawn;    /* (n_models, n_groups) means of one replicate */
	double *kept
		[ADV_STATISTICS]; /* (n_models, n_groups, replicates) means, (n_models, replicates) others; NULL when nobody asks */
	double *sorted; /* (replicates) of one statistic */
} Sample;

static int
should_stop(const Sample *s)
{
	return s->spec->should_stop && s->spec->should_stop(s->spec->stop_arg);
}

/* Asked at each of many rows. */
static bool
stops_at(const Sample *s, size_t row)
{
	return row % ROWS_PER_POLL == 0 && should_stop(s);
}

/* ---- gathering ---- */

static bool
takes_part(const AdvGrouped *rows, size_t row)
{
	if (rows->group[row] < 0)
		return false;
	for (int m = 0; m < rows->n_models; m++)
		if (isnan(rows->value[m][row]))
			return false;
	return true;
}

/* Where each group's rows begin; first has n_groups + 1 elements. */
static AdvStatus
count_rows(Sample *s, const AdvGrouped *rows, AdvError *err)
{
	memset(s->first, 0, sizeof(*s->first) * ((size_t) s->n_groups + 1));
	for (size_t i = 0; i < rows->n; i++)
	{
		if (stops_at(s, i))
			return ADV_ABORTED;
		if (rows->group[i] >= s->n_groups)
			return adv_fail(err, ADV_INVALID, "row %zu is of group %d, but there are only %d", i + 1,
							(int) rows->group[i], s->n_groups);
		if (takes_part(rows, i))
			s->first[rows->group[i] + 1]++;
	}
	for (int g = 0; g < s->n_groups; g++)
	{
		if (s->first[g + 1] > s->largest)
			s->largest = s->first[g + 1];
		s->first[g + 1] += s->first[g];
	}
	s->n = s->first[s->n_groups];
	return ADV_OK;
}

/* Copy values group by group, in the order given. On the way first[g] moves from the start to the end of group g, and back. */
static AdvStatus
gather(Sample *s, const AdvGrouped *rows)
{
	for (size_t i = 0; i < rows->n; i++)
	{
		size_t place;

		if (stops_at(s, i))
			return ADV_ABORTED;
		if (!takes_part(rows, i))
			continue;
		place = s->first[rows->group[i]]++;
		for (int m = 0; m < s->n_models; m++)
			s->value[(size_t) m * s->n + place] = rows->value[m][i];
	}
	for (int g = s->n_groups; g > 0; g--)
		s->first[g] = s->first[g - 1];
	s->first[0] = 0;
	return ADV_OK;
}

/* No sum of as many values as the largest group has, and no difference of two means, may overflow. */
static AdvStatus
check_values(const Sample *s, AdvError *err)
{
	double most = DBL_MAX / 2 / (double) (s->largest > 0 ? s->largest : 1);

	for (size_t i = 0; i < (size_t) s->n_models * s->n; i++)
	{
		if (stops_at(s, i))
			return ADV_ABORTED;
		if (fabs(s->value[i]) > most)
			return adv_fail(err, ADV_DATA, "the value %g is too large to be summed over %zu rows",
							s->value[i], s->largest);
	}
	return ADV_OK;
}

/* ---- replicates ---- */

/* Draw rows 0 .. n - 1 of a group n times and count how often each comes up. The scaled word is uniform to within n / 2^32. */
static AdvStatus
draw_rows(const Sample *s, uint64_t replicate, uint64_t block, size_t n)
{
	memset(s->count, 0, sizeof(*s->count) * n);
	for (size_t i = 0; i < n; i += 4, block++)
	{
		uint32_t word[4];

		if (stops_at(s, i))
			return ADV_ABORTED;
		adv_random128(s->spec->seed, ADV_FOR_BOOTSTRAP, replicate, block, word);
		for (size_t k = 0; k < 4 && i + k < n; k++)
			s->count[(uint64_t) word[k] * n >> 32]++;
	}
	return ADV_OK;
}

/* Mean of n values, each counted count times. */
static double
weighted_mean(size_t n, const double *value, const uint32_t *count)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += count[i] * value[i];
	return sum / (double) n;
}

static double
plain_mean(size_t n, const double *value)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += value[i];
	return sum / (double) n;
}

static AdvStatus
observe(Sample *s)
{
	for (int m = 0; m < s->n_models; m++)
		for (int g = 0; g < s->n_groups; g++)
		{
			size_t rows = s->first[g + 1] - s->first[g];

			if (should_stop(s))
				return ADV_ABORTED;
			s->observed[(size_t) m * s->n_groups + g] =
				rows > 0 ? plain_mean(rows, s->value + (size_t) m * s->n + s->first[g]) : NAN;
		}
	return ADV_OK;
}

static AdvStatus
replicate(Sample *s, int32_t number)
{
	size_t replicates = (size_t) s->spec->replicates;
	uint64_t block = 0;

	for (int g = 0; g < s->n_groups; g++)
	{
		size_t rows = s->first[g + 1] - s->first[g];

		if (rows > 0 && draw_rows(s, (uint64_t) number, block, rows) != ADV_OK)
			return ADV_ABORTED;
		block += (rows + 3) / 4;
		for (int m = 0; m < s->n_models; m++)
		{
			size_t cell = (size_t) m * s->n_groups + g;

			if (should_stop(s))
				return ADV_ABORTED;
			s->drawn[cell] =
				rows > 0 ? weighted_mean(rows, s->value + (size_t) m * s->n + s->first[g], s->count) : NAN;
			if (s->kept[ADV_MEAN])
				s->kept[ADV_MEAN][cell * replicates + number] = s->drawn[cell];
		}
	}
	for (int k = ADV_MEAN + 1; k < ADV_STATISTICS; k++)
		for (int m = 0; s->kept[k] && m < s->n_models; m++)
			s->kept[k][m * replicates + number] =
				adv_statistic(k, s->n_groups, s->drawn + (size_t) m * s->n_groups);
	return ADV_OK;
}

/* ---- intervals ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Quantile of n sorted values, linear between order statistics (type 7). */
static double
quantile(size_t n, const double *sorted, double p)
{
	double place = p * (double) (n - 1);
	size_t below = (size_t) place;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (place - (double) below) * (sorted[below + 1] - sorted[below]);
}

/* Interval of a statistic with these replicates, or of its difference from that of another model (base may be NULL). */
static AdvStatus
interval(const Sample *s, double value, const double *replicates, const double *base, AdvInterval *result)
{
	size_t n = 0;

	*result = (AdvInterval){value, NAN, NAN};
	if (s->spec->replicates == 0 || isnan(value))
		return ADV_OK;
	if (should_stop(s))
		return ADV_ABORTED;
	for (int32_t i = 0; i < s->spec->replicates; i++)
	{
		s->sorted[n] = base ? replicates[i] - base[i] : replicates[i];
		n += !isnan(s->sorted[n]);
	}
	if (n == 0)
		return ADV_OK;
	qsort(s->sorted, n, sizeof(double), compare_doubles);
	result->low = quantile(n, s->sorted, (1 - s->spec->level) / 2);
	result->high = quantile(n, s->sorted, (1 + s->spec->level) / 2);
	return ADV_OK;
}

/* What a model's groups come to: the mean of one of them, or a statistic of all. */
static double
observed(const Sample *s, AdvStatistic statistic, size_t model, size_t group)
{
	const double *mean = s->observed + model * (size_t) s->n_groups;

	return statistic == ADV_MEAN ? mean[group] : adv_statistic(statistic, s->n_groups, mean);
}

/* Intervals of a model's means or statistic, or, with difference, of what they differ by from the first model's. */
static AdvStatus
intervals(const Sample *s, AdvStatistic statistic, size_t model, bool difference, AdvInterval *result)
{
	size_t replicates = (size_t) s->spec->replicates;
	size_t cells = statistic == ADV_MEAN ? (size_t) s->n_groups : 1;
	const double *kept = s->kept[statistic];
	AdvStatus status = ADV_OK;

	for (size_t c = 0; c < cells && status == ADV_OK; c++)
	{
		double value = observed(s, statistic, model, c);

		status = interval(s, difference ? value - observed(s, statistic, 0, c) : value,
						  kept + (model * cells + c) * replicates, difference ? kept + c * replicates : NULL,
						  &result[model * cells + c]);
	}
	return status;
}

/* All intervals of one kind, model after model. */
static AdvStatus
all_intervals(const Sample *s, bool difference, AdvInterval *const result[ADV_STATISTICS])
{
	AdvStatus status = ADV_OK;

	for (size_t m = 0; m < (size_t) s->n_models; m++)
		for (int k = 0; k < ADV_STATISTICS && status == ADV_OK; k++)
			if (result[k])
				status = intervals(s, k, m, difference, result[k]);
	return status;
}

/* ---- all of it ---- */

static AdvStatus
check_arguments(const AdvBootstrap *spec, const AdvGrouped *rows, AdvError *err)
{
	if (spec->replicates < 0)
		return adv_fail(err, ADV_INVALID, "%d replicates", (int) spec->replicates);
	if (!(spec->level > 0 && spec->level < 1))
		return adv_fail(err, ADV_INVALID, "level %g is not between 0 and 1", spec->level);
	if (rows->n_groups < 0 || rows->n_models < 1)
		return adv_fail(err, ADV_INVALID, "%d groups and %d models", rows->n_groups, rows->n_models);
	if (rows->n > UINT32_MAX)
		return adv_fail(err, ADV_LIMIT, "%zu rows, but intervals are for at most %lu", rows->n,
						(unsigned long) UINT32_MAX);
	/* in floating point, where nothing wraps around */
	if (rows->n_models * (rows->n_groups + 1.0) * (spec->replicates + 1.0) >= 0x1p56)
		return adv_fail(err, ADV_LIMIT, "%d replicates for %d groups and %d models do not fit into memory",
						(int) spec->replicates, rows->n_groups, rows->n_models);
	return ADV_OK;
}

static AdvStatus
allocate(const AdvAllocator *allocator, size_t bytes, void **memory, AdvError *err)
{
	*memory = allocator->alloc(allocator->arg, bytes);
	return *memory ? ADV_OK : adv_fail(err, ADV_LIMIT, "no memory for %zu bytes of resampled means", bytes);
}

static void
carve(Sample *s, AdvCarver *c)
{
	size_t cells = (size_t) s->n_models * s->n_groups;
	size_t replicates = (size_t) s->spec->replicates;

	s->value = adv_carve(c, (size_t) s->n_models * s->n, sizeof(double));
	s->count = adv_carve(c, s->largest, sizeof(uint32_t));
	s->observed = adv_carve(c, cells, sizeof(double));
	s->drawn = adv_carve(c, cells, sizeof(double));
	s->sorted = adv_carve(c, replicates, sizeof(double));
	for (int k = 0; k < ADV_STATISTICS; k++)
		if (s->wanted->of[k] || s->wanted->change[k])
			s->kept[k] =
				adv_carve(c, (k == ADV_MEAN ? cells : (size_t) s->n_models) * replicates, sizeof(double));
}

/* Memory for everything, in one block. */
static AdvStatus
make_room(Sample *s, const AdvAllocator *allocator, AdvError *err)
{
	AdvCarver measure = {NULL, 0};
	AdvCarver place = {NULL, 0};
	void *memory;
	AdvStatus status;

	carve(s, &measure);
	status = allocate(allocator, measure.used + 1, &memory, err);
	place.base = memory;
	if (status == ADV_OK)
		carve(s, &place);
	return status;
}

AdvStatus
adv_bootstrap(const AdvBootstrap *spec, const AdvGrouped *rows, const AdvEstimates *wanted,
			  const AdvAllocator *allocator, AdvError *err)
{
	Sample s = {.spec = spec, .wanted = wanted, .n_groups = rows->n_groups, .n_models = rows->n_models};
	AdvStatus status = check_arguments(spec, rows, err);
	void *memory = NULL;

	if (status == ADV_OK)
		status = allocate(allocator, sizeof(*s.first) * ((size_t) s.n_groups + 1), &memory, err);
	s.first = memory;
	if (status == ADV_OK)
		status = count_rows(&s, rows, err);
	if (status == ADV_OK)
		status = make_room(&s, allocator, err);
	if (status == ADV_OK)
		status = gather(&s, rows);
	if (status == ADV_OK)
		status = check_values(&s, err);
	if (status == ADV_OK)
		status = observe(&s);
	for (int g = 0; status == ADV_OK && wanted->n && g < s.n_groups; g++)
		wanted->n[g] = (int64_t) (s.first[g + 1] - s.first[g]);
	for (int32_t r = 0; r < spec->replicates && status == ADV_OK; r++)
		status = replicate(&s, r);
	if (status == ADV_OK)
		status = all_intervals(&s, false, wanted->of);
	if (status == ADV_OK)
		status = all_intervals(&s, true, wanted->change);
	return status == ADV_ABORTED ? adv_fail(err, status, "the bootstrap was told to stop") : status;
}
