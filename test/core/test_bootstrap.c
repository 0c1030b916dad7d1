/*
 * test_bootstrap.c
 *		Group means, gaps and bootstrap intervals: by hand, against a naive bootstrap, and by how often they cover the truth.
 */
#include "core/score/bootstrap.h"

#include <stdint.h>

#include "core/base/rng.h"
#include "tap.h"

#define REPLICATES 200

/* ---- a host with memory, which it frees all at once ---- */

typedef struct Host
{
	void *blocks[64];
	int n;
	int max;      /* blocks it gives */
	int patience; /* times it lets the core go on; -1: for ever */
} Host;

static Host host = {.max = 64, .patience = -1};
static AdvError err;

static void *
host_alloc(void *arg, unsigned long size)
{
	return host.n < host.max ? host.blocks[host.n++] = malloc(size) : NULL;
}

static int
host_should_stop(void *arg)
{
	return host.patience >= 0 && host.patience-- == 0;
}

static const AdvAllocator allocator = {host_alloc, NULL};

static AdvBootstrap
bootstrap(int32_t replicates, uint64_t seed)
{
	return (AdvBootstrap){replicates, 0.95, seed, host_should_stop, NULL};
}

/* The function under test, and its memory given back. */
static AdvStatus
run(AdvBootstrap spec, size_t n, const int32_t *group, int n_groups, int n_models, const double *const *value,
	AdvInterval *mean, AdvInterval *gap, AdvInterval *d_mean, AdvInterval *d_gap, int64_t *n_rows)
{
	AdvGrouped rows = {n, group, n_groups, n_models, value};
	AdvEstimates wanted = {.of = {mean, gap}, .change = {d_mean, d_gap}, .n = n_rows};
	AdvStatus status = adv_bootstrap(&spec, &rows, &wanted, &allocator, &err);

	while (host.n > 0)
		free(host.blocks[--host.n]);
	return status;
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static bool
same_bits(const AdvInterval *a, const AdvInterval *b, size_t n)
{
	return memcmp(a, b, sizeof(*a) * n) == 0;
}

/* ---- made-up rows ---- */

#define N 500

static int32_t groups[N];
static double first[N], second[N];
static const double *const models[] = {first, second};

/* Three groups of unequal size, the middle one rare; values of two models. */
static void
make_rows(void)
{
	for (int i = 0; i < N; i++)
	{
		double u = adv_uniform(1, ADV_FOR_CENSUS, (uint64_t) i, 0);

		groups[i] = u < 0.3 ? 0 : u < 0.36 ? 1 : 2;
		first[i] = adv_uniform(1, ADV_FOR_CENSUS, (uint64_t) i, 1) + 0.2 * groups[i];
		second[i] = adv_uniform(1, ADV_FOR_CENSUS, (uint64_t) i, 2) < 0.6 ? 1 : 0;
	}
}

/* ---- by hand ---- */

static void
test_by_hand(void)
{
	const int32_t group[] = {0, 1, 0, -1, 1, 1, 0, 3};
	const double a[] = {1, 2, 3, 100, 4, NAN, 8, -1};
	const double b[] = {0, 1, 0, 100, 1, 1, 1, 1};
	const double *const value[] = {a, b};
	AdvInterval mean[8], gap[2], d_mean[8], d_gap[2];
	int64_t n_rows[4];

	ok(run(bootstrap(0, 0), 8, group, 4, 2, value, mean, gap, d_mean, d_gap, n_rows) == ADV_OK,
	   "means without intervals");
	ok(n_rows[0] == 3 && n_rows[1] == 2 && n_rows[2] == 0 && n_rows[3] == 1,
	   "rows without a group, and with NaN in any model, take no part");
	ok(mean[0].value == 4 && mean[1].value == 3 && isnan(mean[2].value) && mean[3].value == -1,
	   "means of the first model");
	ok(near(mean[4].value, 1.0 / 3) && mean[5].value == 1 && isnan(mean[6].value) && mean[7].value == 1,
	   "means of the second");
	ok(gap[0].value == 5 && near(gap[1].value, 2.0 / 3), "gaps are between groups with rows");
	ok(d_mean[0].value == 0 && near(d_mean[4].value, 1.0 / 3 - 4) && d_mean[5].value == -2 &&
		   isnan(d_mean[6].value) && near(d_gap[1].value, 2.0 / 3 - 5) && d_gap[0].value == 0,
	   "differences are from the first model");
	ok(isnan(gap[0].low) && isnan(gap[0].high) && isnan(mean[0].low) && isnan(d_gap[1].high),
	   "no replicates, no intervals");
	ok(run(bootstrap(100, 0), 8, group, 4, 2, value, mean, gap, d_mean, d_gap, NULL) == ADV_OK &&
		   mean[3].low == -1 && mean[3].high == -1 && isnan(mean[2].low),
	   "one row has no spread, none has no interval");
	ok(run(bootstrap(100, 0), 8, group, 1, 1, value, NULL, gap, NULL, NULL, NULL) == ADV_INVALID,
	   "a group that is not there is an error");
	is_string(err.message, "row 2 is of group 1, but there are only 1", "which says where");
	ok(run(bootstrap(100, 0), 3, group, 2, 1, value, NULL, gap, NULL, NULL, NULL) == ADV_OK &&
		   gap[0].value == 0,
	   "two groups alike have no gap");
	ok(run(bootstrap(100, 0), 0, group, 2, 1, value, mean, gap, NULL, NULL, n_rows) == ADV_OK &&
		   isnan(gap[0].value) && isnan(gap[0].low) && n_rows[0] == 0,
	   "no rows, no gap");
	ok(run(bootstrap(100, 0), 1, group, 2, 2, value, mean, gap, d_mean, d_gap, n_rows) == ADV_OK &&
		   isnan(gap[0].value) && isnan(gap[0].low) && isnan(gap[0].high) && isnan(d_gap[1].value) &&
		   isnan(d_gap[1].high) && mean[0].value == 1 && n_rows[0] == 1,
	   "one group with rows differs from nothing: its gap is not 0");
	ok(adv_gap(3, (double[]){NAN, 2, 5}) == 3 && isnan(adv_gap(2, (double[]){NAN, 2})) &&
		   isnan(adv_gap(0, NULL)),
	   "a gap takes two groups");
}

/* ---- against a naive bootstrap ---- */

static int
ascending(const void *a, const void *b)
{
	return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b);
}

