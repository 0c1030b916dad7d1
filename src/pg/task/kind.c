/*
 * kind.c
 *		The tables of tasks: each key's name, type, range and place, and which kind of task has which keys.
 */
#include "pg/task/kind.h"

#include <math.h>

#include "core/network/encoder.h"
#include "pg/base/advpg.h"

/* Methods by name, filled in from the core's tables when a task is read first. */
#define MAX_METHODS 64
static AdvWord attack_words[MAX_METHODS + 1];
static AdvWord optimizer_words[MAX_METHODS + 1];
static AdvWord certify_words[MAX_METHODS + 1];
static AdvWord method_words[MAX_METHODS + 1] = {{"merged", ADVPG_METHOD_MERGED}};

static const AdvWord encoding_words[] = {{"standard", ADV_ENCODING_STANDARD},
										 {"minmax", ADV_ENCODING_MINMAX},
										 {"ordinal", ADV_ENCODING_ORDINAL},
										 {NULL, 0}};
static const AdvWord missing_words[] = {
	{"error", ADVPG_MISSING_ERROR}, {"drop", ADVPG_MISSING_DROP}, {NULL, 0}};
static const AdvWord unseen_words[] = {{"error", ADV_UNSEEN_ERROR}, {"ignore", ADV_UNSEEN_IGNORE}, {NULL, 0}};
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

#define AT(member) offsetof(AdvpgAttackSettings, member)
const AdvParameter advpg_perturbation_keys[] = {
	{"attack", ADV_PARAMETER_WORD, AT(method), .words = attack_words, .flags = ADVPG_OF_METHOD},
	{"settings", ADV_PARAMETER_OBJECT, AT(settings), .flags = ADVPG_OF_METHOD & ~ADVPG_OF_TRAINING},
	{"eps", ADV_PARAMETER_SIZES, AT(eps), 0, ADV_MAX_EPS,
	 .flags = ADVPG_OF_TRAINING | ADVPG_OF_ATTACK | ADVPG_OF_NAMED | ADVPG_OF_BOUNDS},
	{"alpha", ADV_PARAMETER_NUMBER, AT(how.alpha), 0, ADV_MAX_EPS, true,
	 .flags = ADVPG_OF_METHOD & ~ADVPG_OF_SEARCH},
	{"steps", ADV_PARAMETER_INTEGER, AT(how.steps), 1, ADV_MAX_STEPS, .flags = ADVPG_OF_METHOD},
	{"restarts", ADV_PARAMETER_INTEGER, AT(how.restarts), 1, 10000, .flags = ADVPG_OF_METHOD},
	{"norm", ADV_PARAMETER_WORD, AT(norm), .words = norm_words,
	 .flags = ADVPG_OF_ALL | ADVPG_OF_CERTIFY | ADVPG_OF_BOUNDS},
	{"random_start", ADV_PARAMETER_BOOLEAN, AT(how.random_start), .flags = ADVPG_OF_METHOD},
	{"mutable", ADV_PARAMETER_TEXTS, AT(mutable), 1,
	 .flags = ADVPG_OF_ALL | ADVPG_OF_NOISE | ADVPG_OF_CERTIFY | ADVPG_OF_BOUNDS},
	{"feasible", ADV_PARAMETER_BOOLEAN, AT(feasible), .flags = ADVPG_OF_ALL},
	{"eps_unit", ADV_PARAMETER_WORD, AT(eps_unit), .words = eps_unit_words,
	 .flags = ADVPG_OF_ALL | ADVPG_OF_NOISE | ADVPG_OF_CERTIFY | ADVPG_OF_BOUNDS},
	{"clip_min", ADV_PARAMETER_NUMBER, AT(clip_min), -ADV_MAX_EPS, ADV_MAX_EPS,
	 .flags = ADVPG_OF_ALL | ADVPG_OF_CERTIFY | ADVPG_OF_BOUNDS},
	{"clip_max", ADV_PARAMETER_NUMBER, AT(clip_max), -ADV_MAX_EPS, ADV_MAX_EPS,
	 .flags = ADVPG_OF_ALL | ADVPG_OF_CERTIFY | ADVPG_OF_BOUNDS},
	{"early_stop", ADV_PARAMETER_BOOLEAN, AT(how.early_stop), .flags = ADVPG_OF_ATTACK | ADVPG_OF_CLASSES},
	{"targeted", ADV_PARAMETER_TEXT, AT(targeted),
	 .flags = ADVPG_OF_ATTACK | ADVPG_OF_NAMED | ADVPG_OF_SEARCH | ADVPG_OF_CLASSES},
	{"craft_on", ADV_PARAMETER_TEXT, AT(craft_on),
	 .flags = ADVPG_OF_ATTACK | ADVPG_OF_NAMED | ADVPG_OF_CLASSES},
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
static const AdvParameter bound_keys[] = {{"certified", ADV_PARAMETER_BOOLEAN, AT(certified)}, {NULL}};
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
	{"certify", ADV_PARAMETER_WORD, AT(certify.method), .words = certify_words},
	{"certify_settings", ADV_PARAMETER_OBJECT, AT(certify.attack.settings)},
	/* the next two as advfair_gap_interval takes them: advpg_interval_check tells their ranges */
	{"level", ADV_PARAMETER_NUMBER, AT(level), -ADV_MAX_EPS, ADV_MAX_EPS},
	{"replicates", ADV_PARAMETER_INTEGER, AT(replicates), PG_INT32_MIN, PG_INT32_MAX},
	{"seed", ADV_PARAMETER_INTEGER, AT(task.seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(task.workers), 0, 1024},
	{NULL},
};
#define AUDIT_SETTINGS offsetof(AdvpgAuditTask, task.attack)
#undef AT

#define AT(member) offsetof(AdvpgCertifyTask, member)
static const AdvParameter certify_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"method", ADV_PARAMETER_WORD, AT(method), .words = certify_words},
	{"eps_max", ADV_PARAMETER_SIZES, AT(attack.eps), 0, ADV_MAX_EPS, true},
	{"settings", ADV_PARAMETER_OBJECT, AT(attack.settings)},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", ADV_PARAMETER_INTEGER, AT(workers), 0, 1024},
	{NULL},
};
#define CERTIFY_BALL offsetof(AdvpgCertifyTask, attack)
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

