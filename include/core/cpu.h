/*
 * cpu.h
 *		What the processor can do, and which OpenBLAS kernel fits it.
 */
#ifndef ADV_CPU_H
#define ADV_CPU_H

#include <stdbool.h>

typedef struct AdvCpu
{
	bool avx2;   /* AVX2 and FMA, enabled by the operating system */
	bool avx512; /* AVX-512 F, CD, BW, DQ, VL, enabled by the operating system */
} AdvCpu;

extern AdvCpu adv_cpu_detect(void);

/* "avx512", "avx2" or "generic": the name of the widest set, for people. */
extern const char *adv_cpu_name(AdvCpu cpu);

/*
 * The OPENBLAS_CORETYPE to set before OpenBLAS is loaded, or NULL to let the library choose. OpenBLAS falls back
 * to a generic core on processors newer than itself (0.3.21 takes an Emerald Rapids Xeon for a "Prescott", 4.5
 * times slower), so the core is named by features: SkylakeX with AVX-512, Haswell with AVX2.
 */
extern const char *adv_cpu_blas_core(AdvCpu cpu);

#endif
