/*
 * server.c
 *		Fuzz targets that need a server: libFuzzer runs inside a throw-away single-user backend (tools/fuzz-server.sh).
 *
 * The extension's own sources are linked into this module, built for fuzzing. Each input gets a memory context and, where SQL is
 * called, a subtransaction. Whatever goes wrong must be an SQL error that a user can have caused, and an input may not take much more
 * memory than it has bytes.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "fuzz.h"
#include "pg/job/jobkind.h"
#include "pg/task/task.h"

#define MEMORY(size)                                                                                         \
	((size) *256 + (4 << 20))     /* what an input may leave: a jsonb tree, an error and its texts */
#define ROOM ((size_t) 400 << 20) /* for all the process, libFuzzer's corpus included, while it runs */

PG_FUNCTION_INFO_V1(advfair_fuzz);

extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));

static MemoryContext input_context;
static FuzzTarget *target;

/* ---- errors ---- */

/* The current error, which it forgets: NULL if a user can have caused it. */
static const char *
forget_error(void)
{
	ErrorData *error;

	MemoryContextSwitchTo(input_context);
	error = CopyErrorData();
	FlushErrorState();
	if (error->message == NULL || !pg_verifymbstr(error->message, strlen(error->message), true))
		return "an error's message is no text";
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTERNAL_ERROR ||
		error->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
		return psprintf("error %s: %s", unpack_sql_state(error->sqlerrcode), error->message);
	return NULL;
}

static const char *
check_memory(size_t size)
{
	size_t used = MemoryContextMemAllocated(input_context, true);

	return used > MEMORY(size) ? psprintf("%zu bytes take %zu bytes of memory", size, used) : NULL;
}

/* Text of a client is in the database's encoding and has no null byte. */
static char *
client_text(const unsigned char *data, size_t size)
{
	char *text = pnstrdup((const char *) data, size);

	return memchr(text, '\0', size) == NULL && pg_verifymbstr(text, size, true) ? text : NULL;
}

/* A copy at the end of readable memory, so that one that reads too far is seen (by 4 bytes: jsonb is aligned). */
static void *
guarded_copy(const void *data, size_t size, size_t *mapped)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t room = TYPEALIGN(page, size);
	char *memory;

	*mapped = room + page;
	memory = mmap(NULL, *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE) != 0)
		abort();
	return memcpy(memory + room - INTALIGN(size), data, size);
}

static void
free_guarded(void *copy, size_t size, size_t mapped)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);

	(void) munmap((char *) copy + INTALIGN(size) - (mapped - page), mapped);
}

/* ---- tasks ---- */

typedef struct Reading
{
	const AdvpgTaskKind *kind; /* NULL: training */
	bool need_model;
	Jsonb *task;
	Jsonb *written; /* the task again */
} Reading;

typedef union AnyTask
{
	AdvpgTrainTask train;
	AdvpgAttackTask attack;
	AdvpgAuditTask audit;
	AdvpgLufTask luf;
} AnyTask;

static const char *
read_task(Reading *reading, bool *accepted)
{
	const char *volatile wrong = NULL;

	*accepted = false;
	PG_TRY();
	{
		AnyTask task;

		if (reading->kind)
			advpg_task_read(reading->kind, reading->task, &task);
		else
		{
			advpg_train_task_read(reading->task, reading->need_model, &task.train);
			reading->written = advpg_train_task_write(&task.train);
		}
		*accepted = true;
	}
	PG_CATCH();
	{
		wrong = forget_error();
	}
	PG_END_TRY();
	return wrong;
}

/* What is written is read again, and written to the same. */
static const char *
check_training(Jsonb *task, bool need_model)
{
	Reading first = {NULL, need_model, task, NULL};
	Reading second = {NULL, need_model, NULL, NULL};
	bool accepted;
	const char *wrong = read_task(&first, &accepted);

	if (wrong || !accepted)
		return wrong;
	second.task = first.written;
	wrong = read_task(&second, &accepted);
	if (wrong)
		return wrong;
	if (!accepted)
		return "a task that was written cannot be read";
	if (VARSIZE(first.written) != VARSIZE(second.written) ||
		memcmp(first.written, second.written, VARSIZE(first.written)) != 0)
		return "a task that was written is read as another";
	return NULL;
}

