/* The network: maps are (channels, frequency, time) in one Float32Array with their size. */

class Network {
  constructor(description, weights, size) {
    this.description = description;
    this.weights = weights;
    this.size = size;
  }

  /** Logits (classes) of a log-mel (mels, frames) in dB. */
  logits(mel) {
    const { stem, blocks, head, classifier } = this.description;
    let map = { size: [1, ...this.size], values: this.standardised(mel) };
    for (const layer of stem) map = this.convolved(map, layer);
    for (const block of blocks) map = this.block(map, block);
    map = averaged(this.convolved(map, head));
    return (classifier ? this.convolved(map, classifier) : map).values;
  }

  standardised(mel) {
    const { range_db: range, mean, scale } = this.description;
    const [mels, frames] = this.size, { weights } = this;
    const loudest = range === null ? 0 : mel.reduce((a, b) => Math.max(a, b), -Infinity);
    const lowest = range === null ? -Infinity : -range;
    return mel.map((level, i) => {
      const band = Math.floor(i / frames);
      return (Math.max(level - loudest, lowest) - weights[mean + band]) * weights[scale + band];
    });
  }

  /** A convolution, padded by half its kernel, and its ReLU. */
  convolved(map, layer) {
    const { weights } = this, [out, inside, tall, wide] = layer.shape;
    let [, rows, columns] = map.size;
    const [down, right] = layer.stride, up = tall >> 1, left = wide >> 1;
    const outRows = Math.floor((rows + 2 * up - tall) / down) + 1;
    const outColumns = Math.floor((columns + 2 * left - wide) / right) + 1;
    const made = { size: [out, outRows, outColumns], values: new Float32Array(out * outRows * outColumns) };
    const flat = tall * wide * down * right === 1; // all values of a map as one row
    const area = rows * columns, outArea = outRows * outColumns;
    if (flat) [rows, columns] = [1, area];
    const toRows = flat ? 1 : outRows, toColumns = flat ? area : outColumns;
    let tap = layer.weights;
    for (let o = 0; o < out; o++) {
      const target = o * outArea;
      made.values.fill(weights[layer.bias + o], target, target + outArea);
      const group = Math.floor((o * layer.groups) / out) * inside;
      for (let i = group; i < group + inside; i++) {
        for (let y = -up; y < tall - up; y++) {
          for (let x = -left; x < wide - left; x++) {
            const weight = weights[tap++];
            if (weight === 0) continue; // where kernels of several shapes are one
            const firstRow = Math.ceil(Math.max(0, -y) / down);
            const endRow = Math.min(toRows, Math.floor((rows - 1 - y) / down) + 1);
            const first = Math.ceil(Math.max(0, -x) / right);
            const end = Math.min(toColumns, Math.floor((columns - 1 - x) / right) + 1);
            for (let row = firstRow; row < endRow; row++) {
              const from = i * area + (row * down + y) * columns + x;
              addTimes(made.values, target + row * toColumns, map.values, from, right, first, end, weight);
            }
          }
        }
      }
    }
    if (layer.relu) rectify(made.values);
    return made;
  }

  block(map, { expand, depthwise, project, shortcut, relu }) {
    const hidden = expand ? this.convolved(map, expand) : map;
    const made = this.convolved(this.convolved(hidden, depthwise), project);
    if (shortcut) addShortcut(made, map, depthwise.stride);
    if (relu) rectify(made.values);
    return made;
  }
}

function addTimes(target, to, source, from, step, first, end, weight) {
  for (let i = first; i < end; i++) target[to + i] += weight * source[from + i * step];
}

function rectify(values) {
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
}

/** Add the channels that both maps have; of the second, averages of the values in each stride. */
function addShortcut(map, added, [down, right]) {
  const [channels, outRows, outColumns] = map.size, [others, rows, columns] = added.size;
  let place = 0;
  for (let channel = 0; channel < Math.min(channels, others); channel++) {
    for (let row = 0; row < outRows; row++) {
      for (let column = 0; column < outColumns; column++) {
        const endRow = Math.min(rows, (row + 1) * down);
        const end = Math.min(columns, (column + 1) * right);
        let sum = 0, count = 0;
        for (let y = row * down; y < endRow; y++) {
          for (let x = column * right; x < end; x++, count++) {
            sum += added.values[(channel * rows + y) * columns + x];
          }
        }
        map.values[place++] += sum / count;
      }
    }
  }
}

/** The mean of each channel, as a map of one value. */
function averaged({ size: [channels, rows, columns], values }) {
  const area = rows * columns;
  const means = Float32Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    for (let i = channel * area; i < (channel + 1) * area; i++) sum += values[i];
    return sum / area;
  });
  return { size: [channels, 1, 1], values: means };
}

function softmax(logits) {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The mean of arrays of one length. */
function mean(arrays) {
  return arrays[0].map((_, i) => arrays.reduce((sum, array) => sum + array[i], 0) / arrays.length);
}

/** Samples that differ by no more are silence, as in asc_nas.audio.signal. */
const NO_SIGNAL = 2 ** -13;

function hasSignal(wave) {
  let lowest = Infinity, highest = -Infinity;
  for (let i = 0; i < wave.length; i++) {
    if (wave[i] < lowest) lowest = wave[i];
    if (wave[i] > highest) highest = wave[i];
  }
  return highest - lowest > NO_SIGNAL;
}

/** The level in dBFS (RMS without the mean) of samples. */
function level(wave) {
  const mean = wave.reduce((sum, value) => sum + value, 0) / wave.length;
  return 10 * Math.log10(wave.reduce((sum, value) => sum + (value - mean) ** 2, 0) / wave.length);
}

/** A front end, the networks behind it, and what makes probabilities of their logits. */
class Model {
  constructor(data) {
    this.name = data.name;
    /** What a window can be: a scene, none of these, or silent. */
    this.labels = [...new Set([...data.labels, data.none, data.silent])];
    this.scenes = data.labels.length;
    this.none = this.labels.indexOf(data.none);
    this.silent = this.labels.indexOf(data.silent);
    this.rejectBelow = data.reject_below;
    this.silence = data.silence;
    this.settings = data.front_end;
    this.temperature = data.temperature;
    this.frontEnd = new FrontEnd(data.front_end);
    const weights = floats(data.weights), size = [this.settings.mels, this.settings.frames];
    this.networks = data.networks.map((network) => new Network(network, weights, size));
  }

  /** Probabilities of a log-mel: those of a committee are averaged, then comes the temperature. */
  probabilities(mel) {
    const posterior = mean(this.networks.map((network) => softmax(network.logits(mel))));
    return softmax(posterior.map((share) => Math.log(Math.max(share, 1e-300)) / this.temperature));
  }

  /** Posterior and log-mel of a window: means over the channels (those with a signal vote). */
  hear(channels) {
    const mels = channels.map((wave) => this.frontEnd.logMel(wave));
    const live = channels.map(hasSignal), heard = live.some((is) => is);
    const posterior = this.labels.map(() => 0);
    if (channels.every((wave) => level(wave) < this.silence)) {
      posterior[this.silent] = 1;
    } else {
      const voting = mels.filter((_, i) => live[i] || !heard);
      const scenes = mean(voting.map((mel) => this.probabilities(mel)));
      if (Math.max(...scenes) < this.rejectBelow) posterior[this.none] = 1;
      else scenes.forEach((share, i) => (posterior[i] = share));
    }
    return { posterior, mel: mean(mels), heard };
  }
}
