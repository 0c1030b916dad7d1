/*
 * test_score.c
 *		The table of scores: what those who go by it rely on.
 */
#include "core/score/score.h"

#include <string.h>

#include "tap.h"

static const AdvScore *
find(const char *name)
{
	for (const AdvScore *score = adv_scores; score->name; score++)
		if (strcmp(score->name, name) == 0)
			return score;
	return NULL;
}

/* Nothing is empty, and words are sentences. */
static bool
is_told(const AdvScore *score)
{
	size_t len = strlen(score->words);

	return score->name[0] && score->title[0] && len > 1 && score->words[len - 1] == '.';
}

static void
test_rows(void)
{
	bool told = true, once = true, together = true, means_first = true;

	for (const AdvScore *score = adv_scores; score->name; score++)
	{
		told = told && is_told(score);
		once = once && find(score->name) == score;
		for (const AdvScore *later = score + 1; later->name; later++)
		{
			together =
				together && (!adv_score_same_means(score, later) || adv_score_same_means(score, later - 1));
			means_first =
				means_first && !(adv_score_same_means(score, later) && later->statistic == ADV_MEAN);
		}
	}
	ok(told, "each score has a name, a title, and says what it is");
	ok(once, "none is there twice");
	ok(together, "scores of the same means stand together");
	ok(means_first, "these means first, and once");
}

static void
test_needs(void)
{
	ok(adv_score_needs(find("accuracy")) == 0 && adv_score_needs(find("cau")) == 0, "some need nothing");
	ok(adv_score_needs(find("cru_s")) == ADV_NEEDS_ATTACK &&
		   adv_score_needs(find("least_eps")) == ADV_NEEDS_SEARCH &&
		   adv_score_needs(find("eou")) == ADV_NEEDS_ATTRIBUTE &&
		   adv_score_needs(find("attribute_missing")) == ADV_NEEDS_ATTRIBUTE,
	   "others what their value or their groups do");
	ok(adv_score_needs(&(AdvScore){.value = ADV_VALUE_SUCCESS, .grouping = ADV_GROUP_ATTRIBUTE}) ==
		   (ADV_NEEDS_ATTACK | ADV_NEEDS_ATTRIBUTE),
	   "or both");
	ok(adv_score_of_class(find("class_accuracy")) && !adv_score_of_class(find("cau")) &&
		   adv_score_of_class(find("group_confidence")) && adv_score_of_class(find("eou")) &&
		   !adv_score_of_class(find("attribute_missing")),
	   "there is one for each class, where means or values are of classes");
	ok(adv_score_of_group(find("group_confidence")) && !adv_score_of_group(find("eou")) &&
		   !adv_score_of_group(find("class_accuracy")),
	   "and one for each group, where they are of groups");
}

int
main(void)
{
	test_rows();
	test_needs();
	done_testing();
}
