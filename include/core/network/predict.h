/*
 * predict.h
 *		Classes, probabilities and losses of many rows, by a team.
 */
#ifndef ADV_PREDICT_H
#define ADV_PREDICT_H

#include "core/base/team.h"
#include "core/network/dataset.h"

#define ADV_EVAL_ROWS 128 /* rows of a piece */

/* What is predicted, and where it goes. */
typedef struct AdvPrediction
{
	const AdvNetwork *net;
	const float *params;
	const AdvDataset *data;
	const uint32_t *rows; /* (n) which rows of data; NULL: the first n */
	size_t n;
	int32_t *prediction; /* (n) classes */
	float *proba;        /* (n, classes); NULL: nobody wants them */
	float *loss;         /* (n) cross-entropy in nats, NaN where a row has no label; NULL: likewise */
	atomic_ullong *done; /* counts rows, for progress; NULL: likewise */
} AdvPrediction;

/*
 * Predict rows; run by every member, the same for any number of them. Pieces are taken as members are free: the caller rewinds the
 * team's counter of pieces before. private is adv_predict_private_size bytes of the member's own. A row whose output is not finite has
 * no class: its prediction is -1, its probabilities are NaN. ADV_ABORTED when told to stop.
 */
extern size_t adv_predict_private_size(const AdvNetwork *net);
extern AdvStatus adv_predict(const AdvPrediction *p, AdvTeam *team, void *private);

#endif
