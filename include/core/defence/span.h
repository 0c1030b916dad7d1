/*
 * span.h
 *		Intervals through a network, forward and back, in single precision: what training for certificates by ibp minimizes is made of (Gowal et al. 2018).
 *
 * Each example is two rows, the low ends of all numbers and the high ends. A layer of weights W makes of the middle of an interval, m, and of half its width, h,
 *		W m + b -+ |W| h
 * so it is computed twice, by its own passes: with its weights, and with their magnitudes and no bias. All other kinds that have intervals rise with each input, and make
 * of both ends what they make of any row. Batchnorm takes running statistics, which are constants here; what dropout does only in training is left out.
 */
#ifndef ADV_SPAN_H
#define ADV_SPAN_H

#include "core/network/network.h"

typedef struct AdvSpan
{
	AdvWorkspace ends;  /* of twice as many rows: low ends, then high ends, layer by layer */
	AdvWorkspace reach; /* with the magnitudes of weights */
	float *magnitude;   /* (n_params) */
	float *gradient;    /* (n_params) by magnitudes */
	float *middle;      /* (rows, largest activation), and so are these: */
	float *half;
	float *d_middle;
	float *d_half;
	float *to_middle;
	float *to_half;
} AdvSpan;

/* Whether intervals of such a network can be trained; ADV_INVALID names the layer that is in the way. */
extern AdvStatus adv_span_check(const AdvNetwork *net, AdvError *err);

/* Bytes adv_span_init needs for intervals of at most so many examples; 64-byte aligned memory is expected. */
extern size_t adv_span_size(const AdvNetwork *net, int max_rows);
extern void adv_span_init(AdvSpan *s, const AdvNetwork *net, int max_rows, void *memory);

/* Work with params, which must stay where they are, from now on; again when they have changed. */
extern void adv_span_load(AdvSpan *s, const float *params);

/* From intervals (2 rows, inputs) in ends.act[0] to those of logits in ends.act[n_layers]. ADV_ABORTED when told to stop. */
extern AdvStatus adv_span_forward(AdvSpan *s, int rows);

/* After it: reads ends.d_act[n_layers], and adds to gradient (n_params) that by all trained parameters. */
extern AdvStatus adv_span_backward(AdvSpan *s, int rows, float *gradient);

#endif
