/*
 * test_hash.c
 *		What a hash must do: the same for the same, and half of the bits change with any bit of what is hashed.
 */
#include "core/base/hash.h"
#include "core/base/rng.h"
#include "tap.h"

#define MOST 200

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static void
test_avalanche(void)
{
	unsigned char bytes[MOST];
	double least = 64, most = 0;
	long flips[64] = {0}, trials = 0;
	bool even = true;

	for (int i = 0; i < MOST; i++)
		bytes[i] = (unsigned char) adv_random64(1, ADV_FOR_INIT, 1, (uint64_t) i);
	for (size_t n = 1; n <= MOST; n += 7)
	{
		uint64_t hash = adv_hash(bytes, n, 5);
		long changed = 0;

		for (size_t bit = 0; bit < 8 * n; bit++, trials++)
		{
			uint64_t difference;

			bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
			difference = hash ^ adv_hash(bytes, n, 5);
			bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
			changed += __builtin_popcountll(difference);
			for (int i = 0; i < 64; i++)
				flips[i] += difference >> i & 1;
		}
		if (n > 20)
		{
			double mean = (double) changed / (8.0 * (double) n);

			least = fmin(least, mean);
			most = fmax(most, mean);
		}
	}
	okf(least > 31 && most < 33, "a bit changes half of the hash (%.1f to %.1f bits)", least, most);
	for (int i = 0; i < 64; i++)
		even = even && fabs((double) flips[i] / (double) trials - 0.5) < 0.03;
	ok(even, "each bit of the hash as often as any other");
}

/* Zeros of all lengths, single bits anywhere, equal words in other places: no two hashes are the same. */
static void
test_distinct(void)
{
	static uint64_t hash[4 * 8 * MOST];
	unsigned char bytes[MOST] = {0};
	size_t n = 0, same = 0;

	for (size_t length = 0; length <= MOST; length++)
		hash[n++] = adv_hash(bytes, length, 0);
	for (size_t bit = 0; bit < 8 * MOST; bit++)
	{
		bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
		hash[n++] = adv_hash(bytes, MOST, 0);
		hash[n++] = adv_hash(bytes, MOST, 1);
		bytes[(bit / 8 + 64) % MOST] ^= (unsigned char) (1 << bit % 8);
		hash[n++] = adv_hash(bytes, MOST, 0);
		memset(bytes, 0, sizeof(bytes));
	}
	qsort(hash, n, sizeof(uint64_t), compare);
	for (size_t i = 1; i < n; i++)
		same += hash[i] == hash[i - 1];
	okf(same == 0, "%zu hashes differ", n);
	ok(adv_hash("abc", 3, 7) == adv_hash("abc", 3, 7), "the same bytes have the same hash");
}

int
main(void)
{
	test_avalanche();
	test_distinct();
	done_testing();
	return 0;
}
