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

AdvStatus
adv_predict(const AdvNetwork *net, const float *params, const AdvDataset *data, const uint32_t *rows,
			size_t n, AdvTeam *team, int32_t *prediction, float *proba, float *loss, void *private,
			atomic_ullong *done)
{
	size_t inputs = adv_shape_size(net->input);
	size_t classes = (size_t) net->classes;
	uint64_t n_pieces = (n + ADV_EVAL_ROWS - 1) / ADV_EVAL_ROWS;
	uint64_t piece;
	AdvWorkspace ws;

	adv_workspace_init(&ws, net, ADV_EVAL_ROWS, ADV_PASS_FORWARD, private);
	ws.stop = (AdvStop){adv_team_should_stop, team};
	adv_workspace_load(&ws, params);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
	{
		size_t first = (size_t) piece * ADV_EVAL_ROWS;
		size_t count = n - first < ADV_EVAL_ROWS ? n - first : ADV_EVAL_ROWS;

		for (size_t r = 0; r < count; r++)
			adv_layout_expand(&data->layout, adv_dataset_row(data, rows ? rows[first + r] : first + r),
							  ws.act[0] + r * inputs);
		if (adv_forward(&ws, (int) count) != ADV_OK)
			return ADV_ABORTED;
		for (size_t r = 0; r < count; r++)
		{
			const float *logits = ws.act[net->n_layers] + r * classes;
			size_t i = first + r;

			prediction[i] = adv_all_finite(classes, logits) ? adv_argmax(net->classes, logits) : -1;
			if (loss)
				loss[i] = row_loss(net->classes, logits, data->label, rows ? rows[i] : i);
			if (proba)
				adv_softmax(1, net->classes, logits, proba + i * classes);
		}
		if (done)
			atomic_fetch_add(done, count);
	}
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
