/*
 * task.c
 *		Tasks from jsonb to a struct and back, by one table that gives each key's name, type, range and place.
 */
#include "pg/task/task.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/network/encoder.h"
#include "pg/task/json.h"

typedef enum KeyType
{
	KEY_TEXT,     /* char * */
	KEY_TEXTS,    /* List of char *, from an array of at least min strings */
	KEY_INTEGERS, /* List of double *, from an array of at least min positive integers */
	KEY_INTEGER,  /* double holding a whole number, min <= value <= max */
	KEY_NUMBER,   /* double, min <= value <= max, and value > min when open */
	KEY_NUMBERS,  /* List of double *, from a number or an array of at least one, each as KEY_NUMBER */
	KEY_SIZES,    /* JsonbValue *: a number, an array or an object of numbers, each as KEY_NUMBER */
	KEY_BOOLEAN,  /* int */
	KEY_WORD      /* int, one of words */
} KeyType;

typedef struct Word
{
	const char *name;
	int value;
} Word;

typedef struct Key
{
	const char *name;
	KeyType type;
	size_t offset;
	double min;
	double max;
	bool open;
	const Word *words;
	unsigned has; /* of a table shared by several kinds of task: those that have the key */
} Key;

/* Keys with one struct to write to, and where in the task that struct begins. */
typedef struct KeyGroup
{
	const Key *keys;
	int n;
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
};

/* ---- the tables ---- */

static const Word encoding_words[] = {{"standard", ADV_ENCODING_STANDARD},
									  {"minmax", ADV_ENCODING_MINMAX},
									  {"ordinal", ADV_ENCODING_ORDINAL},
									  {NULL, 0}};
static const Word missing_words[] = {{"error", ADVPG_MISSING_ERROR}, {"drop", ADVPG_MISSING_DROP}, {NULL, 0}};
static const Word unseen_words[] = {{"error", ADV_UNSEEN_ERROR}, {"ignore", ADV_UNSEEN_IGNORE}, {NULL, 0}};
static const Word optimizer_words[] = {{"adam", ADV_ADAM}, {"sgd", ADV_SGD}, {NULL, 0}};
static const Word init_words[] = {{"glorot", ADV_INIT_GLOROT}, {"he", ADV_INIT_HE}, {NULL, 0}};
static const Word norm_words[] = {{"linf", ADV_NORM_LINF}, {"l2", ADV_NORM_L2}, {NULL, 0}};
static const Word eps_unit_words[] = {{"input", ADVPG_EPS_INPUT}, {"sd", ADVPG_EPS_SD}, {NULL, 0}};
static const Word mode_words[] = {{"bisect", ADV_SEARCH_BISECT}, {"grid", ADV_SEARCH_GRID}, {NULL, 0}};
static const Word denominator_words[] = {
	{"all", ADVPG_DENOMINATOR_ALL}, {"correct", ADVPG_DENOMINATOR_CORRECT}, {NULL, 0}};
static const Word method_words[] = {{"merged", ADVPG_METHOD_MERGED},
									{"pgd", ADVPG_METHOD_PGD},
									{"trades", ADVPG_METHOD_TRADES},
									{"fast", ADVPG_METHOD_FAST},
									{NULL, 0}};

#define MAX_EXACT 9007199254740991.0 /* 2^53 - 1: whole numbers jsonb and double agree on */
#define MAX_EPS   1e30               /* far beyond any input, and far from overflowing a float */

