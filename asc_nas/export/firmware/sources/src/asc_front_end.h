/* Log-mel of one frame, in fixed point. */
#ifndef ASC_FRONT_END_H
#define ASC_FRONT_END_H

#include <stdint.h>

#include "asc_model.h"

/* A bin of the spectrum: first its value, then its power. */
typedef union {
    struct {
        int32_t re, im;
    } value;
    uint64_t power;
} asc_bin;

#define ASC_BINS (ASC_FFT / 2 + 1)

/* Tables, written by asc-nas (asc_model.c). */
extern const int32_t asc_cosine[ASC_TURN / 4 + 1]; /* first quarter of a turn, 1 is 2^30 */
#if ASC_WINDOW_TABLE
extern const int32_t asc_window[ASC_FFT]; /* 1 is 2^31 - 1 */
#endif
extern const uint16_t asc_mel_first[ASC_MELS];   /* first bin of each band */
extern const uint16_t asc_mel_count[ASC_MELS];   /* bins of each band */
extern const uint16_t asc_mel_weights[];         /* all bands' weights; a band's largest is 65535 */
extern const int32_t asc_mel_offset[ASC_MELS];   /* of the binary logarithm, 1 is 2^16 */
extern const uint8_t asc_fft_factors[ASC_FFT_FACTORS];

/* Write the log-mel of one frame, in 1/128 dB.
 *
 * `ring` holds the last ASC_FFT samples: that of the stream's place p lies at p % ASC_FFT. The frame
 * begins at the place `begin`; places below 0 and from `end` on are silent.
 */
void asc_log_mel(const int16_t ring[ASC_FFT], int32_t begin, int32_t end, asc_bin bins[ASC_BINS],
                 int16_t mel[ASC_MELS]);

#endif
