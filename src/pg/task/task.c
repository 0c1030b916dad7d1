/*
 * task.c
 *		Tasks from jsonb to a struct and back, by one table that gives each key's name, type, range and place.
 */
#include "pg/task/task.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/network/encoder.h"
#include "pg/base/advpg.h"
#include "pg/task/json.h"
#include "pg/task/settings.h"

/* Keys with one struct to write to, and where in the task that struct begins. */
typedef struct KeyGroup
{
	const AdvParameter *keys;
	size_t base;
	unsigned of; /* only keys that this kind has; 0: all */
} KeyGroup;

#define MAX_GROUPS 3

struct AdvpgTaskKind
{
	const char *name;
	size_t size; /* of the struct */
	const void *defaults;
	KeyGroup groups[MAX_GROUPS];
	const char *attack; /* the method of attack that this kind is about; NULL: the task may say */
};

/* ---- the tables ---- */

/* Methods by name, filled in from the core's tables when a task is read first. */
#define MAX_METHODS 64
static AdvWord attack_words[MAX_METHODS + 1];
static AdvWord method_words[MAX_METHODS + 1] = {{"merged", ADVPG_METHOD_MERGED}};

static const AdvWord encoding_words[] = {{"standard", ADV_ENCODING_STANDARD},
										 {"minmax", ADV_ENCODING_MINMAX},
										 {"ordinal", ADV_ENCODING_ORDINAL},
										 {NULL, 0}};
static const AdvWord missing_words[] = {
	{"error", ADVPG_MISSING_ERROR}, {"drop", ADVPG_MISSING_DROP}, {NULL, 0}};
static const AdvWord unseen_words[] = {{"error", ADV_UNSEEN_ERROR}, {"ignore", ADV_UNSEEN_IGNORE}, {NULL, 0}};
static const AdvWord optimizer_words[] = {{"adam", ADV_ADAM}, {"sgd", ADV_SGD}, {NULL, 0}};
static const AdvWord init_words[] = {{"glorot", ADV_INIT_GLOROT}, {"he", ADV_INIT_HE}, {NULL, 0}};
static const AdvWord norm_words[] = {{"linf", ADV_NORM_LINF}, {"l2", ADV_NORM_L2}, {NULL, 0}};
static const AdvWord eps_unit_words[] = {{"input", ADVPG_EPS_INPUT}, {"sd", ADVPG_EPS_SD}, {NULL, 0}};
static const AdvWord mode_words[] = {{"bisect", ADV_SEARCH_BISECT}, {"grid", ADV_SEARCH_GRID}, {NULL, 0}};
static const AdvWord denominator_words[] = {
	{"all", ADVPG_DENOMINATOR_ALL}, {"correct", ADVPG_DENOMINATOR_CORRECT}, {NULL, 0}};

#define MAX_EXACT 9007199254740991.0 /* 2^53 - 1: whole numbers jsonb and double agree on */

#define AT(member) offsetof(AdvpgTrainTask, member)
static const AdvParameter train_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"label", ADV_PARAMETER_TEXT, AT(label)},
	{"features", ADV_PARAMETER_TEXTS, AT(features), 1},
	{"exclude", ADV_PARAMETER_TEXTS, AT(exclude)},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"arch", ADV_PARAMETER_TEXT, AT(arch)},
	{"input_shape", ADV_PARAMETER_INTEGERS, AT(input_shape), 1},
	{"encoding", ADV_PARAMETER_WORD, AT(encoding), .words = encoding_words},
	{"scale", ADV_PARAMETER_BOOLEAN, AT(scale)},
	{"oversample", ADV_PARAMETER_TEXT, AT(oversample)},
	{"missing", ADV_PARAMETER_WORD, AT(missing), .words = missing_words},
	{"unseen", ADV_PARAMETER_WORD, AT(unseen), .words = unseen_words},
	{"optimizer", ADV_PARAMETER_WORD, AT(optimizer), .words = optimizer_words},
	{"learning_rate", ADV_PARAMETER_NUMBER, AT(learning_rate), 0, 1e6, true},
	{"momentum", ADV_PARAMETER_NUMBER, AT(momentum), 0, 1},
	{"weight_decay", ADV_PARAMETER_NUMBER, AT(weight_decay), 0, 1e6},
	{"init", ADV_PARAMETER_WORD, AT(init), .words = init_words},
	{"epochs", ADV_PARAMETER_INTEGER, AT(epochs), 1, 100000},
	{"batch_size", ADV_PARAMETER_INTEGER, AT(batch_size), 1, 1000000},
	{"validation", ADV_PARAMETER_TEXT, AT(validation)},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(workers), 0, 1024},
	{"session", ADV_PARAMETER_TEXT, AT(session)},
	{"settings", ADV_PARAMETER_OBJECT, AT(attack.settings)},
	{NULL},
};
static const AdvParameter adv_train_keys[] = {
	{"method", ADV_PARAMETER_WORD, AT(method), .words = method_words},
	{"source", ADV_PARAMETER_TEXT, AT(source)},
	{"source_id", ADV_PARAMETER_TEXT, AT(source_id)},
	{"warm", ADV_PARAMETER_BOOLEAN, AT(warm)},
	{"beta", ADV_PARAMETER_NUMBER, AT(defence.beta), 0, 1e6},
	{NULL},
};
#undef AT

