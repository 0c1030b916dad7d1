/*
 * score.c
 *		The table of scores. See score.h.
 */
#include "core/score/score.h"

/* clang-format off */
const AdvScore adv_scores[] = {
	{.name = "accuracy",
	 .title = "accuracy",
	 .words = "How often the model is right.",
	 .value = ADV_VALUE_CORRECT, .better = ADV_BETTER_HIGHER},
	{.name = "class_accuracy",
	 .title = "accuracy of a class",
	 .words = "How often the model is right about rows of a class. Classes that are served equally have equal "
			 "accuracies.",
	 .value = ADV_VALUE_CORRECT, .grouping = ADV_GROUP_CLASS, .better = ADV_BETTER_HIGHER},
	{.name = "cau",
	 .title = "CAU: gap of accuracy between classes",
	 .words = "Class-wise accuracy unfairness: the gap between the class the model is right about most often "
			 "and the one it is right about least often. 0: all classes are served equally. 0.05: of 100 "
			 "people of the worst class, five more are misjudged than of 100 of the best one. Who belongs to "
			 "the worst class bears more of the mistakes.",
	 .value = ADV_VALUE_CORRECT, .grouping = ADV_GROUP_CLASS, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "robust_accuracy",
	 .title = "accuracy under attack",
	 .words = "How often the model is still right when somebody changes each input by at most eps to make it "
			 "fail.",
	 .value = ADV_VALUE_ROBUST, .better = ADV_BETTER_HIGHER},
	{.name = "success_rate",
	 .title = "success of the attack in a class",
	 .words = "Share of a class's rows about which the model is wrong after the attack, those it is wrong "
			 "about anyway included.",
	 .value = ADV_VALUE_SUCCESS, .grouping = ADV_GROUP_CLASS, .better = ADV_BETTER_LOWER},
	{.name = "cru_s",
	 .title = "CRU: gap of success between classes",
	 .words = "Class-wise robustness unfairness: the gap between the class in which an attack with this eps "
			 "succeeds most often and the one in which it succeeds least often. Who belongs to the most "
			 "fragile class is the easiest to misrepresent.",
	 .value = ADV_VALUE_SUCCESS, .grouping = ADV_GROUP_CLASS, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "least_eps",
	 .title = "mean least eps of a class",
	 .words = "The smallest change of a row that makes the model fail, on the average of a class; 0 where it "
			 "fails anyway.",
	 .value = ADV_VALUE_LEAST_EPS, .grouping = ADV_GROUP_CLASS, .better = ADV_BETTER_HIGHER},
	{.name = "cru_eps",
	 .title = "CRU in least eps: gap of least eps between classes",
	 .words = "Class-wise robustness unfairness: the gap between the class that takes the largest change to "
			 "make the model fail and the one that takes the smallest. Who belongs to the most fragile class "
			 "is the easiest to misrepresent.",
	 .value = ADV_VALUE_LEAST_EPS, .grouping = ADV_GROUP_CLASS, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "certified_accuracy",
	 .title = "certified accuracy",
	 .words = "How often the model is right and it is proven that no change of the input by at most eps makes it fail, "
			 "whoever tries. What is true of a row about which neither this nor an attack says anything is not known.",
	 .value = ADV_VALUE_CERTIFIED, .better = ADV_BETTER_HIGHER},
	{.name = "class_certified_accuracy",
	 .title = "certified accuracy of a class",
	 .words = "Share of a class's rows about which the model is right, proven for all changes of the input by at most eps.",
	 .value = ADV_VALUE_CERTIFIED, .grouping = ADV_GROUP_CLASS, .better = ADV_BETTER_HIGHER},
	{.name = "mean_radius",
	 .title = "mean certified radius",
	 .words = "Up to which eps it is proven that no change of a row makes the model fail, on the average; 0 where it "
			 "fails anyway.",
	 .value = ADV_VALUE_RADIUS, .better = ADV_BETTER_HIGHER},
	{.name = "class_radius",
	 .title = "mean certified radius of a class",
	 .words = "Up to which eps it is proven that no change of a row makes the model fail, on the average of a class; 0 "
			 "where it fails anyway.",
	 .value = ADV_VALUE_RADIUS, .grouping = ADV_GROUP_CLASS, .better = ADV_BETTER_HIGHER},
	{.name = "cru_cert",
	 .title = "CRU in certified radius: gap of proven radius between classes",
	 .words = "Class-wise robustness unfairness of what is proven: the gap between the class whose rows are proven "
			 "against the largest changes and the one whose rows are proven against the smallest. Who belongs to the "
			 "latter is promised the least.",
	 .value = ADV_VALUE_RADIUS, .grouping = ADV_GROUP_CLASS, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "attribute_missing",
	 .title = "share of rows in no group",
	 .words = "Share of the rows in which the attribute is NULL: they are in none of its groups.",
	 .value = ADV_VALUE_MISSING, .unless_zero = true},
	{.name = "group_confidence",
	 .title = "mean confidence of a group",
	 .words = "How much the model believes in a class, on the average of a group.",
	 .value = ADV_VALUE_PROBABILITY, .grouping = ADV_GROUP_ATTRIBUTE},
	{.name = "eou",
	 .title = "EOU: gap of confidence between groups",
	 .words = "Equalized-odds unfairness: the largest difference between two groups in the mean confidence in "
			 "a class, among all rows or, with given, those of one true class. 0: the model treats groups "
			 "alike. 0.1: one group is thought ten points of a hundred more likely to belong to the class. "
			 "The group with the lower confidence in a favourable class is put at a disadvantage.",
	 .value = ADV_VALUE_PROBABILITY, .grouping = ADV_GROUP_ATTRIBUTE, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "selection_rate",
	 .title = "share of a group taken for a class",
	 .words = "How often rows of a group are taken for a class: the share of them whose prediction it is.",
	 .value = ADV_VALUE_PREDICTED, .grouping = ADV_GROUP_ATTRIBUTE},
	{.name = "demographic_parity_difference",
	 .title = "demographic parity difference: gap of selection rate between groups",
	 .words = "The gap between the group that is taken for a class most often and the one that is least "
			 "often, among all rows or, with given, those of one true class. 0: all groups are taken for it alike often. 0.1: of 100 "
			 "people of one group, ten more are than of 100 of another.",
	 .value = ADV_VALUE_PREDICTED, .grouping = ADV_GROUP_ATTRIBUTE, .statistic = ADV_GAP,
	 .better = ADV_BETTER_LOWER},
	{.name = "demographic_parity_ratio",
	 .title = "demographic parity ratio: smallest over largest selection rate of groups",
	 .words = "How often the group that is taken for a class least often is, for each time the group is that "
			 "is most often. 1: all groups are taken for it alike often. Where less than 0.8, four fifths, "
			 "of one group are hired, US guidelines on hiring speak of adverse impact.",
	 .value = ADV_VALUE_PREDICTED, .grouping = ADV_GROUP_ATTRIBUTE, .statistic = ADV_RATIO,
	 .better = ADV_BETTER_HIGHER},
	{.name = "group_certified_accuracy",
	 .title = "certified accuracy of a group",
	 .words = "Share of a group's rows about which the model is right, proven for all changes of the input by at most eps.",
	 .value = ADV_VALUE_CERTIFIED, .grouping = ADV_GROUP_ATTRIBUTE, .better = ADV_BETTER_HIGHER},
	{.name = "group_radius",
	 .title = "mean certified radius of a group",
	 .words = "Up to which eps it is proven that no change of a row makes the model fail, on the average of a group; 0 "
			 "where it fails anyway.",
	 .value = ADV_VALUE_RADIUS, .grouping = ADV_GROUP_ATTRIBUTE, .better = ADV_BETTER_HIGHER},
	{.name = "luf",
	 .title = "LUF: change by one row left out",
	 .words = "Leave-one-out unfairness: the largest change of a row's probabilities when one other row is "
			 "taken out of the training data. A decision that hinges on whether one stranger was among the "
			 "data is arbitrary.",
	 .value = ADV_VALUE_CHANGE, .better = ADV_BETTER_LOWER},
	{0},
};
/* clang-format on */

