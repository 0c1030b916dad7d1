/*
 * normal.c
 *		Many standard normal numbers at once: Philox and Box and Muller's transform for several indexes side by side. See normal.h.
 *
 * No branches and no calls, so that a loop over indexes becomes vector instructions.
 */
#include <math.h>
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/normal.h"

#define LANES 16 /* indexes side by side */

/* 2^-32 and pi / 2^31, which turn random words into numbers of (0, 1) and into angles. */
#define PER_WORD  0x1p-32f
#define PER_ANGLE 0x1.921fb6p-30f

/*
 * log of v = (word + 1/2) / 2^32. v = 2^e m with m between sqrt(1/2) and sqrt(2), and log m = 2 atanh s with s = (m - 1) / (m + 1), |s| < 0.172, whose
 * series ends at s^9. Where v is close to 1, 1 - v is computed from the word's complement, or its digits would be lost.
 */
ADV_LOOP float
log_of_word(uint32_t word)
{
	const int32_t root_half = 0x3f3504f3; /* bits of sqrt(1/2) */
	int32_t upper = (int32_t) word >> 31; /* -1 in the upper half, else 0 */
	float near = ((float) (int32_t) (word ^ (uint32_t) upper) + 0.5f) * PER_WORD; /* v, or 1 - v */
	float v = upper ? 1 - near : near;
	int32_t bits, e;
	float m, t, s, square;

	memcpy(&bits, &v, sizeof(bits));
	bits -= root_half;
	e = bits >> 23;
	bits = (bits & 0x7fffff) + root_half;
	memcpy(&m, &bits, sizeof(m));
	t = (upper & (e == 0)) ? -near : m - 1;
	s = t / (t + 2);
	square = s * s;
	s += s * square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7 + square * (1.0f / 9))));
	return (float) e * 0x1.62e43p-1f + 2 * s; /* ln 2 */
}

/* cosine and sine of 2 pi word / 2^32: of what is left of a quarter turn, at most pi / 4, by their series. */
ADV_LOOP void
turn(uint32_t word, float *cosine, float *sine)
{
	uint32_t quarter = (word + (1u << 29)) >> 30;
	float a = (float) (int32_t) (word - (quarter << 30)) * PER_ANGLE;
	float q = a * a;
	float s = a + a * q * (-1.0f / 6 + q * (1.0f / 120 + q * (-1.0f / 5040 + q * (1.0f / 362880))));
	float c = 1 + q * (-1.0f / 2 + q * (1.0f / 24 + q * (-1.0f / 720 + q * (1.0f / 40320))));
	float along = quarter & 1 ? s : c;
	float across = quarter & 1 ? c : s;

	*cosine = (quarter + 1) & 2 ? -along : along;
	*sine = quarter & 2 ? -across : across;
}

/* The random words of an index. */
ADV_LOOP void
words_of(uint64_t stream, uint64_t key, uint64_t index, uint32_t word[4])
{
	uint32_t c0 = (uint32_t) index, c1 = (uint32_t) (index >> 32);
	uint32_t c2 = (uint32_t) key, c3 = (uint32_t) (key >> 32);
	uint32_t k0 = (uint32_t) stream, k1 = (uint32_t) (stream >> 32);

#pragma GCC unroll 10
	for (int round = 0; round < ADV_PHILOX_ROUNDS; round++)
	{
		adv_philox_round(&c0, &c1, &c2, &c3, k0, k1);
		k0 += ADV_PHILOX_STEP_0;
		k1 += ADV_PHILOX_STEP_1;
	}
	word[0] = c0;
	word[1] = c1;
	word[2] = c2;
	word[3] = c3;
}

/* Numbers of LANES indexes. Each step is a loop of its own, over all of them. */
ADV_LOOP void
normals_loop(uint64_t stream, uint64_t key, uint64_t first, float *restrict z)
{
	uint32_t word[4][LANES];

	for (int l = 0; l < LANES; l++)
	{
		uint32_t w[4];

		words_of(stream, key, first + (uint64_t) l, w);
		for (int i = 0; i < 4; i++)
			word[i][l] = w[i];
	}
	for (int l = 0; l < LANES; l++)
	{
		float near = __builtin_sqrtf(-2 * log_of_word(word[0][l]));
		float far = __builtin_sqrtf(-2 * log_of_word(word[2][l]));
		float x, y, u, w;

		turn(word[1][l], &x, &y);
		turn(word[3][l], &u, &w);
		z[ADV_NORMAL_BLOCK * l] = near * x;
		z[ADV_NORMAL_BLOCK * l + 1] = near * y;
		z[ADV_NORMAL_BLOCK * l + 2] = far * u;
		z[ADV_NORMAL_BLOCK * l + 3] = far * w;
	}
}
ADV_DISPATCH(static, normals, (uint64_t stream, uint64_t key, uint64_t first, float *z),
			 (stream, key, first, z))

void
adv_normals(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t first, size_t blocks, float *z)
{
	uint64_t stream = adv_stream(seed, purpose);
	float last[LANES * ADV_NORMAL_BLOCK];

	for (; blocks >= LANES; blocks -= LANES, first += LANES, z += LANES * ADV_NORMAL_BLOCK)
		normals(stream, key, first, z);
	if (blocks == 0)
		return;
	normals(stream, key, first, last);
	memcpy(z, last, sizeof(float) * ADV_NORMAL_BLOCK * blocks);
}