/* How inputs are perturbed, and what only an attack on rows that are there can honour. */
enum
{
	OF_TRAINING = 1, /* adversarial */
	OF_ATTACK = 2,
	OF_SEARCH = 4, /* least eps, of the model itself: eps is looked for, and what a step is follows from it */
	OF_CLASSES = 8, /* success in each class: eps is a list of its own */
	OF_AUDIT = 16,  /* likewise; all models are attacked for themselves */
	OF_NAMED = 32,  /* an attack by a method that the kind of task names, which has no settings */
	OF_METHOD = OF_TRAINING | OF_ATTACK | OF_SEARCH | OF_CLASSES | OF_AUDIT, /* by any */
	OF_ALL = OF_METHOD | OF_NAMED
};

#define AT(member) offsetof(AdvpgAttackSettings, member)
static const AdvParameter perturbation_keys[] = {
	{"attack", ADV_PARAMETER_WORD, AT(method), .words = attack_words, .flags = OF_METHOD},
	{"settings", ADV_PARAMETER_OBJECT, AT(settings), .flags = OF_METHOD & ~OF_TRAINING},
	{"eps", ADV_PARAMETER_SIZES, AT(eps), 0, ADV_MAX_EPS, .flags = OF_TRAINING | OF_ATTACK | OF_NAMED},
	{"alpha", ADV_PARAMETER_NUMBER, AT(how.alpha), 0, ADV_MAX_EPS, true, .flags = OF_METHOD & ~OF_SEARCH},
	{"steps", ADV_PARAMETER_INTEGER, AT(how.steps), 1, ADV_MAX_STEPS, .flags = OF_METHOD},
	{"restarts", ADV_PARAMETER_INTEGER, AT(how.restarts), 1, 10000, .flags = OF_METHOD},
	{"norm", ADV_PARAMETER_WORD, AT(norm), .words = norm_words, .flags = OF_ALL},
	{"random_start", ADV_PARAMETER_BOOLEAN, AT(how.random_start), .flags = OF_METHOD},
	{"mutable", ADV_PARAMETER_TEXTS, AT(mutable), 1, .flags = OF_ALL},
	{"feasible", ADV_PARAMETER_BOOLEAN, AT(feasible), .flags = OF_ALL},
	{"eps_unit", ADV_PARAMETER_WORD, AT(eps_unit), .words = eps_unit_words, .flags = OF_ALL},
	{"clip_min", ADV_PARAMETER_NUMBER, AT(clip_min), -ADV_MAX_EPS, ADV_MAX_EPS, .flags = OF_ALL},
	{"clip_max", ADV_PARAMETER_NUMBER, AT(clip_max), -ADV_MAX_EPS, ADV_MAX_EPS, .flags = OF_ALL},
	{"early_stop", ADV_PARAMETER_BOOLEAN, AT(how.early_stop), .flags = OF_ATTACK | OF_CLASSES},
	{"targeted", ADV_PARAMETER_TEXT, AT(targeted), .flags = OF_ATTACK | OF_NAMED | OF_SEARCH | OF_CLASSES},
	{"craft_on", ADV_PARAMETER_TEXT, AT(craft_on), .flags = OF_ATTACK | OF_NAMED | OF_CLASSES},
	{NULL},
};
#undef AT

