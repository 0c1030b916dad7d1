/*
 * attacking.c
 *		Attacks on the rows of a training by teams of threads. See attacking.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "attacking.h"
#include "tap.h"

/* A member of a team that attacks. */
typedef struct Attacker
{
	AdvAttackRun run;
	AdvTeam team;
	bool score; /* examples that are there already */
	AdvStatus status;
	pthread_t thread;
} Attacker;

static void *
run_attacker(void *arg)
{
	Attacker *a = arg;
	size_t size = adv_attack_private_size(a->run.net);

	a->run.private = zeros(size);
	memset(a->run.private, 0xff, size); /* need not be zeros */
	a->status = a->score ? adv_attack_score(&a->run, &a->team) : adv_attack(&a->run, &a->team);
	free(a->run.private);
	return NULL;
}

void
run_team(const AdvAttackRun *run, bool score, int members, AdvTeamShared *shared, void (*poll)(void *),
		 void *poll_arg, Report *report)
{
	Attacker member[MAX_TEAM];

	for (int i = 0; i < members; i++)
	{
		member[i] = (Attacker){*run, {i, members, shared, poll, poll_arg}, score, ADV_OK, 0};
		if (pthread_create(&member[i].thread, NULL, run_attacker, &member[i]) != 0)
			bail_out("could not start a thread");
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(member[i].thread, NULL);
		report->status = member[i].status != ADV_OK ? member[i].status : report->status;
	}
}

/* Two chunks of examples. They point into the report, so it stays where it is. */
void
make_report(Report *r, size_t n, size_t inputs)
{
	memset(r, 0, sizeof(*r));
	r->n = n;
	r->inputs = inputs;
	r->x = zeros(sizeof(float) * n * inputs);
	r->examples.rows_per_chunk = n / 2 + 1;
	r->examples.chunks = r->chunk;
	r->chunk[0] = r->x;
	r->chunk[1] = r->x + r->examples.rows_per_chunk * inputs;
	r->result = (AdvAttackResult){.prediction = zeros(sizeof(int32_t) * n),
								  .adversarial = zeros(sizeof(int32_t) * n),
								  .flags = zeros(n),
								  .linf = zeros(sizeof(float) * n),
								  .l2 = zeros(sizeof(float) * n),
								  .loss = zeros(sizeof(float) * n),
								  .eps = zeros(sizeof(double) * n),
								  .method = zeros(sizeof(int32_t) * n),
								  .forwards = zeros(sizeof(uint32_t) * n),
								  .gradients = zeros(sizeof(uint32_t) * n),
								  .x = &r->examples};
}

void
free_report(Report *r)
{
	free(r->result.prediction);
	free(r->result.adversarial);
	free(r->result.flags);
	free(r->result.linf);
	free(r->result.l2);
	free(r->result.loss);
	free(r->result.eps);
	free(r->result.method);
	free(r->result.forwards);
	free(r->result.gradients);
	free(r->x);
}

AdvAttackRun
run_of(const Training *t, const AdvAttack *attack, const AdvSearch *search, Report *r)
{
	return (AdvAttackRun){.net = &t->net,
						  .params = t->params,
						  .data = &t->data,
						  .key = t->key,
						  .n = r->n,
						  .attack = attack,
						  .search = search,
						  .result = r->result,
						  .state = &r->state};
}

/* Attack the first n rows. */
void
attack_rows(const Training *t, const AdvAttack *attack, const AdvSearch *search, size_t n, int members,
			Report *r)
{
	AdvTeamShared shared;
	AdvAttackRun run;

	make_report(r, n, adv_shape_size(t->net.input));
	run = run_of(t, attack, search, r);
	adv_team_init(&shared);
	run_team(&run, false, members, &shared, NULL, NULL, r);
}

bool
has(const Report *r, size_t i, int flag)
{
	return (r->result.flags[i] & flag) != 0;
}

size_t
count(const Report *r, int flag)
{
	size_t found = 0;

	for (size_t i = 0; i < r->n; i++)
		found += has(r, i, flag);
	return found;
}

/* A network with given parameters, and rows of inputs that are all of class 0. */
void
make_by_hand(Training *t, const char *arch, int inputs, int classes, const float *params, size_t n_rows,
			 const float *x)
{
	training_make(t, arch, (AdvShape){inputs, 1, 1}, classes, n_rows);
	memcpy(t->params, params, sizeof(float) * t->net.n_params);
	memcpy(t->x, x, sizeof(float) * n_rows * (size_t) inputs);
	memset(t->label, 0, sizeof(int32_t) * n_rows);
}
