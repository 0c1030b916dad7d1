/*
 * cpu.h
 *		Which instruction set the kernels of this process run on, and which OpenBLAS kernel fits it.
 */
#ifndef ADV_CPU_H
#define ADV_CPU_H

/* Whether the compiler knows AMX. */
#if defined(__x86_64__) && defined(__linux__) && defined(__has_include)
#if __has_include(<amxbf16intrin.h>) || (defined(__clang__) && __has_include(<amxintrin.h>))
#define ADV_CPU_TILES
#endif
#endif

/* Each includes those before it. */
typedef enum AdvIsa
{
	ADV_ISA_GENERIC = 0, /* what the compiler's default target has */
	ADV_ISA_AVX2,        /* AVX2 and FMA */
	ADV_ISA_AVX512,      /* AVX-512 F, CD, BW, DQ, VL */
	ADV_ISA_AMX          /* AVX-512 BF16 and matrix tiles of bfloat16 (AMX) */
} AdvIsa;

/* The widest set that the processor has and the operating system saves the registers of. */
extern AdvIsa adv_cpu_widest(void);

/*
 * From now on run on the widest set up to most. AMX must be asked for from the operating system, which this does: a
 * process that never calls it runs without. Returns the set in use. Not while another thread computes.
 */
extern AdvIsa adv_cpu_use(AdvIsa most);

/* The set in use. */
extern AdvIsa adv_cpu_isa(void);

/* "amx", "avx512", "avx2" or "generic". */
extern const char *adv_cpu_name(AdvIsa isa);

/*
 * The OPENBLAS_CORETYPE to set before OpenBLAS is loaded, or NULL to let the library choose. OpenBLAS falls back
 * to a generic core on processors newer than itself (0.3.21 takes an Emerald Rapids Xeon for a "Prescott", 4.5
 * times slower), so the core is named by features: SkylakeX with AVX-512, Haswell with AVX2, Sandybridge on a
 * processor that has AVX and no more.
 */
extern const char *adv_cpu_blas_core(AdvIsa isa);

#endif