/* Type 7: the order statistics stand at 0, 1 / (n - 1), ..., 1. */
static double
naive_quantile(double *x, int n, double p)
{
	qsort(x, (size_t) n, sizeof(double), ascending);
	for (int i = 1; i < n; i++)
		if (p <= (double) i / (n - 1))
			return x[i - 1] + (p * (n - 1) - (i - 1)) * (x[i] - x[i - 1]);
	return x[n - 1];
}

/* Means and gap of replicate r of a model, row by row as drawn. */
static void
naive_replicate(const double *value, uint64_t seed, int r, double mean[3], double *gap)
{
	uint64_t draw = 0;

	for (int g = 0; g < 3; g++)
	{
		double member[N];
		size_t n = 0;

		for (int i = 0; i < N; i++)
			if (groups[i] == g)
				member[n++] = value[i];
		mean[g] = 0;
		draw = (draw + 3) / 4 * 4;
		for (size_t i = 0; i < n; i++, draw++)
		{
			uint32_t word[4];

			adv_random128(seed, ADV_FOR_BOOTSTRAP, (uint64_t) r, draw / 4, word);
			mean[g] += member[(size_t) floor(word[draw % 4] * 0x1p-32 * (double) n)] / (double) n;
		}
	}
	*gap = fmax(mean[0], fmax(mean[1], mean[2])) - fmin(mean[0], fmin(mean[1], mean[2]));
}

static bool
interval_is(AdvInterval found, double replicates[REPLICATES])
{
	return near(found.low, naive_quantile(replicates, REPLICATES, 0.025)) &&
		   near(found.high, naive_quantile(replicates, REPLICATES, 0.975));
}

