/*
 * certifiers.c
 *		The methods of certification there are. See certify.h.
 */
#include <math.h>
#include <string.h>

#include "core/certify/certify.h"

extern const AdvCertifyMethod adv_certify_crown;
extern const AdvCertifyMethod adv_certify_ibp;
extern const AdvCertifyMethod adv_certify_smoothing;

const AdvCertifyMethod *const adv_certify_methods[] = {
	&adv_certify_crown,
	&adv_certify_ibp,
	&adv_certify_smoothing,
	NULL,
};

int
adv_certify_method(const char *name)
{
	for (int i = 0; adv_certify_methods[i]; i++)
		if (strcmp(adv_certify_methods[i]->name, name) == 0)
			return i;
	return -1;
}

AdvCertifySettings
adv_certify_unset(const AdvCertifyMethod *method)
{
	AdvCertifySettings settings = {.tol = NAN};

	method->set(&settings);
	return settings;
}
