/*
 * sql_census.c
 *		advfair_make_census: synthetic census rows for trying things out without a download.
 *
 * The population is made up, and unfair on purpose: income depends on age, education, hours and occupation, and also on sex
 * and race, directly and through occupation and hours. docs/census.md gives the formulas. Every value is a function of (seed,
 * person, column), so n rows are the first n of any larger number.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/base/rng.h"
#include "pg/base/version.h"

enum
{
	DRAW_AGE,
	DRAW_SEX,
	DRAW_RACE,
	DRAW_EDUCATION,
	DRAW_OCCUPATION,
	DRAW_HOURS,
	DRAW_HOURS_2,
	DRAW_INCOME
};

static const char *const races[] = {"White", "Black", "Asian", "Other"};
static const double race_share[] = {0.80, 0.11, 0.06, 0.03};
static const double race_effect[] = {0.0, -0.6, 0.1, -0.5}; /* on the log-odds of a high income */

static const char *const educations[] = {"none", "high school", "bachelor", "master", "doctorate"};
static const double education_share[] = {0.14, 0.48, 0.24, 0.11, 0.03};
static const double education_effect[] = {-1.2, -0.4, 0.8, 1.4, 2.0};

static const char *const occupations[] = {"clerical", "craft", "manager", "service", "specialist"};
static const double male_occupation_share[] = {0.10, 0.34, 0.20, 0.16, 0.20};
static const double female_occupation_share[] = {0.32, 0.06, 0.13, 0.30, 0.19};
static const double occupation_effect[] = {-0.2, -0.1, 0.9, -1.1, 0.7};

/* Index drawn with the given shares. */
static int
draw(double u, const double *share, int n)
{
	for (int i = 0; i < n - 1; i++)
	{
		if (u < share[i])
			return i;
		u -= share[i];
	}
	return n - 1;
}

static void
make_person(uint64_t seed, int64 person, Datum *values)
{
#define U(column) adv_uniform(seed, ADV_FOR_CENSUS, person, column)
	bool female = U(DRAW_SEX) < 0.40;
	int race = draw(U(DRAW_RACE), race_share, lengthof(races));
	int age = 17 + (int) (60 * pow(U(DRAW_AGE), 1.5));
	int education = draw(U(DRAW_EDUCATION), education_share, lengthof(educations));
	int occupation = draw(U(DRAW_OCCUPATION), female ? female_occupation_share : male_occupation_share,
						  lengthof(occupations));
	int hours = (int) ((female ? 36 : 42) + 16 * (U(DRAW_HOURS) + U(DRAW_HOURS_2) - 1));
	double log_odds = -1.2 + 0.045 * (Min(age, 55) - 30) + 0.05 * (hours - 40) + education_effect[education] +
					  occupation_effect[occupation] + (female ? -0.9 : 0.0) + race_effect[race];
	bool high = U(DRAW_INCOME) < 1 / (1 + exp(-1.6 * log_odds));
#undef U

	values[0] = Int64GetDatum(person);
	values[1] = Int32GetDatum(age);
	values[2] = CStringGetTextDatum(educations[education]);
	values[3] = Int32GetDatum(hours);
	values[4] = CStringGetTextDatum(occupations[occupation]);
	values[5] = CStringGetTextDatum(female ? "Female" : "Male");
	values[6] = CStringGetTextDatum(races[race]);
	values[7] = CStringGetTextDatum(high ? ">50K" : "<=50K");
}

ADVPG_FUNCTION(advfair_make_census);

Datum
advfair_make_census(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int32 n = PG_GETARG_INT32(0);
	int64 seed = PG_GETARG_INT64(1);
	bool nulls[8] = {0};

	if (n < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("n is %d, but must not be negative", n));
	InitMaterializedSRF(fcinfo, 0);
	for (int64 person = 1; person <= n; person++)
	{
		Datum values[8];

		CHECK_FOR_INTERRUPTS();
		make_person((uint64_t) seed, person, values);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		for (int i = 0; i < 8; i++)
			if (i == 2 || i >= 4)
				pfree(DatumGetPointer(values[i]));
	}
	return (Datum) 0;
}
