/*
 * test_encoder.c
 *		Column values to stored rows and back: known answers for every kind of column, and every message.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/network/encoder.h"
#include "core/base/rng.h"
#include "tap.h"

#define TEXT(s) ((AdvText){s, sizeof(s) - 1})

static AdvError err;

/* One column of each kind that can share a row; age and pair scaled, color has three categories. */
static AdvText colors[] = {TEXT("blue"), TEXT("green"), TEXT("red")};
static double age_shift[] = {40}, age_factor[] = {0.1};
static double pair_shift[] = {1, -2}, pair_factor[] = {0.5, 3};
static AdvColumn columns[] = {
	{.name = TEXT("age"), .kind = ADV_COLUMN_NUMBER, .length = 1, .shift = age_shift, .factor = age_factor},
	{.name = TEXT("color"), .kind = ADV_COLUMN_CATEGORY, .length = 1, .n_values = 3, .values = colors},
	{.name = TEXT("pair"), .kind = ADV_COLUMN_ARRAY, .length = 2, .shift = pair_shift, .factor = pair_factor},
};
static AdvColumn image_column = {.name = TEXT("image"), .kind = ADV_COLUMN_IMAGE, .length = 6};

static AdvEncoder
table_encoder(int encoding, int unseen)
{
	return (AdvEncoder){
		.encoding = encoding,
		.unseen = unseen,
		.n_columns = 3,
		.columns = columns,
		.shape = {encoding == ADV_ENCODING_ORDINAL ? 4 : 6, 1, 1},
	};
}

static AdvEncoder
image_encoder(void)
{
	return (AdvEncoder){
		.encoding = ADV_ENCODING_STANDARD,
		.unseen = ADV_UNSEEN_ERROR,
		.n_columns = 1,
		.columns = &image_column,
		.shape = {3, 1, 2},
	};
}

static float
float_at(const unsigned char *field)
{
	float x;

	memcpy(&x, field, sizeof(x));
	return x;
}

static int32_t
code_at(const unsigned char *field)
{
	int32_t x;

	memcpy(&x, field, sizeof(x));
	return x;
}

/* Storing fails with ADV_DATA and this message, and leaves the field alone. */
static void
fails(const AdvEncoder *enc, int column, AdvValue value, const char *message, const char *name)
{
	unsigned char field[16];
	AdvStatus status;

	memset(field, 0xee, sizeof(field));
	memset(&err, 0, sizeof(err));
	status = adv_encoder_store(enc, column, &value, field, &err);
	if (!ok(status == ADV_DATA && err.status == ADV_DATA && strcmp(err.message, message) == 0, name))
		diag("found \"%s\"", err.message);
}

static void
test_texts(void)
{
	AdvText bytes[] = {TEXT(""), TEXT("a"), TEXT("a\0b"), TEXT("aa"), TEXT("b"), TEXT("\x80")};
	AdvText other[] = {TEXT("aa"), TEXT("\x80"), TEXT("a"), TEXT(""), TEXT("b"), TEXT("a\0b")};
	int32_t sorted[] = {3, 2, 5, 0, 4, 1};
	int n = sizeof(bytes) / sizeof(bytes[0]);
	bool order = true;
	bool found = true;

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			order = order && adv_text_compare(bytes[i], bytes[j]) == (i > j) - (i < j);
		for (int m = 0; m <= n; m++)
			found = found && adv_column_code(&(AdvColumn){.n_values = m, .values = bytes}, bytes[i]) ==
								 (i < m ? i : -1);
	}
	ok(order, "texts are ordered by unsigned bytes, then length");
	ok(found, "every text is found where it is, or not at all");
	ok(adv_text_compare((AdvText){NULL, 0}, TEXT("")) == 0, "an empty text needs no memory");
	ok(adv_column_code(&(AdvColumn){.n_values = 3, .values = colors}, TEXT("gree")) == -1,
	   "the start of a text is not the text");
	found = true;
	for (int i = 0; i < n; i++)
		found = found && adv_column_code(&(AdvColumn){.n_values = n, .values = other, .sorted = sorted},
										 other[i]) == i;
	ok(found, "codes may be in another order than bytes");
}

static void
test_names(void)
{
	bool there_and_back = true;

	for (int i = ADV_ENCODING_STANDARD; i <= ADV_ENCODING_ORDINAL; i++)
		there_and_back = there_and_back && adv_encoding_from_name(adv_encoding_name(i)) == i;
	ok(there_and_back, "encodings have names");
	ok(adv_encoding_from_name("minmax") == ADV_ENCODING_MINMAX, "a name gives its encoding");
	ok(adv_encoding_from_name("Standard") == 0 && adv_encoding_from_name("") == 0, "other names give none");
	ok(strcmp(adv_encoding_name(0), "unknown") == 0 && strcmp(adv_encoding_name(4), "unknown") == 0,
	   "other encodings are unknown");
}

