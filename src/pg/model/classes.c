/*
 * classes.c
 *		Which class of a model a text means, and when two models mean the same. See classes.h.
 */
#include "pg/model/classes.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/base/advpg.h"
#include "pg/data/charset.h"
#include "pg/data/dictionary.h"
#include "pg/data/reader.h"

/* The one class that is the same number as a text, in another spelling; -1 when there is none, or several. */
static int
find_number(const AdvModel *model, AdvText text)
{
	Datum wanted;
	Datum number;
	int found = -1;

	if (!advpg_text_number(text, &wanted))
		return -1;
	for (int i = 0; i < model->net.classes; i++)
		if (advpg_text_number(model->classes[i], &number) &&
			DatumGetBool(DirectFunctionCall2(numeric_eq, wanted, number)))
		{
			if (found >= 0)
				return -1;
			found = i;
		}
	return found;
}

bool
advpg_same_class(AdvText a, AdvText b)
{
	Datum number_a;
	Datum number_b;

	return adv_text_compare(a, b) == 0 ||
		   (advpg_text_number(a, &number_a) && advpg_text_number(b, &number_b) &&
			DatumGetBool(DirectFunctionCall2(numeric_eq, number_a, number_b)));
}

bool
advpg_same_classes(const AdvModel *a, const AdvModel *b)
{
	bool same = a->net.classes == b->net.classes;

	for (int c = 0; c < a->net.classes && same; c++)
		same = advpg_same_class(a->classes[c], b->classes[c]);
	return same;
}

int
advpg_find_class(const AdvModel *model, AdvText class)
{
	int number;

	for (int i = 0; i < model->net.classes; i++)
		if (adv_text_compare(model->classes[i], class) == 0)
			return i;
	number = find_number(model, class);
	if (number < 0)
		advpg_fail_no_class(model, class);
	return number;
}

void
advpg_fail_no_class(const AdvModel *model, AdvText class)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < model->net.classes && list.len < 200; i++)
		appendStringInfo(&list, "%s%.*s", i ? ", " : "", (int) model->classes[i].len, model->classes[i].data);
	ereport(
		ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		errmsg("the model has no class \"%s\"", advpg_text_cstring(class)),
		errhint("Its %d classes are %s%s.", model->net.classes, list.data, list.len < 200 ? "" : ", ..."));
	pg_unreachable();
}
