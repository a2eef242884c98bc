#include "asc_front_end.h"

#define HALF (ASC_FFT / 2) /* the real transform is a complex one of half its length */
#define FLOOR (-100 * 128)
#define LOWEST_BITS 12 /* of a power that are dropped, so that a band's sum fits 64 bits */

/* cos of `turn` / ASC_TURN of a turn, 1 is 2^30. */
static int32_t cosine(int32_t turn) {
    const int32_t quarter = ASC_TURN / 4;
    turn %= ASC_TURN;
    if (turn > 2 * quarter) {
        turn = ASC_TURN - turn;
    }
    return turn <= quarter ? asc_cosine[turn] : -asc_cosine[2 * quarter - turn];
}

static int32_t sine(int32_t turn) { return cosine(turn + 3 * (ASC_TURN / 4)); }

/* a * b, where 1 of b is 2^30. */
static int32_t times(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (1 << 29)) >> 30);
}

/* The window at place i, 1 is 2^31 - 1. */
static int32_t window(int32_t i) {
#if ASC_WINDOW_TABLE
    return asc_window[i];
#else /* a Hann window as long as the transform: (1 - cos) / 2 */
    int64_t value = (int64_t)(1 << 30) - cosine(i * (ASC_TURN / ASC_FFT));
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
#endif
}

/* Sample i of a frame times its window: 46 bits. */
static int64_t windowed(const int16_t *ring, int32_t begin, int32_t end, int32_t i) {
    int32_t place = begin + i;
    if (place < 0 || place >= end) {
        return 0;
    }
    return (int64_t)ring[place % ASC_FFT] * window(i);
}

/* Bits of a positive number. */
static int bits(uint64_t value) {
    int n = 0;
    for (int step = 32; step > 0; step /= 2) {
        if (value >> step) {
            value >>= step;
            n += step;
        }
    }
    return n + (value != 0);
}

static int64_t shifted(int64_t value, int right) {
    return right >= 0 ? value >> right : value * ((int64_t)1 << -right);
}

/* Fill bins with the frame, in the order in which the stages of the transform need it. Returns by
 * how many bits its samples were shifted to the right so that the largest has 29 bits. */
static int gather(const int16_t *ring, int32_t begin, int32_t end, asc_bin *bins) {
    int64_t largest = 0;
    for (int32_t i = 0; i < ASC_FFT; i++) {
        int64_t value = windowed(ring, begin, end, i);
        value = value < 0 ? -value : value;
        largest = value > largest ? value : largest;
    }
    int right = bits((uint64_t)largest) - 29;
    for (int32_t i = 0; i < HALF; i++) {
        int32_t from = 0, rest = i, length = HALF, step = 1; /* digits of i in reverse */
        for (int stage = 0; stage < ASC_FFT_FACTORS; stage++) {
            int32_t factor = asc_fft_factors[stage];
            length /= factor;
            from += rest / length * step;
            rest %= length;
            step *= factor;
        }
        bins[i].value.re = (int32_t)shifted(windowed(ring, begin, end, 2 * from), right);
        bins[i].value.im = (int32_t)shifted(windowed(ring, begin, end, 2 * from + 1), right);
    }
    return largest == 0 ? 64 : right;
}

/* Turn a value back by an angle of which this is the cosine and the sine. */
static asc_bin turned(asc_bin a, int32_t c, int32_t s) {
    asc_bin b;
    b.value.re = (int32_t)(((int64_t)a.value.re * c + (int64_t)a.value.im * s + (1 << 29)) >> 30);
    b.value.im = (int32_t)(((int64_t)a.value.im * c - (int64_t)a.value.re * s + (1 << 29)) >> 30);
    return b;
}

/* One transform of `factor` values that lie `apart` from each other, divided by `factor`. */
static void butterfly(asc_bin *bins, int32_t apart, int factor) {
    asc_bin t[ASC_FFT_LARGEST_FACTOR];
    if (factor == 4) {
        for (int q = 0; q < 4; q++) {
            t[q].value.re = (bins[q * apart].value.re + 2) >> 2;
            t[q].value.im = (bins[q * apart].value.im + 2) >> 2;
        }
        int32_t even_re = t[0].value.re + t[2].value.re, even_im = t[0].value.im + t[2].value.im;
        int32_t less_re = t[0].value.re - t[2].value.re, less_im = t[0].value.im - t[2].value.im;
        int32_t odd_re = t[1].value.re + t[3].value.re, odd_im = t[1].value.im + t[3].value.im;
        int32_t side_re = t[1].value.im - t[3].value.im, side_im = t[3].value.re - t[1].value.re;
        bins[0].value.re = even_re + odd_re;
        bins[0].value.im = even_im + odd_im;
        bins[apart].value.re = less_re + side_re;
        bins[apart].value.im = less_im + side_im;
        bins[2 * apart].value.re = even_re - odd_re;
        bins[2 * apart].value.im = even_im - odd_im;
        bins[3 * apart].value.re = less_re - side_re;
        bins[3 * apart].value.im = less_im - side_im;
        return;
    }
    const int32_t share = (1 << 30) / factor;
    for (int q = 0; q < factor; q++) {
        t[q].value.re = times(bins[q * apart].value.re, share);
        t[q].value.im = times(bins[q * apart].value.im, share);
    }
    for (int k = 0; k < factor; k++) {
        asc_bin sum = t[0];
        for (int q = 1; q < factor; q++) {
            int32_t turn = q * k % factor * (ASC_TURN / factor);
            asc_bin part = turned(t[q], cosine(turn), sine(turn));
            sum.value.re += part.value.re;
            sum.value.im += part.value.im;
        }
        bins[k * apart] = sum;
    }
}

