/*
 * deterministic.c
 *		Certificates by bounds of the logits (bounds.h): ibp, by intervals (Gowal et al. 2018, "On the effectiveness of interval bound propagation"), and
 *		crown, by linear functions (Zhang et al. 2018, "Efficient neural network robustness certification with general activation functions").
 */
#include <string.h>

#include "core/base/carve.h"
#include "core/certify/bounds.h"
#include "core/certify/certify.h"

#define TOL 1e-4

typedef enum Rounding
{
	PROVEN,
	MEASURED
} Rounding;

typedef struct Settings
{
	int rounding; /* what convolutions by Winograd's algorithm may be off by */
} Settings;

static void
set(AdvCertifySettings *settings)
{
	settings->tol = TOL;
	((Settings *) settings->own)->rounding = PROVEN;
}

static bool
is_measured(const AdvCertify *how)
{
	return ((const Settings *) how->settings.own)->rounding == MEASURED;
}

static bool
is_wide(const AdvNetwork *net, const AdvCertify *how)
{
	return !is_measured(how) && adv_bounds_are_wide(net);
}

static AdvStatus
check(const AdvNetwork *net, const AdvCertify *how, AdvError *err)
{
	(void) how;
	return adv_bounds_check(net, err);
}

static size_t
memory(const AdvNetwork *net, bool crown)
{
	return adv_round_up(sizeof(AdvBounds), ADV_ALIGN) + adv_bounds_size(net, crown);
}

static size_t
memory_of_ibp(const AdvNetwork *net)
{
	return memory(net, false);
}

static size_t
memory_of_crown(const AdvNetwork *net)
{
	return memory(net, true);
}

static void
begin(AdvCertifying *c, bool crown)
{
	AdvBounds *b = c->memory;

	adv_bounds_init(b, c->net, c->params, &c->how->ball, crown,
					(char *) c->memory + adv_round_up(sizeof(AdvBounds), ADV_ALIGN));
	b->stop = c->stop;
	if (is_measured(c->how))
		adv_bounds_take_measured(b);
}

static void
begin_ibp(AdvCertifying *c)
{
	begin(c, false);
}

static void
begin_crown(AdvCertifying *c)
{
	begin(c, true);
}

typedef struct Row
{
	AdvBounds *bounds;
	const float *x;
	int class;
} Row;

static AdvStatus
margin(void *arg, double eps, double *value, double *steepness)
{
	const Row *row = arg;

	return adv_bounds_margin(row->bounds, row->x, eps, row->class, value, steepness);
}

static AdvStatus
certify_row(AdvCertifying *c, const float *x, uint64_t key, AdvCertificate *certificate)
{
	Row row = {c->memory, x, certificate->prediction};

	(void) key;
	return adv_radius(margin, &row, c->how->eps_max, c->how->settings.tol, &certificate->radius);
}

static const AdvWord roundings[] = {{"proven", PROVEN}, {"measured", MEASURED}, {NULL, 0}};

static const AdvParameter parameters[] = {
	{"tol", ADV_PARAMETER_NUMBER, offsetof(AdvCertifySettings, tol), 0, 1e30, .open = true},
	{"rounding", ADV_PARAMETER_WORD, offsetof(AdvCertifySettings, own) + offsetof(Settings, rounding),
	 .words = roundings},
	{NULL},
};

const AdvCertifyMethod adv_certify_crown = {
	.name = "crown",
	.words = "linear bounds of the logits, and intervals where these are tighter (Zhang et al. 2018)",
	.parameters = parameters,
	.set = set,
	.check = check,
	.is_wide = is_wide,
	.memory = memory_of_crown,
	.begin = begin_crown,
	.row = certify_row,
};

const AdvCertifyMethod adv_certify_ibp = {
	.name = "ibp",
	.words = "intervals of activations, for networks that were trained for them (Gowal et al. 2018)",
	.parameters = parameters,
	.set = set,
	.check = check,
	.is_wide = is_wide,
	.memory = memory_of_ibp,
	.begin = begin_ibp,
	.row = certify_row,
};
