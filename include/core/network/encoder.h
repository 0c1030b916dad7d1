/*
 * encoder.h
 *		From a row's column values to a stored row: scaled numbers, category codes, arrays, image bytes.
 *
 * An encoder is fitted on training data only and is part of the model. Column order is input order.
 */
#ifndef ADV_ENCODER_H
#define ADV_ENCODER_H

#include "core/network/dataset.h"

#define ADV_MAX_COLUMNS 65536
#define ADV_MAX_NAME    1024 /* bytes of a column, label or class name kept in a model, without terminator */

typedef enum AdvColumnKind
{
	ADV_COLUMN_NUMBER = 1, /* one value: (x - shift) * factor */
	ADV_COLUMN_CATEGORY,   /* one-hot, or its code as a number with ordinal encoding */
	ADV_COLUMN_ARRAY,      /* length values, each with its own shift and factor */
	ADV_COLUMN_IMAGE       /* length bytes */
} AdvColumnKind;

typedef enum AdvEncoding
{
	ADV_ENCODING_STANDARD = 1, /* (x - mean) / sd; one-hot */
	ADV_ENCODING_MINMAX,       /* to [0, 1]; one-hot */
	ADV_ENCODING_ORDINAL       /* numbers as they are; categories as integer codes */
} AdvEncoding;

typedef enum AdvUnseen
{
	ADV_UNSEEN_ERROR = 1, /* a category that was not in the training data is an error */
	ADV_UNSEEN_IGNORE     /* all-zero one-hot; ordinal: code -1 */
} AdvUnseen;

typedef struct AdvText
{
	const char *data; /* not terminated */
	uint32_t len;
} AdvText;

typedef struct AdvColumn
{
	AdvText name;
	int32_t kind;     /* AdvColumnKind */
	int32_t length;   /* array, image: values per row; else 1 */
	double *shift;    /* number: (1); array: (length); else NULL */
	double *factor;   /* sd 0 or max = min give factor 1 */
	int32_t n_values; /* category */
	AdvText *values;  /* category: distinct */
	int32_t *
		sorted; /* category: codes in the byte order of their values (memcmp, then length); NULL: that of the codes */
} AdvColumn;

typedef struct AdvEncoder
{
	int32_t encoding; /* AdvEncoding */
	int32_t unseen;   /* AdvUnseen */
	int32_t n_columns;
	AdvColumn *columns;
	AdvShape shape; /* image: its c, h, w; else {inputs, 1, 1} */
} AdvEncoder;

/* A column's value as the host read it; which member counts follows from the column's kind. */
typedef struct AdvValue
{
	double number;              /* number */
	AdvText text;               /* category */
	const double *array;        /* array (length) */
	const unsigned char *bytes; /* image (length) */
	size_t length;              /* of array or bytes: checked against the column's */
	bool integer;               /* number, array: of an integer type, whose values must not be rounded */
	size_t rounded; /* but this one was, which double precision cannot hold: its position, from 1; 0: none */
} AdvValue;

/* Number of values the encoder gives the network, and the fields of a stored row (memory for n_columns fields). */
extern size_t adv_encoder_inputs(const AdvEncoder *enc);
extern void adv_encoder_fields(const AdvEncoder *enc, AdvField *fields);

/* Byte order of two texts (memcmp, then length), and the code of a category (-1: not there). */
extern int adv_text_compare(AdvText a, AdvText b);
extern int adv_column_code(const AdvColumn *column, AdvText text);

/*
 * Whether a number or array can be a value of a column, of which name, kind and length count. ADV_DATA: NaN or infinity, wrong length, an
 * integer that double precision cannot hold, or with ordinal encoding single precision; the message names the column, the host adds the row.
 */
extern AdvStatus adv_value_check(int32_t encoding, const AdvColumn *col, const AdvValue *value,
								 AdvError *err);

/*
 * Encode one column's value into its field of a stored row. ADV_DATA: what adv_value_check finds, a finite number too large for a float32,
 * unseen category; the message names column and value, the host adds the row.
 */
extern AdvStatus adv_encoder_store(const AdvEncoder *enc, int column, const AdvValue *value,
								   unsigned char *field, AdvError *err);

/*
 * The way back, from what the network's input layer sees. adv_encoder_number: the number, element of an array or image byte that
 * encodes to x. A whole number below 2^53, if one encodes to x or to a float32 next to x (so close, x is meant to be that number); else the
 * number of fewest decimal digits that encodes to exactly x (x / factor + shift where no double does). ADV_DATA when that is
 * not finite (x is NaN, or the column's factor 0).
 */
extern AdvStatus adv_encoder_number(const AdvEncoder *enc, int column, size_t element, float x,
									double *number, AdvError *err);

/* Code of an encoded category: x holds n_values floats when it is one-hot, else one. */
#define ADV_CODE_NONE  (-1) /* all zeros; ordinal: -1 */
#define ADV_CODE_MIXED (-2) /* anything else that encodes no category */
extern int adv_encoder_code(const AdvEncoder *enc, int column, const float *x);

/* Name of an encoding ("standard", "minmax", "ordinal"), and back (0: unknown). */
extern const char *adv_encoding_name(int encoding);
extern int adv_encoding_from_name(const char *name);

#endif