#define AT(member) offsetof(AdvpgTrainTask, member)
static const Key train_keys[] = {
	{"model", KEY_TEXT, AT(model)},
	{"data", KEY_TEXT, AT(data)},
	{"label", KEY_TEXT, AT(label)},
	{"features", KEY_TEXTS, AT(features), 1},
	{"exclude", KEY_TEXTS, AT(exclude)},
	{"id", KEY_TEXT, AT(id)},
	{"arch", KEY_TEXT, AT(arch)},
	{"input_shape", KEY_INTEGERS, AT(input_shape), 1},
	{"encoding", KEY_WORD, AT(encoding), .words = encoding_words},
	{"scale", KEY_BOOLEAN, AT(scale)},
	{"oversample", KEY_TEXT, AT(oversample)},
	{"missing", KEY_WORD, AT(missing), .words = missing_words},
	{"unseen", KEY_WORD, AT(unseen), .words = unseen_words},
	{"optimizer", KEY_WORD, AT(optimizer), .words = optimizer_words},
	{"learning_rate", KEY_NUMBER, AT(learning_rate), 0, 1e6, true},
	{"momentum", KEY_NUMBER, AT(momentum), 0, 1},
	{"weight_decay", KEY_NUMBER, AT(weight_decay), 0, 1e6},
	{"init", KEY_WORD, AT(init), .words = init_words},
	{"epochs", KEY_INTEGER, AT(epochs), 1, 100000},
	{"batch_size", KEY_INTEGER, AT(batch_size), 1, 1000000},
	{"validation", KEY_TEXT, AT(validation)},
	{"seed", KEY_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", KEY_INTEGER, AT(workers), 0, 1024},
	{"session", KEY_TEXT, AT(session)},
};
static const Key adv_train_keys[] = {
	{"method", KEY_WORD, AT(method), .words = method_words},
	{"source", KEY_TEXT, AT(source)},
	{"source_id", KEY_TEXT, AT(source_id)},
	{"warm", KEY_BOOLEAN, AT(warm)},
	{"beta", KEY_NUMBER, AT(beta), 0, 1e6},
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
	OF_STEP = 32,   /* fgsm: one step of size eps from the row itself */
	OF_ALL = OF_TRAINING | OF_ATTACK | OF_SEARCH | OF_CLASSES | OF_AUDIT | OF_STEP
};

#define AT(member) offsetof(AdvpgAttackSettings, member)
static const Key perturbation_keys[] = {
	{"eps", KEY_SIZES, AT(eps), 0, MAX_EPS, .has = OF_TRAINING | OF_ATTACK | OF_STEP},
	{"alpha", KEY_NUMBER, AT(alpha), 0, MAX_EPS, true, .has = OF_ALL & ~(OF_SEARCH | OF_STEP)},
	{"steps", KEY_INTEGER, AT(steps), 1, 100000, .has = OF_ALL & ~OF_STEP},
	{"restarts", KEY_INTEGER, AT(restarts), 1, 10000, .has = OF_ALL & ~OF_STEP},
	{"norm", KEY_WORD, AT(norm), .words = norm_words, .has = OF_ALL},
	{"random_start", KEY_BOOLEAN, AT(random_start), .has = OF_ALL & ~OF_STEP},
	{"mutable", KEY_TEXTS, AT(mutable), 1, .has = OF_ALL},
	{"feasible", KEY_BOOLEAN, AT(feasible), .has = OF_ALL},
	{"eps_unit", KEY_WORD, AT(eps_unit), .words = eps_unit_words, .has = OF_ALL},
	{"clip_min", KEY_NUMBER, AT(clip_min), -MAX_EPS, MAX_EPS, .has = OF_ALL},
	{"clip_max", KEY_NUMBER, AT(clip_max), -MAX_EPS, MAX_EPS, .has = OF_ALL},
	{"early_stop", KEY_BOOLEAN, AT(early_stop), .has = OF_ATTACK | OF_CLASSES},
	{"targeted", KEY_TEXT, AT(targeted), .has = OF_ATTACK | OF_STEP | OF_SEARCH | OF_CLASSES},
	{"craft_on", KEY_TEXT, AT(craft_on), .has = OF_ATTACK | OF_STEP | OF_CLASSES},
};
#undef AT

#define AT(member) offsetof(AdvpgAttackTask, member)
static const Key attack_keys[] = {
	{"model", KEY_TEXT, AT(model)},
	{"data", KEY_TEXT, AT(data)},
	{"id", KEY_TEXT, AT(id)},
	{"seed", KEY_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", KEY_INTEGER, AT(workers), 0, 1024},
};
static const Key search_keys[] = {
	{"eps_max", KEY_SIZES, AT(attack.eps), 0, MAX_EPS, true},
	{"mode", KEY_WORD, AT(mode), .words = mode_words},
	{"step", KEY_NUMBER, AT(step), 0, MAX_EPS, true},
	{"tol", KEY_NUMBER, AT(tol), 0, MAX_EPS, true},
};
static const Key class_keys[] = {
	{"eps", KEY_NUMBERS, AT(eps_list), 0, MAX_EPS},
	{"denominator", KEY_WORD, AT(denominator), .words = denominator_words},
};
#define SETTINGS offsetof(AdvpgAttackTask, attack)
#undef AT

#define AT(member) offsetof(AdvpgAuditTask, member)
static const Key models_keys[] = {{"models", KEY_TEXTS, AT(models), 1}};
static const Key pair_keys[] = {{"model_a", KEY_TEXT, AT(model_a)}, {"model_b", KEY_TEXT, AT(model_b)}};
static const Key audit_keys[] = {
	{"data", KEY_TEXT, AT(task.data)},
	{"id", KEY_TEXT, AT(task.id)},
	{"eps", KEY_NUMBERS, AT(task.eps_list), 0, MAX_EPS},
	{"protected", KEY_TEXTS, AT(protected), 1},
	{"given", KEY_TEXT, AT(given)},
	{"eps_max", KEY_SIZES, AT(eps_max), 0, MAX_EPS, true},
	/* the next two as advfair_gap_interval takes them: advpg_interval_check tells their ranges */
	{"level", KEY_NUMBER, AT(level), -MAX_EPS, MAX_EPS},
	{"replicates", KEY_INTEGER, AT(replicates), PG_INT32_MIN, PG_INT32_MAX},
	{"seed", KEY_INTEGER, AT(task.seed), -MAX_EXACT, MAX_EXACT},
	{"workers", KEY_INTEGER, AT(task.workers), 0, 1024},
};
#define AUDIT_SETTINGS offsetof(AdvpgAuditTask, task.attack)
#undef AT

#define AT(member) offsetof(AdvpgLufTask, member)
static const Key luf_keys[] = {
	{"model", KEY_TEXT, AT(model)},
	{"data", KEY_TEXT, AT(data)},
	{"id", KEY_TEXT, AT(id)},
	{"leave_out", KEY_INTEGER, AT(leave_out), 1, 1000000},
	{"leave_out_ids", KEY_TEXTS, AT(leave_out_ids), 1},
	{"vary_seed", KEY_BOOLEAN, AT(vary_seed)},
	{"regenerate", KEY_BOOLEAN, AT(regenerate)},
	{"seed", KEY_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", KEY_INTEGER, AT(workers), 0, 1024},
};
#undef AT

#define AT(member) offsetof(AdvpgRetrainTask, member)
static const Key retrain_keys[] = {
	{"model", KEY_TEXT, AT(model)},
	{"promote_if", KEY_TEXT, AT(promote_if)},
};
#define RETRAIN_AUDIT offsetof(AdvpgRetrainTask, audit)
#undef AT

#define ATTACK_DEFAULTS                                                                                      \
	{                                                                                                        \
		.alpha = NAN, .steps = NAN, .restarts = 1, .norm = ADV_NORM_LINF, .random_start = -1,                \
		.early_stop = -1, .eps_unit = ADVPG_EPS_INPUT, .clip_min = NAN, .clip_max = NAN                      \
	}
#define TRAIN_DEFAULTS                                                                                       \
	.scale = -1, .missing = ADVPG_MISSING_ERROR, .optimizer = ADV_ADAM, .learning_rate = 0.001,              \
	.momentum = 0.9, .init = ADV_INIT_GLOROT, .epochs = 20, .batch_size = 250, .attack = ATTACK_DEFAULTS

static const AdvpgTrainTask train_defaults = {TRAIN_DEFAULTS, .beta = NAN};
static const AdvpgTrainTask adv_train_defaults = {TRAIN_DEFAULTS, .adversarial = true,
												  .method = ADVPG_METHOD_MERGED, .beta = NAN};
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
		(keys), lengthof(keys), (base)                                                                       \
	}
#define PERTURBATION(base, of)                                                                               \
	{                                                                                                        \
		perturbation_keys, lengthof(perturbation_keys), (base), (of)                                         \
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
									   {GROUP(attack_keys, 0), PERTURBATION(SETTINGS, OF_STEP)}};
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

/* ---- reading ---- */

void
advpg_task_invalid(const char *key, const char *format, ...)
{
	StringInfoData what;
	int missing = 1;

	initStringInfo(&what);
	while (missing > 0)
	{
		va_list args;

		va_start(args, format);
		missing = appendStringInfoVA(&what, format, args);
		va_end(args);
		if (missing > 0)
			enlargeStringInfo(&what, missing);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"%s\" %s", key, what.data));
	pg_unreachable();
}

/* A JSON array's elements: strings as char *, positive whole numbers as double *. */
static List *
list_value(const Key *key, const JsonbValue *value)
{
	List *result = NIL;
	bool texts = key->type == KEY_TEXTS;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		advpg_task_invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
	it = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&it, &element, false);
	while ((token = JsonbIteratorNext(&it, &element, true)) == WJB_ELEM)
	{
		if (texts && element.type == jbvString)
			result = lappend(result, advpg_json_cstring(&element));
		else if (!texts && element.type == jbvNumeric)
		{
			double *number = palloc(sizeof(double));

			*number = advpg_json_double(&element);
			if (!(*number >= 1 && *number <= ADV_MAX_INPUTS && *number == floor(*number)))
				advpg_task_invalid(key->name, "must hold integers between 1 and %d", ADV_MAX_INPUTS);
			result = lappend(result, number);
		}
		else
			advpg_task_invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
	}
	if (list_length(result) < key->min)
		advpg_task_invalid(key->name, "must not be empty");
	return result;
}

