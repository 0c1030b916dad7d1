/*
 * test_blas.c
 *		OpenBLAS on a processor that it has never heard of: its core is the best for the features all the same.
 *
 * The processor is faked. The program runs itself once more under ptrace, the cpuid instruction is made to fault in that
 * process (Linux on processors that allow it), and each fault is answered with what the processor says, but for the model
 * and for features taken away. So everything there sees the other processor: the dynamic linker, the compiler's
 * feature test, OpenBLAS. What needs AVX-512 can only be tried on a processor that has it.
 */
#include <stdlib.h>

#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "core/base/rng.h"
#include "tap.h"

#if defined(__linux__) && defined(__x86_64__)

#include <asm/prctl.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

/* ---- in the process that sees another processor ---- */

/* What it has seen and done. */
typedef struct Report
{
	unsigned signature; /* family and model, as leaf 1 of cpuid has them */
	char isa[16];       /* adv_cpu_name */
	char blas[64];      /* adv_gemm_name, or the core if the library was left alone; "" if there is none */
	char config[128];   /* of the library left alone */
	double error;       /* of products, relative to what their roundings explain */
} Report;

#define M 67
#define N 45
#define K 300

static double
product_error(bool ta, bool tb, float beta)
{
	static float a[M * K], b[K * N], c[M * N];
	double worst = 0;

	for (int i = 0; i < M * K; i++)
		a[i] = (float) (2 * adv_uniform(1, ADV_FOR_INIT, 1, (uint64_t) i) - 1);
	for (int i = 0; i < K * N; i++)
		b[i] = (float) (2 * adv_uniform(1, ADV_FOR_INIT, 2, (uint64_t) i) - 1);
	for (int i = 0; i < M * N; i++)
		c[i] = beta == 0 ? NAN : 1.0f;
	adv_gemm(ta, tb, M, N, K, a, ta ? M : K, b, tb ? K : N, beta, c, N);
	for (int i = 0; i < M; i++)
		for (int j = 0; j < N; j++)
		{
			double expected = beta;

			for (int p = 0; p < K; p++)
				expected += (double) a[ta ? p * M + i : i * K + p] * b[tb ? j * K + p : p * N + j];
			if (isnan(c[i * N + j]))
				return INFINITY;
			worst = fmax(worst, fabs(c[i * N + j] - expected) / (1e-7 * (K + 4)));
		}
	return worst;
}

/* The library as it loads by itself. */
static void
load_alone(Report *report)
{
	void *library;
	void *symbol;
	char *(*ask)(void);

	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	if ((symbol = dlsym(library, "openblas_get_corename")))
	{
		memcpy(&ask, &symbol, sizeof(ask));
		snprintf(report->blas, sizeof(report->blas), "%s", ask());
	}
	if ((symbol = dlsym(library, "openblas_get_config")))
	{
		memcpy(&ask, &symbol, sizeof(ask));
		snprintf(report->config, sizeof(report->config), "%s", ask());
	}
}

static int
tell(bool alone, int pipe)
{
	Report report = {0};
	unsigned b, c, d;

	__cpuid(1, report.signature, b, c, d);
	snprintf(report.isa, sizeof(report.isa), "%s", adv_cpu_name(adv_cpu_isa()));
	if (alone)
		load_alone(&report);
	else if (adv_gemm_load_blas())
	{
		snprintf(report.blas, sizeof(report.blas), "%s", adv_gemm_name());
		for (int i = 0; i < 8; i++)
			report.error = fmax(report.error, product_error(i & 1, i & 2, i & 4 ? 1 : 0));
	}
	return write(pipe, &report, sizeof(report)) == sizeof(report) ? 0 : 1;
}

/* ---- in the process that fakes it ---- */

typedef struct Fake
{
	const char *name;
	const char *isa; /* what adv_cpu_name must say */
	int width;       /* of its vectors: 3 for 512 bits, 2 for 256 with FMA, 1 for 256, 0 for less */
} Fake;

static const Fake fakes[] = {{"with AVX-512", "avx512", 3},
							 {"with AVX2", "avx2", 2},
							 {"with AVX", "generic", 1},
							 {"with neither", "generic", 0}};

#define N_FAKES 4

#define BIT(n) (1u << (n))

