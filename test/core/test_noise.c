/*
 * test_noise.c
 *		Gaussian noise: that it is Gaussian, where it goes, and training by it.
 */
#include "core/attack/ball.h"
#include "core/kernel/cpu.h"
#include "core/kernel/normal.h"
#include "core/network/loss.h"
#include "passes.h"
#include "tap.h"
#include "training.h"

/* ---- the numbers ---- */

typedef struct Moments
{
	double mean, square, cube, fourth;
} Moments;

static Moments
moments(size_t n, const double *z)
{
	Moments m = {0, 0, 0, 0};

	for (size_t i = 0; i < n; i++)
	{
		m.mean += z[i] / (double) n;
		m.square += z[i] * z[i] / (double) n;
		m.cube += z[i] * z[i] * z[i] / (double) n;
		m.fourth += z[i] * z[i] * z[i] * z[i] / (double) n;
	}
	return m;
}

/* Whether means of n independent numbers are those of N(0, 1), within 5 standard errors. */
static bool
is_normal(size_t n, const double *z)
{
	Moments m = moments(n, z);
	double error = 5 / sqrt((double) n);

	return fabs(m.mean) < error && fabs(m.square - 1) < error * sqrt(2) && fabs(m.cube) < error * sqrt(15) &&
		   fabs(m.fourth - 3) < error * sqrt(96);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The largest distance from the normal distribution function times the root of n (Kolmogorov): above 1.95 once in a thousand times. */
static double
kolmogorov(size_t n, double *z)
{
	double largest = 0;

	qsort(z, n, sizeof(double), compare);
	for (size_t i = 0; i < n; i++)
	{
		double p = 0.5 * erfc(-z[i] / sqrt(2));

		largest =
			fmax(largest, fmax(fabs(p - (double) i / (double) n), fabs(p - (double) (i + 1) / (double) n)));
	}
	return largest * sqrt((double) n);
}

static void
test_distribution(void)
{
	enum
	{
		N = 200000
	};
	double *number[ADV_NORMAL_BLOCK], *radius = zeros(sizeof(double) * N);
	float *z = zeros(sizeof(float) * ADV_NORMAL_BLOCK * N);
	bool normal = true, independent = true, circular = true;

	adv_normals(3, ADV_FOR_NOISE, 17, 0, N, z);
	for (int k = 0; k < ADV_NORMAL_BLOCK; k++)
	{
		number[k] = zeros(sizeof(double) * N);
		for (int i = 0; i < N; i++)
			number[k][i] = z[ADV_NORMAL_BLOCK * i + k];
		normal = normal && is_normal(N, number[k]);
	}
	ok(normal, "numbers have the moments of N(0, 1), in each place");
	for (int a = 0; a < ADV_NORMAL_BLOCK; a++)
		for (int b = 0; b < a; b++)
		{
			double mean = 0, squares = 0, next = 0;

			for (int i = 0; i < N; i++)
			{
				double product = number[a][i] * number[b][i];

				mean += product / N;
				squares += product * product / N;
				next += number[a][i] * number[b][(i + 1) % N] / N;
			}
			independent = independent && fabs(mean) < 5 / sqrt(N) && fabs(squares - 1) < 5 * sqrt(8.0 / N) &&
						  fabs(next) < 5 / sqrt(N);
		}
	ok(independent, "and are independent of others, and of those of the next index");
	for (int k = 0; k < ADV_NORMAL_BLOCK; k += 2)
	{
		double mean = 0;

		for (int i = 0; i < N; i++) /* uniform */
		{
			radius[i] = exp(-(number[k][i] * number[k][i] + number[k + 1][i] * number[k + 1][i]) / 2);
			mean += radius[i] / N;
		}
		circular = circular && fabs(mean - 0.5) < 5 / sqrt(12.0 * N);
	}
	ok(circular, "two together are as far from 0 as they should be");
	normal = true;
	for (int k = 0; k < ADV_NORMAL_BLOCK; k++)
	{
		normal = normal && kolmogorov(N, number[k]) < 1.95;
		free(number[k]);
	}
	ok(normal, "their distribution is the normal one");
	free(radius);
	free(z);
}

/* How far z is from what Box and Muller make of random words with all digits. */
static double
error_of(const uint32_t word[4], const float *z)
{
	double largest = 0;

	for (int i = 0; i < 4; i += 2)
	{
		double radius = sqrt(-2 * log((word[i] + 0.5) * 0x1p-32)), angle = word[i + 1] * (M_PI * 0x1p-31);

		largest = fmax(largest, fabs(z[i] - radius * cos(angle)) / radius);
		largest = fmax(largest, fabs(z[i + 1] - radius * sin(angle)) / radius);
	}
	return largest;
}

/* For each instruction set. */
static void
test_precision(const char *name)
{
	enum
	{
		BLOCKS = 1003
	};
	static float z[ADV_NORMAL_BLOCK * BLOCKS], some[ADV_NORMAL_BLOCK * 40];
	double largest = 0;
	bool same = true;

	for (uint64_t key = 0; key < 200; key++)
	{
		uint64_t first = key << 40;

		adv_normals(9, ADV_FOR_SMOOTHING, key, first, BLOCKS, z);
		for (uint64_t b = 0; b < BLOCKS; b++)
		{
			uint32_t word[4];

			adv_random128(9, ADV_FOR_SMOOTHING, key, first + b, word);
			largest = fmax(largest, error_of(word, z + ADV_NORMAL_BLOCK * b));
		}
		for (uint64_t b = 0; b < 40; b++)
		{
			adv_normals(9, ADV_FOR_SMOOTHING, key, first + 17 + b, 40 - b, some);
			same = same && memcmp(some, z + ADV_NORMAL_BLOCK * (17 + b),
								  sizeof(float) * ADV_NORMAL_BLOCK * (40 - b)) == 0;
		}
	}
	okf(largest < 5e-7, "%s: numbers are right to %.2g of how far they are from 0 in pairs", name, largest);
	okf(same, "%s: and depend on their index alone", name);
}

/* ---- noise of a row ---- */

#define INPUTS 7

static void
test_units(void)
{
	enum
	{
		N = 40000
	};
	static const float unit[INPUTS] = {1, 0, 0.5, 0, 0, 2, 1};
	static const float x0[INPUTS] = {0.25f, -0.0f, 3, 7, 1e30f, -1, 0};
	AdvBall ball = {ADV_NORM_LINF, unit, -0.1, 0.1};
	double *z = zeros(sizeof(double) * N);
	bool kept = true, normal = true;

	for (int i = 0; i < INPUTS; i++)
	{
		for (int s = 0; s < N; s++)
		{
			AdvDraw draw = {5, 11, (uint64_t) s};
			float x[INPUTS];

			adv_ball_noise(&ball, INPUTS, x0, 0.4, ADV_FOR_NOISE, &draw, x);
			z[s] = ((double) x[i] - x0[i]) / (0.4 * (unit[i] > 0 ? unit[i] : 1));
			kept = kept && (unit[i] > 0 || memcmp(&x[i], &x0[i], sizeof(float)) == 0);
		}
		normal = normal && (unit[i] == 0 || (is_normal(N, z) && kolmogorov(N, z) < 1.95));
	}
	ok(normal, "noise is normal, of sigma units, whatever the clip range is");
	ok(kept, "inputs that do not move keep their bits");
	free(z);
}

static bool
differ(const AdvBall *ball, AdvPurpose purpose, AdvDraw draw, const float *other)
{
	static const float x0[INPUTS] = {0};
	float x[INPUTS];
	bool all = true;

	adv_ball_noise(ball, INPUTS, x0, 1, purpose, &draw, x);
	for (int i = 0; i < INPUTS; i++)
		all = all && x[i] != other[i];
	return all;
}

static void
test_draws(void)
{
	static const float x0[INPUTS] = {0}, unit[INPUTS] = {1, 1, 1, 0, 1, 1, 1},
					   ones[INPUTS] = {1, 1, 1, 1, 1, 1, 1};
	AdvBall ball = {ADV_NORM_L2, NULL, -INFINITY, INFINITY}, fixed = ball, same = ball;
	float x[INPUTS], y[INPUTS];
	bool equal = true, finite = true;

	adv_ball_noise(&ball, INPUTS, x0, 1, ADV_FOR_NOISE, &(AdvDraw){1, 2, 3}, x);
	ok(differ(&ball, ADV_FOR_NOISE, (AdvDraw){2, 2, 3}, x) &&
		   differ(&ball, ADV_FOR_NOISE, (AdvDraw){1, 3, 3}, x) &&
		   differ(&ball, ADV_FOR_NOISE, (AdvDraw){1, 2, 4}, x) &&
		   differ(&ball, ADV_FOR_QUERY, (AdvDraw){1, 2, 3}, x),
	   "seed, key, number and purpose matter to all inputs");
	fixed.unit = unit;
	adv_ball_noise(&fixed, INPUTS, x0, 1, ADV_FOR_NOISE, &(AdvDraw){1, 2, 3}, y);
	for (int i = 0; i < INPUTS; i++)
		equal = equal && (i == 3 ? y[i] == 0 : y[i] == x[i]);
	ok(equal, "one that does not move leaves others theirs");
	same.unit = ones;
	memset(y, 0, sizeof(y));
	adv_ball_noise(&same, INPUTS, y, 1, ADV_FOR_NOISE, &(AdvDraw){1, 2, 3}, y);
	ok(memcmp(x, y, sizeof(x)) == 0, "in place, and without units, the same");
	adv_ball_noise(&ball, INPUTS, x0, 1e38, ADV_FOR_NOISE, &(AdvDraw){1, 2, 3}, y);
	for (int i = 0; i < INPUTS; i++)
		finite = finite && isfinite(y[i]);
	ok(finite, "values stay finite");
	adv_ball_noise(&ball, INPUTS, x0, 0, ADV_FOR_NOISE, &(AdvDraw){1, 2, 3}, y);
	ok(memcmp(y, x0, sizeof(y)) == 0, "sigma 0 is no noise");
}

/* ---- training ---- */

static AdvRobust
gaussian(double sigma)
{
	AdvRobust how = {.method = ADV_METHOD_GAUSSIAN, .ball = {ADV_NORM_L2, NULL, -INFINITY, INFINITY}};
	const AdvDefence *defence = adv_defences[ADV_METHOD_GAUSSIAN];

	how.settings = adv_defence_unset(defence);
	memcpy((char *) &how.settings + defence->parameters[0].offset, &sigma, sizeof(sigma));
	return how;
}

/* Cross-entropy and accuracy of t's network on rows with noise of an epoch, as the training should draw it. */
static double
noisy_loss(const Training *t, uint64_t seed, double sigma, uint64_t epoch, double *accuracy)
{
	int rows = (int) t->data.n_rows;
	size_t n = adv_shape_size(t->net.input);
	int64_t correct = 0;
	double loss;
	AdvWorkspace ws;
	void *memory = zeros(adv_workspace_size(&t->net, rows, ADV_PASS_FORWARD));

	adv_workspace_init(&ws, &t->net, rows, ADV_PASS_FORWARD, memory);
	for (int r = 0; r < rows; r++)
	{
		AdvDraw draw = {seed, t->key[r], epoch};

		adv_ball_noise(&t->spec.robust.ball, n, t->x + (size_t) r * n, sigma, ADV_FOR_NOISE, &draw,
					   ws.act[0] + (size_t) r * n);
	}
	load_and_forward(&ws, t->params, rows);
	loss =
		adv_cross_entropy(rows, t->net.classes, ws.act[t->net.n_layers], t->label, 1, NULL, NULL, &correct) /
		rows;
	*accuracy = (double) correct / rows;
	free(memory);
	return loss;
}

/* A network that may not learn shows what it is trained on. */
static void
test_epochs(const char *arch, AdvShape shape)
{
	Training t;
	bool same = true, others = true;

	training_make(&t, arch, shape, 3, 120);
	t.spec.optimizer.learning_rate = 0;
	t.spec.epochs = 3;
	t.spec.batch_size = 50;
	t.spec.seed = 9;
	t.spec.robust = gaussian(0.7);
	training_run(&t, 2);
	for (int e = 0; e < 3; e++)
	{
		double accuracy, loss = noisy_loss(&t, 9, 0.7, (uint64_t) e, &accuracy);

		same = same && fabs(t.epochs[e].loss / loss - 1) < 1e-5 && t.epochs[e].accuracy == accuracy;
		others = others && (e == 0 || t.epochs[e].loss != t.epochs[e - 1].loss);
	}
	okf(same, "%s: each epoch is trained on rows with noise of its own", arch);
	okf(others, "%s: another one than that before", arch);
	training_free(&t);
}

static float *
trained(const char *arch, AdvShape shape, AdvRobust how, int members, uint64_t seed)
{
	Training t;
	float *params;

	training_make(&t, arch, shape, 3, 130);
	t.spec.epochs = 3;
	t.spec.batch_size = 50;
	t.spec.seed = seed;
	t.spec.robust = how;
	training_run(&t, members);
	params = memcpy(zeros(sizeof(float) * t.net.n_params), t.params, sizeof(float) * t.net.n_params);
	if (t.status[0] != ADV_OK)
		bail_out(t.error[0].message);
	training_free(&t);
	return params;
}

static bool
same(const char *arch, AdvShape shape, float *a, float *b)
{
	AdvNetwork net;
	AdvError err;
	bool equal;

	adv_network_parse(&net, arch, shape, 3, false, &err);
	equal = memcmp(a, b, sizeof(float) * net.n_params) == 0;
	free(b);
	return equal;
}

static void
test_training(const char *arch, AdvShape shape)
{
	AdvRobust with = gaussian(0.5), without = {0};
	float *params = trained(arch, shape, with, 1, 1), *standard = trained(arch, shape, without, 1, 1);
	float *unit = zeros(sizeof(float) * adv_shape_size(shape));

	for (int members = 2; members <= 8; members++)
		okf(same(arch, shape, params, trained(arch, shape, with, members, 1)),
			"%s: a team of %d gives the same bits", arch, members);
	ok(!same(arch, shape, params, trained(arch, shape, gaussian(0.25), 1, 1)), "sigma matters");
	ok(!same(arch, shape, params, trained(arch, shape, with, 1, 2)), "so does the seed");
	ok(same(arch, shape, standard, trained(arch, shape, gaussian(0), 2, 1)),
	   "without noise it is standard training");
	with.ball.unit = unit;
	ok(same(arch, shape, standard, trained(arch, shape, with, 2, 1)), "where nothing moves, too");
	unit[3] = 1;
	ok(!same(arch, shape, standard, trained(arch, shape, with, 2, 1)), "where one input does it is not");
	free(params);
	free(standard);
	free(unit);
}

/* A network that was trained long on few rows is sure of all it sees, of noisy rows, too. */
static void
test_effect(void)
{
	Training t;
	double loss[2], accuracy[2];

	for (int with = 0; with < 2; with++)
	{
		training_make(&t, "dense 24, relu", (AdvShape){10, 1, 1}, 3, 400);
		t.spec.epochs = 150;
		t.spec.batch_size = 50;
		t.spec.optimizer.learning_rate = 0.01;
		if (with)
			t.spec.robust = gaussian(0.5);
		training_run(&t, 2);
		loss[with] = noisy_loss(&t, 77, 0.5, 0, &accuracy[with]);
		training_free(&t);
	}
	okf(loss[1] < 0.7 * loss[0] && accuracy[1] >= accuracy[0] - 0.01,
		"who trained with noise is less wrong with other noise: loss %.3f, not %.3f, accuracy %.3f and %.3f",
		loss[1], loss[0], accuracy[1], accuracy[0]);
}

static void
test_limits(void)
{
	static const double wrong[] = {NAN, INFINITY, 2e30, -1};
	Training t;
	AdvNetwork net;
	AdvTrainSpec spec = {.epochs = 1, .batch_size = 250};
	AdvError err;
	int refused = 0;
	size_t shared, private;

	training_make(&t, "", (AdvShape){4, 1, 1}, 3, 10);
	for (int i = 0; i < 4; i++)
	{
		t.spec.robust = gaussian(wrong[i]);
		training_run(&t, 1);
		refused +=
			t.status[0] == ADV_INVALID && strstr(t.error[0].message, "sigma of method gaussian") != NULL;
	}
	ok(refused == 4, "a sigma that makes no sense is refused");
	training_free(&t);

	adv_network_parse(&net, ADV_ARCH_IMAGE, (AdvShape){3, 32, 32}, 10, false, &err);
	shared = adv_train_shared_size(&net, &spec, 1000);
	private = adv_train_private_size(&net, &spec);
	spec.robust.method = ADV_METHOD_GAUSSIAN;
	ok(shared == adv_train_shared_size(&net, &spec, 1000) && private == adv_train_private_size(&net, &spec),
	   "noise needs no more memory than standard training");
}

int
main(void)
{
	test_distribution();
	for (int isa = ADV_ISA_GENERIC; isa <= ADV_ISA_AMX; isa++)
		if ((int) adv_cpu_use((AdvIsa) isa) == isa)
			test_precision(adv_cpu_name((AdvIsa) isa));
	(void) adv_cpu_use(ADV_ISA_AMX);
	test_units();
	test_draws();
	test_epochs("dense 9, tanh", (AdvShape){7, 1, 1});
	test_epochs("conv 4x3, maxpool 2, relu", (AdvShape){3, 5, 5});
	test_training("dense 40, tanh, dense 9, relu", (AdvShape){13, 1, 1});
	test_training("conv 5x3, maxpool 2, relu, dense 11, tanh", (AdvShape){2, 6, 5});
	test_effect();
	test_limits();
	done_testing();
	return 0;
}