static Jsonb *
parse_json(char *text, const char **wrong)
{
	Jsonb *volatile json = NULL;

	*wrong = NULL;
	PG_TRY();
	{
		json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		(void) forget_error(); /* not ours */
	}
	PG_END_TRY();
	return json;
}

/* JSON, read as a task of each kind. */
static const char *
fuzz_task(const unsigned char *data, size_t size)
{
	const AdvpgTaskKind *kinds[] = {&advpg_attack_kind, &advpg_least_eps_kind, &advpg_class_robustness_kind,
									&advpg_audit_kind,  &advpg_compare_kind,   &advpg_luf_kind};
	char *text = client_text(data, size);
	const char *wrong = NULL;
	Jsonb *json = text ? parse_json(text, &wrong) : NULL;
	size_t mapped;
	Jsonb *own;

	if (json == NULL)
		return wrong;
	own = guarded_copy(json, VARSIZE(json), &mapped);
	for (int i = 0; i < lengthof(kinds) && wrong == NULL; i++)
	{
		Reading reading = {kinds[i], false, own, NULL};
		bool accepted;

		wrong = read_task(&reading, &accepted);
	}
	if (wrong == NULL)
		wrong = check_training(own, false);
	if (wrong == NULL)
		wrong = check_training(own, true);
	if (wrong == NULL)
		wrong = check_memory(size);
	free_guarded(own, VARSIZE(own), mapped);
	return wrong;
}

/* ---- functions called in SQL ---- */

