/*
 * test_cpu.c
 *		From processor features to the OpenBLAS core, and whether the library took it.
 */
#include <stdlib.h>

#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "tap.h"

static void
test_names(void)
{
	is_string(adv_cpu_name(ADV_ISA_GENERIC), "generic", "a processor without any");
	is_string(adv_cpu_name(ADV_ISA_AVX2), "avx2", "a processor with AVX2");
	is_string(adv_cpu_name(ADV_ISA_AVX512), "avx512", "a processor with AVX-512");
	is_string(adv_cpu_name(ADV_ISA_AMX), "amx", "a processor with tiles");
}

static void
test_cores(void)
{
	ok(adv_cpu_blas_core(ADV_ISA_GENERIC) == NULL, "an old processor is left to the library");
	is_string(adv_cpu_blas_core(ADV_ISA_AVX2), "Haswell", "AVX2 asks for Haswell");
	is_string(adv_cpu_blas_core(ADV_ISA_AVX512), "SkylakeX", "AVX-512 asks for SkylakeX");
	is_string(adv_cpu_blas_core(ADV_ISA_AMX), "SkylakeX", "tiles ask for SkylakeX, too");
}

static void
test_library(void)
{
	const char *core;

	is_string(adv_gemm_name(), "portable", "products are portable at first");
	unsetenv("OPENBLAS_CORETYPE");
	core = adv_cpu_blas_core(adv_cpu_isa());
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

/* Before anything is asked for, in use is what needs no request. */
static void
test_limit(void)
{
	AdvIsa widest = adv_cpu_widest();

	ok(adv_cpu_isa() == (widest < ADV_ISA_AVX512 ? widest : ADV_ISA_AVX512), "tiles are not used unasked");
	for (AdvIsa most = ADV_ISA_GENERIC; most <= ADV_ISA_AMX; most++)
	{
		AdvIsa used = adv_cpu_use(most);

		okf(used <= most && used <= widest && adv_cpu_isa() == used, "limited to %s", adv_cpu_name(most));
	}
}

int
main(void)
{
	plan(16);
	test_limit();
	test_names();
	test_cores();
	test_library();
	return 0;
}
