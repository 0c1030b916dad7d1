/*
 * shuffle.c
 *		The order of examples in an epoch: that of random numbers drawn from (seed, key, epoch), so it depends neither on the order of rows nor on
 *		which other examples there are.
 */
#include "core/train/trainrun.h"

#include <string.h>

#include "core/base/rng.h"

#define EXAMPLES_PER_POLL 65536

int
adv_shuffle_bits(size_t n_examples)
{
	int bits = 1;

	while (bits < 24 && n_examples >> bits > 1)
		bits++;
	return bits;
}

static bool
comes_before(const AdvTrainRun *run, uint32_t a, uint32_t b)
{
	const uint64_t *random = run->shared.random;
	const uint64_t *key = run->t->example_key;

	return random[a] != random[b] ? random[a] < random[b] : key[a] < key[b];
}

/* Asked of each example, of which there may be millions. */
static bool
stops_at(const AdvTrainRun *run, uint32_t i)
{
	return i % EXAMPLES_PER_POLL == 0 && adv_team_should_stop(run->team);
}

/*
 * Order the examples by (random, key, position). Leading bits of the random numbers put them into buckets of about one
 * example; an insertion sort, which is linear on a sequence so nearly sorted, does the rest.
 */
AdvStatus
adv_shuffle(AdvTrainRun *run)
{
	const AdvTrain *t = run->t;
	uint32_t n = (uint32_t) t->n_examples;
	int bits = adv_shuffle_bits(n);
	uint32_t *order = run->shared.order;
	uint64_t *random = run->shared.random;
	uint32_t *next = run->shared.bucket;

	memset(next, 0, sizeof(uint32_t) * (((size_t) 1 << bits) + 1));
	for (uint32_t i = 0; i < n; i++)
	{
		if (stops_at(run, i))
			return ADV_ABORTED;
		random[i] = adv_random64(t->spec->seed, ADV_FOR_SHUFFLE, t->example_key[i], (uint64_t) run->epoch);
		next[(random[i] >> (64 - bits)) + 1]++;
	}
	for (size_t b = 0; b < (size_t) 1 << bits; b++)
		next[b + 1] += next[b];
	for (uint32_t i = 0; i < n; i++)
	{
		if (stops_at(run, i))
			return ADV_ABORTED;
		order[next[random[i] >> (64 - bits)]++] = i;
	}

	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t moved = order[i];
		uint32_t j = i;

		if (stops_at(run, i))
			return ADV_ABORTED;
		for (; j > 0 && comes_before(run, moved, order[j - 1]); j--)
			order[j] = order[j - 1];
		order[j] = moved;
	}
	return ADV_OK;
}
