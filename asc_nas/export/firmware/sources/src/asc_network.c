#include "asc_network.h"

enum { GROUP = 4, AT_ONCE = 2, ROW = 8 };

static int8_t clamped(int32_t value, int32_t lowest) {
    return (int8_t)(value < lowest ? lowest : value > 127 ? 127 : value);
}

/* value * multiplier / 2^(31 + shift), rounded twice as the reference kernels of TensorFlow Lite. */
static int32_t rescale(int32_t value, int32_t multiplier, int shift) {
    int64_t product = (int64_t)value * multiplier;
    product += product >= 0 ? 1 << 30 : 1 - (1 << 30);
    int32_t high = (int32_t)(product / ((int64_t)1 << 31));
    int32_t mask = (int32_t)((1u << shift) - 1u);
    int32_t threshold = (mask >> 1) + (high < 0);
    return (high >> shift) + ((high & mask) > threshold);
}

/* total / count, rounded to the nearest, halves away from zero. */
static int8_t average(int32_t total, int32_t count) {
    return (int8_t)(total > 0 ? (total + count / 2) / count : (total - count / 2) / count);
}

static int8_t finished(const asc_layer *layer, int output, int32_t sum) {
    int32_t value = rescale(sum, layer->multipliers[output], layer->shifts[output]);
    return clamped(value + layer->target_zero, layer->lowest);
}

static int smaller(int a, int b) { return a < b ? a : b; }

static asc_size strided(asc_size size, asc_size stride) {
    asc_size out = {(size.frequency - 1) / stride.frequency + 1, (size.time - 1) / stride.time + 1};
    return out;
}

