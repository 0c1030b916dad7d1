/*
 * test_augment.c
 *		Augmentation: what becomes of an image, how often, and that a training gives the same for any team.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "training.h"

#define H 5
#define W 4
#define C 2

/* As the option's file keeps it. */
typedef struct Own
{
	int flip;
	double shift;
	double cutout;
} Own;

static AdvTrainOptions
say(Own own)
{
	AdvTrainOptions options = adv_train_options_unset();

	for (int i = 0; adv_train_options[i]; i++)
		if (strcmp(adv_train_options[i]->name, "augment") == 0)
			memcpy(options.of[i].own, &own, sizeof(own));
	return options;
}

/* Value of the image that is changed: never 0 nor 0.5. */
static float
value(int y, int x, int c)
{
	return (float) (1 + (y * W + x) * C + c);
}

static void
changed(const AdvTrainOptions *options, uint64_t key, uint64_t epoch, float *image)
{
	AdvTrainExample e = {{C, H, W}, 7, key, epoch};

	for (int i = 0; i < H * W * C; i++)
		image[i] = (float) (1 + i);
	adv_train_options_alter(options, &e, image);
}

/* Whether image is the original shifted up by dy, left by dx, and perhaps mirrored. */
static bool
is_moved(const float *image, int dy, int dx, bool flipped)
{
	for (int i = 0; i < H * W * C; i++)
	{
		int y = i / C / W + dy, x = (flipped ? W - 1 - i / C % W : i / C % W) + dx;
		bool inside = y >= 0 && y < H && x >= 0 && x < W;

		if (image[i] != (inside ? value(y, x, i % C) : 0))
			return false;
	}
	return true;
}

static void
test_moves(void)
{
	AdvTrainOptions none = say((Own){-1, NAN, NAN}), both = say((Own){1, 2, NAN}),
					flips = say((Own){1, 0, 0});
	float image[H * W * C], again[H * W * C];
	int seen[5][5][2] = {0}, flipped = 0, lost = 0;

	changed(&none, 1, 1, image);
	ok(is_moved(image, 0, 0, false), "nothing said, nothing done");
	for (uint64_t key = 0; key < 5000; key++)
	{
		bool found = false;

		changed(&both, key, 3, image);
		for (int i = 0; i < 50 && !found; i++)
		{
			found = is_moved(image, i / 10 - 2, i / 2 % 5 - 2, i % 2);
			seen[i / 10][i / 2 % 5][i % 2] += found;
		}
		lost += !found;
		changed(&flips, key, 3, image);
		flipped += is_moved(image, 0, 0, true);
		lost += !is_moved(image, 0, 0, true) && !is_moved(image, 0, 0, false);
	}
	ok(lost == 0, "each image is a shifted, perhaps mirrored one");
	okf(abs(flipped - 2500) < 150, "%d of 5000 are mirrored", flipped);
	for (int i = 0; i < 50; i++)
		lost += seen[i / 10][i / 2 % 5][i % 2] < 60 || seen[i / 10][i / 2 % 5][i % 2] > 140;
	ok(lost == 0, "all shifts are as frequent");
	changed(&both, 1, 1, image);
	changed(&both, 1, 1, again);
	ok(memcmp(image, again, sizeof(image)) == 0, "the same again for the same epoch");
	lost = 0;
	for (uint64_t epoch = 0; epoch < 20; epoch++)
	{
		changed(&both, 1, epoch, again);
		lost += memcmp(image, again, sizeof(image)) == 0;
	}
	ok(lost < 5, "and another way in others");
}

static void
test_cutout(void)
{
	AdvTrainOptions options = say((Own){0, 0, 3});
	float image[H * W * C];
	int covered[H * W] = {0}, wrong = 0, largest = 0, smallest = H * W;

	for (uint64_t key = 0; key < 2000; key++)
	{
		int n = 0;

		changed(&options, key, 0, image);
		for (int i = 0; i < H * W; i++)
		{
			bool is = image[i * C] == 0.5f;

			covered[i] += is;
			n += is;
			for (int c = 0; c < C; c++)
				wrong += image[i * C + c] != (is ? 0.5f : value(i / W, i % W, c));
		}
		largest = n > largest ? n : largest;
		smallest = n < smallest ? n : smallest;
	}
	ok(wrong == 0 && largest == 9 && smallest == 4, "a square is covered, as much of it as is inside");
	okf(covered[0] > 300 && covered[0] < 500 && covered[6] > 800 && covered[6] < 1000,
		"a corner in %d of 2000, the middle in %d", covered[0], covered[6]);
}

static void
test_check(void)
{
	AdvTrainOptions options = say((Own){0, 4, NAN});
	AdvError err;

	ok(adv_train_options_check(&options, (AdvShape){1, 5, 5}, &err) == ADV_OK, "an image may be shifted");
	ok(adv_train_options_check(&options, (AdvShape){3, 5, 4}, &err) == ADV_INVALID, "not by all of it");
	is_string(err.message, "augment_shift is 4, but an image has 5 x 4 places", "which is told");
	ok(adv_train_options_check(&options, (AdvShape){5, 1, 1}, &err) == ADV_INVALID, "nor a vector");
	is_string(err.message, "augmentation needs images", "which is told, too");
}

/* Convolutions and all that depends on a slice or an example, for teams of different sizes. */
static void
test_teams(void)
{
	static Training t[3];
	static const int members[] = {1, 2, 3};
	bool same = true;

	for (int i = 0; i < 3; i++)
	{
		training_make(&t[i],
					  "conv 4x3, batchnorm, relu, residual(conv 6x3 stride 2, batchnorm, relu, dropout 0.2, "
					  "conv 6x3, batchnorm), relu, globalpool, dense 5, batchnorm, tanh",
					  (AdvShape){2, 6, 7}, 3, 90);
		t[i].spec.options = say((Own){1, 2, 2});
		training_run(&t[i], members[i]);
		if (t[i].status[0] != ADV_OK)
			bail_out(t[i].error[0].message);
		same = same && memcmp(t[i].params, t[0].params, sizeof(float) * t[0].net.n_params) == 0;
	}
	ok(same, "the same bits for one, two and three members");
	for (int i = 0; i < 3; i++)
		training_free(&t[i]);
}

int
main(void)
{
	test_moves();
	test_cutout();
	test_check();
	test_teams();
	done_testing();
	return 0;
}
