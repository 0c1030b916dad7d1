/*
 * core.c
 *		Speed of the core alone for the paper's two networks and a residual one: samples per second of adv_train, and steps of one row per
 *		second of adv_attack (PGD, all steps taken). Named "split" it tells instead how training can be shared by members.
 *
 * Usage: core [seconds per measurement, default 3] [most members, default 2] [widest instruction set: amx, avx512, avx2, generic] [name, e.g. cnn-train]
 *        core split [a network, e.g. mlp104]
 * Build: make build/bench-core
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/attack/attack.h"
#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "core/train/train.h"
#include "sections.h"

#define MAX_MEMBERS 64
#define LARGE_BATCH 2048 /* 64 slices */

/* The residual network that run.py trains. */
#define ARCH_RESIDUAL                                                                                        \
	"conv 32x3, batchnorm, relu, maxpool 2, "                                                                \
	"residual(conv 64x3, batchnorm, relu, conv 64x3, batchnorm), relu, maxpool 2, "                          \
	"residual(conv 128x3, batchnorm, relu, conv 128x3, batchnorm), relu, globalpool"

static const AdvOptimizer adam = {ADV_ADAM, 0.001, 0.9, 0.999, 1e-8, 0, 0};
static const AdvOptimizer sgd = {
	.kind = ADV_SGD, .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.0005};

/* A network, and how it is trained. */
typedef struct Work
{
	const char *name;
	const char *arch;
	AdvShape shape;
	int classes;
	size_t n_rows;
	const AdvOptimizer *optimizer;
	int batch;
} Work;

static const Work works[] = {
	{"cnn", ADV_ARCH_IMAGE, {3, 32, 32}, 10, 1000, &adam, 250},
	{"resnet", ARCH_RESIDUAL, {3, 32, 32}, 10, 1024, &sgd, 128},
	{"mlp104", ADV_ARCH_TABULAR, {104, 1, 1}, 2, 30000, &adam, 250},
	{"mlp14", ADV_ARCH_TABULAR, {14, 1, 1}, 2, 30000, &adam, 250},
};

static bool sections;    /* measure them */
static const char *only; /* part of the name of what is measured; NULL: all */

static bool
wanted(const char *name, const char *what)
{
	char both[64];

	snprintf(both, sizeof(both), "%s-%s", name, what);
	return !only || strstr(both, only) != NULL;
}

typedef struct Member
{
	AdvTrain train;
	AdvTeam team;
	pthread_t thread;
} Member;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void *
aligned(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!memory)
		exit(1);
	memset(memory, 0, bytes);
	return memory;
}

static void *
run_member(void *arg)
{
	Member *m = arg;
	AdvError err;

	if (sections)
		bench_sections_begin(m->team.rank);
	if (adv_train(&m->train, &m->team, &err) != ADV_OK)
		fprintf(stderr, "%s\n", err.message);
	bench_sections_end();
	return NULL;
}

/* Train for epochs epochs; returns the seconds of all but the first. */
static double
train(const Work *w, const AdvNetwork *net, const AdvDataset *data, int epochs, int members)
{
	AdvTrainSpec spec = {*w->optimizer, epochs, w->batch, 1};
	AdvTeamShared shared;
	AdvTrainState state;
	Member member[MAX_MEMBERS];
	AdvTrain t = {
		.net = net, .spec = &spec, .data = data, .n_examples = data->n_rows, .state = &state, .now = now};
	uint32_t *row = aligned(sizeof(uint32_t) * data->n_rows);
	uint64_t *key = aligned(sizeof(uint64_t) * data->n_rows);
	double seconds = 0;

	for (size_t i = 0; i < data->n_rows; i++)
	{
		row[i] = (uint32_t) i;
		key[i] = i;
	}
	memset(&state, 0, sizeof(state));
	adv_team_init(&shared);
	t.example_row = row;
	t.example_key = key;
	t.params = aligned(sizeof(float) * net->n_params);
	t.epochs = aligned(sizeof(AdvEpoch) * (size_t) epochs);
	t.shared = aligned(adv_train_shared_size(net, &spec, data->n_rows));
	adv_network_init(net, t.params, 1, ADV_INIT_GLOROT);
	for (int i = 0; i < members; i++)
	{
		member[i].train = t;
		member[i].train.private = aligned(adv_train_private_size(net, &spec));
		member[i].team = (AdvTeam){i, members, &shared, NULL, NULL};
		pthread_create(&member[i].thread, NULL, run_member, &member[i]);
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(member[i].thread, NULL);
		free(member[i].train.private);
	}
	for (int e = 1; e < epochs; e++)
		seconds += t.epochs[e].seconds;
	free(t.params);
	free(t.epochs);
	free(t.shared);
	free(row);
	free(key);
	return seconds;
}

