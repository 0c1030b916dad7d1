/*
 * patience.c
 *		Early stopping (Prechelt 1998, "Early stopping - but when?"): a training ends when the loss of its validation rows has not become smaller for
 *		so many epochs. What it leaves is the best epoch's network, see best.c.
 */
#include <math.h>
#include <stddef.h>

#include "core/train/option.h"

#define MOST 100000

typedef struct Own
{
	double epochs; /* NaN: nothing was said */
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

/* Also of zeroes: nothing was said. */
static int32_t
patience(const void *settings)
{
	double said = ((const Own *) settings)->epochs;

	return said > 0 ? (int32_t) said : 0;
}

static const AdvParameter parameters[] = {
	{"patience", ADV_PARAMETER_INTEGER, offsetof(Own, epochs), 1, MOST},
	{NULL},
};

const AdvTrainOption adv_option_patience = {
	.name = "patience",
	.words = "an end when validation rows have not become better for so many epochs, with the best epoch's "
			 "parameters",
	.parameters = parameters,
	.set = set,
	.complete = complete,
	.patience = patience,
};