static int
word_value(const Key *key, const JsonbValue *value)
{
	StringInfoData allowed;
	char *word = value->type == jbvString ? advpg_json_cstring(value) : NULL;

	initStringInfo(&allowed);
	for (const Word *w = key->words; w->name; w++)
	{
		if (word && strcmp(w->name, word) == 0)
			return w->value;
		appendStringInfo(&allowed, "%s%s", allowed.len ? ", " : "", w->name);
	}
	if (word)
		advpg_task_invalid(key->name, "is \"%s\", but must be one of: %s", word, allowed.data);
	advpg_task_invalid(key->name, "must be one of: %s", allowed.data);
}

static double
number_value(const Key *key, const JsonbValue *value)
{
	double number;

	if (value->type != jbvNumeric)
		advpg_task_invalid(key->name, "must be %s",
						   key->type == KEY_SIZES ? "a number, or an array or an object of numbers"
												  : "a number");
	number = advpg_json_double(value);
	if (key->type == KEY_INTEGER && number != floor(number))
		advpg_task_invalid(key->name, "is %.16g, but must be an integer", number);
	if (!(number >= key->min && number <= key->max) || (key->open && number == key->min))
		advpg_task_invalid(key->name, "is %.16g, but must be %s %.16g and at most %.16g", number,
						   key->open ? "greater than" : "at least", key->min, key->max);
	return number;
}