static bool
field_is(AdvField field, int kind, int count)
{
	return field.kind == kind && field.count == count;
}

static void
test_fields(void)
{
	AdvEncoder standard = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	AdvEncoder ordinal = table_encoder(ADV_ENCODING_ORDINAL, ADV_UNSEEN_ERROR);
	AdvEncoder image = image_encoder();
	AdvField fields[3];

	adv_encoder_fields(&standard, fields);
	ok(adv_encoder_inputs(&standard) == 6 && field_is(fields[0], ADV_FIELD_FLOAT, 1) &&
		   field_is(fields[1], ADV_FIELD_ONEHOT, 3) && field_is(fields[2], ADV_FIELD_FLOAT, 2),
	   "a category is a one-hot field");
	adv_encoder_fields(&ordinal, fields);
	ok(adv_encoder_inputs(&ordinal) == 4 && field_is(fields[1], ADV_FIELD_FLOAT, 1),
	   "with ordinal encoding it is a number");
	adv_encoder_fields(&image, fields);
	ok(adv_encoder_inputs(&image) == 6 && field_is(fields[0], ADV_FIELD_IMAGE, 6),
	   "an image is a field of bytes");
}

static void
test_numbers(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	unsigned char field[8];
	AdvValue value = {.number = 43};

	ok(adv_encoder_store(&enc, 0, &value, field, &err) == ADV_OK && float_at(field) == (float) (3 * 0.1),
	   "a number is shifted, scaled and rounded once");
	value.number = 40;
	ok(adv_encoder_store(&enc, 0, &value, field, NULL) == ADV_OK && float_at(field) == 0,
	   "the shift itself gives 0");
	value.number = FLT_MAX;
	ok(adv_encoder_store(&enc, 0, &value, field, &err) == ADV_OK && isfinite(float_at(field)),
	   "large numbers are fine as long as they fit");
	fails(&enc, 0, (AdvValue){.number = NAN}, "column \"age\" is NaN", "NaN is an error");
	fails(&enc, 0, (AdvValue){.number = INFINITY}, "column \"age\" is infinite", "infinity is an error");
	fails(&enc, 0, (AdvValue){.number = -INFINITY}, "column \"age\" is infinite", "minus infinity too");
	fails(&enc, 0, (AdvValue){.number = 1e40}, "column \"age\" is out of range",
		  "so is what does not fit a float");
	is_string(err.detail, "The value 1e+40 does not fit a single-precision number once it is scaled.",
			  "the detail gives the value");
	age_shift[0] = -DBL_MAX;
	fails(&enc, 0, (AdvValue){.number = DBL_MAX}, "column \"age\" is out of range",
		  "overflow on the way is found");
	age_factor[0] = 0;
	fails(&enc, 0, (AdvValue){.number = DBL_MAX}, "column \"age\" is out of range", "even if it gives NaN");
	age_shift[0] = 40;
	age_factor[0] = 0.1;
}

static void
test_arrays(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	AdvColumn three = columns[2];
	unsigned char field[8];
	double two[] = {5, 7};
	double with_nan[] = {5, NAN};
	double with_infinity[] = {INFINITY, 1};
	AdvValue value = {.array = two, .length = 2};

	ok(adv_encoder_store(&enc, 2, &value, field, &err) == ADV_OK && float_at(field) == 2 &&
		   float_at(field + 4) == 27,
	   "each element has its own shift and factor");
	fails(&enc, 2, (AdvValue){.array = with_nan, .length = 2}, "element 2 of column \"pair\" is NaN",
		  "NaN in an array is an error");
	fails(&enc, 2, (AdvValue){.array = with_infinity, .length = 2},
		  "element 1 of column \"pair\" is infinite", "infinity in an array is an error");
	fails(&enc, 2, (AdvValue){.array = two, .length = 3},
		  "array in column \"pair\" has 3 values, but 2 are expected", "an array that is too long");
	fails(&enc, 2, (AdvValue){.array = two, .length = 1},
		  "array in column \"pair\" has 1 value, but 2 are expected", "an array that is too short");
	three.length = 1;
	enc.columns = &three;
	fails(&enc, 0, (AdvValue){.length = 0}, "array in column \"pair\" has 0 values, but 1 is expected",
		  "an empty array");
}