/* The complex transform of HALF values in place, divided by HALF, so that nothing can overflow
 * (Cooley and Tukey, decimation in time, with factors 4, 2 and any other). */
static void transform(asc_bin *bins) {
    int32_t apart = 1;
    for (int stage = ASC_FFT_FACTORS - 1; stage >= 0; stage--) {
        int factor = asc_fft_factors[stage];
        int32_t length = apart * factor, step = ASC_TURN / length;
        for (int32_t u = 0; u < apart; u++) {
            for (int q = 1; u > 0 && q < factor; q++) {
                int32_t c = cosine(q * u * step), s = sine(q * u * step);
                for (int32_t i = u + q * apart; i < HALF; i += length) {
                    bins[i] = turned(bins[i], c, s);
                }
            }
            for (int32_t first = u; first < HALF; first += length) {
                butterfly(bins + first, apart, factor);
            }
        }
        apart = length;
    }
}

static uint64_t squared(int64_t re, int64_t im) { return (uint64_t)(re * re + im * im); }

/* Powers of the real frame's spectrum from the transform of its even and odd samples, in place. */
static void powers(asc_bin *bins) {
    int64_t re = bins[0].value.re, im = bins[0].value.im;
    for (int32_t k = 1; k <= HALF / 2; k++) {
        asc_bin a = bins[k], b = bins[HALF - k];
        int64_t even_re = ((int64_t)a.value.re + b.value.re) / 2;
        int64_t even_im = ((int64_t)a.value.im - b.value.im) / 2;
        asc_bin odd;
        odd.value.re = (int32_t)(((int64_t)a.value.im + b.value.im) / 2);
        odd.value.im = (int32_t)(((int64_t)b.value.re - a.value.re) / 2);
        int32_t turn = k * (ASC_TURN / ASC_FFT);
        odd = turned(odd, cosine(turn), sine(turn));
        bins[HALF - k].power = squared(even_re - odd.value.re, even_im - odd.value.im);
        bins[k].power = squared(even_re + odd.value.re, even_im + odd.value.im);
    }
    bins[0].power = squared(re + im, 0);
    bins[HALF].power = squared(re - im, 0);
}

/* Binary logarithm of a positive number, 1 is 2^16: a table of 64 steps, straight between. */
static int32_t logarithm(uint64_t value) {
    static const uint32_t steps[65] = {
        0, 1466, 2909, 4331, 5732, 7112, 8473, 9814, 11136, 12440, 13727, 14996, 16248, 17484,
        18704, 19909, 21098, 22272, 23433, 24579, 25711, 26830, 27936, 29029, 30109, 31178,
        32234, 33279, 34312, 35334, 36346, 37346, 38336, 39316, 40286, 41246, 42196, 43137,
        44068, 44990, 45904, 46809, 47705, 48593, 49472, 50344, 51207, 52063, 52911, 53751,
        54584, 55410, 56229, 57040, 57845, 58643, 59434, 60219, 60997, 61769, 62534, 63294,
        64047, 64794, 65536};
    int length = bits(value);
    uint32_t top = (uint32_t)(length > 32 ? value >> (length - 32) : value << (32 - length));
    uint32_t i = top >> 25 & 63, part = top >> 9 & 0xffff;
    uint32_t between = (steps[i + 1] - steps[i]) * part >> 16;
    return (int32_t)((uint32_t)(length - 1) * 65536 + steps[i] + between);
}

void asc_log_mel(const int16_t ring[ASC_FFT], int32_t begin, int32_t end, asc_bin bins[ASC_BINS],
                 int16_t mel[ASC_MELS]) {
    int right = gather(ring, begin, end, bins);
    if (right < 64) {
        transform(bins);
        powers(bins);
    }
    const uint16_t *weights = asc_mel_weights;
    for (int band = 0; band < ASC_MELS; band++) {
        uint64_t sum = 0;
        for (int i = 0; right < 64 && i < asc_mel_count[band]; i++) {
            sum += (bins[asc_mel_first[band] + i].power >> LOWEST_BITS) * weights[i];
        }
        weights += asc_mel_count[band];
        int32_t level = FLOOR;
        if (sum > 0) {
            /* 10 log10(2) dB = 385.3184 / 128 dB for each power of two */
            int64_t log2 = (int64_t)logarithm(sum) + asc_mel_offset[band] + right * 2 * 65536;
            level = (int32_t)((log2 * 101008905 + ((int64_t)1 << 33)) >> 34);
        }
        mel[band] = (int16_t)(level < FLOOR ? FLOOR : level > INT16_MAX ? INT16_MAX : level);
    }
}