/* Model 255 of Intel's family 6, or the last of AMD's families, whose number is the one that is extended. */
#define UNKNOWN 0x07ff00f0u

/* Change what cpuid answers for a leaf. AMX is never shown. */
static void
disguise(const Fake *fake, unsigned leaf, unsigned subleaf, unsigned *a, unsigned *b, unsigned *c,
		 unsigned *d)
{
	if (leaf == 1)
	{
		*a |= UNKNOWN;
		if (fake->width < 2)
			*c &= ~BIT(12); /* FMA */
		if (fake->width < 1)
			*c &= ~BIT(28); /* AVX */
	}
	else if (leaf == 7 && subleaf == 0)
	{
		*d &= ~(BIT(22) | BIT(24) | BIT(25)); /* AMX */
		if (fake->width < 3)                  /* AVX-512 with all extensions */
		{
			*b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
			*c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
			*d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(23));
		}
		if (fake->width < 2)
			*b &= ~BIT(5); /* AVX2 */
	}
	else if (leaf == 7 && fake->width < 3)
		*a = *b = *c = *d = 0; /* further extensions of both */
}

/* If the process stands at a cpuid, answer in its place. */
static bool
answer_cpuid(pid_t pid, const Fake *fake)
{
	struct user_regs_struct r;
	unsigned a, b, c, d;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0 ||
		(ptrace(PTRACE_PEEKTEXT, pid, (void *) r.rip, NULL) & 0xffff) != 0xa20f)
		return false;
	__cpuid_count((unsigned) r.rax, (unsigned) r.rcx, a, b, c, d);
	disguise(fake, (unsigned) r.rax, (unsigned) r.rcx, &a, &b, &c, &d);
	r.rax = a;
	r.rbx = b;
	r.rcx = c;
	r.rdx = d;
	r.rip += 2;
	return ptrace(PTRACE_SETREGS, pid, NULL, &r) == 0;
}

/* Have the stopped process switch cpuid off for itself, by a system call put in its way and taken out again. */
static bool
forbid_cpuid(pid_t pid)
{
	struct user_regs_struct before, r;
	long code;
	int status;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &before) != 0)
		return false;
	code = ptrace(PTRACE_PEEKTEXT, pid, (void *) before.rip, NULL);
	r = before;
	r.rax = SYS_arch_prctl;
	r.rdi = ARCH_SET_CPUID;
	r.rsi = 0;
	if (ptrace(PTRACE_POKETEXT, pid, (void *) before.rip, (void *) ((code & ~0xffffL) | 0x050f)) != 0 ||
		ptrace(PTRACE_SETREGS, pid, NULL, &r) != 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 ||
		waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0)
		return false;
	return r.rax == 0 && ptrace(PTRACE_POKETEXT, pid, (void *) before.rip, (void *) code) == 0 &&
		   ptrace(PTRACE_SETREGS, pid, NULL, &before) == 0;
}

/* Become this program again, to report through the pipe, with nothing or a core in the environment. */
static _Noreturn void
start_over(bool alone, const char *core, int pipe)
{
	const char *options = getenv("ASAN_OPTIONS");
	char text[1024], number[16];

	/* The search for leaks is a debugger too, and a process can have but one. */
	snprintf(text, sizeof(text), "%s%sdetect_leaks=0", options ? options : "", options ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
	unsetenv("OPENBLAS_CORETYPE");
	if (core)
		setenv("OPENBLAS_CORETYPE", core, 1);
	snprintf(number, sizeof(number), "%d", pipe);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		execl("/proc/self/exe", "test_blas", alone ? "alone" : "chosen", number, (char *) NULL);
	_exit(127);
}

/* Let the process run to its end, which is success or not. */
static bool
accompany(pid_t pid, const Fake *fake)
{
	int status, signal = 0;

	for (;;)
	{
		if (ptrace(PTRACE_CONT, pid, NULL, (void *) (long) signal) != 0 || waitpid(pid, &status, 0) != pid)
			return false;
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		signal = WSTOPSIG(status);
		if (signal == SIGSEGV && answer_cpuid(pid, fake))
			signal = 0;
	}
}

typedef enum Outcome
{
	DONE,
	FAILED,     /* the other process did not come to its end */
	IMPOSSIBLE, /* no such fake on this system */
} Outcome;

/* Load OpenBLAS in a process that sees the fake: alone or with our choice, of which core is to be kept. */
static Outcome
load_blas(const Fake *fake, bool alone, const char *core, Report *report)
{
	Outcome outcome = IMPOSSIBLE;
	int fd[2], status;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	if (pipe(fd) != 0)
		return IMPOSSIBLE;
	pid = fork();
	if (pid == 0)
		start_over(alone, core, fd[1]);
	close(fd[1]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
	{
		ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *) PTRACE_O_EXITKILL);
		if (forbid_cpuid(pid))
			outcome = accompany(pid, fake) && read(fd[0], report, sizeof(*report)) == sizeof(*report)
						  ? DONE
						  : FAILED;
		if (outcome != DONE && kill(pid, SIGKILL) == 0)
			waitpid(pid, &status, 0);
	}
	close(fd[0]);
	return outcome;
}