/* What a value alone says of the scores that are made of it. */
static const struct
{
	int needs;
	bool of_class;
} values[ADV_VALUES] = {
	[ADV_VALUE_ROBUST] = {.needs = ADV_NEEDS_ATTACK},
	[ADV_VALUE_SUCCESS] = {.needs = ADV_NEEDS_ATTACK},
	[ADV_VALUE_LEAST_EPS] = {.needs = ADV_NEEDS_SEARCH},
	[ADV_VALUE_MISSING] = {.needs = ADV_NEEDS_ATTRIBUTE},
	[ADV_VALUE_CERTIFIED] = {.needs = ADV_NEEDS_ATTACK | ADV_NEEDS_CERTIFICATE},
	[ADV_VALUE_RADIUS] = {.needs = ADV_NEEDS_CERTIFICATE},
	[ADV_VALUE_PROBABILITY] = {.of_class = true},
	[ADV_VALUE_PREDICTED] = {.of_class = true},
	[ADV_VALUE_CHANGE] = {.needs = ADV_NEEDS_TRAININGS},
};

int
adv_score_needs(const AdvScore *score)
{
	return values[score->value].needs | (score->grouping == ADV_GROUP_ATTRIBUTE ? ADV_NEEDS_ATTRIBUTE : 0);
}

bool
adv_value_of_class(AdvScoreValue value)
{
	return values[value].of_class;
}

bool
adv_score_of_class(const AdvScore *score)
{
	return values[score->value].of_class ||
		   (score->grouping == ADV_GROUP_CLASS && score->statistic == ADV_MEAN);
}

bool
adv_score_of_group(const AdvScore *score)
{
	return score->grouping == ADV_GROUP_ATTRIBUTE && score->statistic == ADV_MEAN;
}

bool
adv_score_same_means(const AdvScore *a, const AdvScore *b)
{
	return a->value == b->value && a->grouping == b->grouping;
}
