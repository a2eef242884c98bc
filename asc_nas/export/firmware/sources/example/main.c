/* Names what is heard in a WAV file: mono, 16 bits, ASC_RATE samples a second. */
#include <stdio.h>
#include <string.h>

#include "asc.h"

static uint32_t number(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

/* Move to the samples of a file; 0 if it is of another kind. */
static int open_samples(FILE *file) {
    unsigned char head[12], chunk[8], format[16] = {0};
    if (fread(head, sizeof head, 1, file) != 1 || memcmp(head, "RIFF", 4) != 0) {
        return 0;
    }
    while (fread(chunk, sizeof chunk, 1, file) == 1) {
        uint32_t size = number(chunk + 4, 4), read = 0;
        if (memcmp(chunk, "data", 4) == 0) {
            return number(format, 2) == 1 && number(format + 2, 2) == 1 &&
                   number(format + 4, 4) == ASC_RATE && number(format + 14, 2) == 16;
        }
        if (memcmp(chunk, "fmt ", 4) == 0 && size >= sizeof format) {
            read = sizeof format;
            if (fread(format, read, 1, file) != 1) {
                return 0;
            }
        }
        if (fseek(file, (long)(size + (size & 1) - read), SEEK_CUR) != 0) {
            return 0;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL || !open_samples(file)) {
        fprintf(stderr, "Give a WAV file: mono, 16 bits, %d samples a second.\n", ASC_RATE);
        return 1;
    }
    static unsigned char bytes[2 * ASC_HOP];
    static int16_t samples[ASC_HOP];
    asc_answer answer;
    size_t count;
    int windows = 0;
    asc_init();
    while ((count = fread(bytes, 2, ASC_HOP, file)) > 0) {
        for (size_t i = 0; i < count; i++) {
            samples[i] = (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
        }
        for (int used = 0; used < (int)count;) {
            used += asc_feed(samples + used, (int)count - used);
            if (asc_result(&answer)) {
                printf("%.1f s  %s  %.1f %%\n", (double)windows++ * ASC_STEP / ASC_RATE,
                       asc_labels[answer.label], answer.probabilities[answer.label] / 655.36);
            }
        }
    }
    if (windows == 0) {
        fprintf(stderr, "Shorter than a window of %d samples.\n", ASC_SAMPLES);
    }
    return windows == 0;
}
