/*
 * attack.c
 *		An attack on rows in compute workers: from settings as users say them to examples and what they do.
 */
#include "pg/operation/attack.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/network/loss.h"
#include "pg/base/advpg.h"
#include "pg/model/callsite.h"
#include "pg/model/classes.h"
#include "pg/data/dictionary.h"
#include "pg/data/reader.h"
#include "pg/task/json.h"
#include "pg/task/settings.h"

#define QUERIES_SHARE 0.002 /* of the attacked rows, likewise: broken by queries alone */
#define IMAGE_EPS_MAX 0.25
#define FAILED_SHARE  0.01 /* of the attacked rows: where the attack fails for more, it is said */

/* ---- settings ---- */

/* A column's first input and their number. An image's channels, rows and columns are its inputs. */
typedef struct Inputs
{
	size_t first;
	size_t count;
} Inputs;

static Inputs *
column_inputs(const AdvEncoder *encoder)
{
	Inputs *inputs = palloc(sizeof(Inputs) * encoder->n_columns);
	AdvField *fields = palloc(sizeof(AdvField) * encoder->n_columns);
	size_t first = 0;

	adv_encoder_fields(encoder, fields);
	for (int c = 0; c < encoder->n_columns; c++)
	{
		inputs[c] = (Inputs){first, fields[c].count};
		first += fields[c].count;
	}
	return inputs;
}

/* Number of a column; an unknown one is an error. */
static int
find_column(const AdvEncoder *encoder, const char *name, const char *key)
{
	StringInfoData list;

	for (int c = 0; c < encoder->n_columns; c++)
		if (adv_text_compare(encoder->columns[c].name, advpg_cstring_text(name)) == 0)
			return c;
	initStringInfo(&list);
	for (int c = 0; c < encoder->n_columns && list.len < 300; c++)
		appendStringInfo(&list, "%s%s", c ? ", " : "", advpg_text_cstring(encoder->columns[c].name));
	ereport(
		ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
		errmsg("%s names column \"%s\", which the model does not have", key, name),
		errhint("Its %d columns are %s%s.", encoder->n_columns, list.data, list.len < 300 ? "" : ", ..."));
}

/* The eps of each column, as an array or an object gives them. */
static double *
column_sizes(const JsonbValue *eps, const char *key, const AdvEncoder *encoder)
{
	double *sizes = palloc0(sizeof(double) * encoder->n_columns);
	bool is_array = JsonContainerIsArray(eps->val.binary.data);
	JsonbIterator *it = JsonbIteratorInit(eps->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue item;
	int column = 0;

	(void) JsonbIteratorNext(&it, &item, false);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			column = find_column(encoder, advpg_json_cstring(&item), key);
		else if (token == WJB_VALUE)
			sizes[column] = advpg_json_double(&item);
		else if (token == WJB_ELEM && column < encoder->n_columns)
			sizes[column++] = advpg_json_double(&item);
		else if (token == WJB_ELEM)
			column++;
	}
	if (is_array && column != encoder->n_columns)
		advpg_task_invalid(key, "has %d elements, but the model has %d columns", column, encoder->n_columns);
	return sizes;
}

/* Standard deviation of each input, as far as the model knows it. */
static void
fill_sd(const AdvModel *model, const AdvpgAttackSettings *settings, size_t n, float *unit)
{
	const AdvNetwork *net = &model->net;
	int channels = net->input.c;
	bool is_image = model->encoder.columns[0].kind == ADV_COLUMN_IMAGE; /* which no encoder scales */
	bool known = net->scale || (model->encoder.encoding == ADV_ENCODING_STANDARD && !is_image);

	for (size_t i = 0; i < n && known; i++)
	{
		unit[i] = net->scale ? 1 / model->params[channels + i % channels] : 1;
		known = unit[i] > 0 && isfinite(unit[i]); /* as it is unless somebody wrote the model by hand */
	}
	if (!known)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the model does not know the standard deviation of its inputs"),
			settings->eps
				? errhint(
					  "Train it with scale => true or encoding => 'standard', or give eps for each column.")
				: errhint("Train it with scale => true or encoding => 'standard'."));
}

/* The largest float that is not greater than a positive size: a ball must not grow by rounding. */
static float
float_below(double size)
{
	float nearest = (float) size;

	return (double) nearest > size ? nextafterf(nearest, 0) : nearest;
}

