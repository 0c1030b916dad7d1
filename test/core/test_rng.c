/*
 * test_rng.c
 *		Philox against the known answers its authors publish, and the streams built on it.
 */
#include "core/base/rng.h"
#include "tap.h"

static void
known_answer(const char *name, const uint32_t ctr[4], const uint32_t key[2], const uint32_t expected[4])
{
	uint32_t out[4];

	adv_philox(key, ctr, out);
	ok(memcmp(out, expected, sizeof(out)) == 0, name);
}

static void
test_known_answers(void)
{
	known_answer("philox of zeros", (uint32_t[]){0, 0, 0, 0}, (uint32_t[]){0, 0},
				 (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
	known_answer("philox of ones", (uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
				 (uint32_t[]){0xffffffff, 0xffffffff},
				 (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
	known_answer("philox of pi", (uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
				 (uint32_t[]){0xa4093822, 0x299f31d0},
				 (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void
test_streams(void)
{
	uint64_t x = adv_random64(1, ADV_FOR_SHUFFLE, 2, 3);
	uint32_t words[4];

	ok(x == adv_random64(1, ADV_FOR_SHUFFLE, 2, 3), "the same arguments give the same number");
	ok(x != adv_random64(2, ADV_FOR_SHUFFLE, 2, 3), "another seed gives another");
	ok(x != adv_random64(1, ADV_FOR_INIT, 2, 3), "another purpose too");
	ok(x != adv_random64(1, ADV_FOR_SHUFFLE, 3, 3), "another key too");
	ok(x != adv_random64(1, ADV_FOR_SHUFFLE, 2, 4), "another index too");
	ok(adv_random64(1, ADV_FOR_SHUFFLE, 2 + ((uint64_t) 1 << 40), 3) != x, "the upper half of a key counts");
	ok(adv_random64(1, ADV_FOR_SHUFFLE, 2, 3 + ((uint64_t) 1 << 40)) != x,
	   "the upper half of an index counts");
	adv_random128(1, ADV_FOR_SHUFFLE, 2, 3, words);
	ok(((uint64_t) words[1] << 32 | words[0]) == x, "128 bits begin with the 64");
}

/* Numbers must stay what they are: models are reproduced from their seed. */
static void
test_stability(void)
{
	ok(adv_random64(42, ADV_FOR_ATTACK, 7, 11) == UINT64_C(0x947705bf0bf92a41), "streams have not changed");
}

static void
test_uniform(void)
{
	const int n = 10000;
	double sum = 0, squares = 0;
	bool inside = true;

	for (int i = 0; i < n; i++)
	{
		double u = adv_uniform(5, ADV_FOR_BOOTSTRAP, 0, (uint64_t) i);

		inside = inside && u >= 0 && u < 1;
		sum += u;
		squares += u * u;
	}
	ok(inside, "uniform numbers lie in [0, 1)");
	ok(fabs(sum / n - 0.5) < 0.015 && fabs(squares / n - 1.0 / 3) < 0.015,
	   "their moments are those of U(0, 1)");
}

int
main(void)
{
	plan(14);
	test_known_answers();
	test_streams();
	test_stability();
	test_uniform();
	return 0;
}
