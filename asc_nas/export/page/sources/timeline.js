/* Windows, steps and segments: as asc_nas.runtime cuts, averages and joins them. */

/** Share of a window that need not be heard at the end. */
const LEFT_OUT = 0.02;

/** Where the windows of a recording lie: start, and the place since which each one answers. */
function* windowPlaces(length, samples, hop) {
  let next = 0;
  for (; next + samples <= length; next += hop) {
    yield { start: next, since: next, end: next + samples };
  }
  const start = length - samples;
  if (next === 0) {
    if (length > 0) yield { start: 0, since: 0, end: length };
  } else if (start - (next - hop) > LEFT_OUT * samples) {
    yield { start, since: next, end: length };
  }
}

/** The samples of a window; what the recording does not fill is silence, or the recording again. */
function windowOf(wave, start, samples, short) {
  const part = wave.subarray(start, start + samples);
  if (part.length === samples) return part;
  const filled = new Float32Array(samples);
  if (short === "repeat") {
    for (let i = 0; i < samples; i++) filled[i] = part[i % part.length];
  } else {
    filled.set(part);
  }
  return filled;
}

/** Add `posterior` with its weight to a running mean {weight, posterior}. */
function addTo(average, posterior, weight) {
  average.weight += weight;
  const share = weight / average.weight;
  average.posterior = average.posterior.map((old, i) => old + (posterior[i] - old) * share);
}

/** Collects the windows of a recording: its posterior, the steps of a timeline, and segments. */
class Timeline {
  constructor(model, hop) {
    this.model = model;
    this.hop = hop;
    this.windows = [];
    this.averages = [];
    this.end = 0;
    this.clip = { weight: 0, posterior: model.labels.map(() => 0) };
  }

  add({ start, since, end }, posterior) {
    const rate = this.model.settings.sample_rate, { hop } = this;
    addTo(this.clip, posterior, end - since);
    for (let step = Math.floor(since / hop); step * hop < end; step++) {
      const shared = Math.min(end, (step + 1) * hop) - Math.max(since, step * hop);
      this.averages[step] ??= { weight: 0, posterior: this.model.labels.map(() => 0) };
      addTo(this.averages[step], posterior, shared);
    }
    this.end = Math.max(this.end, end);
    this.windows.push({ start: start / rate, end: end / rate, posterior });
  }

  get posterior() {
    return this.clip.posterior;
  }

  /** Mean posteriors of stretches as long as the hop; times in seconds. */
  get steps() {
    const rate = this.model.settings.sample_rate, { hop } = this;
    return this.averages.map(({ posterior }, i) => (
      { start: (i * hop) / rate, end: Math.min((i + 1) * hop, this.end) / rate, posterior }));
  }

  /** Steps in a row with one label, and its mean probability over them. */
  get segments() {
    const runs = [];
    for (const { start, end, posterior } of this.steps) {
      const label = posterior.indexOf(Math.max(...posterior)), last = runs.at(-1);
      if (last?.label === label) {
        addTo(last, posterior, end - start);
        last.end = end;
      } else {
        runs.push({ start, end, label, weight: end - start, posterior });
      }
    }
    return runs.map(({ start, end, label, posterior }) => (
      { start, end, label: this.model.labels[label], probability: posterior[label] }));
  }
}