#define AT(member) offsetof(AdvpgChangeSettings, member)
static const AdvParameter change_keys[] = {
	{"mutable", ADV_PARAMETER_TEXTS, AT(mutable), 1},
	{"clip", ADV_PARAMETER_OBJECT, AT(clip)},
	{"step", ADV_PARAMETER_OBJECT, AT(step)},
	{"constraints", ADV_PARAMETER_TEXTS, AT(constraints)},
	{"derived", ADV_PARAMETER_OBJECT, AT(derived)},
	{"cost", ADV_PARAMETER_OBJECT, AT(cost)},
	{"budget", ADV_PARAMETER_NUMBER, AT(budget), 0, ADV_MAX_EPS},
	{NULL},
};
#undef AT

#define AT(member) offsetof(AdvpgQueryTask, member)
static const AdvParameter query_keys[] = {
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"label", ADV_PARAMETER_TEXT, AT(label)},
	{"predict", ADV_PARAMETER_TEXT, AT(predict)},
	{"classes", ADV_PARAMETER_TEXTS, AT(classes), 2},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"eps", ADV_PARAMETER_SIZES, AT(eps), 0, ADV_MAX_EPS},
	{"eps_unit", ADV_PARAMETER_WORD, AT(eps_unit), .words = eps_unit_words},
	{"targeted", ADV_PARAMETER_TEXT, AT(targeted)},
	{"queries", ADV_PARAMETER_INTEGER, AT(queries), 1, ADV_MAX_STEPS},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{NULL},
};
#undef AT

