/*
 * predict.c
 *		Classes, probabilities and losses of many rows. Pieces of rows are independent of one another, so whoever is
 *		free takes the next one; a piece gives the same bits whoever computes it.
 */
#include <math.h>
#include <string.h>

#include "core/network/loss.h"
#include "core/network/predict.h"

size_t
adv_predict_private_size(const AdvNetwork *net)
{
	return adv_workspace_size(net, ADV_EVAL_ROWS, ADV_PASS_FORWARD);
}

/* Cross-entropy of one row, NaN for a row without label. */
static float
row_loss(int classes, const float *logits, const int32_t *label, size_t row)
{
	float loss = NAN;
	int64_t correct = 0;

	if (label && label[row] >= 0)
		adv_cross_entropy(1, classes, logits, &label[row], 1, &loss, NULL, &correct);
	return loss;
}

/* What a pass gave for count rows, of which the first is number first of all. */
static void
keep_outputs(const AdvPrediction *p, size_t first, size_t count, const float *logits)
{
	size_t classes = (size_t) p->net->classes;

	for (size_t i = first; i < first + count; i++, logits += classes)
	{
		p->prediction[i] = adv_all_finite(classes, logits) ? adv_argmax(p->net->classes, logits) : -1;
		if (p->loss)
			p->loss[i] = row_loss(p->net->classes, logits, p->data->label, p->rows ? p->rows[i] : i);
		if (p->proba)
			adv_softmax(1, p->net->classes, logits, p->proba + i * classes);
	}
}

AdvStatus
adv_predict(const AdvPrediction *p, AdvTeam *team, void *private)
{
	size_t inputs = adv_shape_size(p->net->input);
	uint64_t n_pieces = (p->n + ADV_EVAL_ROWS - 1) / ADV_EVAL_ROWS;
	uint64_t piece;
	AdvWorkspace ws;

	adv_workspace_init(&ws, p->net, ADV_EVAL_ROWS, ADV_PASS_FORWARD, private);
	ws.stop = (AdvStop){adv_team_should_stop, team};
	adv_workspace_load(&ws, p->params);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
	{
		size_t first = (size_t) piece * ADV_EVAL_ROWS;
		size_t count = p->n - first < ADV_EVAL_ROWS ? p->n - first : ADV_EVAL_ROWS;

		for (size_t r = 0; r < count; r++)
			adv_layout_expand(&p->data->layout,
							  adv_dataset_row(p->data, p->rows ? p->rows[first + r] : first + r),
							  ws.act[0] + r * inputs);
		if (adv_forward(&ws, (int) count) != ADV_OK)
			return ADV_ABORTED;
		keep_outputs(p, first, count, ws.act[p->net->n_layers]);
		if (p->done)
			atomic_fetch_add(p->done, count);
	}
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
