/*
 * smoothing.c
 *		Label smoothing (Szegedy et al. 2016, section 7): the label has probability 1 - a + a / K and each other of K classes a / K.
 *
 * The cross-entropy with that is the one with the label itself, and
 *
 *		a (z_y - mean of z)
 *
 * for logits z and label y, since log-softmax is z less a number that all classes have in common. So whatever a method minimizes besides,
 * this is what it adds: with a gradient of a (1 - 1/K) for the label and -a/K for the others.
 */
#include <math.h>
#include <stddef.h>

#include "core/train/option.h"

typedef struct Own
{
	double amount; /* a; NaN: nothing was said */
} Own;

static void
set(void *settings)
{
	*(Own *) settings = (Own){NAN};
}

static AdvStatus
complete(void *settings, int32_t epochs, AdvError *err)
{
	return ADV_OK;
}

static double
loss(const void *settings, const AdvTrainOutputs *o)
{
	double amount = ((const Own *) settings)->amount;
	double sum = 0;

	if (!(amount > 0))
		return 0;
	for (int r = 0; r < o->rows; r++)
	{
		const float *z = o->logits + (size_t) r * (size_t) o->classes;
		float *d_z = o->d_logits + (size_t) r * (size_t) o->classes;
		double mean = 0;

		for (int j = 0; j < o->classes; j++)
		{
			mean += (double) z[j] / o->classes;
			d_z[j] += (float) (o->scale * amount * ((j == o->label[r]) - 1.0 / o->classes));
		}
		sum += amount * (z[o->label[r]] - mean);
	}
	return sum;
}

static const AdvParameter parameters[] = {
	{"label_smoothing", ADV_PARAMETER_NUMBER, offsetof(Own, amount), 0, 1},
	{NULL},
};

const AdvTrainOption adv_option_label_smoothing = {
	.name = "label_smoothing",
	.words = "labels that share some of their probability with the other classes",
	.parameters = parameters,
	.set = set,
	.complete = complete,
	.loss = loss,
};
