/*
 * clip.c
 *		Gradient clipping (Pascanu et al. 2013): a minibatch's gradient whose L2 norm over all parameters is larger than this is scaled down to
 *		it. How norms are formed, so that any team gives the same bits, is in pieces.c.
 */
#include <math.h>
#include <stddef.h>

#include "core/train/option.h"

#define MAX_NORM 1e30

typedef struct Own
{
	double norm; /* NaN: nothing was said */
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
static double
norm(const void *settings)
{
	double said = ((const Own *) settings)->norm;

	return said > 0 ? said : INFINITY;
}

static const AdvParameter parameters[] = {
	{"clip_norm", ADV_PARAMETER_NUMBER, offsetof(Own, norm), 0, MAX_NORM, true},
	{NULL},
};

const AdvTrainOption adv_option_clip = {
	.name = "clip_norm",
	.words = "gradients that are no longer than this",
	.parameters = parameters,
	.set = set,
	.complete = complete,
	.norm = norm,
};