#define AT(member) offsetof(AdvpgAttackTask, member)
static const AdvParameter attack_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(workers), 0, 1024},
	{NULL},
};
static const AdvParameter search_keys[] = {
	{"eps_max", ADV_PARAMETER_SIZES, AT(attack.eps), 0, ADV_MAX_EPS, true},
	{"mode", ADV_PARAMETER_WORD, AT(mode), .words = mode_words},
	{"step", ADV_PARAMETER_NUMBER, AT(step), 0, ADV_MAX_EPS, true},
	{"tol", ADV_PARAMETER_NUMBER, AT(tol), 0, ADV_MAX_EPS, true},
	{NULL},
};
static const AdvParameter class_keys[] = {
	{"eps", ADV_PARAMETER_NUMBERS, AT(eps_list), 0, ADV_MAX_EPS},
	{"denominator", ADV_PARAMETER_WORD, AT(denominator), .words = denominator_words},
	{NULL},
};
#define SETTINGS offsetof(AdvpgAttackTask, attack)
#undef AT

#define AT(member) offsetof(AdvpgAuditTask, member)
static const AdvParameter models_keys[] = {{"models", ADV_PARAMETER_TEXTS, AT(models), 1}, {NULL}};
static const AdvParameter pair_keys[] = {
	{"model_a", ADV_PARAMETER_TEXT, AT(model_a)}, {"model_b", ADV_PARAMETER_TEXT, AT(model_b)}, {NULL}};
static const AdvParameter audit_keys[] = {
	{"data", ADV_PARAMETER_TEXT, AT(task.data)},
	{"id", ADV_PARAMETER_TEXT, AT(task.id)},
	{"eps", ADV_PARAMETER_NUMBERS, AT(task.eps_list), 0, ADV_MAX_EPS},
	{"protected", ADV_PARAMETER_TEXTS, AT(protected), 1},
	{"given", ADV_PARAMETER_TEXT, AT(given)},
	{"eps_max", ADV_PARAMETER_SIZES, AT(eps_max), 0, ADV_MAX_EPS, true},
	/* the next two as advfair_gap_interval takes them: advpg_interval_check tells their ranges */
	{"level", ADV_PARAMETER_NUMBER, AT(level), -ADV_MAX_EPS, ADV_MAX_EPS},
	{"replicates", ADV_PARAMETER_INTEGER, AT(replicates), PG_INT32_MIN, PG_INT32_MAX},
	{"seed", ADV_PARAMETER_INTEGER, AT(task.seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(task.workers), 0, 1024},
	{NULL},
};
#define AUDIT_SETTINGS offsetof(AdvpgAuditTask, task.attack)
#undef AT

#define AT(member) offsetof(AdvpgLufTask, member)
static const AdvParameter luf_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"leave_out", ADV_PARAMETER_INTEGER, AT(leave_out), 1, 1000000},
	{"leave_out_ids", ADV_PARAMETER_TEXTS, AT(leave_out_ids), 1},
	{"vary_seed", ADV_PARAMETER_BOOLEAN, AT(vary_seed)},
	{"regenerate", ADV_PARAMETER_BOOLEAN, AT(regenerate)},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(workers), 0, 1024},
	{NULL},
};
#undef AT

#define AT(member) offsetof(AdvpgRetrainTask, member)
static const AdvParameter retrain_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"promote_if", ADV_PARAMETER_TEXT, AT(promote_if)},
	{NULL},
};
#define RETRAIN_AUDIT offsetof(AdvpgRetrainTask, audit)
#undef AT

#define ATTACK_DEFAULTS                                                                                      \
	{                                                                                                        \
		.how = {NAN, NAN, NAN, -1, -1}, .norm = ADV_NORM_LINF, .eps_unit = ADVPG_EPS_INPUT, .clip_min = NAN, \
		.clip_max = NAN                                                                                      \
	}