/* ---- tests ---- */

/* Of the vectors of a core, as in Fake. */
static int
core_width(const char *core)
{
	if (strstr(core, "SkylakeX") || strstr(core, "Cooperlake") || strstr(core, "SapphireRapids"))
		return 3;
	if (strstr(core, "Haswell") || strstr(core, "Zen") || strstr(core, "Excavator"))
		return 2;
	return strstr(core, "Sandybridge") ? 1 : 0;
}

static void
test_choice(const Fake *fake)
{
	Report chosen, alone;
	unsigned version = 0;

	if (!okf(load_blas(fake, false, NULL, &chosen) == DONE && load_blas(fake, true, NULL, &alone) == DONE,
			 "%s: OpenBLAS loads", fake->name))
		return;
	diag("%s: %s; left alone, the library runs %s", fake->name, chosen.blas, alone.blas);
	okf((chosen.signature & UNKNOWN) == UNKNOWN && (alone.signature & UNKNOWN) == UNKNOWN,
		"%s: its model is unknown", fake->name);
	is_string(chosen.isa, fake->isa, "its features are those it shows");
	okf(core_width(chosen.blas) == fake->width, "%s: the core is the one for them", fake->name);
	okf(core_width(chosen.blas) >= core_width(alone.blas), "%s: the library alone chooses no better",
		fake->name);
	okf(chosen.error < 1, "%s: products are right", fake->name);

	/* If the library had not seen the fake, all of this would be true by chance. */
	sscanf(alone.config, "%*s 0.3.%u", &version);
	if (!__builtin_cpu_is("intel"))
		skip("left alone, the library takes it for a Prescott", "it does so with Intel's only");
	else if (version == 0 || version > 24)
		skip("left alone, the library takes it for a Prescott", "versions 0.3.0 to 0.3.24 do");
	else
		is_string(alone.blas, "Prescott", "left alone, the library takes it for a Prescott");
}

static void
test_all(void)
{
	int here = __builtin_cpu_supports("avx512vl") ? 3
			   : __builtin_cpu_supports("avx2")   ? 2
			   : __builtin_cpu_supports("avx")    ? 1
												  : 0;
	Report report;

	for (int i = 0; i < N_FAKES; i++)
	{
		if (fakes[i].width > here)
			skip(fakes[i].name, "this processor has no such features");
		else
			test_choice(&fakes[i]);
	}
	ok(load_blas(&fakes[0], false, "Nehalem", &report) == DONE && strstr(report.blas, "Nehalem"),
	   "a core named in the environment is kept");
	ok(report.error < 1, "and its products are right");
}

int
main(int argc, char **argv)
{
	Report report;

	if (argc == 3)
		return tell(strcmp(argv[1], "alone") == 0, atoi(argv[2]));
	if (load_blas(&fakes[0], true, NULL, &report) == IMPOSSIBLE)
		skip_all("this system does not let a process fake the cpuid instruction");
	else if (report.blas[0] == '\0')
		skip_all("OpenBLAS is not installed");
	else if (!strstr(report.config, "DYNAMIC_ARCH"))
		skip_all("this OpenBLAS was built for one processor");
	else
	{
		test_all();
		done_testing();
	}
	return 0;
}

#else

int
main(void)
{
	skip_all("the cpuid instruction can be faked on Linux on x86-64 only");
	return 0;
}

#endif
