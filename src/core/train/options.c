/*
 * options.c
 *		The options of trainings that there are. See option.h.
 */
#include <math.h>
#include <string.h>

#include "core/train/option.h"

extern const AdvTrainOption adv_option_augment;
extern const AdvTrainOption adv_option_clip;
extern const AdvTrainOption adv_option_label_smoothing;
extern const AdvTrainOption adv_option_patience;
extern const AdvTrainOption adv_option_schedule;

const AdvTrainOption *const adv_train_options[ADV_MAX_OPTIONS + 1] = {
	&adv_option_schedule, &adv_option_label_smoothing, &adv_option_clip,
	&adv_option_augment,  &adv_option_patience,        NULL,
};

AdvTrainOptions
adv_train_options_unset(void)
{
	AdvTrainOptions options;

	memset(&options, 0, sizeof(options));
	for (int i = 0; adv_train_options[i]; i++)
		adv_train_options[i]->set(options.of[i].own);
	return options;
}

AdvStatus
adv_train_options_complete(AdvTrainOptions *options, int32_t epochs, AdvError *err)
{
	for (int i = 0; adv_train_options[i]; i++)
	{
		AdvStatus status = adv_train_options[i]->complete(options->of[i].own, epochs, err);

		if (status != ADV_OK)
			return status;
	}
	return ADV_OK;
}

AdvStatus
adv_train_options_check(const AdvTrainOptions *options, AdvShape input, AdvError *err)
{
	for (int i = 0; adv_train_options[i]; i++)
	{
		AdvStatus status = adv_train_options[i]->check
							   ? adv_train_options[i]->check(options->of[i].own, input, err)
							   : ADV_OK;

		if (status != ADV_OK)
			return status;
	}
	return ADV_OK;
}

void
adv_train_options_alter(const AdvTrainOptions *options, const AdvTrainExample *example, float *x)
{
	for (int i = 0; adv_train_options[i]; i++)
		if (adv_train_options[i]->alter)
			adv_train_options[i]->alter(options->of[i].own, example, x);
}

double
adv_train_options_rate(const AdvTrainOptions *options, const AdvTrainPlace *place)
{
	double factor = 1;

	for (int i = 0; adv_train_options[i]; i++)
		if (adv_train_options[i]->rate)
			factor *= adv_train_options[i]->rate(options->of[i].own, place);
	return factor;
}

double
adv_train_options_loss(const AdvTrainOptions *options, const AdvTrainOutputs *outputs)
{
	double sum = 0;

	for (int i = 0; adv_train_options[i]; i++)
		if (adv_train_options[i]->loss)
			sum += adv_train_options[i]->loss(options->of[i].own, outputs);
	return sum;
}

double
adv_train_options_norm(const AdvTrainOptions *options)
{
	double most = INFINITY;

	for (int i = 0; adv_train_options[i]; i++)
		if (adv_train_options[i]->norm)
			most = fmin(most, adv_train_options[i]->norm(options->of[i].own));
	return most;
}

int32_t
adv_train_options_patience(const AdvTrainOptions *options)
{
	int32_t patience = 0;

	for (int i = 0; adv_train_options[i]; i++)
		if (adv_train_options[i]->patience)
			patience += adv_train_options[i]->patience(options->of[i].own);
	return patience;
}