static List *
lappend_number(List *list, double number)
{
	double *copy = palloc(sizeof(double));

	*copy = number;
	return lappend(list, copy);
}

/* A size of 0 is allowed, but whoever gives no other may have divided integers. */
static void
tell_zero(const Key *key)
{
	ereport(NOTICE, errmsg("task key \"%s\" is 0, so nothing is changed", key->name),
			errhint("In SQL 8 / 255 is 0, because both are integers: write 8 / 255.0."));
}

/* An array of numbers, or one. */
static List *
numbers_value(const Key *key, const JsonbValue *value)
{
	List *result = NIL;
	JsonbIterator *it;
	JsonbValue item;

	if (value->type == jbvNumeric)
		result = lappend_number(NIL, number_value(key, value));
	else
	{
		if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
			advpg_task_invalid(key->name, "must be an array of numbers");
		it = JsonbIteratorInit(value->val.binary.data);
		(void) JsonbIteratorNext(&it, &item, false);
		while (JsonbIteratorNext(&it, &item, true) == WJB_ELEM)
			result = lappend_number(result, number_value(key, &item));
	}
	if (result == NIL)
		advpg_task_invalid(key->name, "must not be empty");
	if (list_length(result) == 1 && *(double *) linitial(result) == 0)
		tell_zero(key);
	return result;
}

