/* Layers of the network in 8-bit integers. Maps lie plane by plane: channel, frequency, time. */
#ifndef ASC_NETWORK_H
#define ASC_NETWORK_H

#include <stdint.h>

/* A convolution. Weights lie in groups of four outputs, with zeros where the last is not full:
 * group, input, tap, output of the group; of a depthwise one: channel, tap. The bias of those
 * behind the stem, of one tap, holds what the input's zero adds; the others subtract it. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multipliers; /* of the sums, see rescale */
    const uint8_t *shifts;
    const int8_t (*taps)[2]; /* place of each tap from the output's, (frequency, time) */
    uint16_t inputs, outputs, tap_count;
    int8_t source_zero, target_zero, lowest;
} asc_layer;

typedef struct {
    int frequency, time;
} asc_size;

/* What is added to a projection: the block's input, averaged where it strides. */
typedef struct {
    int32_t multipliers[3]; /* of the shortcut, of the projection, of their sum */
    uint8_t shifts[3];
    uint16_t channels;
    int8_t shortcut_zero, projected_zero, target_zero, lowest;
} asc_sum;

/* Log-mel (frames rows of mels, in 1/128 dB) to the network's input (mels, frames). */
void asc_standardise(const int16_t *features, int mels, int frames, const int32_t *multipliers,
                     const int64_t *offsets, int32_t range, int8_t *out);

void asc_convolve(const asc_layer *layer, const int8_t *x, asc_size size, asc_size stride,
                  int8_t *out);
void asc_depthwise(const asc_layer *layer, const int8_t *x, asc_size size, asc_size stride,
                   int8_t *out);
/* An expansion and the depthwise kernels on it, four planes of `planes` at a time. */
void asc_expand_depthwise(const asc_layer *expand, const asc_layer *depthwise, const int8_t *x,
                          asc_size size, asc_size stride, int8_t *planes, int8_t *out);
void asc_project(const asc_layer *layer, const int8_t *x, int positions, int8_t *out);
/* A projection and its shortcut from `block_input`, a map of `size`; `out` may be `block_input` where
 * both have the same shape. */
void asc_project_add(const asc_layer *layer, const asc_sum *sum, const int8_t *x,
                     const int8_t *block_input, asc_size size, asc_size stride, int8_t *out);
/* Averages of the channels of a map, or of what a 1 x 1 convolution makes of it. */
void asc_average(const int8_t *x, int channels, int positions, int8_t *out);
void asc_head_average(const asc_layer *layer, const int8_t *x, int positions, int8_t *out);

#endif
