/*
 * certify.c
 *		Certificates of many rows. See certify.h. Rows are independent of one another, so whoever is free takes the next few.
 */
#include "core/certify/certify.h"

#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/network/loss.h"

#define PIECE 8 /* rows that a member takes at a time */

/* What a member has of its own beside what the method sees. */
typedef struct Own
{
	void *workspace;
	float *x; /* (inputs) the row */
} Own;

static size_t
carve(const AdvCertifyRun *run, AdvCertifying *c, Own *own, void *memory)
{
	AdvCarver carver = {memory, 0};

	own->x = adv_carve_floats(&carver, adv_shape_size(run->net->input));
	own->workspace = adv_carve(&carver, adv_workspace_size(run->net, ADV_CERTIFY_ROWS, ADV_PASS_FORWARD), 1);
	c->memory = adv_carve(&carver, adv_certify_methods[run->how->method]->memory(run->net), 1);
	return carver.used;
}

size_t
adv_certify_private_size(const AdvNetwork *net, const AdvCertify *how)
{
	AdvCertifyRun run = {.net = net, .how = how};
	AdvCertifying measured;
	Own own;

	return carve(&run, &measured, &own, NULL);
}

/* Row number i of data, its class by the network, and what the method knows of it. */
static AdvStatus
certify_row(const AdvCertifyRun *run, AdvCertifying *c, size_t i, float *x)
{
	const AdvNetwork *net = run->net;
	AdvCertificate *to = &run->certificate[i];
	const float *logits = c->ws->act[net->n_layers];
	size_t inputs = adv_shape_size(net->input);

	adv_layout_expand(&run->data->layout, adv_dataset_row(run->data, i), x);
	memcpy(c->ws->act[0], x, sizeof(float) * inputs);
	if (adv_forward(c->ws, 1) != ADV_OK)
		return ADV_ABORTED;
	*to = (AdvCertificate){-1, 0, false};
	if (!adv_all_finite((size_t) net->classes, logits))
		return ADV_OK;
	to->prediction = adv_argmax(net->classes, logits);
	return adv_certify_methods[run->how->method]->row(c, x, run->key[i], to);
}

size_t
adv_certify_pieces(size_t n)
{
	return (n + PIECE - 1) / PIECE;
}

size_t
adv_certify_piece(size_t n, uint64_t piece, size_t *first)
{
	*first = (size_t) piece * PIECE;
	return n - *first < PIECE ? n - *first : PIECE;
}

static AdvStatus
certify_piece(const AdvCertifyRun *run, AdvCertifying *c, uint64_t piece, float *x)
{
	size_t first, rows = adv_certify_piece(run->n, piece, &first);
	bool there = run->piece_done && atomic_load(&run->piece_done[piece]);

	for (size_t i = first; i < first + rows; i++)
	{
		if (!there && certify_row(run, c, i, x) != ADV_OK)
			return ADV_ABORTED;
		if (run->done)
			atomic_fetch_add(run->done, 1);
	}
	if (run->piece_done)
		atomic_store(&run->piece_done[piece], 1);
	return ADV_OK;
}

AdvStatus
adv_certify(const AdvCertifyRun *run, AdvTeam *team, void *private)
{
	uint64_t n_pieces = adv_certify_pieces(run->n), piece;
	AdvWorkspace ws;
	AdvCertifying c = {run->net, run->params, run->how, &ws, {adv_team_should_stop, team}, NULL};
	Own own;

	carve(run, &c, &own, private);
	adv_workspace_init(&ws, run->net, ADV_CERTIFY_ROWS, ADV_PASS_FORWARD, own.workspace);
	ws.stop = c.stop;
	adv_workspace_load(&ws, run->params);
	if (adv_certify_methods[run->how->method]->begin)
		adv_certify_methods[run->how->method]->begin(&c);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
		if (certify_piece(run, &c, piece, own.x) != ADV_OK)
			return ADV_ABORTED;
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