#define AT(member) offsetof(AdvpgRecourseTask, member)
static const AdvParameter recourse_keys[] = {
	{"model", ADV_PARAMETER_TEXT, AT(model)},
	{"data", ADV_PARAMETER_TEXT, AT(data)},
	{"target", ADV_PARAMETER_TEXT, AT(target)},
	{"id", ADV_PARAMETER_TEXT, AT(id)},
	{"k", ADV_PARAMETER_INTEGER, AT(k), 1, 1000},
	{"queries", ADV_PARAMETER_INTEGER, AT(queries), 1, ADV_MAX_STEPS},
	{"seed", ADV_PARAMETER_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{NULL},
};
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
		.level = 0.95, .replicates = 1000,                                                                   \
		.task = {.attack = ATTACK_DEFAULTS, .mode = ADV_SEARCH_BISECT, .step = NAN, .tol = NAN},             \
		.certify = {                                                                                         \
			.method = -1                                                                                     \
		}                                                                                                    \
	}
static const AdvpgAuditTask audit_defaults = AUDIT_DEFAULTS;
static const AdvpgRetrainTask retrain_defaults = {.audit = AUDIT_DEFAULTS};
static const AdvpgQueryTask query_defaults = {
	.eps_unit = ADVPG_EPS_INPUT, .change = {.budget = NAN}, .queries = 1000};
static const AdvpgCertifyTask certify_defaults = {.attack = ATTACK_DEFAULTS};
static const AdvpgRecourseTask recourse_defaults = {.change = {.budget = NAN}, .k = 1, .queries = NAN};
static const AdvpgLufTask luf_defaults = {.leave_out = NAN};

#define GROUP(keys, base)                                                                                    \
	{                                                                                                        \
		(keys), (base)                                                                                       \
	}
#define PERTURBATION(base, of)                                                                               \
	{                                                                                                        \
		advpg_perturbation_keys, (base), (of)                                                                \
	}
const AdvpgTaskKind advpg_train_kind = {
	"train", sizeof(AdvpgTrainTask), &train_defaults, {GROUP(train_keys, 0)}};
const AdvpgTaskKind advpg_adv_train_kind = {
	"adv_train",
	sizeof(AdvpgTrainTask),
	&adv_train_defaults,
	{GROUP(train_keys, 0), GROUP(adv_train_keys, 0),
	 PERTURBATION(offsetof(AdvpgTrainTask, attack), ADVPG_OF_TRAINING)}};
const AdvpgTaskKind advpg_attack_kind = {"attack",
										 sizeof(AdvpgAttackTask),
										 &attack_defaults,
										 {GROUP(attack_keys, 0), PERTURBATION(SETTINGS, ADVPG_OF_ATTACK)}};
const AdvpgTaskKind advpg_fgsm_kind = {"fgsm",
									   sizeof(AdvpgAttackTask),
									   &attack_defaults,
									   {GROUP(attack_keys, 0), PERTURBATION(SETTINGS, ADVPG_OF_NAMED)},
									   .attack = "fgsm"};
const AdvpgTaskKind advpg_least_eps_kind = {"least_eps",
											sizeof(AdvpgAttackTask),
											&attack_defaults,
											{GROUP(attack_keys, 0), GROUP(search_keys, 0),
											 GROUP(bound_keys, 0), PERTURBATION(SETTINGS, ADVPG_OF_SEARCH)}};
const AdvpgTaskKind advpg_class_least_eps_kind = {
	"class_least_eps",
	sizeof(AdvpgAttackTask),
	&attack_defaults,
	{GROUP(attack_keys, 0), GROUP(search_keys, 0), PERTURBATION(SETTINGS, ADVPG_OF_SEARCH)}};
const AdvpgTaskKind advpg_class_robustness_kind = {
	"class_robustness",
	sizeof(AdvpgAttackTask),
	&attack_defaults,
	{GROUP(attack_keys, 0), GROUP(class_keys, 0), PERTURBATION(SETTINGS, ADVPG_OF_CLASSES)}};