#define TRAIN_DEFAULTS                                                                                       \
	.scale = -1, .missing = ADVPG_MISSING_ERROR, .optimizer = ADV_ADAM, .learning_rate = 0.001,              \
	.momentum = 0.9, .init = ADV_INIT_GLOROT, .epochs = 20, .batch_size = 250, .attack = ATTACK_DEFAULTS

static const AdvpgTrainTask train_defaults = {TRAIN_DEFAULTS, .defence = {.beta = NAN}};
static const AdvpgTrainTask adv_train_defaults = {TRAIN_DEFAULTS, .adversarial = true,
												  .method = ADVPG_METHOD_MERGED, .defence = {.beta = NAN}};
static const AdvpgAttackTask attack_defaults = {
	.attack = ATTACK_DEFAULTS, .mode = ADV_SEARCH_BISECT, .step = NAN, .tol = NAN};
#define AUDIT_DEFAULTS                                                                                       \
	{                                                                                                        \
		.level = 0.95, .replicates = 1000, .task = {                                                         \
			.attack = ATTACK_DEFAULTS,                                                                       \
			.mode = ADV_SEARCH_BISECT,                                                                       \
			.step = NAN,                                                                                     \
			.tol = NAN                                                                                       \
		}                                                                                                    \
	}
static const AdvpgAuditTask audit_defaults = AUDIT_DEFAULTS;
static const AdvpgRetrainTask retrain_defaults = {.audit = AUDIT_DEFAULTS};
static const AdvpgLufTask luf_defaults = {.leave_out = NAN};

#define GROUP(keys, base)                                                                                    \
	{                                                                                                        \
		(keys), (base)                                                                                       \
	}
#define PERTURBATION(base, of)                                                                               \
	{                                                                                                        \
		perturbation_keys, (base), (of)                                                                      \
	}
static const AdvpgTaskKind train_kind = {
	"train", sizeof(AdvpgTrainTask), &train_defaults, {GROUP(train_keys, 0)}};
static const AdvpgTaskKind adv_train_kind = {"adv_train",
											 sizeof(AdvpgTrainTask),
											 &adv_train_defaults,
											 {GROUP(train_keys, 0), GROUP(adv_train_keys, 0),
											  PERTURBATION(offsetof(AdvpgTrainTask, attack), OF_TRAINING)}};
const AdvpgTaskKind advpg_attack_kind = {"attack",
										 sizeof(AdvpgAttackTask),
										 &attack_defaults,
										 {GROUP(attack_keys, 0), PERTURBATION(SETTINGS, OF_ATTACK)}};
const AdvpgTaskKind advpg_fgsm_kind = {"fgsm",
									   sizeof(AdvpgAttackTask),
									   &attack_defaults,
									   {GROUP(attack_keys, 0), PERTURBATION(SETTINGS, OF_NAMED)},
									   .attack = "fgsm"};
const AdvpgTaskKind advpg_least_eps_kind = {
	"least_eps",
	sizeof(AdvpgAttackTask),
	&attack_defaults,
	{GROUP(attack_keys, 0), GROUP(search_keys, 0), PERTURBATION(SETTINGS, OF_SEARCH)}};
const AdvpgTaskKind advpg_class_robustness_kind = {
	"class_robustness",
	sizeof(AdvpgAttackTask),
	&attack_defaults,
	{GROUP(attack_keys, 0), GROUP(class_keys, 0), PERTURBATION(SETTINGS, OF_CLASSES)}};
const AdvpgTaskKind advpg_audit_kind = {
	"audit",
	sizeof(AdvpgAuditTask),
	&audit_defaults,
	{GROUP(models_keys, 0), GROUP(audit_keys, 0), PERTURBATION(AUDIT_SETTINGS, OF_AUDIT)}};
const AdvpgTaskKind advpg_compare_kind = {
	"compare",
	sizeof(AdvpgAuditTask),
	&audit_defaults,
	{GROUP(pair_keys, 0), GROUP(audit_keys, 0), PERTURBATION(AUDIT_SETTINGS, OF_AUDIT)}};
