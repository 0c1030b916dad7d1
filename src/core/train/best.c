/*
 * best.c
 *		The best epoch of a training: the first whose validation loss is the smallest of all so far. Its parameters are kept, a training that
 *		waits too long for a better one ends, and in the end they take the place of the last epoch's.
 *
 * All members see the same losses, so each comes to the same verdict; rank 0 alone copies, while nobody changes parameters.
 */
#include <math.h>
#include <string.h>

#include "core/train/trainrun.h"

void
adv_best_look(AdvTrainRun *run, double validation_loss)
{
	int32_t patience = adv_train_options_patience(&run->t->spec->options);

	if (patience == 0 || run->ended)
		return;
	if (run->best_epoch < 0 || validation_loss < run->best_loss)
	{
		run->best_epoch = run->epoch;
		run->best_loss = validation_loss;
		if (run->team->rank == 0)
		{
			memcpy(run->shared.best, run->t->params, sizeof(float) * run->net->n_params);
			run->t->state->best_epoch = run->epoch + 1;
		}
	}
	run->ended = run->epoch - run->best_epoch >= patience;
}

AdvStatus
adv_best_put_back(AdvTrainRun *run)
{
	if (run->best_epoch < 0)
		return ADV_OK;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	if (run->team->rank == 0)
		memcpy(run->t->params, run->shared.best, sizeof(float) * run->net->n_params);
	return adv_team_barrier(run->team);
}
