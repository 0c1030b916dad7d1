/*
 * cpu.c
 *		Processor features. The compiler's own test also asks whether the operating system saves the registers.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/cpu.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <unistd.h>
#include <sys/syscall.h>
#endif

/* The set in use, or -1 before anybody has asked. */
static int in_use = -1;

#ifdef __x86_64__

/* Compilers older than the processors do not know these two by name: CPUID leaf 7, edx bits 22 and 24, subleaf 1 eax bit 5. */
static bool
has_tiles(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & 1u << 22) || !(d & 1u << 24))
		return false;
	return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5);
}

/* Linux gives a process the 8 kB of tile registers only on request (since 5.16); elsewhere there are none. */
static bool
may_use_tiles(bool request)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
	const long get_supported = 0x1021, request_permission = 0x1023, tile_data = 18;
	unsigned long supported = 0;

	if (request)
		return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
	return syscall(SYS_arch_prctl, get_supported, &supported) == 0 && (supported & 1ul << tile_data);
#else
	return false;
#endif
}
#endif

AdvIsa
adv_cpu_widest(void)
{
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return ADV_ISA_GENERIC;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512cd") ||
		!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
		!__builtin_cpu_supports("avx512vl"))
		return ADV_ISA_AVX2;
	return has_tiles() && may_use_tiles(false) ? ADV_ISA_AMX : ADV_ISA_AVX512;
#else
	return ADV_ISA_GENERIC;
#endif
}

AdvIsa
adv_cpu_use(AdvIsa most)
{
	AdvIsa widest = adv_cpu_widest();
	AdvIsa isa = most < widest ? most : widest;

#ifdef __x86_64__
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
	return isa >= ADV_ISA_AVX512 ? "SkylakeX" : isa == ADV_ISA_AVX2 ? "Haswell" : NULL;
}