const AdvpgTaskKind advpg_retrain_kind = {"retrain",
										  sizeof(AdvpgRetrainTask),
										  &retrain_defaults,
										  {GROUP(retrain_keys, 0), GROUP(audit_keys, RETRAIN_AUDIT),
										   PERTURBATION(RETRAIN_AUDIT + AUDIT_SETTINGS, OF_AUDIT)}};
const AdvpgTaskKind advpg_luf_kind = {"luf", sizeof(AdvpgLufTask), &luf_defaults, {GROUP(luf_keys, 0)}};

static void
fill_words(void)
{
	for (int i = 0; adv_attack_methods[i] && i < MAX_METHODS; i++)
		attack_words[i] = (AdvWord){adv_attack_methods[i]->name, i + 1};
	for (int i = 1; adv_defences[i] && i < MAX_METHODS; i++)
		method_words[i] = (AdvWord){adv_defences[i]->name, i + 1};
}

/* ---- reading ---- */

static bool
has_key(const KeyGroup *group, int i)
{
	return group->of == 0 || (group->keys[i].flags & group->of) != 0;
}

/* The key of a name, and the struct it writes to. */
static const AdvParameter *
find_key(const AdvpgTaskKind *kind, const JsonbValue *name, void *task, void **base)
{
	StringInfoData allowed;

	initStringInfo(&allowed);
	for (int g = 0; g < MAX_GROUPS; g++)
		for (int i = 0; kind->groups[g].keys && kind->groups[g].keys[i].name; i++)
		{
			const char *candidate = kind->groups[g].keys[i].name;

			if (!has_key(&kind->groups[g], i))
				continue;
			*base = (char *) task + kind->groups[g].base;
			if (strlen(candidate) == (size_t) name->val.string.len &&
				memcmp(candidate, name->val.string.val, name->val.string.len) == 0)
				return &kind->groups[g].keys[i];
			appendStringInfo(&allowed, ", %s", candidate);
		}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown task key \"%s\"", advpg_json_cstring(name)),
			errhint("Keys of a task of kind %s are kind%s.", kind->name, allowed.data));
}

/* Whether a key says what a method's settings say, too. */
static bool
is_setting(const AdvParameter *key)
{
	size_t how = offsetof(AdvpgAttackSettings, how);

	return key->offset >= how && key->offset < how + sizeof(AdvAttackSettings);
}

/* The method's parameters but for those that this kind of task has no key for. */
static const AdvParameter *
settings_of(const AdvAttackMethod *method, unsigned of)
{
	int n = 0;
	AdvParameter *list;

	while (method->parameters[n].name)
		n++;
	list = palloc0(sizeof(AdvParameter) * (n + 1));
	n = 0;
	for (const AdvParameter *p = method->parameters; p->name; p++)
	{
		bool withheld = false;

		for (const AdvParameter *key = perturbation_keys; key->name; key++)
			withheld |= strcmp(key->name, p->name) == 0 && !(key->flags & of);
		if (!withheld)
			list[n++] = *p;
	}
	return list;
}

/* What is said of a training by settings: of its method, and of the attack that crafts, if there is one, and options of any training. */
static void
lists_of_training(const AdvpgTrainTask *task, AdvpgSettingsOf *lists)
{
	AdvpgTrainTask *written = unconstify(AdvpgTrainTask *, task);
	int n = 0;

	if (advpg_defence(task)->craft)
		lists[n++] = (AdvpgSettingsOf){advpg_defence(task)->parameters, &written->defence};
	if (task->adversarial)
		lists[n++] = (AdvpgSettingsOf){settings_of(advpg_attack_method(&task->attack), OF_TRAINING),
									   &written->attack.how};
	for (int i = 0; adv_train_options[i]; i++)
		lists[n++] = (AdvpgSettingsOf){adv_train_options[i]->parameters, written->options.of[i].own};
	lists[n] = (AdvpgSettingsOf){NULL};
}

