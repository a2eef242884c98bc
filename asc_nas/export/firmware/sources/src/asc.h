/* A classifier of sounds: 16-bit samples in, a label and probabilities out.
 *
 *     asc_init();
 *     for (;;) {                                   // samples as they come from the microphone
 *         int used = 0;
 *         while (used < count) {
 *             used += asc_feed(samples + used, count - used);
 *             if (asc_result(&result)) printf("%s\n", asc_labels[result.label]);
 *         }
 *     }
 *
 * C99, no heap, no library. All memory is static; asc_model.h says how much.
 */
#ifndef ASC_H
#define ASC_H

#include <stdint.h>

#include "asc_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Samples from the start of one window to that of the next; define it for windows that overlap, as
 * a multiple of ASC_HOP. Where they do, the first frames of a window hear what was before it. */
#ifndef ASC_STEP
#define ASC_STEP ASC_SAMPLES
#endif

typedef struct {
    int label;                           /* index into asc_labels */
    uint16_t probabilities[ASC_CLASSES]; /* 65536 is certainty; at most 65535 */
} asc_answer;

extern const char *const asc_labels[ASC_CLASSES];

/* Start, or start again: forget all samples. */
void asc_init(void);

/* Take samples: mono, 16 bits, ASC_RATE a second, any number of them. Returns how many it took: all,
 * unless a window is full; then fetch its answer with asc_result before the rest is fed. */
int asc_feed(const int16_t *samples, int count);

/* 1 and the answer if a window is full; else 0, and the answer is left alone. */
int asc_result(asc_answer *answer);

/* For tests: the log-mel of the window so far, ASC_FRAMES rows of ASC_MELS, in 1/128 dB; and the
 * logits of the last answer, ASC_CLASSES for each of ASC_NETWORKS. */
int16_t *asc_features(void);
const int8_t *asc_logits(void);
/* For tests: answer for the log-mel that lies in asc_features. */
void asc_classify(asc_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
