#include "asc_front_end.h"

#define HALF (ASC_FFT / 2) /* the real transform is a complex one of half its length */
#define FLOOR (-100 * 128)
#define SILENT 64
#define LOWEST_BITS 12 /* of a power that are dropped, so that a band's sum fits 64 bits */

/* cos of `turn` / ASC_TURN of a turn, 0 <= turn < ASC_TURN; 1 is 2^30. */
static int32_t cosine(int32_t turn) {
    const int32_t quarter = ASC_TURN / 4;
    if (turn > 2 * quarter) {
        turn = ASC_TURN - turn;
    }
    return turn <= quarter ? asc_cosine[turn] : -asc_cosine[2 * quarter - turn];
}

static int32_t sine(int32_t turn) {
    const int32_t quarter = ASC_TURN / 4;
    return cosine(turn < quarter ? turn + 3 * quarter : turn - quarter);
}

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

/* A frame in the ring: its sample i lies at (first + i) % ASC_FFT; those outside from..to are silent. */
typedef struct {
    const int16_t *ring;
    int32_t first, from, to;
} frame;

/* Sample i of a frame times its window, shifted to the right. */
static int32_t windowed(const frame *f, int32_t i, int right) {
    if (i < f->from || i >= f->to) {
        return 0;
    }
    int32_t place = f->first + i;
    place = place < ASC_FFT ? place : place - ASC_FFT;
    int64_t value = (int64_t)f->ring[place] * window(i);
    return (int32_t)(value >> right);
}

/* Fill bins with a frame, in the order in which the stages of the transform need it. Returns by how
 * many bits its samples were shifted to the right so that none has more than 29 bits, or SILENT. */
static int gather(const frame *f, asc_bin *bins) {
    int32_t loudest = 0;
    for (int32_t i = f->from; i < f->to; i++) {
        int32_t place = f->first + i;
        int32_t value = f->ring[place < ASC_FFT ? place : place - ASC_FFT];
        value = value < 0 ? -value : value;
        loudest = value > loudest ? value : loudest;
    }
    if (loudest == 0) {
        return SILENT;
    }
    const int right = bits((uint64_t)loudest) + 31 - 29;
    int32_t digits[ASC_FFT_FACTORS] = {0}, steps[ASC_FFT_FACTORS], from = 0;
    for (int stage = 0, step = 1; stage < ASC_FFT_FACTORS; stage++) {
        steps[stage] = step;
        step *= asc_fft_factors[stage];
    }
    for (int32_t i = 0; i < HALF; i++) {
        bins[i].value.re = windowed(f, 2 * from, right);
        bins[i].value.im = windowed(f, 2 * from + 1, right);
        for (int stage = ASC_FFT_FACTORS - 1; stage >= 0; stage--) { /* count with digits reversed */
            from += steps[stage];
            if (++digits[stage] < asc_fft_factors[stage]) {
                break;
            }
            from -= digits[stage] * steps[stage];
            digits[stage] = 0;
        }
    }
    return right;
}

/* Turn a value back by an angle of which this is the cosine and the sine. */
static asc_bin turned(asc_bin a, int32_t c, int32_t s) {
    asc_bin b;
    b.value.re = (int32_t)(((int64_t)a.value.re * c + (int64_t)a.value.im * s + (1 << 29)) >> 30);
    b.value.im = (int32_t)(((int64_t)a.value.im * c - (int64_t)a.value.re * s + (1 << 29)) >> 30);
    return b;
}

/* One transform of four values that lie `apart` from each other, divided by four. */
static void four(asc_bin *bins, int32_t apart) {
    asc_bin t[4];
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
}

/* The same of any number of values; `roots` are the cosines and sines of its parts of a turn. */
static void any(asc_bin *bins, int32_t apart, int factor, const asc_bin *roots) {
    const int32_t share = (1 << 30) / factor;
    asc_bin t[ASC_FFT_LARGEST_FACTOR];
    for (int q = 0; q < factor; q++) {
        t[q].value.re = times(bins[q * apart].value.re, share);
        t[q].value.im = times(bins[q * apart].value.im, share);
    }
    for (int k = 0; k < factor; k++) {
        asc_bin sum = t[0];
        for (int q = 1, part = k; q < factor; q++) {
            asc_bin value = turned(t[q], roots[part].value.re, roots[part].value.im);
            sum.value.re += value.value.re;
            sum.value.im += value.value.im;
            part = part + k < factor ? part + k : part + k - factor;
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
        asc_bin roots[ASC_FFT_LARGEST_FACTOR];
        for (int k = 0; k < factor; k++) {
            roots[k].value.re = cosine(k * (ASC_TURN / factor));
            roots[k].value.im = sine(k * (ASC_TURN / factor));
        }
        for (int32_t u = 0; u < apart; u++) {
            for (int q = 1; u > 0 && q < factor; q++) {
                int32_t c = cosine(q * u * step), s = sine(q * u * step);
                for (int32_t i = u + q * apart; i < HALF; i += length) {
                    bins[i] = turned(bins[i], c, s);
                }
            }
            for (int32_t first = u; first < HALF; first += length) {
                if (factor == 4) {
                    four(bins + first, apart);
                } else {
                    any(bins + first, apart, factor, roots);
                }
            }
        }
        apart = length;
    }
}

static uint64_t squared(int32_t re, int32_t im) {
    return (uint64_t)((int64_t)re * re + (int64_t)im * im);
}

/* Powers of the real frame's spectrum from the transform of its even and odd samples, in place. Its
 * values have 29 bits and a half, so that sums of two fit 32. */
static void powers(asc_bin *bins) {
    const int32_t re = bins[0].value.re, im = bins[0].value.im;
    for (int32_t k = 1; k <= HALF / 2; k++) {
        const asc_bin a = bins[k], b = bins[HALF - k];
        const int32_t even_re = (a.value.re + b.value.re) / 2;
        const int32_t even_im = (a.value.im - b.value.im) / 2;
        const int32_t turn = k * (ASC_TURN / ASC_FFT);
        asc_bin odd;
        odd.value.re = (a.value.im + b.value.im) / 2;
        odd.value.im = (b.value.re - a.value.re) / 2;
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
    const int32_t first = (begin % ASC_FFT + ASC_FFT) % ASC_FFT;
    const int32_t to = end - begin < ASC_FFT ? end - begin : ASC_FFT;
    const frame heard = {ring, first, begin < 0 ? -begin : 0, to};
    const int right = gather(&heard, bins);
    if (right != SILENT) {
        transform(bins);
        powers(bins);
    }
    const uint16_t *weights = asc_mel_weights;
    for (int band = 0; band < ASC_MELS; band++) {
        uint64_t sum = 0;
        for (int i = 0; right != SILENT && i < asc_mel_count[band]; i++) {
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