/* Do something in a subtransaction of its own. */
static const char *
guarded(void (*action)(void *arg), void *arg)
{
	const char *volatile wrong = NULL;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(input_context);
	PG_TRY();
	{
		action(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		wrong = forget_error();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(input_context);
	CurrentResourceOwner = owner;
	return wrong;
}

/* A statement with parameters of these types. */
typedef struct Statement
{
	const char *sql;
	int n;
	Oid *types;
	Datum *values;
} Statement;

static void
execute(void *arg)
{
	Statement *s = arg;

	SPI_connect();
	(void) SPI_execute_with_args(s->sql, s->n, s->types, s->values, NULL, false, 0);
	SPI_finish();
}

static const char *
call(const char *sql, int n, Oid *types, Datum *values)
{
	Statement statement = {sql, n, types, values};

	return guarded(execute, &statement);
}

static void
check_job(void *task)
{
	advpg_jobkind_check(task);
}

/* JSON as a task that is to be a job, with the table it goes into and the condition of a retraining. */
static const char *
fuzz_job(const unsigned char *data, size_t size)
{
	char *text = client_text(data, size);
	const char *wrong = NULL;
	Jsonb *json = text ? parse_json(text, &wrong) : NULL;

	if (json)
		wrong = guarded(check_job, json);
	return wrong ? wrong : check_memory(size);
}

static Datum
bytea_datum(const unsigned char *data, size_t size)
{
	bytea *bytes = palloc(size + VARHDRSZ);

	SET_VARSIZE(bytes, size + VARHDRSZ);
	memcpy(VARDATA(bytes), data, size);
	return PointerGetDatum(bytes);
}

/* n numbers; enough of them for a description to find as many as it needs. */
static Datum
numbers_datum(size_t n)
{
	Datum *values = palloc(sizeof(Datum) * (n + 1));

	for (size_t i = 0; i < n; i++)
		values[i] = Float4GetDatum((float4) (i % 7) * 0.5f - 1);
	return PointerGetDatum(construct_array(values, (int) n, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

/* How many inputs the bytes of a model ask for: at most some. */
static size_t
model_inputs(const unsigned char *bytes, size_t size)
{
	size_t n = 1;

	for (int i = 0; i < 3 && size >= 36; i++)
		n *= Min(bytes[24 + 4 * i] | (size_t) bytes[25 + 4 * i] << 8, 100);
	return Min(n, 4096);
}

/* A model's bytes, in every function that takes them. */
static const char *
fuzz_functions(const unsigned char *data, size_t size)
{
	Oid types[] = {BYTEAOID, FLOAT4ARRAYOID};
	Datum values[2];
	FuzzHost host;
	const char *wrong;

	(void) fuzz_host(&host, 0);
	data = fuzz_repaired(&host, data, &size);
	values[0] = bytea_datum(data, size);
	values[1] = numbers_datum(model_inputs(data, size));
	fuzz_free(&host);
	wrong = call("SELECT advfair_describe($1), (SELECT count(weights) FROM advfair_weights($1))", 1, types,
				 values);
	if (wrong == NULL)
		wrong = call("SELECT advfair_predict($1, $2), advfair_proba($1, $2), advfair_decode($1, $2)", 2,
					 types, values);
	return wrong ? wrong : check_memory(size);
}

/* JSON as a model's description, with weights. What is made describes itself in words that make the same. */
static const char *
fuzz_build(const unsigned char *data, size_t size)
{
	Oid types[] = {JSONBOID, FLOAT4ARRAYOID};
	static const int numbers[] = {4, 26};
	char *text = client_text(data, size);
	const char *wrong = NULL;
	Jsonb *json = text ? parse_json(text, &wrong) : NULL;

	for (int i = 0; i < lengthof(numbers) && json != NULL && wrong == NULL; i++)
	{
		Datum values[] = {JsonbPGetDatum(json), numbers_datum(numbers[i])};

		wrong =
			call("SELECT 1 / (m = advfair_build(advfair_describe(m), $2))::int FROM advfair_build($1, $2) m",
				 2, types, values);
	}
	return wrong ? wrong : check_memory(size);
}

/* The state of an aggregate: with an aggregate of one's own anybody can make one up. */
static const char *
fuzz_state(const unsigned char *data, size_t size)
{
	Oid types[] = {BYTEAOID};
	Datum values[] = {bytea_datum(data, size)};
	const char *wrong = call("SELECT fuzz_final($1)", 1, types, values);

	if (wrong == NULL)
		wrong = call("SELECT fuzz_combine(s) FROM (VALUES ($1), ($1)) v (s)", 1, types, values);
	return wrong ? wrong : check_memory(size);
}

/* ---- the driver ---- */

/* From now on the process may grow by no more than so much: what asks for more is out of memory, which no input may cause. */
static void
limit_memory(size_t room)
{
	FILE *f = fopen("/proc/self/statm", "r");
	struct rlimit limit;
	unsigned long pages;

	if (f == NULL || fscanf(f, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) != 0)
		abort();
	fclose(f);
	limit.rlim_cur = pages * (size_t) sysconf(_SC_PAGESIZE) + room;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		abort();
}

static int
try_input(const uint8_t *data, size_t size)
{
	MemoryContext old = MemoryContextSwitchTo(input_context);
	const char *wrong = target(data, size);

	if (wrong)
	{
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(input_context);
	return 0;
}

/* advfair_fuzz(target text, arguments text[]): libFuzzer with these arguments, the program's name first. Ends the backend. */
Datum
advfair_fuzz(PG_FUNCTION_ARGS)
{
	static const struct
	{
		const char *name;
		FuzzTarget *function;
	} targets[] = {
		{"task", fuzz_task},   {"job", fuzz_job},     {"functions", fuzz_functions},
		{"build", fuzz_build}, {"state", fuzz_state},
	};
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum *texts;
	int argc;
	char **argv;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &argc);
	argv = palloc0(sizeof(char *) * (argc + 1));
	for (int i = 0; i < argc; i++)
		argv[i] = TextDatumGetCString(texts[i]);
	for (int i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i].name, name) == 0)
			target = targets[i].function;
	if (target == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown fuzz target \"%s\"", name));
	input_context = AllocSetContextCreate(TopMemoryContext, "fuzz input", ALLOCSET_DEFAULT_SIZES);
	limit_memory(ROOM);
	exit(LLVMFuzzerRunDriver(&argc, &argv, try_input));
}