static void
test_naive(void)
{
	static double mean[2][3][REPLICATES], gap[2][REPLICATES], difference[REPLICATES];
	AdvInterval found_mean[6], found_gap[2], found_d_mean[6], found_d_gap[2];
	bool means = true;

	ok(run(bootstrap(REPLICATES, 7), N, groups, 3, 2, models, found_mean, found_gap, found_d_mean,
		   found_d_gap, NULL) == ADV_OK,
	   "two models, three groups");
	for (int m = 0; m < 2; m++)
		for (int r = 0; r < REPLICATES; r++)
		{
			double of_group[3];

			naive_replicate(models[m], 7, r, of_group, &gap[m][r]);
			for (int g = 0; g < 3; g++)
				mean[m][g][r] = of_group[g];
		}
	for (int r = 0; r < REPLICATES; r++)
		difference[r] = mean[1][1][r] - mean[0][1][r];
	ok(interval_is(found_d_mean[4], difference),
	   "intervals of differences of means are the naive bootstrap's");
	for (int r = 0; r < REPLICATES; r++)
		difference[r] = gap[1][r] - gap[0][r];
	ok(interval_is(found_d_gap[1], difference), "so are those of differences of gaps");
	for (int m = 0; m < 2; m++)
		for (int g = 0; g < 3; g++)
			means = means && interval_is(found_mean[m * 3 + g], mean[m][g]);
	ok(means, "of means");
	ok(interval_is(found_gap[0], gap[0]) && interval_is(found_gap[1], gap[1]), "and of gaps");
}

/* ---- ratios ---- */

/* Smallest over largest mean, of the same replicates; those that have none are left out. */
static void
test_ratio(void)
{
	const int32_t group[] = {0, 0, 1, 1};
	const double some[] = {0, 1, 1, 1}, none[] = {0, 0, 0, 0}, seldom[] = {0, 1, 0, 0};
	const double *const few[] = {some, none, seldom};
	AdvInterval found[3], change[3];
	AdvBootstrap spec = bootstrap(REPLICATES, 7);
	AdvEstimates wanted = {.of[ADV_RATIO] = found, .change[ADV_RATIO] = change};
	static double ratio[2][REPLICATES], difference[REPLICATES];

	ok(adv_ratio(3, (double[]){NAN, 2, 5}) == 0.4 && isnan(adv_ratio(2, (double[]){NAN, 2})) &&
		   isnan(adv_ratio(2, (double[]){0, 0})) && adv_ratio(2, (double[]){0, 1}) == 0,
	   "a ratio takes two groups, of which one is not 0");
	ok(adv_bootstrap(&spec, &(AdvGrouped){N, groups, 3, 2, models}, &wanted, &allocator, &err) == ADV_OK,
	   "ratios of two models");
	for (int r = 0; r < REPLICATES; r++)
	{
		for (int m = 0; m < 2; m++)
		{
			double mean[3], gap;

			naive_replicate(models[m], 7, r, mean, &gap);
			ratio[m][r] = fmin(mean[0], fmin(mean[1], mean[2])) / fmax(mean[0], fmax(mean[1], mean[2]));
		}
		difference[r] = ratio[1][r] - ratio[0][r];
	}
	ok(interval_is(change[1], difference), "intervals of their difference are the naive bootstrap's");
	ok(interval_is(found[0], ratio[0]) && interval_is(found[1], ratio[1]), "and so are theirs");
	ok(adv_bootstrap(&spec, &(AdvGrouped){4, group, 2, 3, few}, &wanted, &allocator, &err) == ADV_OK &&
		   found[0].value == 0.5 && isnan(found[1].value) && isnan(found[1].low) && isnan(change[1].value),
	   "rates that are all 0 have no ratio");
	ok(found[2].value == 0 && found[2].low == 0 && found[2].high == 0, "replicates without one do not count");
	while (host.n > 0)
		free(host.blocks[--host.n]);
}

/* ---- what intervals depend on ---- */

