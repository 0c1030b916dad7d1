/*
 * layers.c
 *		The kinds of layers there are. See layer.h.
 */
#include "core/layer/layer.h"

extern const AdvLayerType adv_conv_layer;
extern const AdvLayerType adv_maxpool_layer;
extern const AdvLayerType adv_avgpool_layer;
extern const AdvLayerType adv_globalpool_layer;
extern const AdvLayerType adv_relu_layer;
extern const AdvLayerType adv_tanh_layer;
extern const AdvLayerType adv_leaky_relu_layer;
extern const AdvLayerType adv_sigmoid_layer;
extern const AdvLayerType adv_gelu_layer;
extern const AdvLayerType adv_dropout_layer;
extern const AdvLayerType adv_batchnorm_layer;
extern const AdvLayerType adv_residual_layer;
extern const AdvLayerType adv_add_layer;
extern const AdvLayerType adv_project_layer;

const AdvLayerType *const adv_layer_types[] = {
	&adv_scale_layer,      &adv_flatten_layer,   &adv_conv_layer,
	&adv_dense_layer,      &adv_maxpool_layer,   &adv_avgpool_layer,
	&adv_globalpool_layer, &adv_relu_layer,      &adv_tanh_layer,
	&adv_leaky_relu_layer, &adv_sigmoid_layer,   &adv_gelu_layer,
	&adv_dropout_layer,    &adv_batchnorm_layer, &adv_residual_layer,
	&adv_add_layer,        &adv_project_layer,   NULL,
};
