/*
 * transfer.c
 *		Scoring of examples that were crafted elsewhere. Pieces of rows are independent of one another.
 */
#include <math.h>
#include <string.h>

#include "core/attack/attack.h"
#include "core/network/loss.h"
#include "core/network/predict.h"
#include "core/attack/verdict.h"

/* A scoring under way, as one member sees it. */
typedef struct Scorer
{
	const AdvAttackRun *run;
	size_t inputs;
	AdvWorkspace ws;
	size_t first; /* of the piece */
	size_t count;
} Scorer;

static size_t
data_row(const AdvAttackRun *run, size_t i)
{
	return run->rows ? run->rows[i] : i;
}

/* The classes of the rows as they are; -1 where logits are not finite. */
static AdvStatus
predict_clean(Scorer *s)
{
	const AdvAttackRun *run = s->run;
	size_t classes = (size_t) run->net->classes;

	for (size_t r = 0; r < s->count; r++)
		adv_layout_expand(&run->data->layout, adv_dataset_row(run->data, data_row(run, s->first + r)),
						  s->ws.act[0] + r * s->inputs);
	if (adv_forward(&s->ws, (int) s->count) != ADV_OK)
		return ADV_ABORTED;
	for (size_t r = 0; r < s->count; r++)
	{
		const float *logits = s->ws.act[run->net->n_layers] + r * classes;
		bool finite = adv_all_finite(classes, logits);

		run->result.prediction[s->first + r] = finite ? adv_argmax(run->net->classes, logits) : -1;
		if (!finite)
			run->result.flags[s->first + r] |= ADV_ATTACK_OVERFLOW;
	}
	return ADV_OK;
}

/* Logits of one example into its results. */
static void
score_example(const AdvAttackRun *run, size_t i, const float *logits)
{
	const AdvAttackResult *result = &run->result;
	size_t classes = (size_t) run->net->classes;
	uint8_t flags = result->flags[i] & ~(ADV_ATTACK_SUCCESS | ADV_ATTACK_NEAR_TIE);
	AdvVerdict v = {.class = -1, .loss = NAN};

	if (adv_all_finite(classes, logits))
		v = adv_judge(run->net->classes, logits, run->data->label[data_row(run, i)], run->attack->target,
					  NULL);
	else
		flags |= ADV_ATTACK_OVERFLOW;
	if (!(flags & ADV_ATTACK_OVERFLOW))
	{
		if (v.level > ADV_WITHSTOOD && !(flags & ADV_ATTACK_EXEMPT))
			flags |= ADV_ATTACK_SUCCESS;
		if (v.near_tie)
			flags |= ADV_ATTACK_NEAR_TIE;
	}
	result->flags[i] = flags;
	if (result->adversarial)
		result->adversarial[i] = v.class;
	if (result->loss)
		result->loss[i] = v.loss;
}

static AdvStatus
score_examples(Scorer *s)
{
	const AdvAttackRun *run = s->run;
	const AdvInputs *x = run->result.x;

	for (size_t r = 0; r < s->count; r++)
	{
		size_t i = s->first + r;

		memcpy(s->ws.act[0] + r * s->inputs,
			   x->chunks[i / x->rows_per_chunk] + (i % x->rows_per_chunk) * s->inputs,
			   sizeof(float) * s->inputs);
	}
	if (adv_forward(&s->ws, (int) s->count) != ADV_OK)
		return ADV_ABORTED;
	for (size_t r = 0; r < s->count; r++)
		score_example(run, s->first + r, s->ws.act[run->net->n_layers] + r * (size_t) run->net->classes);
	return ADV_OK;
}

AdvStatus
adv_attack_score(const AdvAttackRun *run, AdvTeam *team)
{
	uint64_t n_pieces = (run->n + ADV_EVAL_ROWS - 1) / ADV_EVAL_ROWS;
	uint64_t piece;
	Scorer s = {.run = run, .inputs = adv_shape_size(run->net->input)};

	adv_workspace_init(&s.ws, run->net, ADV_EVAL_ROWS, ADV_PASS_FORWARD, run->private);
	s.ws.stop = (AdvStop){adv_team_should_stop, team};
	adv_workspace_load(&s.ws, run->params);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
	{
		s.first = (size_t) piece * ADV_EVAL_ROWS;
		s.count = run->n - s.first < ADV_EVAL_ROWS ? run->n - s.first : ADV_EVAL_ROWS;
		if ((run->result.prediction && predict_clean(&s) != ADV_OK) || score_examples(&s) != ADV_OK)
			return ADV_ABORTED;
		atomic_fetch_add(&run->state->rows_done, s.count);
	}
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