/* What was said of the method of attack, by keys or by settings, must be what the method has. */
static void
settle_attack(const AdvpgTaskKind *kind, unsigned of, AdvpgAttackSettings *settings)
{
	const AdvAttackMethod *method;
	AdvAttackSettings unset;

	if (kind->attack)
		settings->method = adv_attack_method(kind->attack) + 1;
	method = advpg_attack_method(settings);
	unset = adv_attack_unset(method);
	memcpy(settings->how.own, unset.own, sizeof(unset.own));
	for (const AdvParameter *key = perturbation_keys; key->name; key++)
		if (is_setting(key) && !advpg_parameter_absent(key, settings) &&
			!advpg_settings_have(method->parameters, key->name))
			advpg_task_invalid(key->name, "is no setting of attack %s", method->name);
	if (of != OF_TRAINING)
	{
		const AdvpgSettingsOf lists[] = {{settings_of(method, of), &settings->how}, {NULL}};

		advpg_settings_read(psprintf("attack %s", method->name), settings->settings, lists);
	}
}

size_t
advpg_task_size(const AdvpgTaskKind *kind)
{
	return kind->size;
}

void
advpg_task_read(const AdvpgTaskKind *kind, Jsonb *task, void *result)
{
	const AdvWord words[] = {{kind->name, 0}, {NULL, 0}};
	const AdvParameter kind_key = {"kind", ADV_PARAMETER_WORD, 0, .words = words};
	JsonbIterator *it;
	JsonbValue name;
	JsonbValue value;

	fill_words();
	memcpy(result, kind->defaults, kind->size);
	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a task must be a JSON object"));
	it = JsonbIteratorInit(&task->root);
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (name.val.string.len == 4 && memcmp(name.val.string.val, "kind", 4) == 0)
			(void) advpg_parameter_word(&kind_key, &value);
		else
		{
			void *base;
			const AdvParameter *key = find_key(kind, &name, result, &base);

			if (value.type != jbvNull) /* null: the default */
				advpg_parameter_read(key, &value, base);
		}
	}
	for (int g = 0; g < MAX_GROUPS; g++)
		if (kind->groups[g].keys == perturbation_keys)
			settle_attack(kind, kind->groups[g].of, (void *) ((char *) result + kind->groups[g].base));
}

static void
check_oversample(const char *value)
{
	char *end;
	long times;

	if (value == NULL || strcmp(value, "balance") == 0)
		return;
	times = value[0] == 'x' && value[1] >= '1' && value[1] <= '9' ? strtol(value + 1, &end, 10) : 0;
	if (times < 1 || times > 1000 || *end != '\0')
		advpg_task_invalid("oversample", "is \"%s\", but must be balance, or xN with N from 1 to 1000",
						   value);
}

/* Which of the two kinds of training a task is; one without a kind is standard training. */
static const AdvpgTaskKind *
training_kind(Jsonb *task)
{
	static const AdvWord words[] = {{"train", 0}, {"adv_train", 1}, {NULL, 0}};
	static const AdvParameter key = {"kind", ADV_PARAMETER_WORD, 0, .words = words};
	JsonbValue *value = JB_ROOT_IS_OBJECT(task) ? advpg_json_member(&task->root, "kind") : NULL;

	return value && advpg_parameter_word(&key, value) == 1 ? &adv_train_kind : &train_kind;
}

static const char *
method_name(const AdvpgTrainTask *task)
{
	for (const AdvWord *w = method_words; w->name; w++)
		if (w->value == task->method)
			return w->name;
	return "none";
}

/* What belongs to one method of adversarial training and is set for another. */
static void
check_method(const AdvpgTrainTask *task)
{
	bool merged = task->method == ADVPG_METHOD_MERGED;

	if ((task->source || task->source_id) && !merged)
		advpg_task_invalid(task->source ? "source" : "source_id", "is for method merged alone");
	if (!isnan(task->defence.beta) && !advpg_settings_have(advpg_defence(task)->parameters, "beta"))
		advpg_task_invalid("beta", "is no setting of method %s", method_name(task));
	if (task->warm > 0 && !merged)
		advpg_task_invalid("warm", "is for method merged alone");
	if (task->attack.feasible > 0 && !merged)
		advpg_task_invalid("feasible", "is for method merged alone");
	if (task->attack.how.restarts > 1 && !merged)
		advpg_task_invalid("restarts", "is for method merged alone");
	if (advpg_defence(task)->most_steps == 1 && task->attack.how.steps > 1)
		advpg_task_invalid("steps", "is %g, but method %s takes one step", task->attack.how.steps,
						   advpg_defence(task)->name);
}