static void
test_dependence(void)
{
	AdvInterval mean[6], gap[2], d_mean[6], d_gap[2], again[6], gap_again[2];
	AdvBootstrap wide = bootstrap(REPLICATES, 7);
	AdvBootstrap narrow = wide;
	double shifted[N];
	const double *const pair[] = {first, shifted};
	int64_t n_rows[4];

	narrow.level = 0.5;
	run(wide, N, groups, 3, 2, models, mean, gap, NULL, NULL, NULL);
	run(wide, N, groups, 3, 2, models, again, gap_again, NULL, NULL, NULL);
	ok(same_bits(mean, again, 6) && same_bits(gap, gap_again, 2), "the same seed gives the same bits");
	run(wide, N, groups, 3, 1, models + 1, again, gap_again, NULL, NULL, NULL);
	ok(same_bits(mean + 3, again, 3) && same_bits(gap + 1, gap_again, 1),
	   "a model's numbers do not depend on the others");
	run(wide, N, groups, 4, 1, models, NULL, gap_again, NULL, NULL, n_rows);
	ok(same_bits(gap, gap_again, 1) && n_rows[3] == 0,
	   "nor on groups without rows, nor on what is asked for");
	run(bootstrap(REPLICATES, 8), N, groups, 3, 1, models, again, NULL, NULL, NULL, NULL);
	ok(again[0].low != mean[0].low && again[0].value == mean[0].value, "another seed draws other rows");
	run(narrow, N, groups, 3, 2, models, again, gap_again, NULL, NULL, NULL);
	ok(gap[0].low < gap_again[0].low && gap_again[0].low < gap_again[0].high &&
		   gap_again[0].high < gap[0].high,
	   "an interval of lower level lies inside");
	run(bootstrap(1, 7), N, groups, 3, 1, models, again, NULL, NULL, NULL, NULL);
	ok(again[0].low == again[0].high && again[0].low != again[0].value, "one replicate is its own interval");

	for (int i = 0; i < N; i++)
		shifted[i] = first[i] + 0.25;
	run(wide, N, groups, 3, 2, pair, mean, gap, d_mean, d_gap, NULL);
	ok(near(d_mean[5].value, 0.25) && near(d_mean[5].low, 0.25) && near(d_mean[5].high, 0.25) &&
		   fabs(d_gap[1].low) < 1e-12 && fabs(d_gap[1].high) < 1e-12 && gap[0].high - gap[0].low > 0.01,
	   "differences are paired: a shift has no spread, and leaves the gap alone");
	ok(d_mean[0].low == 0 && d_mean[0].high == 0 && d_gap[0].low == 0 && d_gap[0].high == 0,
	   "the first model does not differ from itself");
}

/* Numbers must stay what they are: reports are reproduced from their seed. Sixteenths are exact everywhere. */
static void
test_stability(void)
{
	AdvBootstrap spec = bootstrap(101, 42);
	double value[16];
	const double *const values[] = {value};
	int32_t one_group[16] = {0};
	AdvInterval mean;

	for (int i = 0; i < 16; i++)
		value[i] = i;
	spec.level = 0.5;
	run(spec, 16, one_group, 1, 1, values, &mean, NULL, NULL, NULL, NULL);
	if (!ok(mean.value == 7.5 && mean.low == 6.75 && mean.high == 8.1875, "intervals have not changed"))
		diag("from %.17g to %.17g", mean.low, mean.high);
}

/* For means of many rows the interval is the normal one: 2 * 1.96 standard errors wide. */
static void
test_width(void)
{
	double normal[N];
	const double *const value[] = {normal};
	int32_t one_group[N] = {0};
	double mean = 0, squares = 0;
	AdvInterval found, gap;

	for (int i = 0; i < N; i++)
	{
		normal[i] = adv_normal(3, ADV_FOR_CENSUS, (uint64_t) i, 0);
		mean += normal[i] / N;
	}
	for (int i = 0; i < N; i++)
		squares += (normal[i] - mean) * (normal[i] - mean) / N;
	run(bootstrap(4000, 1), N, one_group, 1, 1, value, &found, &gap, NULL, NULL, NULL);
	ok(fabs((found.high - found.low) / (2 * 1.96 * sqrt(squares / N)) - 1) < 0.07 &&
		   fabs((found.high + found.low) / 2 - mean) < 0.2 * sqrt(squares / N),
	   "an interval is as wide as theory says, and around the mean");
	ok(isnan(gap.value) && isnan(gap.low) && isnan(gap.high), "one group has no gap");
}

