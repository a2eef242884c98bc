"use strict";
/* The log-mel of a window, as asc_nas.audio.logmel computes it. */

/** Float32 values of little-endian base64. */
function floats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Powers of the spectrum of real samples: a complex transform of half the length, in stages of
 *  small factors (Cooley and Tukey, decimation in time). */
class PowerSpectrum {
  constructor(length) {
    const half = length / 2;
    this.length = length;
    this.factors = [];
    for (let rest = half, factor = 4; rest > 1; ) {
      if (rest % factor === 0) {
        this.factors.push(factor);
        rest /= factor;
      } else {
        factor = factor === 4 ? 2 : factor === 2 ? 3 : factor + 2;
      }
    }
    const turn = (k) => (2 * Math.PI * k) / length;
    this.cosine = Float64Array.from({ length }, (_, k) => Math.cos(turn(k)));
    this.sine = Float64Array.from({ length }, (_, k) => Math.sin(turn(k)));
    const order = [];
    const arrange = (first, step, stage) => {
      if (stage < 0) {
        order.push(first);
        return;
      }
      const factor = this.factors[stage];
      for (let q = 0; q < factor; q++) arrange(first + q * step, step * factor, stage - 1);
    };
    arrange(0, 1, this.factors.length - 1);
    this.order = Int32Array.from(order);
    this.re = new Float64Array(half);
    this.im = new Float64Array(half);
    this.power = new Float64Array(half + 1);
    this.parts = new Float64Array(2 * Math.max(4, ...this.factors));
  }

  /** Powers (length / 2 + 1) of samples (length); the array is used again by the next call. */
  of(samples) {
    const { order, re, im, power, cosine, sine } = this;
    const half = re.length;
    for (let i = 0; i < half; i++) {
      re[i] = samples[2 * order[i]];
      im[i] = samples[2 * order[i] + 1];
    }
    let apart = 1;
    for (const factor of this.factors) {
      this.stage(factor, apart);
      apart *= factor;
    }
    power[0] = (re[0] + im[0]) ** 2;
    power[half] = (re[0] - im[0]) ** 2;
    for (let k = 1; 2 * k <= half; k++) {
      const other = half - k;
      const evenRe = (re[k] + re[other]) / 2, evenIm = (im[k] - im[other]) / 2;
      const oddRe = (im[k] + im[other]) / 2, oddIm = (re[other] - re[k]) / 2;
      const turnedRe = oddRe * cosine[k] + oddIm * sine[k];
      const turnedIm = oddIm * cosine[k] - oddRe * sine[k];
      power[other] = (evenRe - turnedRe) ** 2 + (evenIm - turnedIm) ** 2;
      power[k] = (evenRe + turnedRe) ** 2 + (evenIm + turnedIm) ** 2;
    }
    return power;
  }

  /** Join transforms of `apart` values to those of `factor` times as many. */
  stage(factor, apart) {
    const { re, im, cosine, sine, parts, length } = this;
    const joined = apart * factor, step = length / joined, root = length / factor;
    for (let j = 0; j < apart; j++) {
      for (let first = j; first < re.length; first += joined) {
        for (let q = 0, place = first; q < factor; q++, place += apart) {
          const c = cosine[q * j * step], s = sine[q * j * step];
          parts[2 * q] = re[place] * c + im[place] * s;
          parts[2 * q + 1] = im[place] * c - re[place] * s;
        }
        if (factor === 4) {
          const evenRe = parts[0] + parts[4], evenIm = parts[1] + parts[5];
          const lessRe = parts[0] - parts[4], lessIm = parts[1] - parts[5];
          const oddRe = parts[2] + parts[6], oddIm = parts[3] + parts[7];
          const sideRe = parts[3] - parts[7], sideIm = parts[6] - parts[2];
          re[first] = evenRe + oddRe;
          im[first] = evenIm + oddIm;
          re[first + apart] = lessRe + sideRe;
          im[first + apart] = lessIm + sideIm;
          re[first + 2 * apart] = evenRe - oddRe;
          im[first + 2 * apart] = evenIm - oddIm;
          re[first + 3 * apart] = lessRe - sideRe;
          im[first + 3 * apart] = lessIm - sideIm;
          continue;
        }
        for (let k = 0; k < factor; k++) {
          let sumRe = 0, sumIm = 0;
          for (let q = 0; q < factor; q++) {
            const c = cosine[((k * q) % factor) * root], s = sine[((k * q) % factor) * root];
            sumRe += parts[2 * q] * c + parts[2 * q + 1] * s;
            sumIm += parts[2 * q + 1] * c - parts[2 * q] * s;
          }
          re[first + k * apart] = sumRe;
          im[first + k * apart] = sumIm;
        }
      }
    }
  }
}

/** The front end of a model, made once. */
class FrontEnd {
  constructor(settings) {
    this.settings = settings;
    this.weights = floats(settings.weights);
    this.spectrum = new PowerSpectrum(settings.fft);
    this.frame = new Float64Array(settings.fft);
    const turn = (i) => (2 * Math.PI * i) / settings.window;
    this.hann = Float64Array.from(
      { length: settings.window }, (_, i) => 0.5 - 0.5 * Math.cos(turn(i)));
  }

  /** Decibels (mels, frames) of the samples of a window; frames are centred, with zeros around. */
  logMel(wave) {
    const { mels, frames, hop, fft, bands, window } = this.settings;
    const mel = new Float32Array(mels * frames);
    const before = Math.floor((fft - window) / 2);
    for (let f = 0; f < frames; f++) {
      const start = f * hop - fft / 2 + before;
      for (let i = 0; i < window; i++) {
        const place = start + i;
        const inside = place >= 0 && place < wave.length;
        this.frame[before + i] = inside ? wave[place] * this.hann[i] : 0;
      }
      const power = this.spectrum.of(this.frame);
      let next = 0;
      for (let band = 0; band < mels; band++) {
        const [first, end] = bands[band];
        let sum = 0;
        for (let bin = first; bin < end; bin++) sum += power[bin] * this.weights[next++];
        mel[band * frames + f] = 10 * Math.log10(Math.max(sum, 1e-10));
      }
    }
    return mel;
  }
}
