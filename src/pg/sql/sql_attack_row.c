/*
 * sql_attack_row.c
 *		An attack on one row, in the session itself: advfair_attack of a model given as a value.
 *
 * Settings are resolved once for a call site, as long as they stay the same. Random numbers of a row are drawn by its values, so the same
 * row has the same example wherever it is attacked.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "core/base/hash.h"
#include "pg/base/advpg.h"
#include "pg/base/compat.h"
#include "pg/base/version.h"
#include "pg/data/dictionary.h"
#include "pg/model/callsite.h"
#include "pg/model/classes.h"
#include "pg/operation/attack.h"
#include "pg/task/json.h"
#include "pg/task/kind.h"

ADVPG_FUNCTION(advfair_attack_row);

enum
{
	ARG_MODEL,
	ARG_ROW,
	ARG_LABEL,
	ARG_EPS,
	ARG_ATTACK,
	ARG_SETTINGS,
	N_COLUMNS = 6
};

/* What is kept for a call site. */
typedef struct RowAttack
{
	MemoryContext context; /* of this and all below */
	double eps;
	text *name;
	Jsonb *settings; /* NULL: none */
	uint8 *domain;   /* (n_columns) */
	int n_columns;
	AdvAttack attack;
	TupleDesc desc;
	float *x; /* (inputs) of the example */
	void *private;
} RowAttack;

/* ---- settings ---- */

static bool
same_bytes(const void *a, const void *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

static bool
is_same(const RowAttack *kept, double eps, const text *name, const Jsonb *settings, const uint8 *domain)
{
	return kept && kept->eps == eps && same_bytes(kept->name, name) && !kept->settings == !settings &&
		   (!settings || same_bytes(kept->settings, settings)) &&
		   memcmp(kept->domain, domain, kept->n_columns) == 0;
}

/* Whether a setting is about where x' may go, whatever the method. */
static bool
is_of_task(const JsonbValue *key)
{
	static const char *const of_task[] = {"norm",     "mutable",  "feasible", "targeted",
										  "clip_min", "clip_max", "eps_unit", "seed"};

	for (size_t i = 0; i < lengthof(of_task); i++)
		if (strlen(of_task[i]) == (size_t) key->val.string.len &&
			memcmp(of_task[i], key->val.string.val, key->val.string.len) == 0)
			return true;
	return false;
}

/* Push the settings that are the task's, or those that are the method's. */
static void
push_settings(JsonbParseState **state, Jsonb *settings, bool of_task)
{
	JsonbIterator *it = JsonbIteratorInit(&settings->root);
	JsonbIteratorToken token;
	JsonbValue item;
	bool wanted = false;

	(void) JsonbIteratorNext(&it, &item, false);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			wanted = is_of_task(&item) == of_task;
		if ((token == WJB_KEY || token == WJB_VALUE) && wanted)
			(void) pushJsonbValue(state, token, &item);
	}
}

/* The task that the call stands for. */
static Jsonb *
task_of(double eps, text *name, Jsonb *settings)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (settings)
		push_settings(&state, settings, true);
	advpg_json_put_string(&state, "attack", text_to_cstring(name));
	advpg_json_put_number(&state, "eps", eps);
	advpg_json_text(&state, WJB_KEY, advpg_cstring_text("settings"));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (settings)
		push_settings(&state, settings, false);
	(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
resolve(RowAttack *kept, const AdvModel *model)
{
	AdvpgAttackTask task;

	if (isnan(kept->eps))
		advpg_task_invalid("eps", "is NaN");
	if (kept->settings && !JB_ROOT_IS_OBJECT(kept->settings))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("settings must be an object"));
	advpg_task_read(&advpg_attack_kind, task_of(kept->eps, kept->name, kept->settings), &task);
	advpg_attack_resolve(&task.attack, model, kept->domain, NULL, (uint64_t) (int64) task.seed,
						 &kept->attack);
	kept->attack.retreats = kept->attack.steps > 1 ? ADVPG_ATTACK_RETREATS : 0;
}