/* ---- attacks ---- */

typedef struct Attacker
{
	AdvAttackRun run;
	AdvTeam team;
	pthread_t thread;
} Attacker;

static void *
run_attacker(void *arg)
{
	Attacker *a = arg;

	if (adv_attack(&a->run, &a->team) != ADV_OK)
		fprintf(stderr, "the attack stopped\n");
	return NULL;
}

/* Attack all rows; returns the seconds. */
static double
attack(AdvAttackRun run, int members)
{
	AdvTeamShared shared;
	AdvAttackState state = {0};
	Attacker attacker[MAX_MEMBERS];
	double start = now();

	adv_team_init(&shared);
	run.state = &state;
	for (int i = 0; i < members; i++)
	{
		attacker[i].run = run;
		attacker[i].run.private = aligned(adv_attack_private_size(run.net));
		attacker[i].team = (AdvTeam){i, members, &shared, NULL, NULL};
		pthread_create(&attacker[i].thread, NULL, run_attacker, &attacker[i]);
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(attacker[i].thread, NULL);
		free(attacker[i].run.private);
	}
	return now() - start;
}

/* 20 steps for each row, as often as fits the given time. */
static void
measure_attack(const char *name, const AdvNetwork *net, const AdvDataset *data, AdvNorm norm, double seconds,
			   int members)
{
	AdvAttack pgd = {.ball = {norm, NULL, 0, 1},
					 .eps = 0.03,
					 .alpha = 0.00375,
					 .steps = 20,
					 .restarts = 1,
					 .random_start = true,
					 .target = -1,
					 .seed = 1};
	AdvAttackRun run = {.net = net, .data = data, .n = data->n_rows, .attack = &pgd};
	float *params = aligned(sizeof(float) * net->n_params);
	uint64_t *key = aligned(sizeof(uint64_t) * data->n_rows);
	double spent = 0;
	int times = 0;

	for (size_t i = 0; i < data->n_rows; i++)
		key[i] = i;
	adv_network_init(net, params, 1, ADV_INIT_GLOROT);
	run.params = params;
	run.key = key;
	run.result.flags = aligned(data->n_rows);
	for (; spent < seconds; times++)
		spent += attack(run, members);
	printf("%s-pgd-%s members=%d %.0f\n", name, norm == ADV_NORM_L2 ? "l2" : "linf", members,
		   (double) pgd.steps * (double) data->n_rows * times / spent);
	free(params);
	free(key);
	free(run.result.flags);
}

/* ---- measurements ---- */

static void
measure_training(const Work *w, const AdvNetwork *net, const AdvDataset *data, double seconds, int members)
{
	double first = train(w, net, data, 2, members);
	int epochs = 2 + (int) (seconds / first);

	printf("%s-train members=%d %.0f\n", w->name, members,
		   (double) data->n_rows * (epochs - 1) / train(w, net, data, epochs, members));
}

static void
measure_all(const Work *w, const AdvNetwork *net, const AdvDataset *data, double seconds, int members)
{
	if (wanted(w->name, "train"))
		measure_training(w, net, data, seconds, members);
	if (wanted(w->name, "pgd-linf"))
		measure_attack(w->name, net, data, ADV_NORM_LINF, seconds, members);
	if (wanted(w->name, "pgd-l2"))
		measure_attack(w->name, net, data, ADV_NORM_L2, seconds, members);
}

/* Adds up an epoch's sections of a team. */
static SectionSums
measure_sections(const Work *w, const AdvNetwork *net, const AdvDataset *data, int members)
{
	enum
	{
		EPOCHS = 6
	};

	train(w, net, data, EPOCHS, members);
	return bench_sections_add_up(members, EPOCHS);
}

