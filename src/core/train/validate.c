/*
 * validate.c
 *		Loss and accuracy of validation rows after an epoch. Pieces of rows are dealt to fixed parts, whose sums are added up in order.
 */
#include "core/train/trainrun.h"

#include <math.h>

#include "core/network/loss.h"

/* Loss and correct rows of validation piece number piece are added to its part. */
static AdvStatus
validate_piece(AdvTrainRun *run, size_t piece)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	size_t first = piece * ADV_SLICE_ROWS;
	int rows = (int) (t->n_validation - first < ADV_SLICE_ROWS ? t->n_validation - first : ADV_SLICE_ROWS);
	int32_t label[ADV_SLICE_ROWS];

	for (int r = 0; r < rows; r++)
		label[r] = adv_validation_row(t, first + r, run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
	if (adv_forward(&run->ws, rows) != ADV_OK)
		return ADV_ABORTED;
	run->shared.part_loss[piece % ADV_VALIDATION_PARTS] +=
		adv_cross_entropy(rows, net->classes, run->ws.act[net->n_layers], label, 1, NULL, NULL,
						  &run->shared.part_correct[piece % ADV_VALIDATION_PARTS]);
	return ADV_OK;
}

/* Every member comes to this verdict, too. */
static AdvStatus
validation_not_finite(AdvTrainRun *run, AdvError *err)
{
	if (run->team->rank != 0)
		return ADV_ABORTED;
	run->t->state->failed_epoch = run->epoch + 1;
	atomic_store(&run->team->shared->abort, 1);
	adv_fail(err, ADV_DIVERGED, "the loss of the validation rows is not finite after epoch %d",
			 run->epoch + 1);
	adv_hint(
		err,
		"A validation row may be far outside of what the model is trained on, or the training diverges: a "
		"smaller learning rate may help.");
	return ADV_DIVERGED;
}

/* Pieces are dealt to parts, parts to members; both sums are formed in order. */
AdvStatus
adv_validate(AdvTrainRun *run, AdvEpoch *result, AdvError *err)
{
	const AdvTrain *t = run->t;
	size_t n_pieces = (t->n_validation + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	double loss = 0;
	int64_t correct = 0;

	adv_trainrun_workspace(run);
	for (int part = run->team->rank; part < ADV_VALIDATION_PARTS; part += run->team->size)
	{
		run->shared.part_loss[part] = 0;
		run->shared.part_correct[part] = 0;
		for (size_t piece = (size_t) part; piece < n_pieces; piece += ADV_VALIDATION_PARTS)
			if (validate_piece(run, piece) != ADV_OK)
				return ADV_ABORTED;
	}
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	for (int part = 0; part < ADV_VALIDATION_PARTS; part++)
	{
		loss += run->shared.part_loss[part];
		correct += run->shared.part_correct[part];
	}
	result->validation_loss = loss / (double) t->n_validation;
	result->validation_accuracy = (double) correct / (double) t->n_validation;
	return isfinite(result->validation_loss) ? ADV_OK : validation_not_finite(run, err);
}
