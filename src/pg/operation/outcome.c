/*
 * outcome.c
 *		What an attack did to the rows of each class. See outcome.h.
 */
#include "pg/operation/outcome.h"

#include "pg/base/advpg.h"

AdvpgOutcome *
advpg_outcome(const AdvpgRobustness *robustness, const AdvpgAttacked *attacked, int denominator)
{
	AdvpgOutcome *outcome = palloc(sizeof(AdvpgOutcome));
	int classes = robustness->e->model.net.classes;

	outcome->success = advpg_means(classes);
	outcome->right = advpg_means(classes);
	outcome->least_eps = advpg_means(classes);
	outcome->censored = palloc0(sizeof(int64) * classes);
	ADVPG_EACH (i, attacked->n)
	{
		int32_t label = robustness->e->rows->label[i];
		uint8_t flags = attacked->flags[i];

		if ((flags & ADV_ATTACK_EXEMPT) ||
			(denominator == ADVPG_DENOMINATOR_CORRECT && attacked->prediction[i] != label))
			continue;
		advpg_means_add(outcome->success, label, (flags & ADV_ATTACK_SUCCESS) != 0);
		advpg_means_add(outcome->right, label, attacked->adversarial[i] == label);
		if (attacked->eps)
			advpg_means_add(outcome->least_eps, label, attacked->eps[i]);
		outcome->censored[label] += (flags & ADV_ATTACK_CENSORED) != 0;
	}
	advpg_means_end(outcome->success);
	advpg_means_end(outcome->right);
	advpg_means_end(outcome->least_eps);
	return outcome;
}
