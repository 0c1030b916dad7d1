/*
 * elementary.h
 *		exp and tanh of floats, for loops that are compiled for each instruction set: no branches, no calls.
 */
#ifndef ADV_ELEMENTARY_H
#define ADV_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#include "core/kernel/dispatch.h"

/*
 * exp(y) - 1 as *power * series + (*power - 1): y = n ln 2 + r, |r| <= ln 2 / 2, *power = 2^n, and the series exp(r) - 1 up to r^7, which
 * leaves an error below 2e-8 of r. -87 <= y <= 88.
 */
ADV_LOOP float
adv_exp_series(float y, float *power)
{
	const float ln2_high = 0x1.62e4p-1f;   /* so short that its product with n is exact */
	const float ln2_low = 0x1.7f7d1cp-20f; /* ln 2 - ln2_high */
	const float log2_e = 0x1.715476p+0f;
	const float round = 0x1.8p+23f; /* adding it rounds to whole numbers, which end up in the low bits */
	float shifted = y * log2_e + round;
	float n = shifted - round;
	float r = y - n * ln2_high - n * ln2_low;
	float series;
	uint32_t bits;

	series = 1.0f / 5040;
	series = series * r + 1.0f / 720;
	series = series * r + 1.0f / 120;
	series = series * r + 1.0f / 24;
	series = series * r + 1.0f / 6;
	series = series * r + 1.0f / 2;
	series = series * r * r + r;

	memcpy(&bits, &shifted, sizeof(bits));
	bits = (bits + 127) << 23; /* the exponent of 2^n */
	memcpy(power, &bits, sizeof(*power));
	return series;
}

/* exp(y), below 2 units in the last place; that of -87 for what is less, NaN for NaN. y <= 88. */
ADV_LOOP float
adv_exp_one(float y)
{
	float power;
	float series = adv_exp_series(y < -87 ? -87 : y, &power);

	return power * series + power;
}

/*
 * tanh a = t / (t + 2) with t = exp(2a) - 1, for a = |x|; the sign is put back at the end. From a = 9.02 on the result is 1 in single
 * precision. Below 3 units in the last place.
 */
ADV_LOOP float
adv_tanh_one(float x)
{
	float a = __builtin_fabsf(x);
	float power, series, t;

	a = a > 10 ? 10 : a;
	series = adv_exp_series(2 * a, &power);
	t = power * series + (power - 1);
	return __builtin_copysignf(t / (t + 2), x);
}

#endif
