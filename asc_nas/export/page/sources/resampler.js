/* Sample rates: what a file has, and the way to the model's. */

/** Hertz of a WAV, FLAC or Ogg Vorbis file, or undefined: what a browser decodes does not tell. */
function sampleRateOf(buffer) {
  const view = new DataView(buffer, 0, Math.min(buffer.byteLength, 4096));
  const text = String.fromCharCode(...new Uint8Array(buffer, 0, view.byteLength));
  const read = (place) => (place + 4 <= view.byteLength ? view.getUint32(place, true) : undefined);
  if (/^(RIFF|RF64)/.test(text) && text.includes("fmt ")) return read(text.indexOf("fmt ") + 12);
  if (text.includes("\x01vorbis")) return read(text.indexOf("\x01vorbis") + 12);
  if (text.startsWith("fLaC") && view.byteLength > 21) return view.getUint32(18) >>> 12;
  return undefined;
}

/** Changes a sample rate with a low-pass of linear phase (a sinc under a Kaiser window) that lets
 *  91.3 % of the lower band pass and is 126 dB down at its end, like soxr's "HQ" of classify. */
class Resampler {
  constructor(from, to) {
    const divisor = (a, b) => (b ? divisor(b, a % b) : a);
    const common = divisor(from, to);
    this.down = from / common; // steps of 1 / `up` sample
    this.up = to / common;
    const PASS = 0.913, DECIBELS = 126, BETA = 0.1102 * (DECIBELS - 8.7);
    const band = Math.min(1, to / from);
    this.reach = Math.ceil((DECIBELS - 7.95) / (2.285 * Math.PI * (1 - PASS) * band) / 2);
    const cutoff = (band * (1 + PASS)) / 2;
    const { up, reach } = this;
    this.taps = new Float32Array(up * 2 * reach);
    for (let phase = 0; phase < up; phase++) {
      for (let tap = 0; tap < 2 * reach; tap++) {
        const time = tap - reach + 1 - phase / up, angle = Math.PI * cutoff * time;
        const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
        const inside = Math.max(0, 1 - (time / reach) ** 2);
        const kaiser = bessel(BETA * Math.sqrt(inside)) / bessel(BETA);
        this.taps[phase * 2 * reach + tap] = cutoff * sinc * kaiser;
      }
    }
  }

  /** Samples that `length` become. */
  length(length) {
    return Math.round((length * this.up) / this.down);
  }

  /** Write samples `first` to `end` of the resampled wave. */
  fill(wave, target, first, end) {
    const { up, down, reach, taps } = this;
    for (let i = first; i < end; i++) {
      const at = i * down, phase = at % up, start = (at - phase) / up - reach + 1;
      const low = Math.max(0, -start), high = Math.min(2 * reach, wave.length - start);
      const row = phase * 2 * reach;
      let sum = 0;
      for (let tap = low; tap < high; tap++) sum += wave[start + tap] * taps[row + tap];
      target[i] = sum;
    }
  }
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-17 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}