/* Numbers are rounded once, after they are scaled; integers that would be rounded before are errors. */
static void
test_precision(void)
{
	double shift[] = {1764000029.5}, factor[] = {1 / 17.5}, none[] = {0}, one[] = {1};
	double seconds[] = {1764000031};
	AdvColumn at = {
		.name = TEXT("at"), .kind = ADV_COLUMN_ARRAY, .length = 1, .shift = shift, .factor = factor};
	AdvEncoder enc = {.encoding = ADV_ENCODING_STANDARD, .n_columns = 1, .columns = &at, .shape = {1, 1, 1}};
	AdvValue array = {.array = seconds, .length = 1, .integer = true};
	AdvValue number = {.number = 1764000031, .integer = true};
	unsigned char field[4];

	ok(adv_encoder_store(&enc, 0, &array, field, &err) == ADV_OK && float_at(field) == 1.5f / 17.5f,
	   "an element of an array is scaled as it is");
	at.kind = ADV_COLUMN_NUMBER;
	ok(adv_encoder_store(&enc, 0, &number, field, &err) == ADV_OK && float_at(field) == 1.5f / 17.5f,
	   "and so is a number");
	number.rounded = 1;
	fails(&enc, 0, number, "column \"at\" is near 1764000031, an integer that double precision cannot hold",
		  "an integer that was rounded is an error");

	enc.encoding = ADV_ENCODING_ORDINAL;
	at.shift = none;
	at.factor = one;
	number.rounded = 0;
	fails(&enc, 0, number, "column \"at\" is 1764000031, an integer that single precision cannot hold",
		  "ordinal: an integer as it is or not at all");
	ok(strstr(err.hint, "standard") != NULL, "the message says what helps");
	number.number = 1764000000;
	ok(adv_encoder_store(&enc, 0, &number, field, &err) == ADV_OK && float_at(field) == 1764000000.0f,
	   "large integers of few bits are there");
	number.number = -16777216;
	ok(adv_encoder_store(&enc, 0, &number, field, &err) == ADV_OK, "and all up to 2^24");
	number.number = 16777217;
	number.integer = false;
	ok(adv_encoder_store(&enc, 0, &number, field, &err) == ADV_OK && float_at(field) == 16777216,
	   "other numbers are rounded");
	at.kind = ADV_COLUMN_ARRAY;
	fails(&enc, 0, array,
		  "element 1 of column \"at\" is 1764000031, an integer that single precision cannot hold",
		  "elements of arrays too");
}

static void
test_categories(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_MINMAX, ADV_UNSEEN_ERROR);
	AdvValue seen = {.text = TEXT("red")};
	AdvValue unseen = {.text = TEXT("pink")};
	unsigned char field[4];

	ok(adv_encoder_store(&enc, 1, &seen, field, &err) == ADV_OK && code_at(field) == 2,
	   "a category is its code");
	fails(&enc, 1, unseen, "category \"pink\" in column \"color\" was not in the training data",
		  "an unseen category is an error");
	is_string(err.hint, "A model trained with unseen => 'ignore' encodes such categories as all zeros.",
			  "a hint names the option");
	enc.unseen = ADV_UNSEEN_IGNORE;
	ok(adv_encoder_store(&enc, 1, &unseen, field, &err) == ADV_OK && code_at(field) == -1,
	   "ignored, it has code -1");
	enc.encoding = ADV_ENCODING_ORDINAL;
	ok(adv_encoder_store(&enc, 1, &seen, field, &err) == ADV_OK && float_at(field) == 2, "ordinal: a number");
	ok(adv_encoder_store(&enc, 1, &unseen, field, &err) == ADV_OK && float_at(field) == -1,
	   "ordinal and ignored: -1");
	enc.unseen = ADV_UNSEEN_ERROR;
	fails(&enc, 1, unseen, "category \"pink\" in column \"color\" was not in the training data",
		  "ordinal and unseen: an error");
	is_string(err.hint, "A model trained with unseen => 'ignore' encodes such categories as -1.",
			  "the hint knows the encoding");
}

static void
test_images(void)
{
	AdvEncoder enc = image_encoder();
	unsigned char pixels[] = {0, 1, 127, 128, 254, 255};
	unsigned char field[8];
	AdvValue value = {.bytes = pixels, .length = 6};

	memset(field, 0xee, sizeof(field));
	ok(adv_encoder_store(&enc, 0, &value, field, &err) == ADV_OK && memcmp(field, pixels, 6) == 0,
	   "an image is copied");
	ok(field[6] == 0 && field[7] == 0, "and padded with zeros");
	fails(&enc, 0, (AdvValue){.bytes = pixels, .length = 5},
		  "image in column \"image\" has 5 bytes, but 6 are expected", "an image that is too short");
	is_string(err.detail, "The input shape is 3 x 1 x 2.", "the detail gives the shape");
}

