/*
 * sql_decode.c
 *		advfair_decode: an encoded input in terms of the model's columns.
 *
 * An attack moves what the network's input layer sees. Here one reads what that means: a person of another age, an image of other
 * bytes, or something between two categories that no row could hold.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "pg/base/advpg.h"
#include "pg/model/callsite.h"
#include "pg/task/json.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_decode);

static void
put_number(JsonbParseState **state, JsonbIteratorToken token, const AdvEncoder *encoder, int column,
		   size_t element, float x)
{
	double number;
	AdvError err;

	if (adv_encoder_number(encoder, column, element, x, &number, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	advpg_json_number(state, token, number);
}

/* Weights of the categories that an input lies between. */
static void
put_mixture(JsonbParseState **state, const AdvColumn *column, const float *x)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < column->n_values; i++)
		if (x[i] != 0)
		{
			advpg_json_text(state, WJB_KEY, column->values[i]);
			advpg_json_real(state, WJB_VALUE, x[i]);
		}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
put_category(JsonbParseState **state, const AdvEncoder *encoder, int i, const float *x)
{
	const AdvColumn *column = &encoder->columns[i];
	int code = adv_encoder_code(encoder, i, x);

	if (code >= 0)
		advpg_json_text(state, WJB_VALUE, column->values[code]);
	else if (code == ADV_CODE_NONE)
		advpg_json_null(state);
	else if (encoder->encoding == ADV_ENCODING_ORDINAL)
		advpg_json_real(state, WJB_VALUE, x[0]);
	else
		put_mixture(state, column, x);
}

static void
put_column(JsonbParseState **state, const AdvEncoder *encoder, int i, const float *x)
{
	const AdvColumn *column = &encoder->columns[i];

	advpg_json_text(state, WJB_KEY, column->name);
	switch (column->kind)
	{
		case ADV_COLUMN_NUMBER:
			put_number(state, WJB_VALUE, encoder, i, 0, x[0]);
			break;
		case ADV_COLUMN_CATEGORY:
			put_category(state, encoder, i, x);
			break;
		default: /* array or image */
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			for (int k = 0; k < column->length; k++)
				put_number(state, WJB_ELEM, encoder, i, k, x[k]);
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
}

Datum
advfair_decode(PG_FUNCTION_ARGS)
{
	const AdvModel *model = advpg_callsite_model(fcinfo);
	const AdvEncoder *encoder = &model->encoder;
	const float *x = advpg_encoded_input(model, PG_GETARG_ARRAYTYPE_P(1));
	AdvField *fields = palloc(sizeof(AdvField) * encoder->n_columns);
	JsonbParseState *state = NULL;

	adv_encoder_fields(encoder, fields);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < encoder->n_columns; i++)
	{
		put_column(&state, encoder, i, x);
		x += fields[i].count;
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