/* How many times as fast members are as one, were barriers and shared caches free. No more than slices: that is how many a server starts. */
static double
speedup(const Work *w, const AdvNetwork *net, const AdvDataset *data, double one, int members)
{
	int slices = (w->batch + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;

	return one / measure_sections(w, net, data, members < slices ? members : slices).longest;
}

/*
 * The share of a training's time that cannot be split, what it leaves possible (Amdahl), and what the slices and pieces that there are
 * make of it. For minibatches as they are, and for ones that have a slice for each of 64 members.
 */
static void
measure_split(const Work *w, const AdvNetwork *net, const AdvDataset *data, double seconds, int members)
{
	Work as = *w;

	(void) seconds;
	(void) members;
	sections = true;
	for (int i = 0; i < 2; i++)
	{
		double one, share;

		as.batch = i == 0 ? w->batch : LARGE_BATCH;
		one = measure_sections(&as, net, data, 1).all;
		share = measure_sections(&as, net, data, 64).unsplit / one;
		printf("%s-split batch=%d unsplit=%.2f%% amdahl 8: %.1f 64: %.1f, with its pieces 8: %.1f 64: %.1f\n",
			   w->name, as.batch, 100 * share, 1 / (share + (1 - share) / 8), 1 / (share + (1 - share) / 64),
			   speedup(&as, net, data, one, 8), speedup(&as, net, data, one, 64));
		fflush(stdout);
	}
}

typedef void (*Measure)(const Work *w, const AdvNetwork *net, const AdvDataset *data, double seconds,
						int members);

/* A data set of random rows, and what to measure on it. */
static void
measure(const Work *w, size_t n_rows, Measure what, double seconds, int members)
{
	AdvField field = {w->shape.h > 1 ? ADV_FIELD_IMAGE : ADV_FIELD_FLOAT, (int32_t) adv_shape_size(w->shape)};
	AdvNetwork net;
	AdvError err;
	size_t row_bytes = adv_layout_row_bytes(&field, 1);
	unsigned char *rows = aligned(n_rows * row_bytes);
	const unsigned char *chunk = rows;
	int32_t *label = aligned(sizeof(int32_t) * n_rows);
	AdvDataset data = {{&field, 1, w->shape, row_bytes}, n_rows, n_rows, &chunk, label};

	srand(1);
	for (size_t i = 0; i < n_rows; i++)
		label[i] = rand() % w->classes;
	for (size_t i = 0; i < n_rows * adv_shape_size(w->shape); i++)
	{
		if (field.kind == ADV_FIELD_IMAGE)
			rows[i] = (unsigned char) rand();
		else
			((float *) rows)[i] = (float) rand() / (float) RAND_MAX;
	}
	if (adv_network_parse(&net, w->arch, w->shape, w->classes, false, &err) != ADV_OK)
		exit(1);
	what(w, &net, &data, seconds, members);
	fflush(stdout);
	free(rows);
	free(label);
}

static AdvIsa
instruction_set(const char *name)
{
	AdvIsa isa = ADV_ISA_AMX;

	while (isa > ADV_ISA_GENERIC && strcmp(name, adv_cpu_name(isa)) != 0)
		isa--;
	return isa;
}

/* How well all works, or one, split. */
static int
main_split(const char *name)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (!name || strcmp(works[i].name, name) == 0)
			measure(&works[i], works[i].n_rows < LARGE_BATCH ? LARGE_BATCH : works[i].n_rows, measure_split,
					0, 0);
	return 0;
}

int
main(int argc, char **argv)
{
	bool split = argc > 1 && strcmp(argv[1], "split") == 0;
	double seconds = argc > 1 ? atof(argv[1]) : 3;
	int most = argc > 2 ? atoi(argv[2]) : 2;

	only = argc > 4 ? argv[4] : NULL;
	adv_cpu_use(instruction_set(!split && argc > 3 ? argv[3] : "amx"));
	adv_gemm_load_blas();
	printf("%s, %s\n", adv_gemm_name(), adv_cpu_name(adv_cpu_isa()));
	if (split)
		return main_split(argc > 2 ? argv[2] : NULL);
	for (int members = 1; members <= most && members <= MAX_MEMBERS; members++)
		for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
			measure(&works[i], works[i].n_rows, measure_all, seconds, members);
	return 0;
}
