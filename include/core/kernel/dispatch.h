/*
 * dispatch.h
 *		Hot loops compiled once per instruction set, the one that fits the processor chosen at each call.
 *
 * The loop is written once, in plain C, as an ADV_LOOP function called name_loop; ADV_DISPATCH then defines name:
 *
 *		ADV_LOOP void
 *		negate_loop(size_t n, float *x)
 *		{
 *			for (size_t i = 0; i < n; i++)
 *				x[i] = -x[i];
 *		}
 *		ADV_DISPATCH(static, negate, (size_t n, float *x), (n, x))
 *
 * This needs no indirect functions, so it works with any C library and under sanitizers, and, unlike clones for
 * named processors, on processors that the compiler has never heard of.
 */
#ifndef ADV_DISPATCH_H
#define ADV_DISPATCH_H

#include "core/kernel/cpu.h"

/* Inlined into each version, so that it is compiled for its instruction set. */
#define ADV_LOOP static inline __attribute__((always_inline))

/*
 * Before a loop: its turns do not depend on each other, even if two of its arrays are the same memory. It need not be
 * vectorised all the same, as in builds without optimisation.
 */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#define ADV_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ADV_INDEPENDENT _Pragma("GCC ivdep")
#endif

#ifdef __x86_64__
#define ADV_VERSIONS(linkage, name, parameters, arguments, generic, avx2, avx512)                            \
	__attribute__((target(                                                                                   \
		"avx2,fma,avx512f,avx512cd,avx512bw,avx512dq,avx512vl"))) static void name##_avx512 parameters       \
	{                                                                                                        \
		avx512;                                                                                              \
	}                                                                                                        \
	__attribute__((target("avx2,fma"))) static void name##_avx2 parameters                                   \
	{                                                                                                        \
		avx2;                                                                                                \
	}                                                                                                        \
	linkage void name parameters                                                                             \
	{                                                                                                        \
		AdvIsa isa = adv_cpu_isa();                                                                          \
                                                                                                             \
		if (isa >= ADV_ISA_AVX512)                                                                           \
			name##_avx512 arguments;                                                                         \
		else if (isa == ADV_ISA_AVX2)                                                                        \
			name##_avx2 arguments;                                                                           \
		else                                                                                                 \
			generic;                                                                                         \
	}
#else
#define ADV_VERSIONS(linkage, name, parameters, arguments, generic, avx2, avx512)                            \
	linkage void name parameters                                                                             \
	{                                                                                                        \
		generic;                                                                                             \
	}
#endif

#define ADV_DISPATCH(linkage, name, parameters, arguments)                                                   \
	ADV_VERSIONS(linkage, name, parameters, arguments, name##_loop arguments, name##_loop arguments,         \
				 name##_loop arguments)

/* The same for a loop whose first argument is the set it is compiled for: a constant that blocks can be sized by. */
#define ADV_DISPATCH_SIZED(linkage, name, parameters, arguments)                                             \
	ADV_VERSIONS(linkage, name, parameters, arguments, name##_loop(ADV_ISA_GENERIC, ADV_BARE arguments),     \
				 name##_loop(ADV_ISA_AVX2, ADV_BARE arguments),                                              \
				 name##_loop(ADV_ISA_AVX512, ADV_BARE arguments))
#define ADV_BARE(...) __VA_ARGS__

#endif