/* Long names and values are cut, whatever their encoding. */
static void
test_long_texts(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	char euros[400];
	char expected[512];

	for (int i = 0; i < 399; i++)
		euros[i] = "\xe2\x82\xac"[i % 3];
	snprintf(expected, sizeof(expected),
			 "category \"%.100s...\" in column \"color\" was not in the training data", euros);
	fails(&enc, 1, (AdvValue){.text = {euros, 399}}, expected, "a long value is cut");
	snprintf(expected, sizeof(expected),
			 "category \"%.100s...\" in column \"color\" was not in the training data", euros + 1);
	fails(&enc, 1, (AdvValue){.text = {euros + 1, 398}}, expected, "wherever it starts");
}

/* What is stored comes out of the dataset as the network's input. */
static void
test_expand(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	AdvField fields[3];
	AdvLayout layout = {.fields = fields, .n_fields = 3, .shape = enc.shape};
	unsigned char row[16];
	float x[6];
	double two[] = {5, 7};
	const float expected[] = {-1, 0, 1, 0, 2, 27};
	AdvValue number = {.number = 30};
	AdvValue category = {.text = TEXT("green")};
	AdvValue array = {.array = two, .length = 2};

	adv_encoder_fields(&enc, fields);
	layout.row_bytes = adv_layout_row_bytes(fields, 3);
	ok(layout.row_bytes == sizeof(row), "a row takes 16 bytes");
	ok(adv_encoder_store(&enc, 0, &number, row, &err) == ADV_OK &&
		   adv_encoder_store(&enc, 1, &category, row + 4, &err) == ADV_OK &&
		   adv_encoder_store(&enc, 2, &array, row + 8, &err) == ADV_OK,
	   "its columns are stored one after the other");
	adv_layout_expand(&layout, row, x);
	ok(memcmp(x, expected, sizeof(x)) == 0, "and expand to the network's input");
}

/* ---- and back ---- */

/* The number that a column's element encodes to x, NaN for an error. */
static double
number(const AdvEncoder *enc, int column, size_t element, float x)
{
	double found = NAN;

	return adv_encoder_number(enc, column, element, x, &found, &err) == ADV_OK ? found : NAN;
}

static float
stored_number(const AdvEncoder *enc, double x)
{
	unsigned char field[4];
	AdvValue value = {.number = x};

	return adv_encoder_store(enc, 0, &value, field, NULL) == ADV_OK ? float_at(field) : NAN;
}

/* Digits of the shortest decimal near raw that encodes to x, by trying all; 0 when there is none. */
static int
fewest_digits(const AdvEncoder *enc, double raw, float x)
{
	for (int n = 1; n <= 17; n++)
	{
		char text[40];

		snprintf(text, sizeof(text), "%.*e", n - 1, raw);
		if (stored_number(enc, strtod(text, NULL)) == x)
			return n;
	}
	return 0;
}

