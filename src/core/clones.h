/*
 * clones.h
 *		ADV_CLONES: compile a function once per instruction set and pick one when the program starts.
 *
 * Only hot loops carry it. It is empty where it cannot work: other processors, C libraries without indirect
 * functions, and sanitizers, whose run-time is not ready yet when the choice is made.
 */
#ifndef ADV_CLONES_H
#define ADV_CLONES_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ADV_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADV_SANITIZED
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__ELF__) && !defined(ADV_SANITIZED) && \
	(!defined(__clang__) || __clang_major__ >= 14)
#define ADV_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define ADV_CLONES
#endif

/* A helper of such a function: inlined, so that it is compiled for the caller's instruction set. */
#define ADV_INLINE static inline __attribute__((always_inline))

#endif
