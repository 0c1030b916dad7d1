/*
 * cpu.c
 *		Processor features. The compiler's own test also asks whether the operating system saves the registers.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/kernel/cpu.h"

#ifdef ADV_CPU_TILES
#include <cpuid.h>
#include <unistd.h>
#include <sys/syscall.h>
#endif

/* The set in use, or -1 before anybody has asked. */
static int in_use = -1;

#ifdef ADV_CPU_TILES

/* AMX-BF16 and AMX-TILE, and AVX512-BF16: not all compilers that have them know their names. */
static bool
has_tiles(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & 1u << 22) || !(d & 1u << 24))
		return false;
	return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5);
}

/* Linux gives a process the 8 kB of tile registers only on request (since 5.16). */
static bool
may_use_tiles(bool request)
{
	const long get_supported = 0x1021, request_permission = 0x1023, tile_data = 18;
	unsigned long supported = 0;

	if (request)
		return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
	return syscall(SYS_arch_prctl, get_supported, &supported) == 0 && (supported & 1ul << tile_data);
}
#endif

static AdvIsa
find_widest(void)
{
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return ADV_ISA_GENERIC;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512cd") ||
		!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
		!__builtin_cpu_supports("avx512vl"))
		return ADV_ISA_AVX2;
#ifdef ADV_CPU_TILES
	if (has_tiles() && may_use_tiles(false))
		return ADV_ISA_AMX;
#endif
	return ADV_ISA_AVX512;
#else
	return ADV_ISA_GENERIC;
#endif
}

/* Asked once: a virtual machine answers CPUID by leaving it. */
AdvIsa
adv_cpu_widest(void)
{
	static int widest = -1;

	if (widest < 0)
		widest = (int) find_widest();
	return (AdvIsa) widest;
}

AdvIsa
adv_cpu_use(AdvIsa most)
{
	AdvIsa widest = adv_cpu_widest();
	AdvIsa isa = most < widest ? most : widest;

#ifdef ADV_CPU_TILES
	if (isa == ADV_ISA_AMX && !may_use_tiles(true))
		isa = ADV_ISA_AVX512;
#endif
	in_use = (int) isa;
	return isa;
}

AdvIsa
adv_cpu_isa(void)
{
	if (in_use < 0)
		(void) adv_cpu_use(ADV_ISA_AVX512);
	return (AdvIsa) in_use;
}

const char *
adv_cpu_name(AdvIsa isa)
{
	static const char *const names[] = {"generic", "avx2", "avx512", "amx"};

	return names[isa];
}

const char *
adv_cpu_blas_core(AdvIsa isa)
{
	if (isa >= ADV_ISA_AVX512)
		return "SkylakeX";
	if (isa == ADV_ISA_AVX2)
		return "Haswell";
#ifdef __x86_64__
	if (adv_cpu_widest() == ADV_ISA_GENERIC && __builtin_cpu_supports("avx"))
		return "Sandybridge";
#endif
	return NULL;
}
