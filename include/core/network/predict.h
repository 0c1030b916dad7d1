/*
 * predict.h
 *		Classes, probabilities and losses of many rows, by a team.
 */
#ifndef ADV_PREDICT_H
#define ADV_PREDICT_H

#include "core/base/team.h"
#include "core/network/dataset.h"

#define ADV_EVAL_ROWS 128 /* rows of a piece */

/*
 * Predict all rows (or those listed in rows) of data; run by every member; pieces are taken dynamically (the caller rewinds the
 * team's piece counter before). proba (n, classes) may be NULL; loss (n, cross-entropy, only for labelled rows) may be NULL.
 * private is adv_predict_private_size bytes. done counts rows for progress, may be NULL. A row whose output is not finite has no class: its
 * prediction is -1, its probabilities are NaN.
 */
extern size_t adv_predict_private_size(const AdvNetwork *net);
extern AdvStatus adv_predict(const AdvNetwork *net, const float *params, const AdvDataset *data,
							 const uint32_t *rows, size_t n, AdvTeam *team, int32_t *prediction, float *proba,
							 float *loss, void *private, atomic_ullong *done);

#endif
