/*
 * smooth.h
 *		Certificates by randomized smoothing (Cohen, Rosenfeld and Kolter 2019, "Certified adversarial robustness via randomized smoothing"): the
 *		class that a network gives most often to a row with Gaussian noise, and how far the row can be moved without that becoming another.
 *
 * What is certified is the smoothed classifier, not the network: g(x) is the class most likely of F(x + sigma N(0, 1)). Noise, and the radius, are in
 * the units of a ball, and inputs with unit 0 neither get noise nor may be moved. Where a class has a probability of at least p > 1/2, it stays
 * g's for all x' with |x' - x|_2 < sigma quantile(p) in these units (theorem 1, with 1 - p for all others together). Probabilities are estimated from draws,
 * so a certificate is wrong with a probability of at most alpha, for each row.
 */
#ifndef ADV_SMOOTH_H
#define ADV_SMOOTH_H

#include "core/attack/ball.h"
#include "core/base/status.h"
#include "core/network/network.h"

#define ADV_SMOOTH_ROWS  128 /* draws that go through the network together */
#define ADV_SMOOTH_DRAWS INT64_C(1000000000)

/* Plain data: it crosses to workers as it is. */
typedef struct AdvSmoothing
{
	double sigma;  /* of the noise, > 0, in units of the ball */
	int64_t n0;    /* draws that choose a class, 1 to ADV_SMOOTH_DRAWS */
	int64_t n;     /* other draws, by which it is judged, likewise */
	double alpha;  /* how often a certificate may be wrong, above 0, at most 0.5 */
	uint64_t seed; /* of the noise */
} AdvSmoothing;

/* What smoothing says of a row. */
typedef struct AdvSmoothed
{
	int32_t class;      /* that is certified; -1: none is */
	double radius;      /* up to which, 0 for none */
	double probability; /* lower bound of that of the class that was chosen, at confidence 1 - alpha */
	int32_t prediction; /* most frequent among n draws; -1: it is not clear which, at level alpha */
	int32_t chosen;     /* most frequent among n0 draws */
	int64_t draws;      /* of n, those that gave the class that was chosen */
	bool overflow;      /* some output of the network was not finite; nothing else holds */
} AdvSmoothed;

/* Whether one can smooth like this (ADV_INVALID). */
extern AdvStatus adv_smooth_check(const AdvSmoothing *how, AdvError *err);

/*
 * Certify and predict row x (inputs, channels last) by a workspace that is loaded, of at least ADV_SMOOTH_ROWS rows. ball has the units; its norm and
 * clip range do not matter. Noise is drawn from (how->seed, ADV_FOR_SMOOTHING, key, number of the draw), so what a row gives depends on its key and the
 * seed alone. count (classes) receives how many of n draws gave each class. ADV_ABORTED when told to stop.
 *
 * class is n0's most frequent one if more than half of draws are its, with confidence 1 - alpha (their CERTIFY); prediction is n's most frequent one
 * unless an exact test leaves it open which of the first two is (their PREDICT).
 */
extern AdvStatus adv_smooth(const AdvSmoothing *how, const AdvBall *ball, AdvWorkspace *ws, const float *x,
							uint64_t key, int64_t *count, AdvSmoothed *out);

/* The largest radius that so many draws can certify: if all of them agree. */
extern double adv_smooth_most(const AdvSmoothing *how);

#endif
