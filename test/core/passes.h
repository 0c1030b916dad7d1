/*
 * passes.h
 *		Forward passes of parameters that may have changed since the last.
 */
#ifndef PASSES_H
#define PASSES_H

#include "core/network/network.h"

static inline AdvStatus
load_and_forward(AdvWorkspace *ws, const float *params, int rows)
{
	adv_workspace_load(ws, params);
	return adv_forward(ws, rows);
}

#endif