void asc_standardise(const int16_t *features, int mels, int frames, const int32_t *multipliers,
                     const int64_t *offsets, int32_t range, int8_t *out) {
    int32_t peak = INT16_MIN;
    for (int i = 0; i < mels * frames; i++) {
        peak = features[i] > peak ? features[i] : peak;
    }
    for (int band = 0; band < mels; band++) {
        for (int frame = 0; frame < frames; frame++) {
            int32_t level = features[frame * mels + band];
            if (range >= 0) {
                level -= peak;
                level = level < -range ? -range : level;
            }
            int64_t value = ((int64_t)level * multipliers[band] + offsets[band]) >> 20;
            out[band * frames + frame] =
                (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
        }
    }
}

/* Sums of a group's outputs at up to AT_ONCE places next to each other, of one tap. */
static void pointwise(const asc_layer *layer, int group, const int8_t *x, int positions, int count,
                      int32_t sums[GROUP][AT_ONCE]) {
    const int8_t *weights = layer->weights + GROUP * group * layer->inputs;
    const int32_t *bias = layer->bias + GROUP * group;
    const int second = count == AT_ONCE; /* else the second place is the first once more */
    int32_t a0 = bias[0], b0 = bias[1], c0 = bias[2], d0 = bias[3];
    int32_t a1 = a0, b1 = b0, c1 = c0, d1 = d0;
    for (int i = layer->inputs; i > 0; i--, x += positions, weights += GROUP) {
        const int32_t first = x[0], next = x[second];
        a0 += weights[0] * first;
        a1 += weights[0] * next;
        b0 += weights[1] * first;
        b1 += weights[1] * next;
        c0 += weights[2] * first;
        c1 += weights[2] * next;
        d0 += weights[3] * first;
        d1 += weights[3] * next;
    }
    sums[0][0] = a0, sums[0][1] = a1, sums[1][0] = b0, sums[1][1] = b1;
    sums[2][0] = c0, sums[2][1] = c1, sums[3][0] = d0, sums[3][1] = d1;
}

/* Which of the outputs begin..begin + count of a row a tap has an input for, not padding: from..to of
 * them; the input of the first lies at `place`. */
typedef struct {
    int from, to, place;
} asc_reach;

static asc_reach reach(int begin, int count, int stride, int shift, int length) {
    asc_reach found = {0, count, begin * stride + shift};
    while (found.from < count && found.place < 0) {
        found.from++;
        found.place += stride;
    }
    while (found.to > found.from &&
           found.place + (found.to - found.from - 1) * stride >= length) {
        found.to--;
    }
    return found;
}

void asc_convolve(const asc_layer *layer, const int8_t *x, asc_size size, asc_size stride,
                  int8_t *out) {
    const asc_size made = strided(size, stride);
    const int plane = size.frequency * size.time, out_plane = made.frequency * made.time;
    const int8_t *group_weights = layer->weights;
    for (int first = 0; first < layer->outputs; first += GROUP) {
        const int outputs = smaller(GROUP, layer->outputs - first);
        for (int y = 0; y < made.frequency; y++) {
            for (int begin = 0; begin < made.time; begin += ROW) {
                const int count = smaller(ROW, made.time - begin);
                int32_t sums[ROW][GROUP] = {{0}};
                const int8_t *weights = group_weights;
                for (int i = 0; i < layer->inputs; i++) {
                    for (int tap = 0; tap < layer->tap_count; tap++, weights += GROUP) {
                        const int row = y * stride.frequency + layer->taps[tap][0];
                        if (row < 0 || row >= size.frequency) {
                            continue;
                        }
                        const asc_reach r =
                            reach(begin, count, stride.time, layer->taps[tap][1], size.time);
                        const int8_t *value = x + i * plane + row * size.time + r.place;
                        const int32_t a = weights[0], b = weights[1], c = weights[2];
                        const int32_t d = weights[3];
                        for (int p = r.from; p < r.to; p++, value += stride.time) {
                            const int32_t v = *value - layer->source_zero;
                            sums[p][0] += a * v;
                            sums[p][1] += b * v;
                            sums[p][2] += c * v;
                            sums[p][3] += d * v;
                        }
                    }
                }
                for (int o = 0; o < outputs; o++) {
                    int8_t *line = out + (first + o) * out_plane + y * made.time + begin;
                    for (int p = 0; p < count; p++) {
                        line[p] = finished(layer, first + o, layer->bias[first + o] + sums[p][o]);
                    }
                }
            }
        }
        group_weights += GROUP * layer->inputs * layer->tap_count;
    }
}

/* The depthwise kernels on one plane. */
static void depthwise_plane(const asc_layer *layer, int channel, const int8_t *x, asc_size size,
                            asc_size stride, int8_t *out) {
    const asc_size made = strided(size, stride);
    const int8_t *weights = layer->weights + channel * layer->tap_count;
    for (int y = 0; y < made.frequency; y++) {
        for (int begin = 0; begin < made.time; begin += ROW) {
            const int count = smaller(ROW, made.time - begin);
            int32_t sums[ROW];
            for (int p = 0; p < ROW; p++) {
                sums[p] = layer->bias[channel];
            }
            for (int tap = 0; tap < layer->tap_count; tap++) {
                const int row = y * stride.frequency + layer->taps[tap][0];
                if (row < 0 || row >= size.frequency) {
                    continue;
                }
                const asc_reach r =
                    reach(begin, count, stride.time, layer->taps[tap][1], size.time);
                const int8_t *value = x + row * size.time + r.place;
                const int32_t weight = weights[tap];
                for (int p = r.from; p < r.to; p++, value += stride.time) {
                    sums[p] += weight * (*value - layer->source_zero);
                }
            }
            for (int p = 0; p < count; p++) {
                *out++ = finished(layer, channel, sums[p]);
            }
        }
    }
}

void asc_depthwise(const asc_layer *layer, const int8_t *x, asc_size size, asc_size stride,
                   int8_t *out) {
    const asc_size made = strided(size, stride);
    for (int channel = 0; channel < layer->outputs; channel++) {
        depthwise_plane(layer, channel, x + channel * size.frequency * size.time, size, stride,
                        out + channel * made.frequency * made.time);
    }
}

void asc_expand_depthwise(const asc_layer *expand, const asc_layer *depthwise, const int8_t *x,
                          asc_size size, asc_size stride, int8_t *planes, int8_t *out) {
    const asc_size made = strided(size, stride);
    const int positions = size.frequency * size.time;
    int32_t sums[GROUP][AT_ONCE];
    for (int first = 0; first < expand->outputs; first += GROUP) {
        const int outputs = smaller(GROUP, expand->outputs - first);
        for (int place = 0; place < positions; place += AT_ONCE) {
            const int count = smaller(AT_ONCE, positions - place);
            pointwise(expand, first / GROUP, x + place, positions, count, sums);
            for (int o = 0; o < outputs; o++) {
                for (int p = 0; p < count; p++) {
                    planes[o * positions + place + p] = finished(expand, first + o, sums[o][p]);
                }
            }
        }
        for (int o = 0; o < outputs; o++) {
            depthwise_plane(depthwise, first + o, planes + o * positions, size, stride,
                            out + (first + o) * made.frequency * made.time);
        }
    }
}

void asc_project(const asc_layer *layer, const int8_t *x, int positions, int8_t *out) {
    int32_t sums[GROUP][AT_ONCE];
    for (int place = 0; place < positions; place += AT_ONCE) {
        const int count = smaller(AT_ONCE, positions - place);
        for (int first = 0; first < layer->outputs; first += GROUP) {
            pointwise(layer, first / GROUP, x + place, positions, count, sums);
            for (int o = 0; o < smaller(GROUP, layer->outputs - first); o++) {
                for (int p = 0; p < count; p++) {
                    out[(first + o) * positions + place + p] =
                        finished(layer, first + o, sums[o][p]);
                }
            }
        }
    }
}

/* A value of the block's input as it is added at a place of the output. */
static int8_t shortcut_at(const int8_t *plane, asc_size size, asc_size stride, int place) {
    if (stride.frequency == 1 && stride.time == 1) {
        return plane[place];
    }
    const int times = (size.time - 1) / stride.time + 1;
    const int y = place / times * stride.frequency, x = place % times * stride.time;
    const int rows = smaller(stride.frequency, size.frequency - y);
    const int columns = smaller(stride.time, size.time - x);
    int32_t total = 0;
    for (int row = y; row < y + rows; row++) {
        for (int column = x; column < x + columns; column++) {
            total += plane[row * size.time + column];
        }
    }
    return average(total, rows * columns);
}

static int8_t added(const asc_sum *sum, int32_t shortcut, int32_t projected) {
    int32_t a = (shortcut - sum->shortcut_zero) * (1 << 20);
    int32_t b = (projected - sum->projected_zero) * (1 << 20);
    a = rescale(a, sum->multipliers[0], sum->shifts[0]);
    b = rescale(b, sum->multipliers[1], sum->shifts[1]);
    int32_t both = rescale(a + b, sum->multipliers[2], sum->shifts[2]);
    return clamped(both + sum->target_zero, sum->lowest);
}

void asc_project_add(const asc_layer *layer, const asc_sum *sum, const int8_t *x,
                     const int8_t *block_input, asc_size size, asc_size stride, int8_t *out) {
    const asc_size made = strided(size, stride);
    const int positions = made.frequency * made.time, plane = size.frequency * size.time;
    int32_t sums[GROUP][AT_ONCE];
    for (int place = 0; place < positions; place += AT_ONCE) {
        const int count = smaller(AT_ONCE, positions - place);
        for (int first = 0; first < layer->outputs; first += GROUP) {
            pointwise(layer, first / GROUP, x + place, positions, count, sums);
            for (int channel = first; channel < smaller(first + GROUP, layer->outputs); channel++) {
                for (int p = 0; p < count; p++) {
                    int8_t shortcut = sum->shortcut_zero;
                    if (channel < sum->channels) {
                        shortcut =
                            shortcut_at(block_input + channel * plane, size, stride, place + p);
                    }
                    int8_t projected = finished(layer, channel, sums[channel - first][p]);
                    out[channel * positions + place + p] = added(sum, shortcut, projected);
                }
            }
        }
    }
}

void asc_average(const int8_t *x, int channels, int positions, int8_t *out) {
    for (int channel = 0; channel < channels; channel++) {
        int32_t total = 0;
        for (int p = 0; p < positions; p++) {
            total += *x++;
        }
        out[channel] = average(total, positions);
    }
}

void asc_head_average(const asc_layer *layer, const int8_t *x, int positions, int8_t *out) {
    int32_t sums[GROUP][AT_ONCE];
    for (int first = 0; first < layer->outputs; first += GROUP) {
        const int outputs = smaller(GROUP, layer->outputs - first);
        int32_t totals[GROUP] = {0};
        for (int place = 0; place < positions; place += AT_ONCE) {
            const int count = smaller(AT_ONCE, positions - place);
            pointwise(layer, first / GROUP, x + place, positions, count, sums);
            for (int o = 0; o < outputs; o++) {
                for (int p = 0; p < count; p++) {
                    totals[o] += finished(layer, first + o, sums[o][p]);
                }
            }
        }
        for (int o = 0; o < outputs; o++) {
            out[first + o] = average(totals[o], positions);
        }
    }
}
