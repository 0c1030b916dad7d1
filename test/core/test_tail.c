/*
 * test_tail.c
 *		Tails of the binomial and the normal distribution, against numbers computed with 40 digits.
 */
#include "core/score/tail.h"
#include "tap.h"
#include "training.h"

/* Whether they agree to so many parts of the larger of expected and least. */
static bool
near(double found, double expected, double least, double tolerance)
{
	if (fabs(found - expected) <= tolerance * fmax(fabs(expected), least))
		return true;
	diag("found %.17g, expected %.17g", found, expected);
	return false;
}

static void
test_bounds(void)
{
	static const struct
	{
		int64_t k, n;
		double alpha, p, z;
	} known[] = {
		{990, 1000, 0.001, 0.97603618715531137, 1.9780095821411992},
		{1000, 1000, 0.001, 0.99311604842093377, 2.4632626147808088},
		{560, 1000, 0.001, 0.51071579267063046, 0.026863739626879572},
		{100000, 100000, 0.001, 0.99993092483300939, 3.8114565633899519},
		{99900, 100000, 0.001, 0.99865099244675306, 3.0002009876683721},
		{1, 1, 0.5, 0.5, 0},
		{1, 10, 0.05, 0.0051161968918237011, -2.5678753685925715},
		{3, 7, 0.05, 0.12875639280424268, -1.1322893987299648},
		{5, 10, 0.5, 0.45169415622366308, -0.12138220318403596},
		{60000, 100000, 1e-12, 0.58906523528961675, 0.22514107304102545},
		{17, 20, 0.01, 0.57927108287418448, 0.20002908497802908},
		{1, 100000, 0.001, 1.0005003285785289e-8, -5.6119147083071365},
		{99999, 100000, 0.001, 0.99990766966626545, 3.7391266685433987},
		{50, 100, 1e-30, 0.070995506222444929, -1.4684169048239883},
		{600000, 1000000, 0.001, 0.5984849351656046, 0.24942748140744543},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		double p = adv_tail_lower_bound(known[i].k, known[i].n, known[i].alpha);

		okf(near(p, known[i].p, 0, 3e-12) && p < known[i].p,
			"%lld of %lld at %g: the bound of Clopper and Pearson, and not above it", (long long) known[i].k,
			(long long) known[i].n, known[i].alpha);
		ok(near(adv_tail_normal_quantile(p), known[i].z, 1, 1e-9), "its quantile");
	}
	ok(adv_tail_lower_bound(0, 1000, 0.001) == 0, "none of them says nothing");
}

/* A bound is where the tail is alpha, for all counts and of many trials, and grows with counts. */
static void
test_inverse(void)
{
	static const int64_t trials[] = {1, 2, 3, 10, 37, 1000, 1000003};
	static const double alpha[] = {0.5, 0.1, 0.001, 1e-9, 1e-100};
	bool inverse = true, grows = true;
	double start = seconds_now(), p;

	for (size_t t = 0; t < sizeof(trials) / sizeof(trials[0]); t++)
		for (size_t a = 0; a < sizeof(alpha) / sizeof(alpha[0]); a++)
		{
			int64_t stride = trials[t] > 1000 ? trials[t] / 50 : 1;
			double last = 0;

			for (int64_t k = 1; k <= trials[t]; k += stride)
			{
				double bound = adv_tail_lower_bound(k, trials[t], alpha[a]);
				double tail = adv_tail_binomial(k, trials[t], bound);

				inverse = inverse && near(tail, log(alpha[a]), 1, 1e-6) && tail <= log(alpha[a]);
				grows = grows && bound > last && bound < 1;
				last = bound;
			}
		}
	ok(inverse, "bounds are where tails are alpha");
	ok(grows, "and grow with counts");
	start = seconds_now();
	p = adv_tail_lower_bound(600000000, 1000000000, 0.001);
	okf(p > 0.59995 && p < 0.6 && near(adv_tail_binomial(600000000, 1000000000, p), log(0.001), 1, 1e-6),
		"a billion trials: %.9f", p);
	okf(seconds_now() - start < 5, "in %.3f s", seconds_now() - start);
}

static void
test_tails(void)
{
	static const struct
	{
		int64_t k, n;
		double p, tail;
	} known[] = {
		{30, 100, 0.5, -1.6080136932542078e-5},
		{70, 100, 0.5, -10.145541324646482},
		{5, 5, 0.1, -11.512925464970228},
		{500000000, 1000000000, 0.49995, -7.1526510620730447},
		{0, 5, 0.1, 0},
		{2, 2000, 0.5, 0},
	};
	bool all = true;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		all = all && near(adv_tail_binomial(known[i].k, known[i].n, known[i].p), known[i].tail, 1e-3, 1e-11);
	ok(all, "tails");
	ok(adv_tail_binomial(3, 5, 0) == -INFINITY && adv_tail_binomial(0, 5, 0) == 0 &&
		   adv_tail_binomial(5, 5, 1) == 0,
	   "probabilities of 0 and 1");
}

static void
test_two_sided(void)
{
	static const struct
	{
		int64_t a, b;
		double p;
	} known[] = {
		{60, 40, 0.056887933640980792},
		{10, 0, 0.001953125},
		{550, 450, 0.0017305360849763176},
		{51, 49, 0.92041076261282124},
		{5300, 5000, 0.003215819673645239},
		{1, 0, 1},
		{5, 5, 1},
		{0, 0, 1},
	};
	bool all = true;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		all = all && near(adv_tail_two_sided(known[i].a, known[i].b), known[i].p, 0, 1e-11) &&
			  adv_tail_two_sided(known[i].a, known[i].b) == adv_tail_two_sided(known[i].b, known[i].a);
	ok(all, "the two-sided test");
}

static void
test_quantile(void)
{
	static const struct
	{
		double p, z;
	} known[] = {
		{0.5, 0},
		{0.6, 0.25334710313579974},
		{0.75, 0.67448975019608174},
		{0.9, 1.2815515655446006},
		{0.975, 1.9599639845400539},
		{0.99, 2.3263478740408408},
		{0.999, 3.0902323061678133},
		{0.9999999, 5.1993375822906611},
		{0.25, -0.67448975019608174},
		{1e-10, -6.3613409024040562},
		{1e-300, -37.047096299361199},
		{0.500001, 2.5066282747057052e-6},
	};
	bool all = true, inverse = true;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		all = all && near(adv_tail_normal_quantile(known[i].p), known[i].z, 1e-3, 1e-12);
	ok(all, "quantiles");
	for (double z = -37; z < 8; z += 0.01)
		inverse = inverse && near(adv_tail_normal_quantile(0.5 * erfc(-z / sqrt(2))), z, 1, z < 5 ? 1e-9 : 1);
	ok(inverse, "are what the distribution function is of");
	ok(adv_tail_normal_quantile(0) == -INFINITY && adv_tail_normal_quantile(1) == INFINITY &&
		   near(adv_tail_normal_quantile(0x1p-1074), -37.5, 1, 0.01),
	   "and end where probabilities do");
}

int
main(void)
{
	test_bounds();
	test_inverse();
	test_tails();
	test_two_sided();
	test_quantile();
	done_testing();
	return 0;
}
