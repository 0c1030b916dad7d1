/*
 * rng.c
 *		Philox4x32-10, and how (seed, purpose, key, index) becomes its key and counter.
 */
#include <math.h>

#include "core/base/rng.h"

#define TWO_PI 6.28318530717958647693

void
adv_philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4])
{
	uint32_t k0 = key[0], k1 = key[1];
	uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];

	for (int round = 0; round < 10; round++)
	{
		uint64_t p0 = (uint64_t) 0xD2511F53 * c0;
		uint64_t p1 = (uint64_t) 0xCD9E8D57 * c2;

		c0 = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t) p1;
		c2 = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t) p0;
		k0 += 0x9E3779B9; /* golden ratio */
		k1 += 0xBB67AE85; /* sqrt(3) - 1 */
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

/* The counter holds key and index; the purpose moves the seed far away, to another of the 2^64 streams. */
void
adv_random128(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index, uint32_t out[4])
{
	uint64_t stream = seed ^ (uint64_t) purpose * 0x9E3779B97F4A7C15u;
	uint32_t k[2] = {(uint32_t) stream, (uint32_t) (stream >> 32)};
	uint32_t ctr[4] = {(uint32_t) index, (uint32_t) (index >> 32), (uint32_t) key, (uint32_t) (key >> 32)};

	adv_philox(k, ctr, out);
}

uint64_t
adv_random64(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	uint32_t out[4];

	adv_random128(seed, purpose, key, index, out);
	return (uint64_t) out[1] << 32 | out[0];
}

double
adv_uniform(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	return (double) (adv_random64(seed, purpose, key, index) >> 11) * 0x1p-53;
}

double
adv_normal(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	double radius = sqrt(-2 * log(1 - adv_uniform(seed, purpose, key, index)));

	return radius * cos(TWO_PI * adv_uniform(seed, purpose, key, index | (uint64_t) 1 << 63));
}

/* 53 random bits of two words as a number in [0, 1). */
static double
unit_interval(uint32_t low, uint32_t high)
{
	return (double) (((uint64_t) high << 32 | low) >> 11) * 0x1p-53;
}

void
adv_normal_pair(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index, double z[2])
{
	uint32_t bits[4];
	double radius, angle;

	adv_random128(seed, purpose, key, index, bits);
	radius = sqrt(-2 * log(1 - unit_interval(bits[0], bits[1])));
	angle = TWO_PI * unit_interval(bits[2], bits[3]);
	z[0] = radius * cos(angle);
	z[1] = radius * sin(angle);
}
