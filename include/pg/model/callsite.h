/*
 * callsite.h
 *		A model as the row functions use it: parsed once for each call site, ready for one row.
 */
#ifndef ADVPG_CALLSITE_H
#define ADVPG_CALLSITE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "core/network/model.h"
#include "pg/base/compat.h"

/*
 * Logits (classes), all finite, of an input given as a row of any type, as encoded values in (c, h, w) order, or as image bytes. The
 * model is argument 0, the input argument 1 of the call. The result is overwritten by the next call.
 */
typedef enum AdvpgInput
{
	ADVPG_INPUT_ROW,
	ADVPG_INPUT_ARRAY,
	ADVPG_INPUT_IMAGE
} AdvpgInput;

extern const float *advpg_callsite_logits(FunctionCallInfo fcinfo, AdvpgInput input, const AdvModel **model);

/*
 * The network's input (inputs, channels last) of a row, argument 1, and what values the types of its columns allow (the encoder's columns).
 * Overwritten by the next call.
 */
extern const float *advpg_callsite_row(FunctionCallInfo fcinfo, const AdvModel **model, const uint8 **domain);

/* A place where a function may keep something for this call site, NULL at first, and memory for it: both for as long as the model is the same. */
extern void **advpg_callsite_own(FunctionCallInfo fcinfo, MemoryContext *context);

/* adv_forward of one row in a backend, which may be interrupted meanwhile. */
extern void advpg_forward(AdvWorkspace *ws);

/* The model of argument 0, parsed once for the call site. */
extern const AdvModel *advpg_callsite_model(FunctionCallInfo fcinfo);

/* An encoded input: as many finite values as the model has inputs, in (c, h, w) order; anything else is an error. */
extern const float *advpg_encoded_input(const AdvModel *model, ArrayType *array);

/* An input (channels last) as real[] in the order users see, channels first. */
extern Datum advpg_input_datum(AdvShape shape, const float *x);

#endif
