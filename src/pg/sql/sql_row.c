/*
 * sql_row.c
 *		Prediction one row at a time: advfair_predict, advfair_proba, advfair_confidence of a model given as a value.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/network/loss.h"
#include "pg/model/callsite.h"
#include "pg/model/classes.h"
#include "pg/base/compat.h"
#include "pg/data/dictionary.h"
#include "pg/base/version.h"

static Datum
predict(FunctionCallInfo fcinfo, AdvpgInput input)
{
	const AdvModel *model;
	const float *logits = advpg_callsite_logits(fcinfo, input, &model);

	return advpg_text_datum(model->classes[adv_argmax(model->net.classes, logits)]);
}

/* The probability of each class. */
static const float *
probabilities(FunctionCallInfo fcinfo, AdvpgInput input, const AdvModel **model)
{
	const float *logits = advpg_callsite_logits(fcinfo, input, model);
	float *proba = palloc(sizeof(float) * (*model)->net.classes);

	adv_softmax(1, (*model)->net.classes, logits, proba);
	return proba;
}

static Datum
proba(FunctionCallInfo fcinfo, AdvpgInput input)
{
	const AdvModel *model;
	const float *proba = probabilities(fcinfo, input, &model);
	Datum *values = palloc(sizeof(Datum) * model->net.classes);

	for (int i = 0; i < model->net.classes; i++)
		values[i] = Float4GetDatum(proba[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(values, model->net.classes, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

static Datum
confidence(FunctionCallInfo fcinfo, AdvpgInput input)
{
	const AdvModel *model;
	const float *proba = probabilities(fcinfo, input, &model);
	text *class = PG_GETARG_TEXT_PP(2);
	AdvText name = {VARDATA_ANY(class), VARSIZE_ANY_EXHDR(class)};

	PG_RETURN_FLOAT8(proba[advpg_find_class(model, name)]);
}

#define ROW_FUNCTION(what, form, input)                                                                      \
	ADVPG_FUNCTION(advfair_##what##_##form);                                                                 \
	Datum advfair_##what##_##form(PG_FUNCTION_ARGS)                                                          \
	{                                                                                                        \
		return what(fcinfo, input);                                                                          \
	}                                                                                                        \
	extern int no_such_variable

ROW_FUNCTION(predict, row, ADVPG_INPUT_ROW);
ROW_FUNCTION(predict, array, ADVPG_INPUT_ARRAY);
ROW_FUNCTION(predict, image, ADVPG_INPUT_IMAGE);
ROW_FUNCTION(proba, row, ADVPG_INPUT_ROW);
ROW_FUNCTION(proba, array, ADVPG_INPUT_ARRAY);
ROW_FUNCTION(proba, image, ADVPG_INPUT_IMAGE);
ROW_FUNCTION(confidence, row, ADVPG_INPUT_ROW);
ROW_FUNCTION(confidence, array, ADVPG_INPUT_ARRAY);
ROW_FUNCTION(confidence, image, ADVPG_INPUT_IMAGE);