/* A name under which a version can be stored: an index holds it, so its length has a limit. */
static void
check_model_name(const char *name)
{
	if (name[0] == '\0' || strchr(name, '@'))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a name for a model", name),
				errhint("Give model a name that is not empty and has no @ in it; versions are counted by the "
						"system."));
	if (strlen(name) > ADV_MAX_NAME)
		ereport(
			ERROR, errcode(ERRCODE_NAME_TOO_LONG),
			errmsg("name of a model has %zu bytes, but at most %d are possible", strlen(name), ADV_MAX_NAME));
}

void
advpg_train_task_read(Jsonb *task, bool need_model, AdvpgTrainTask *result)
{
	AdvpgSettingsOf lists[ADVPG_SETTINGS_LISTS];
	AdvDefenceSettings unset;
	AdvError err;

	advpg_task_read(training_kind(task), task, result);
	unset = adv_defence_unset(advpg_defence(result));
	memcpy(result->defence.own, unset.own, sizeof(unset.own));
	result->options = adv_train_options_unset();
	lists_of_training(result, lists);
	advpg_settings_read(result->adversarial ? psprintf("method %s with attack %s", method_name(result),
													   advpg_attack_method(&result->attack)->name)
											: "a training",
						result->attack.settings, lists);
	if (adv_train_options_complete(&result->options, result->epochs, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	if (need_model && result->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (need_model)
		check_model_name(result->model);
	if (!need_model && result->model)
		advpg_task_invalid("model", "has no place here: the model is returned, not stored");
	if (result->data == NULL)
		advpg_task_invalid("data", "is missing");
	if (result->label == NULL)
		advpg_task_invalid("label", "is missing");
	if (result->input_shape && list_length(result->input_shape) != 3)
		advpg_task_invalid("input_shape", "must be channels, height and width");
	check_oversample(result->oversample);
	if (result->adversarial)
		check_method(result);
}

/* ---- writing ---- */

/*
 * Settings were read into the structs that they are of. What there is a key for is written as such, if the method has it; what a method alone
 * has becomes settings again, with defaults filled in.
 */
static bool
is_written(const KeyGroup *group, const AdvParameter *key, const AdvpgTrainTask *task)
{
	if (key->kind == ADV_PARAMETER_OBJECT)
		return false;
	return group->keys != perturbation_keys || !is_setting(key) ||
		   advpg_settings_have(advpg_attack_method(&task->attack)->parameters, key->name);
}

static void
write_settings(JsonbParseState **state, const AdvpgTrainTask *task)
{
	AdvpgSettingsOf lists[ADVPG_SETTINGS_LISTS];

	lists_of_training(task, lists);
	if (!advpg_settings_own(lists))
		return;
	advpg_json_string(state, WJB_KEY, "settings");
	advpg_settings_write(lists, state);
}

Jsonb *
advpg_train_task_write(const AdvpgTrainTask *task)
{
	const AdvpgTaskKind *kind = task->adversarial ? &adv_train_kind : &train_kind;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "kind", kind->name);
	for (int g = 0; g < MAX_GROUPS; g++)
		for (int i = 0; kind->groups[g].keys && kind->groups[g].keys[i].name; i++)
		{
			const AdvParameter *key = &kind->groups[g].keys[i];
			const void *base = (const char *) task + kind->groups[g].base;

			if (!has_key(&kind->groups[g], i) || advpg_parameter_absent(key, base) ||
				!is_written(&kind->groups[g], key, task))
				continue;
			advpg_json_string(&state, WJB_KEY, key->name);
			advpg_parameter_write(key, base, &state);
		}
	write_settings(&state, task);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

char *
advpg_task_text(Jsonb *task, const char *key)
{
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(task) ||
		getKeyJsonValueFromContainer(&task->root, key, strlen(key), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return advpg_json_cstring(&value);
}
