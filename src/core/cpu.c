/*
 * cpu.c
 *		Processor features. The compiler's own test also asks whether the operating system saves the registers.
 */
#include <stddef.h>

#include "core/cpu.h"

AdvCpu
adv_cpu_detect(void)
{
	AdvCpu cpu = {false, false};

#if defined(__x86_64__) || defined(__i386__)
	cpu.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	cpu.avx512 = cpu.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
				 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
				 __builtin_cpu_supports("avx512vl");
#endif
	return cpu;
}

const char *
adv_cpu_name(AdvCpu cpu)
{
	return cpu.avx512 ? "avx512" : cpu.avx2 ? "avx2" : "generic";
}

const char *
adv_cpu_blas_core(AdvCpu cpu)
{
	return cpu.avx512 ? "SkylakeX" : cpu.avx2 ? "Haswell" : NULL;
}