static void
test_decoding_numbers(void)
{
	/* scales as columns have them: a person's age, a large sum, a share, a year, raw units */
	const double shifts[] = {38.6, 189778.37, 0.07, 1997, 0};
	const double factors[] = {1 / 13.64, 1 / 105549.98, 1 / 0.004, 1 / 2.5, 1};
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_ERROR);
	bool whole = true, decimals = true, again = true, neighbours = true, shortest = true;

	for (int s = 0; s < 5; s++)
	{
		age_shift[0] = shifts[s];
		age_factor[0] = factors[s];
		for (int i = -300; i <= 300; i++)
		{
			double tenths = floor(shifts[s]) + i / 10.0;
			float x = stored_number(&enc, i);

			whole = whole && number(&enc, 0, 0, x) == i && !signbit(number(&enc, 0, 0, x)) == (i >= 0);
			neighbours = neighbours && number(&enc, 0, 0, nextafterf(x, INFINITY)) == i;
			decimals =
				decimals && (s == 1 || fabs(number(&enc, 0, 0, stored_number(&enc, tenths)) - tenths) < 1e-9);
		}
		for (uint64_t i = 0; i < 2000; i++)
		{
			float x = (float) adv_normal(s, ADV_FOR_CENSUS, i, 0);

			double back = number(&enc, 0, 0, x);
			float y = stored_number(&enc, back);

			again = again && (y == x || (back == rint(back) && nextafterf(x, y) == y));
			shortest = shortest &&
					   (back == rint(back) ||
						fewest_digits(&enc, back, x) == fewest_digits(&enc, x / factors[s] + shifts[s], x));
		}
	}
	ok(whole, "whole numbers come back as they were");
	ok(neighbours, "also from the float32 beside theirs");
	ok(decimals, "so do short decimals");
	ok(again,
	   "any number encodes to what it was decoded from, whole ones to no more than the float32 beside it");
	ok(shortest, "with as few digits as can be");
	age_shift[0] = 0;
	age_factor[0] = 1;
	ok(number(&enc, 0, 0, 0.1F) == 0.1 && number(&enc, 0, 0, 1.0F / 3) == 0.33333334 &&
		   number(&enc, 0, 0, 1.5e-30F) == 1.5e-30 && number(&enc, 0, 0, 1e30F) == 1e30,
	   "as one would write them");
	ok(number(&enc, 0, 0, FLT_MAX) == 3.4028235e38 && number(&enc, 0, 0, -0.0F) == 0,
	   "up to the largest float");
	ok(isnan(number(&enc, 0, 0, NAN)) && err.status == ADV_DATA, "NaN is an error");
	age_factor[0] = 0;
	ok(isnan(number(&enc, 0, 0, 0)) && err.status == ADV_DATA, "so is a factor of 0");
	is_string(err.message, "the encoded value 0 of column \"age\" cannot be decoded",
			  "the message names value and column");
	age_factor[0] = 1e-300;
	ok(isnan(number(&enc, 0, 0, 1e30F)), "and a number that is too large");
	age_shift[0] = 40;
	age_factor[0] = 0.1;
	ok(number(&enc, 2, 0, 2) == 5 && number(&enc, 2, 1, 27) == 7,
	   "elements of an array have their own scale");
}

static void
test_decoding_images(void)
{
	AdvEncoder enc = image_encoder();
	AdvField field;
	AdvLayout layout = {.fields = &field, .n_fields = 1, .shape = enc.shape};
	bool bytes = true;

	adv_encoder_fields(&enc, &field);
	layout.row_bytes = adv_layout_row_bytes(&field, 1);
	for (int b = 0; b < 256; b++)
	{
		unsigned char stored[8] = {(unsigned char) b};
		float x[6];

		adv_layout_expand(&layout, stored, x);
		bytes = bytes && number(&enc, 0, 0, x[0]) == b;
	}
	ok(bytes, "every byte of an image comes back");
	ok(fabs(number(&enc, 0, 5, 0.25F) - 63.75) < 1e-5, "between bytes there are fractions");
}

static void
test_decoding_categories(void)
{
	AdvEncoder enc = table_encoder(ADV_ENCODING_STANDARD, ADV_UNSEEN_IGNORE);

	ok(adv_encoder_code(&enc, 1, (float[]){0, 0, 1}) == 2 &&
		   adv_encoder_code(&enc, 1, (float[]){1, 0, -0.0F}) == 0,
	   "a vertex is its category");
	ok(adv_encoder_code(&enc, 1, (float[]){0, 0, 0}) == ADV_CODE_NONE, "all zeros are none");
	ok(adv_encoder_code(&enc, 1, (float[]){1, 0, 1}) == ADV_CODE_MIXED &&
		   adv_encoder_code(&enc, 1, (float[]){0, 0.5F, 0}) == ADV_CODE_MIXED &&
		   adv_encoder_code(&enc, 1, (float[]){0, 1, 1e-30F}) == ADV_CODE_MIXED,
	   "everything else is a mixture");
	enc.encoding = ADV_ENCODING_ORDINAL;
	ok(adv_encoder_code(&enc, 1, (float[]){2}) == 2 && adv_encoder_code(&enc, 1, (float[]){0}) == 0,
	   "ordinal: a code");
	ok(adv_encoder_code(&enc, 1, (float[]){-1}) == ADV_CODE_NONE, "ordinal: -1 is none");
	ok(adv_encoder_code(&enc, 1, (float[]){3}) == ADV_CODE_MIXED &&
		   adv_encoder_code(&enc, 1, (float[]){-2}) == ADV_CODE_MIXED &&
		   adv_encoder_code(&enc, 1, (float[]){0.5F}) == ADV_CODE_MIXED &&
		   adv_encoder_code(&enc, 1, (float[]){-1e30F}) == ADV_CODE_MIXED,
	   "ordinal: other numbers are no code");
}

int
main(void)
{
	test_texts();
	test_names();
	test_fields();
	test_numbers();
	test_arrays();
	test_precision();
	test_categories();
	test_images();
	test_long_texts();
	test_expand();
	test_decoding_numbers();
	test_decoding_images();
	test_decoding_categories();
	done_testing();
	return 0;
}
