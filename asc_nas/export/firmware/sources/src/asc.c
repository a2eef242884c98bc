#include "asc.h"

#include <string.h>

#include "asc_front_end.h"
#include "asc_network.h"
#if ASC_NETWORKS > 1
#include <math.h>
#endif

#define HALF (ASC_FFT / 2)

#if ASC_STEP > ASC_SAMPLES || (ASC_STEP < ASC_SAMPLES && ASC_STEP % ASC_HOP != 0)
#error "ASC_STEP: a multiple of ASC_HOP, at most ASC_SAMPLES"
#endif

/* Written by asc-nas (asc_model.c): network number `network` on log-mel, in the arena. */
void asc_network(int network, const int16_t *features, int8_t *arena, int8_t *logits);
extern const uint32_t asc_exponential[ASC_NETWORKS * 256]; /* of minus so many steps; 1 is 2^16 */

static int16_t ring[ASC_FFT];
static int16_t features[ASC_FRAMES * ASC_MELS];
static union { /* never needed at the same time */
    asc_bin bins[ASC_BINS];
    int8_t arena[ASC_ARENA];
} work;
static int8_t logits[ASC_NETWORKS * ASC_CLASSES];
static int32_t received; /* samples of the window */
static int32_t frames;   /* of which everything has been heard */

int16_t *asc_features(void) { return features; }

const int8_t *asc_logits(void) { return logits; }

void asc_init(void) {
    memset(ring, 0, sizeof ring);
    received = 0;
    frames = 0;
}

static void hear(int32_t frame) {
    asc_log_mel(ring, frame * ASC_HOP - HALF, received, work.bins, features + frame * ASC_MELS);
}

int asc_feed(const int16_t *samples, int count) {
    int used = 0;
    while (used < count && received < ASC_SAMPLES) {
        ring[received % ASC_FFT] = samples[used++];
        received++;
        if (frames < ASC_FRAMES && received == frames * ASC_HOP + HALF) {
            hear(frames++);
        }
    }
    return used;
}

/* Begin the next window with what of this one belongs to it. */
static void advance(void) {
#if ASC_STEP == ASC_SAMPLES
    asc_init();
#else
    static int16_t line[ASC_FFT];
    const int32_t rows = ASC_STEP / ASC_HOP, kept = frames - rows;
    if (kept > 0) {
        memmove(features, features + rows * ASC_MELS,
                (size_t)kept * ASC_MELS * sizeof features[0]);
    }
    frames = kept > 0 ? kept : 0;
    memcpy(line, ring, sizeof ring); /* the place of a sample counts from its window's start */
    for (int32_t i = 0; i < ASC_FFT; i++) {
        ring[((i - ASC_STEP) % ASC_FFT + ASC_FFT) % ASC_FFT] = line[i];
    }
    received -= ASC_STEP;
#endif
}

void asc_classify(asc_answer *answer) {
    uint32_t totals[ASC_CLASSES] = {0};
    for (int network = 0; network < ASC_NETWORKS; network++) {
        int8_t *own = logits + network * ASC_CLASSES;
        const uint32_t *exponential = asc_exponential + network * 256;
        asc_network(network, features, work.arena, own);
        int highest = own[0];
        for (int i = 1; i < ASC_CLASSES; i++) {
            highest = own[i] > highest ? own[i] : highest;
        }
        uint32_t sum = 0;
        for (int i = 0; i < ASC_CLASSES; i++) {
            sum += exponential[highest - own[i]];
        }
        for (int i = 0; i < ASC_CLASSES; i++) {
            uint64_t part = exponential[highest - own[i]];
            totals[i] += (uint32_t)((part << 16) / sum);
        }
    }
    answer->label = 0;
    for (int i = 1; i < ASC_CLASSES; i++) {
        answer->label = totals[i] > totals[answer->label] ? i : answer->label;
    }
#if ASC_NETWORKS > 1 /* the temperature is of their mean; of one network it is in the table */
    float sharp[ASC_CLASSES], all = 0;
    for (int i = 0; i < ASC_CLASSES; i++) {
        sharp[i] = powf((float)totals[i] / (65536.0f * ASC_NETWORKS), ASC_SHARPNESS);
        all += sharp[i];
    }
    for (int i = 0; i < ASC_CLASSES; i++) {
        totals[i] = (uint32_t)(sharp[i] / all * 65536.0f);
    }
#endif
    for (int i = 0; i < ASC_CLASSES; i++) {
        answer->probabilities[i] = (uint16_t)(totals[i] > 65535 ? 65535 : totals[i]);
    }
}

int asc_result(asc_answer *answer) {
    if (received < ASC_SAMPLES) {
        return 0;
    }
    for (int32_t frame = frames; frame < ASC_FRAMES; frame++) {
        hear(frame); /* those that reach over the end, with silence there */
    }
    asc_classify(answer);
    advance();
    return 1;
}