/* The attack that this call wants, resolved now or by an earlier one. */
static RowAttack *
get_attack(FunctionCallInfo fcinfo, const AdvModel *model, const uint8 *domain)
{
	double eps = PG_GETARG_FLOAT8(ARG_EPS);
	text *name = PG_GETARG_TEXT_P(ARG_ATTACK);
	Jsonb *settings = PG_ARGISNULL(ARG_SETTINGS) ? NULL : PG_GETARG_JSONB_P(ARG_SETTINGS);
	MemoryContext parent, context, old;
	void **own = advpg_callsite_own(fcinfo, &parent);
	RowAttack *kept = *own;

	if (is_same(kept, eps, name, settings, domain))
		return kept;
	*own = NULL;
	if (kept)
		MemoryContextDelete(kept->context);
	context = AllocSetContextCreate(parent, "advfair row attack", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	kept = palloc0(sizeof(RowAttack));
	kept->context = context;
	kept->eps = eps;
	kept->name = (text *) PG_DETOAST_DATUM_COPY(PointerGetDatum(name));
	kept->settings = settings ? (Jsonb *) PG_DETOAST_DATUM_COPY(PointerGetDatum(settings)) : NULL;
	kept->n_columns = model->encoder.n_columns;
	kept->domain = memcpy(palloc(kept->n_columns), domain, kept->n_columns);
	if (get_call_result_type(fcinfo, NULL, &kept->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "advfair_attack must return a row");
	kept->desc = BlessTupleDesc(CreateTupleDescCopy(kept->desc));
	resolve(kept, model);
	kept->x = palloc_extended(sizeof(float) * adv_shape_size(model->net.input), MCXT_ALLOC_HUGE);
	kept->private =
		ADVPG_ALIGN64(palloc_extended(adv_attack_private_size(&model->net) + 64, MCXT_ALLOC_HUGE));
	MemoryContextSwitchTo(old);
	return *own = kept;
}

/* ---- the attack ---- */

typedef struct Outcome
{
	int32_t prediction;
	int32_t adversarial;
	uint8_t flags;
	float linf;
	float l2;
} Outcome;

/* Let whoever runs stop where an interrupt is pending. */
typedef struct Watch
{
	AdvpgInterruption interruption;
	AdvTeamShared *shared;
} Watch;

static void
watch(void *arg)
{
	Watch *w = arg;

	if (advpg_interrupted(&w->interruption))
		atomic_store(&w->shared->abort, 1);
}

static Outcome
attack_row(const RowAttack *kept, const AdvModel *model, const float *input, int32_t label)
{
	size_t inputs = adv_shape_size(model->net.input);
	AdvField field = {ADV_FIELD_FLOAT, (int32_t) inputs};
	const unsigned char *chunk = (const unsigned char *) input;
	AdvDataset data = {{&field, 1, model->net.input, sizeof(float) * inputs}, 1, 1, &chunk, &label, NULL};
	uint64_t key = adv_hash(input, sizeof(float) * inputs, 0);
	float *const example = kept->x;
	AdvInputs x = {1, &example};
	Outcome o = {-1, -1, 0, 0, 0};
	AdvAttackState state = {0};
	AdvTeamShared shared;
	Watch watched = {{CurrentMemoryContext, NULL}, &shared};
	AdvTeam team = {0, 1, &shared, watch, &watched};
	AdvAttackRun run = {.net = &model->net,
						.params = model->params,
						.data = &data,
						.key = &key,
						.n = 1,
						.attack = &kept->attack,
						.result = {.prediction = &o.prediction,
								   .adversarial = &o.adversarial,
								   .flags = &o.flags,
								   .linf = &o.linf,
								   .l2 = &o.l2,
								   .x = &x},
						.state = &state,
						.private = kept->private};

	adv_team_init(&shared);
	(void) adv_attack(&run, &team);
	advpg_raise_interruption(&watched.interruption);
	if (o.flags & ADV_ATTACK_OVERFLOW)
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the output of the network is not finite"),
				errhint("The row, or what eps makes of it, is far outside of what the model can have been "
						"trained on."));
	return o;
}

Datum
advfair_attack_row(PG_FUNCTION_ARGS)
{
	const AdvModel *model;
	const uint8 *domain;
	const float *input;
	RowAttack *kept;
	Outcome o;
	text *label;
	Datum values[N_COLUMNS];
	bool nulls[N_COLUMNS] = {false};

	for (int i = ARG_MODEL; i < ARG_SETTINGS; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	input = advpg_callsite_row(fcinfo, &model, &domain);
	kept = get_attack(fcinfo, model, domain);
	label = PG_GETARG_TEXT_PP(ARG_LABEL);
	o = attack_row(kept, model, input,
				   advpg_find_class(model, (AdvText){VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label)}));
	values[0] = advpg_text_datum(model->classes[o.prediction]);
	values[1] = advpg_text_datum(model->classes[o.adversarial]);
	values[2] = BoolGetDatum((o.flags & ADV_ATTACK_SUCCESS) != 0);
	nulls[2] = (o.flags & ADV_ATTACK_EXEMPT) != 0;
	values[3] = Float8GetDatum(o.linf);
	values[4] = Float8GetDatum(o.l2);
	values[5] = advpg_input_datum(model->net.input, kept->x);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(kept->desc, values, nulls)));
}