/* A number, or an array or an object of nothing but numbers, all in range (0 is a size for single columns). */
static JsonbValue *
sizes_value(const Key *key, const JsonbValue *value)
{
	JsonbValue *copy = palloc(sizeof(JsonbValue));
	Key element = *key;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue item;

	*copy = *value;
	if (value->type != jbvBinary)
	{
		if (number_value(key, value) == 0)
			tell_zero(key);
		return copy;
	}
	element.open = false;
	it = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&it, &item, false);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		if (token == WJB_ELEM || token == WJB_VALUE)
			(void) number_value(&element, &item);
	return copy;
}

static void
read_key(const Key *key, const JsonbValue *value, void *target)
{
	switch (key->type)
	{
		case KEY_TEXT:
			if (value->type != jbvString)
				advpg_task_invalid(key->name, "must be a string");
			*(char **) target = advpg_json_cstring(value);
			break;
		case KEY_TEXTS:
		case KEY_INTEGERS:
			*(List **) target = list_value(key, value);
			break;
		case KEY_INTEGER:
		case KEY_NUMBER:
			*(double *) target = number_value(key, value);
			break;
		case KEY_NUMBERS:
			*(List **) target = numbers_value(key, value);
			break;
		case KEY_SIZES:
			*(JsonbValue **) target = sizes_value(key, value);
			break;
		case KEY_BOOLEAN:
			if (value->type != jbvBool)
				advpg_task_invalid(key->name, "must be true or false");
			*(int *) target = value->val.boolean;
			break;
		case KEY_WORD:
			*(int *) target = word_value(key, value);
			break;
	}
}

static bool
has_key(const KeyGroup *group, int i)
{
	return group->of == 0 || (group->keys[i].has & group->of) != 0;
}

/* The key of a name, and the struct it writes to. */
static const Key *
find_key(const AdvpgTaskKind *kind, const JsonbValue *name, void *task, void **base)
{
	StringInfoData allowed;

	initStringInfo(&allowed);
	for (int g = 0; g < MAX_GROUPS; g++)
		for (int i = 0; i < kind->groups[g].n; i++)
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

size_t
advpg_task_size(const AdvpgTaskKind *kind)
{
	return kind->size;
}

void
advpg_task_read(const AdvpgTaskKind *kind, Jsonb *task, void *result)
{
	const Word words[] = {{kind->name, 0}, {NULL, 0}};
	const Key kind_key = {"kind", KEY_WORD, 0, .words = words};
	JsonbIterator *it;
	JsonbValue name;
	JsonbValue value;

	memcpy(result, kind->defaults, kind->size);
	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a task must be a JSON object"));
	it = JsonbIteratorInit(&task->root);
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (name.val.string.len == 4 && memcmp(name.val.string.val, "kind", 4) == 0)
			(void) word_value(&kind_key, &value);
		else
		{
			void *base;
			const Key *key = find_key(kind, &name, result, &base);

			if (value.type != jbvNull) /* null: the default */
				read_key(key, &value, (char *) base + key->offset);
		}
	}
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
	static const Word words[] = {{"train", 0}, {"adv_train", 1}, {NULL, 0}};
	static const Key key = {"kind", KEY_WORD, 0, .words = words};
	JsonbValue *value = JB_ROOT_IS_OBJECT(task) ? advpg_json_member(&task->root, "kind") : NULL;

	return value && word_value(&key, value) == 1 ? &adv_train_kind : &train_kind;
}

