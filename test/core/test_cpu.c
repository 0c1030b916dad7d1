/*
 * test_cpu.c
 *		From processor features to the OpenBLAS core, and whether the library took it.
 */
#include <stdlib.h>

#include "core/cpu.h"
#include "core/gemm.h"
#include "tap.h"

static const AdvCpu generic = {false, false};
static const AdvCpu haswell = {.avx2 = true};
static const AdvCpu skylake = {.avx2 = true, .avx512 = true};

static void
test_names(void)
{
	is_string(adv_cpu_name(generic), "generic", "a processor without either");
	is_string(adv_cpu_name(haswell), "avx2", "a processor with AVX2");
	is_string(adv_cpu_name(skylake), "avx512", "a processor with AVX-512");
}

static void
test_cores(void)
{
	ok(adv_cpu_blas_core(generic) == NULL, "an old processor is left to the library");
	is_string(adv_cpu_blas_core(haswell), "Haswell", "AVX2 asks for Haswell");
	is_string(adv_cpu_blas_core(skylake), "SkylakeX", "AVX-512 asks for SkylakeX");
}

static void
test_library(void)
{
	const char *core;

	is_string(adv_gemm_name(), "portable", "products are portable at first");
	unsetenv("OPENBLAS_CORETYPE");
	core = adv_cpu_blas_core(adv_cpu_detect());
	if (!adv_gemm_load_blas())
	{
		skip("OpenBLAS runs the core that was asked for", "OpenBLAS is not installed");
		skip("OpenBLAS is loaded once", "OpenBLAS is not installed");
		return;
	}
	diag("%s", adv_gemm_name());
	if (core)
		ok(strstr(adv_gemm_name(), core) != NULL, "OpenBLAS runs the core that was asked for");
	else
		skip("OpenBLAS runs the core that was asked for", "the choice is the library's");
	ok(adv_gemm_load_blas(), "OpenBLAS is loaded once");
}

int
main(void)
{
	AdvCpu cpu = adv_cpu_detect();

	plan(10);
	test_names();
	test_cores();
	ok(cpu.avx2 || !cpu.avx512, "AVX-512 comes with AVX2");
	test_library();
	return 0;
}
