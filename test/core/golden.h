/*
 * golden.h
 *		Reference tensors, computed elsewhere in double precision.
 *
 * A file is a sequence of blocks: a line "name ndim d0 d1 ...", then the values, row-major, separated by blanks.
 */
#ifndef ADV_GOLDEN_H
#define ADV_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#define GOLDEN_DIMS    4
#define GOLDEN_TENSORS 256

typedef struct GoldenTensor
{
	char name[32];
	int ndim;
	size_t dim[GOLDEN_DIMS];
	size_t n; /* values */
	double *value;
} GoldenTensor;

typedef struct Golden
{
	int n_tensors;
	GoldenTensor tensor[GOLDEN_TENSORS];
} Golden;

/* Read a file; false when there is none. A file that cannot be understood ends the program. */
extern bool golden_load(Golden *golden, const char *path);
extern void golden_free(Golden *golden);

/* The same, for a file in the folder $ADVFAIR_GOLDEN, or ../shared/golden. */
extern bool golden_read(Golden *golden, const char *file);

/* The tensor of that name, or NULL. */
extern const GoldenTensor *golden_find(const Golden *golden, const char *name);

/* The tensor of a name made by printf; ends the program when there is none. */
extern const GoldenTensor *golden_get(const Golden *golden, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
