/*
 * packed.h
 *		Which kernel (kernel.h) a layer runs on, and its weights as that wants them.
 */
#ifndef ADV_PACKED_H
#define ADV_PACKED_H

#include "core/network/network.h"

/* What layer i runs on in this process, forward or back to its input; NULL: it is no product, or one that adv_gemm does. */
extern const AdvKernel *adv_layer_kernel(const AdvNetwork *net, int i, bool back);

/* Where the weights of layer i lie in packed memory, forward and (for passes that go back) back; NULL without a kernel. */
extern const void *adv_packed_forward(const AdvNetwork *net, int i, const void *packed);
extern const void *adv_packed_back(const AdvNetwork *net, int i, const void *packed);

#endif
