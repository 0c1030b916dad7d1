/*
 * parameter.h
 *		What users may set, as tables: a row names a value, says what it may be, and where it is kept.
 *
 * A list of parameters describes the struct that their values are kept in. Whoever has something to be set (a kind of task, a method of
 * training or of attack, an option) brings a list; one reader, on the host's side, reads any of them. Lists end with a row without a name.
 *
 * In a struct, what was left out is NaN (numbers), -1 (booleans), 0 or another value that no word has (words), or the host's null.
 */
#ifndef ADV_PARAMETER_H
#define ADV_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum AdvParameterKind
{
	ADV_PARAMETER_NUMBER,  /* double, min <= value <= max, and value > min when open */
	ADV_PARAMETER_INTEGER, /* double holding a whole number, min <= value <= max */
	ADV_PARAMETER_BOOLEAN, /* int */
	ADV_PARAMETER_WORD,    /* int, one of words */

	/* only in structs of the host, whose types these are; in PostgreSQL: */
	ADV_PARAMETER_TEXT,     /* char * */
	ADV_PARAMETER_TEXTS,    /* List of char *, from an array of at least min strings */
	ADV_PARAMETER_INTEGERS, /* List of double *, from an array of at least min positive integers */
	ADV_PARAMETER_NUMBERS,  /* List of double *, from a number or an array of at least one, each as NUMBER */
	ADV_PARAMETER_SIZES,    /* JsonbValue *: a number, an array or an object of numbers, each as NUMBER */
	ADV_PARAMETER_OBJECT    /* JsonbValue *: an object */
} AdvParameterKind;

/* A word and what it stands for; lists end with a word without a name. */
typedef struct AdvWord
{
	const char *name;
	int value;
} AdvWord;

typedef struct AdvParameter
{
	const char *name;
	AdvParameterKind kind;
	size_t offset; /* of the value in its struct */
	double min;
	double max;
	bool open;
	const AdvWord *words;
	unsigned flags; /* of a list that several share: who has the parameter */
	bool
		said; /* of a method's: a task has a key for it, too, and the struct tells whether it was said by that */
} AdvParameter;

/* Whether a number lies in a parameter's range; NaN lies in none. Other kinds have no range. */
static inline bool
adv_parameter_fits(const AdvParameter *p, const void *base)
{
	double value;

	if (p->kind != ADV_PARAMETER_NUMBER && p->kind != ADV_PARAMETER_INTEGER)
		return true;
	value = *(const double *) ((const char *) base + p->offset);
	return value >= p->min && value <= p->max && !(p->open && value == p->min);
}

#endif