/* What belongs to one method of adversarial training and is set for another. */
static void
check_method(const AdvpgTrainTask *task)
{
	bool merged = task->method == ADVPG_METHOD_MERGED;

	if ((task->source || task->source_id) && !merged)
		advpg_task_invalid(task->source ? "source" : "source_id", "is for method merged alone");
	if (!isnan(task->beta) && task->method != ADVPG_METHOD_TRADES)
		advpg_task_invalid("beta", "is for method trades alone");
	if (task->warm > 0 && !merged)
		advpg_task_invalid("warm", "is for method merged alone");
	if (task->attack.feasible > 0 && !merged)
		advpg_task_invalid("feasible", "is for method merged alone");
	if (task->attack.restarts > 1 && !merged)
		advpg_task_invalid("restarts", "is for method merged alone");
	if (task->method == ADVPG_METHOD_FAST && task->attack.steps > 1)
		advpg_task_invalid("steps", "is %g, but method fast takes one step", task->attack.steps);
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
	advpg_task_read(training_kind(task), task, result);
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

static void
write_key(JsonbParseState **state, const Key *key, const void *source)
{
	ListCell *cell;

	switch (key->type)
	{
		case KEY_TEXT:
			advpg_json_string(state, WJB_VALUE, *(char *const *) source);
			break;
		case KEY_TEXTS:
		case KEY_INTEGERS:
		case KEY_NUMBERS:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			foreach (cell, *(List *const *) source)
			{
				if (key->type == KEY_TEXTS)
					advpg_json_string(state, WJB_ELEM, lfirst(cell));
				else
					advpg_json_number(state, WJB_ELEM, *(double *) lfirst(cell));
			}
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
			break;
		case KEY_INTEGER:
		case KEY_NUMBER:
			advpg_json_number(state, WJB_VALUE, *(const double *) source);
			break;
		case KEY_SIZES:
			pushJsonbValue(state, WJB_VALUE, *(JsonbValue *const *) source);
			break;
		case KEY_BOOLEAN:
			advpg_json_boolean(state, *(const int *) source);
			break;
		case KEY_WORD:
			for (const Word *w = key->words; w->name; w++)
				if (w->value == *(const int *) source)
					advpg_json_string(state, WJB_VALUE, w->name);
			break;
	}
}

static bool
is_absent(const Key *key, const void *source)
{
	switch (key->type)
	{
		case KEY_TEXT:
			return *(char *const *) source == NULL;
		case KEY_TEXTS:
		case KEY_INTEGERS:
		case KEY_NUMBERS:
			return *(List *const *) source == NIL;
		case KEY_INTEGER:
		case KEY_NUMBER:
			return isnan(*(const double *) source);
		case KEY_SIZES:
			return *(JsonbValue *const *) source == NULL;
		case KEY_BOOLEAN:
			return *(const int *) source < 0;
		case KEY_WORD: /* those that may be absent count from 1 */
			for (const Word *w = key->words; w->name; w++)
				if (w->value == *(const int *) source)
					return false;
			return true;
	}
	return false;
}

Jsonb *
advpg_train_task_write(const AdvpgTrainTask *task)
{
	const AdvpgTaskKind *kind = task->adversarial ? &adv_train_kind : &train_kind;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "kind", kind->name);
	for (int g = 0; g < MAX_GROUPS; g++)
		for (int i = 0; i < kind->groups[g].n; i++)
		{
			const Key *key = &kind->groups[g].keys[i];
			const void *source = (const char *) task + kind->groups[g].base + key->offset;

			if (!has_key(&kind->groups[g], i) || is_absent(key, source))
				continue;
			advpg_json_string(&state, WJB_KEY, key->name);
			write_key(&state, key, source);
		}
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