/* ---- errors ---- */

static void
test_errors(void)
{
	const double huge[] = {1e308, -1e308, 1, 1};
	const double infinite[] = {1, -INFINITY, 1, 1};
	const double *const value[] = {huge, infinite};
	const int32_t group[] = {0, 0, 0, 1};
	AdvBootstrap spec = bootstrap(100, 0);
	AdvInterval gap[2];

	spec.level = 1;
	ok(run(spec, N, groups, 3, 1, models, NULL, gap, NULL, NULL, NULL) == ADV_INVALID, "level 1 is no level");
	spec.level = NAN;
	ok(run(spec, N, groups, 3, 1, models, NULL, gap, NULL, NULL, NULL) == ADV_INVALID, "nor is NaN");
	ok(run(bootstrap(-1, 0), N, groups, 3, 1, models, NULL, gap, NULL, NULL, NULL) == ADV_INVALID,
	   "fewer than no replicates");
	ok(run(bootstrap(9, 0), N, groups, 3, 0, models, NULL, gap, NULL, NULL, NULL) == ADV_INVALID, "no model");
	ok(run(bootstrap(9, 0), 4, group, 2, 1, value, NULL, gap, NULL, NULL, NULL) == ADV_DATA,
	   "values whose sum may overflow");
	ok(run(bootstrap(9, 0), 4, group, 2, 1, value + 1, NULL, gap, NULL, NULL, NULL) == ADV_DATA,
	   "infinite values");
	ok(run(bootstrap(INT32_MAX, 0), 0, group, INT32_MAX - 1, 1, value, NULL, gap, NULL, NULL, NULL) ==
		   ADV_LIMIT,
	   "more than fits into memory");
	for (host.max = 0; host.max < 2; host.max++)
		okf(run(bootstrap(9, 0), N, groups, 3, 1, models, NULL, gap, NULL, NULL, NULL) == ADV_LIMIT,
			"a host with %d blocks of memory", host.max);
	host.max = 64;
	/* asked of the rows three times, for each mean of each model, and before the interval of each gap */
	for (int patience = 0; patience < 100; patience += 31)
	{
		host.patience = patience;
		okf(run(bootstrap(9, 0), N, groups, 3, 2, models, NULL, gap, NULL, NULL, NULL) ==
				(patience < 3 + 2 * 3 + 9 * 3 * (1 + 2) + 2 ? ADV_ABORTED : ADV_OK),
			"a host that stops after asking %d times", patience);
	}
	host.patience = -1;
}

/* ---- coverage ---- */

/*
 * How often the interval covers the gap of the distribution that the rows come from: over many samples, near to its level.
 * (bench/coverage.sql measures it at length.)
 */
static void
test_coverage(void)
{
	enum
	{
		SAMPLES = 300,
		ROWS = 300
	};
	const double truth[] = {0.9, 0.7};
	double value[ROWS];
	const double *const values[] = {value};
	int32_t group[ROWS];
	int covered = 0;
	double share;

	for (uint64_t sample = 0; sample < SAMPLES; sample++)
	{
		AdvInterval gap;

		for (uint64_t i = 0; i < ROWS; i++)
		{
			group[i] = i % 3 == 0;
			value[i] = adv_uniform(sample, ADV_FOR_CENSUS, i, 0) < truth[group[i]];
		}
		run(bootstrap(400, sample), ROWS, group, 2, 1, values, NULL, &gap, NULL, NULL, NULL);
		covered += gap.low <= truth[0] - truth[1] && truth[0] - truth[1] <= gap.high;
	}
	share = (double) covered / SAMPLES;
	okf(share >= 0.90 && share <= 0.99, "95%% intervals cover the truth in %.3f of %d samples", share,
		SAMPLES);
}

int
main(void)
{
	make_rows();
	test_by_hand();
	test_naive();
	test_ratio();
	test_dependence();
	test_stability();
	test_width();
	test_errors();
	test_coverage();
	done_testing();
	return 0;
}