const AdvpgTaskKind advpg_audit_kind = {
	"audit",
	sizeof(AdvpgAuditTask),
	&audit_defaults,
	{GROUP(models_keys, 0), GROUP(audit_keys, 0), PERTURBATION(AUDIT_SETTINGS, ADVPG_OF_AUDIT)},
	.settle = advpg_audit_settle};
const AdvpgTaskKind advpg_compare_kind = {
	"compare",
	sizeof(AdvpgAuditTask),
	&audit_defaults,
	{GROUP(pair_keys, 0), GROUP(audit_keys, 0), PERTURBATION(AUDIT_SETTINGS, ADVPG_OF_AUDIT)},
	.settle = advpg_audit_settle};
const AdvpgTaskKind advpg_retrain_kind = {"retrain",
										  sizeof(AdvpgRetrainTask),
										  &retrain_defaults,
										  {GROUP(retrain_keys, 0), GROUP(audit_keys, RETRAIN_AUDIT),
										   PERTURBATION(RETRAIN_AUDIT + AUDIT_SETTINGS, ADVPG_OF_AUDIT)},
										  .settle = advpg_retrain_settle};
const AdvpgTaskKind advpg_certify_kind = {
	"certify",
	sizeof(AdvpgCertifyTask),
	&certify_defaults,
	{GROUP(certify_keys, 0), PERTURBATION(CERTIFY_BALL, ADVPG_OF_CERTIFY)},
	.settle = advpg_certify_settle};
const AdvpgTaskKind advpg_luf_kind = {"luf", sizeof(AdvpgLufTask), &luf_defaults, {GROUP(luf_keys, 0)}};
const AdvpgTaskKind advpg_query_kind = {
	"attack_sql",
	sizeof(AdvpgQueryTask),
	&query_defaults,
	{GROUP(query_keys, 0), GROUP(change_keys, offsetof(AdvpgQueryTask, change))}};
const AdvpgTaskKind advpg_recourse_kind = {
	"recourse",
	sizeof(AdvpgRecourseTask),
	&recourse_defaults,
	{GROUP(recourse_keys, 0), GROUP(change_keys, offsetof(AdvpgRecourseTask, change))}};

void
advpg_kind_words(void)
{
	for (int i = 0; adv_attack_methods[i] && i < MAX_METHODS; i++)
		attack_words[i] = (AdvWord){adv_attack_methods[i]->name, i + 1};
	for (int i = 0; adv_optimizers[i].name && i < MAX_METHODS; i++)
		optimizer_words[i] = (AdvWord){adv_optimizers[i].name, i};
	for (int i = 0; adv_certify_methods[i] && i < MAX_METHODS; i++)
		certify_words[i] = (AdvWord){adv_certify_methods[i]->name, i};
	for (int i = 1; adv_defences[i] && i < MAX_METHODS; i++)
		method_words[i] = (AdvWord){adv_defences[i]->name, i + 1};
}

const char *
advpg_method_name(int method)
{
	for (const AdvWord *w = method_words; w->name; w++)
		if (w->value == method)
			return w->name;
	return "none";
}

bool
advpg_kind_has(const AdvpgKeyGroup *group, const AdvParameter *key)
{
	return group->of == 0 || (key->flags & group->of) != 0;
}

bool
advpg_kind_is_setting(const AdvParameter *key)
{
	size_t how = offsetof(AdvpgAttackSettings, how);

	return key->offset >= how && key->offset < how + sizeof(AdvAttackSettings);
}

const AdvParameter *
advpg_kind_settings(const AdvAttackMethod *method, unsigned of)
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

		for (const AdvParameter *key = advpg_perturbation_keys; key->name; key++)
			withheld |= strcmp(key->name, p->name) == 0 && !(key->flags & of);
		if (!withheld)
			list[n++] = *p;
	}
	return list;
}
