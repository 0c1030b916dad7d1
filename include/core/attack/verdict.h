/*
 * verdict.h
 *		What the logits of an example mean to an attack.
 */
#ifndef ADV_VERDICT_H
#define ADV_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far an example has got. */
typedef enum AdvLevel
{
	ADV_WITHSTOOD = 0,
	ADV_BARELY_BROKEN, /* within the margin: another matrix kernel may decide otherwise */
	ADV_BROKEN
} AdvLevel;

typedef struct AdvVerdict
{
	AdvLevel level;
	int32_t class;
	bool near_tie; /* the two largest logits agree within the margin */
	double odds;   /* what the attack drives up: log-odds against the label, or for the target */
	float loss;    /* cross-entropy for the label */
} AdvVerdict;

/*
 * Judge finite logits (classes). target is -1 for any class but the label. direction (classes), may be NULL, receives the gradient of
 * the log-odds against the label, or against the target: the attack ascends the former and descends the latter.
 */
extern AdvVerdict adv_judge(int classes, const float *logits, int32_t label, int32_t target,
							float *direction);

#endif
