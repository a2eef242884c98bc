/* Feeds a classifier buffers of every kind and length, and ends with 1 at an answer that cannot be.
 * feed NUMBER SEED */
#include <stdio.h>
#include <stdlib.h>

#include "asc.h"

enum { LONGEST = 3 * ASC_HOP };

static uint32_t state;

static uint32_t draw(uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static int16_t sample(uint32_t kind, int i) {
    switch (kind) {
        case 0: return 0;
        case 1: return INT16_MIN;
        case 2: return INT16_MAX;
        case 3: return (int16_t)((int)draw(65536) - 32768);
        case 4: return (int16_t)((int)draw(3) - 1);
        case 5: return i % 2 ? INT16_MIN : INT16_MAX;
        case 6: return draw(100) == 0 ? INT16_MIN : 0;
        default: return (int16_t)((int)draw(2048) - 1024);
    }
}

static int possible(const asc_answer *answer) {
    uint32_t sum = 0;
    for (int i = 0; i < ASC_CLASSES; i++) {
        sum += answer->probabilities[i];
    }
    for (int i = 0; i < ASC_FRAMES * ASC_MELS; i++) {
        if (asc_features()[i] < -100 * 128) {
            return 0;
        }
    }
    return answer->label >= 0 && answer->label < ASC_CLASSES && sum <= 65536 &&
           sum >= 65536 - 2 * ASC_CLASSES;
}

int main(int argc, char **argv) {
    static int16_t samples[LONGEST];
    long number = argc > 1 ? atol(argv[1]) : 1000, answers = 0;
    state = argc > 2 ? (uint32_t)atol(argv[2]) : 0;
    asc_answer answer;
    asc_init();
    for (long n = 0; n < number; n++) {
        int count = (int)draw(LONGEST + 1), used = 0;
        uint32_t kind = draw(8);
        for (int i = 0; i < count; i++) {
            samples[i] = sample(kind, i);
        }
        if (draw(1000) == 0) {
            asc_init();
        }
        while (used < count) {
            int taken = asc_feed(samples + used, count - used);
            int full = asc_result(&answer);
            if (taken < 0 || taken > count - used || (taken == 0 && !full)) {
                return 1;
            }
            if (full && !possible(&answer)) {
                return 1;
            }
            answers += full;
            used += taken;
        }
    }
    printf("%ld buffers, %ld answers\n", number, answers);
    return 0;
}
