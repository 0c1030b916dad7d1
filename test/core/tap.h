/*
 * tap.h
 *		The least of TAP (Test Anything Protocol) that the core's test programs need.
 */
#ifndef ADV_TAP_H
#define ADV_TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count;

/* Say before the first test how many there will be. */
static inline void
plan(int tests)
{
	printf("1..%d\n", tests);
}

/* Or after the last, how many there were. */
static inline void
done_testing(void)
{
	printf("1..%d\n", tap_count);
}

/* Say instead of any test why there are none. */
static inline void
skip_all(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
}

/* Nothing sensible can follow. */
static inline _Noreturn void
bail_out(const char *reason)
{
	printf("Bail out! %s\n", reason);
	exit(1);
}

static inline bool
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tap_count, name);
	fflush(stdout);
	return passed;
}

static inline void
skip(const char *name, const char *reason)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason);
}

static inline void __attribute__((format(printf, 1, 2))) diag(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static inline bool __attribute__((format(printf, 2, 3))) okf(bool passed, const char *format, ...)
{
	char name[512];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return ok(passed, name);
}

static inline bool
is_string(const char *found, const char *expected, const char *name)
{
	bool same = strcmp(found, expected) == 0;

	ok(same, name);
	if (!same)
		diag("found \"%s\", expected \"%s\"", found, expected);
	return same;
}

/*
 * Largest difference of two arrays, relative to the largest of the expected values: a tensor's small entries are sums of
 * large terms, so their own size says nothing about the precision to expect. NaN when any value is.
 */
static inline double
relative_error(size_t n, const float *found, const double *expected)
{
	double largest = 0, difference = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (isnan(found[i]) || isnan(expected[i]))
			return NAN;
		largest = fmax(largest, fabs(expected[i]));
		difference = fmax(difference, fabs(found[i] - expected[i]));
	}
	return difference > 0 ? difference / largest : 0;
}

static inline bool
is_close(size_t n, const float *found, const double *expected, double tolerance, const char *name)
{
	double error = relative_error(n, found, expected);
	bool close = error <= tolerance;

	ok(close, name);
	if (!close)
		diag("relative error %g, tolerated %g", error, tolerance);
	return close;
}

#endif
