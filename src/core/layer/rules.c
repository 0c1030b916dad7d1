/*
 * rules.c
 *		Rules about layers that several kinds share, each with one check and one wording.
 */
#include "core/layer/layer.h"

#define MAX_WINDOW 16 /* of pooling: the winner's place fits a byte */
#define MAX_STRIDE 31

AdvStatus
adv_check_image(const AdvBuilder *b, const char *word)
{
	if (!b->flat)
		return ADV_OK;
	if (b->input.h > 1 || b->input.w > 1)
	{
		adv_fail(b->err, ADV_INVALID, "%s cannot follow dense in arch string", word);
		adv_hint(b->err, "Layers that work on images come before the first dense layer.");
	}
	else
	{
		adv_fail(b->err, ADV_INVALID, "%s needs an image as input", word);
		adv_detail(b->err, "The input is a vector of %d values.", (int) b->shape.c);
	}
	return ADV_INVALID;
}

AdvStatus
adv_check_positive(const AdvBuilder *b, const char *word, const char *what, int32_t number)
{
	if (number > 0)
		return ADV_OK;
	return adv_fail(b->err, ADV_INVALID, "%s of %s in arch string must be at least 1", what, word);
}

AdvStatus
adv_check_at_most(const AdvBuilder *b, const char *word, const char *what, int32_t number, int32_t limit)
{
	if (number <= limit)
		return ADV_OK;
	return adv_fail(b->err, ADV_LIMIT, "%s of %s in arch string must be at most %d", what, word, (int) limit);
}

/* Numbers are written without a sign, so there is nothing to check below. */
AdvStatus
adv_check_below_one(const AdvBuilder *b, const AdvLayerWord *word, const char *what)
{
	if (word->factor < 1)
		return ADV_OK;
	return adv_fail(b->err, ADV_INVALID, "%s of %s in arch string must be less than 1", what,
					word->type->word);
}

AdvStatus
adv_check_stride(const AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_positive(b, word->type->word, "stride", word->stride);

	return status == ADV_OK ? adv_check_at_most(b, word->type->word, "stride", word->stride, MAX_STRIDE)
							: status;
}

AdvStatus
adv_check_window(const AdvBuilder *b, const AdvLayerWord *word)
{
	const char *name = word->type->word;
	AdvStatus status;

	if ((status = adv_check_image(b, name)) != ADV_OK ||
		(status = adv_check_positive(b, name, "window size", word->size)) != ADV_OK ||
		(status = adv_check_at_most(b, name, "window size", word->size, MAX_WINDOW)) != ADV_OK)
		return status;
	if (word->size <= b->shape.h && word->size <= b->shape.w)
		return ADV_OK;
	adv_fail(b->err, ADV_INVALID, "window of %s %d in arch string is larger than its input", name,
			 (int) word->size);
	adv_detail(b->err, "The input of this layer is %d x %d.", (int) b->shape.h, (int) b->shape.w);
	return ADV_INVALID;
}