float *
advpg_attack_units(const AdvpgAttackSettings *settings, const AdvModel *model)
{
	const AdvEncoder *encoder = &model->encoder;
	const char *key = settings->eps_key ? settings->eps_key : "eps";
	size_t n = adv_shape_size(model->net.input);
	bool by_column = settings->eps && settings->eps->type == jbvBinary;
	double *sizes = by_column ? column_sizes(settings->eps, key, encoder) : NULL;
	bool *movable = palloc0(sizeof(bool) * encoder->n_columns);
	Inputs *inputs = column_inputs(encoder);
	float *unit;
	ListCell *cell;

	if (sizes == NULL && settings->mutable == NIL && settings->eps_unit == ADVPG_EPS_INPUT)
		return NULL;
	foreach (cell, settings->mutable)
		movable[find_column(encoder, lfirst(cell), "mutable")] = true;
	unit = palloc_extended(sizeof(float) * n, MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
		unit[i] = 1;
	if (settings->eps_unit == ADVPG_EPS_SD)
		fill_sd(model, settings, n, unit);
	for (int c = 0; c < encoder->n_columns; c++)
		for (size_t i = inputs[c].first; i < inputs[c].first + inputs[c].count; i++)
		{
			double size = sizes ? unit[i] * sizes[c] : unit[i];

			unit[i] = settings->mutable != NIL && !movable[c] ? 0 : float_below(size);
		}
	return unit;
}

/* Which values of each input stand for something real. */
static AdvGrid *
resolve_grid(const AdvModel *model, const uint8 *domain)
{
	const AdvEncoder *encoder = &model->encoder;
	size_t n = adv_shape_size(model->net.input);
	AdvGrid *grid = palloc_extended(sizeof(AdvGrid) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Inputs *inputs = column_inputs(encoder);

	for (int c = 0; c < encoder->n_columns; c++)
	{
		const AdvColumn *column = &encoder->columns[c];
		AdvGrid *first = &grid[inputs[c].first];

		for (size_t k = 0; k < inputs[c].count; k++)
		{
			AdvGrid whole = {ADV_GRID_WHOLE, 1, 0, 1, -INFINITY, INFINITY};

			switch (column->kind)
			{
				case ADV_COLUMN_CATEGORY:
					whole.min = 0;
					whole.max = column->n_values - 1;
					break;
				case ADV_COLUMN_IMAGE:
					whole.factor = 1.0 / 255;
					whole.min = 0;
					whole.max = 255;
					break;
				default:
					whole.shift = column->shift[k];
					whole.factor = column->factor[k];
					if (domain[c] == ADVPG_DOMAIN_REAL)
						whole.kind = ADV_GRID_FREE;
					else if (domain[c] == ADVPG_DOMAIN_BOOLEAN)
					{
						whole.min = 0;
						whole.max = 1;
					}
			}
			first[k] = whole;
		}
		if (column->kind == ADV_COLUMN_CATEGORY && encoder->encoding != ADV_ENCODING_ORDINAL)
			for (size_t k = 0; k < inputs[c].count; k++)
				first[k] = (AdvGrid){k == 0 ? ADV_GRID_ONEHOT : ADV_GRID_FREE, (int32_t) inputs[c].count};
	}
	return grid;
}

/* Steps and alpha: what was said, or what the training has for its method, or what the attack's method has. */
static void
resolve_steps(const AdvAttackSettings *how, const AdvAttackMethod *method, const AdvpgAttackPreset *preset,
			  AdvAttack *attack)
{
	bool preset_holds = preset && advpg_settings_have(method->parameters, "steps");

	attack->steps = !isnan(how->steps) ? how->steps : preset_holds ? preset->steps : method->steps;
	if (!isnan(how->alpha))
		attack->alpha = how->alpha;
	else if (preset_holds && preset->alpha > 0)
		attack->alpha = attack->eps * preset->alpha;
	else
		attack->alpha = attack->eps * (method->reach / attack->steps);
}

AdvpgAttackSettings
advpg_attack_up_to(const AdvpgAttackSettings *settings, const AdvModel *model)
{
	AdvpgAttackSettings result = *settings;

	if (result.eps == NULL && model->encoder.columns[0].kind == ADV_COLUMN_IMAGE)
		result.eps = advpg_json_number_value(IMAGE_EPS_MAX);
	if (result.eps == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"eps_max\" is missing"),
			errhint("Only for images there is a natural one, %g. Say up to which eps rows shall be attacked.",
					IMAGE_EPS_MAX));
	result.eps_key = "eps_max";
	return result;
}

AdvBall
advpg_attack_ball(const AdvpgAttackSettings *settings, const AdvModel *model, double *eps)
{
	bool is_image = model->encoder.columns[0].kind == ADV_COLUMN_IMAGE;
	AdvBall ball = {.norm = settings->norm};

	*eps = settings->eps == NULL               ? INFINITY
		   : settings->eps->type == jbvNumeric ? advpg_json_double(settings->eps)
											   : 1;
	ball.low = !isnan(settings->clip_min) ? settings->clip_min : is_image ? 0 : -INFINITY;
	ball.high = !isnan(settings->clip_max) ? settings->clip_max : is_image ? 1 : INFINITY;
	if (ball.low > ball.high)
		advpg_task_invalid("clip_min", "is %g, but must not be greater than clip_max, %g", ball.low,
						   ball.high);
	ball.unit = advpg_attack_units(settings, model);
	return ball;
}

void
advpg_attack_resolve(const AdvpgAttackSettings *settings, const AdvModel *model, const uint8 *domain,
					 const AdvpgAttackPreset *preset, uint64_t seed, AdvAttack *attack)
{
	const AdvAttackMethod *method = advpg_attack_method(settings);
	const AdvAttackSettings *how = &settings->how;
	memset(attack, 0, sizeof(*attack));
	if (settings->eps == NULL)
		advpg_task_invalid("eps", "is missing");
	attack->ball = advpg_attack_ball(settings, model, &attack->eps);
	attack->method = adv_attack_method(method->name);
	memcpy(attack->own, how->own, sizeof(attack->own));
	resolve_steps(how, method, preset, attack);
	attack->restarts = isnan(how->restarts) ? 1 : how->restarts;
	attack->random_start = how->random_start < 0 ? method->random_start : how->random_start;
	attack->early_stop = how->early_stop < 0 ? settings->craft_on == NULL : how->early_stop;
	attack->target =
		settings->targeted ? advpg_find_class(model, advpg_cstring_text(settings->targeted)) : -1;
	attack->seed = seed;
	attack->grid = settings->feasible > 0 ? resolve_grid(model, domain) : NULL;
}

/* ---- after the run ---- */

/* Row functions use another matrix kernel, which may break a near tie the other way: let it decide on what is returned. */
static void
judge_near_ties(const AdvpgAttackSpec *spec, AdvpgAttacked *result)
{
	const AdvModel *model = spec->scored ? spec->scored : spec->model;
	const AdvNetwork *net = &model->net;
	AdvDataset x = advpg_rows_dataset(result->x);
	AdvWorkspace ws;
	bool ready = false;

	ADVPG_EACH (i, result->n)
	{
		bool success;

		if (!(result->flags[i] & ADV_ATTACK_NEAR_TIE))
			continue;
		if (!ready)
		{
			adv_workspace_init(&ws, net, 1, ADV_PASS_FORWARD,
							   ADVPG_ALIGN64(palloc_extended(
								   adv_workspace_size(net, 1, ADV_PASS_FORWARD) + 64, MCXT_ALLOC_HUGE)));
			adv_workspace_load(&ws, model->params);
			ready = true;
		}
		adv_layout_expand(&x.layout, adv_dataset_row(&x, i), ws.act[0]);
		advpg_forward(&ws);
		result->adversarial[i] = adv_argmax(net->classes, ws.act[net->n_layers]);
		success = spec->attack->target >= 0 ? result->adversarial[i] == spec->attack->target
											: result->adversarial[i] != spec->rows->label[i];
		if (!(result->flags[i] & ADV_ATTACK_EXEMPT))
			result->flags[i] =
				success ? result->flags[i] | ADV_ATTACK_SUCCESS : result->flags[i] & ~ADV_ATTACK_SUCCESS;
	}
}

/* Rows that only queries broke, of an ensemble that has asked gradients first: then gradients mislead. (Croce and Hein 2020, in their code.) */
static void
check_queries(const AdvpgAttackSpec *spec, const AdvpgAttacked *result, size_t attacked)
{
	size_t by_queries = 0;

	if (!adv_attack_methods[spec->attack->method]->members)
		return;
	ADVPG_EACH (i, result->n)
		by_queries += (result->flags[i] & ADV_ATTACK_SUCCESS) &&
					  result->prediction[i] == spec->rows->label[i] &&
					  adv_attack_methods[result->method[i]]->blind;
	if (by_queries > QUERIES_SHARE * attacked)
		ereport(
			WARNING,
			errmsg(
				"%zu of %zu attacked rows withstood all attacks by gradients, but not queries without them",
				by_queries, attacked),
			errdetail("Gradients of this model mislead, so attacks that climb them make it seem more robust "
					  "than it is."),
			errhint("Judge it by autoattack, with more queries, and not by pgd."));
}

/* Attacks that climb a ratio of differences of logits have fewer to climb where there are few classes. */
static void
check_classes(const AdvpgAttackSpec *spec)
{
	const AdvAttackMethod *method = adv_attack_methods[spec->attack->method];
	int classes = spec->model->net.classes;

	if (method->aim == adv_aim_dlr && classes < (method->by_target ? 4 : 3))
		ereport(NOTICE,
				errmsg("%s climbs the difference of two logits: with %d classes there is no ratio to it",
					   method->name, classes));
}

/* The invariants an attack can be checked by. */
static void
check(const AdvpgAttackSpec *spec, const AdvpgAttacked *result)
{
	size_t attacked = 0;
	size_t no_slope = 0;
	size_t unsettled = 0;
	size_t outside = 0;

	ADVPG_EACH (i, result->n)
	{
		uint8_t flags = result->flags[i];

		if (flags & ADV_ATTACK_OVERFLOW)
			ereport(
				ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("%s: the output of the network is not finite", advpg_rows_name(spec->rows, i)),
				errhint("The row, or what eps makes of it, is far outside of what the model can have been "
						"trained on."));
		attacked += result->prediction[i] == spec->rows->label[i] && !(flags & ADV_ATTACK_EXEMPT);
		if (!(flags & ADV_ATTACK_SUCCESS)) /* another model's examples may succeed all the same */
		{
			no_slope += (flags & ADV_ATTACK_NO_SLOPE) != 0;
			unsettled += (flags & (ADV_ATTACK_UNSETTLED | ADV_ATTACK_NO_SLOPE)) == ADV_ATTACK_UNSETTLED;
		}
		outside += (flags & ADV_ATTACK_OUTSIDE) != 0;
	}
	check_queries(spec, result, attacked);
	if (no_slope > 0 && no_slope > FAILED_SHARE * attacked)
		ereport(
			WARNING,
			errmsg("%zu of %zu attacked rows withstood only where the gradient is zero", no_slope, attacked),
			errdetail("An attack that has no direction says nothing about robustness: activations such as "
					  "tanh are saturated, or no relu is active, at these rows (gradient masking)."),
			errhint(
				"Try craft_on with another model, more restarts with random_start, a larger eps, or train "
				"with scaled features."));
	if (unsettled > 0 && unsettled > FAILED_SHARE * attacked)
		ereport(WARNING,
				errmsg("%zu of %zu attacked rows withstood only an attack that did not settle", unsettled,
					   attacked),
				errdetail("Steps lowered the loss that they should raise, or the last one still raised it, "
						  "at eps and at all "
						  "smaller sizes that were tried: these rows are not shown to be robust."),
				errhint("Give more steps, another alpha, eps for each column, or eps_unit => 'sd'."));
	if (outside > 0)
		ereport(
			WARNING,
			errmsg("%zu of %zu examples are farther from their rows than eps or outside of the clip range",
				   outside, result->n),
			errdetail("This is an error in advfair."));
}

AdvpgAttacked *
advpg_attack(const AdvpgAttackSpec *spec)
{
	AdvpgAttacked *result;

	check_classes(spec);
	result = advpg_run_attack(spec);
	if (result->x) /* wanted, and of some rows */
		judge_near_ties(spec, result);
	check(spec, result);
	return result;
}
