/* Runs the classifier on the clips of a file and writes what it answers to another, for asc-nas
 * verify: on a PC, and on an emulated chip through semihosting.
 *
 * check.in:  number of clips; of each the samples of one window, then log-mel of one window.
 * check.out: of each clip, first for the samples and then for the log-mel: log-mel, logits, label,
 * probabilities; and for the samples the cost of the front end and of the network and the bytes of
 * stack that both need, see cost.h.
 */
#include <stdio.h>

#include "asc.h"
#include "cost.h"

#define ROWS (ASC_FRAMES * ASC_MELS)

static int16_t samples[ASC_HOP];
static asc_answer answer;

static void write_answer(FILE *out) {
    int32_t label = answer.label;
    fwrite(asc_features(), sizeof(int16_t), ROWS, out);
    fwrite(asc_logits(), 1, ASC_NETWORKS * ASC_CLASSES, out);
    fwrite(&label, sizeof label, 1, out);
    fwrite(answer.probabilities, sizeof(uint16_t), ASC_CLASSES, out);
}

int main(void) {
    FILE *in = fopen("check.in", "rb"), *out = fopen("check.out", "wb");
    int32_t clips = 0;
    if (in == NULL || out == NULL || fread(&clips, sizeof clips, 1, in) != 1) {
        return 2;
    }
    cost_start();
    for (int32_t clip = 0; clip < clips; clip++) {
        uint64_t front_end = 0, network = 0;
        asc_init();
        for (int32_t left = ASC_SAMPLES; left > 0;) {
            int count = left < ASC_HOP ? (int)left : ASC_HOP;
            if (fread(samples, sizeof samples[0], (size_t)count, in) != (size_t)count) {
                return 3;
            }
            cost_mark_stack();
            uint64_t before = cost_now();
            asc_feed(samples, count);
            front_end += cost_now() - before;
            left -= count;
        }
        uint64_t before = cost_now();
        asc_result(&answer);
        network = cost_now() - before;
        uint32_t stack = cost_stack();
        write_answer(out);
        fwrite(&front_end, sizeof front_end, 1, out);
        fwrite(&network, sizeof network, 1, out);
        fwrite(&stack, sizeof stack, 1, out);
        if (fread(asc_features(), sizeof(int16_t), ROWS, in) != ROWS) {
            return 3;
        }
        asc_classify(&answer);
        write_answer(out);
    }
    fclose(in);
    return fclose(out) == 0 ? 0 : 4;
}
