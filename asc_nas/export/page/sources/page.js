"use strict";
/* What is seen: recordings in, plots and labels out. */

const model = new Model(JSON.parse(document.getElementById("model").textContent));
const at = (id) => document.getElementById(id);
const SERIES = 7; // colours; other scenes are grey
const MOST_BARS = 8;
const MOST_COLUMNS = 1500; // of a spectrogram
const DECIBELS = 80; // below its loudest point, the darkest
const ELSEWHERE = 48000; // hertz at which a file is decoded whose rate is not known
const LONGEST_LISTENING = 600; // seconds
const MAGMA = ["#000004", "#140e36", "#3b0f70", "#641a80", "#8c2981", "#b73779", "#de4968", "#f7705c", "#fe9f6d", "#fecf92", "#fcfdbf"];

/** The answer that is shown: {name, seconds, timeline, picture, colours}. */
let shown = null;
/** Grows with every recording: an older one that is still being classified ends. */
let turn = 0;
let listening = null;

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const pause = () => new Promise((done) => setTimeout(done));

function clock(seconds) {
  const tenths = Math.round(seconds * 10), two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(tenths / 600), rest = `${two(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

function element(tag, content = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  made.className = className;
  return made;
}

function tell(text, problem = false) {
  at("status").textContent = text;
  at("status").classList.toggle("problem", problem);
}

/** Show or hide the place of the answer. */
function present(answered) {
  at("result").hidden = !answered;
  document.body.classList.toggle("answered", answered);
}

/* A recording. */

/** Channels of a file at the model's rate, and its length in seconds. */
async function decoded(buffer) {
  const known = sampleRateOf(buffer), fits = known >= 8000 && known <= 96000;
  const rate = fits ? known : Math.max(ELSEWHERE, Math.min(96000, model.settings.sample_rate));
  const audio = await new OfflineAudioContext(1, 1, rate).decodeAudioData(buffer);
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  return { channels: await resampled(channels, rate), seconds: audio.length / rate };
}

async function resampled(channels, rate) {
  if (rate === model.settings.sample_rate) return channels;
  const resampler = new Resampler(rate, model.settings.sample_rate), made = [];
  for (const wave of channels) {
    const target = new Float32Array(resampler.length(wave.length));
    for (let first = 0; first < target.length; first += 2 ** 15) {
      resampler.fill(wave, target, first, Math.min(target.length, first + 2 ** 15));
      await pause();
    }
    made.push(target);
  }
  return made;
}

/** Columns of a spectrogram, those of a long recording means. */
class Picture {
  constructor(seconds) {
    const { hop, sample_rate: rate, mels } = model.settings;
    this.frame = hop / rate;
    this.seconds = seconds;
    const columns = Math.min(MOST_COLUMNS, Math.max(1, Math.ceil(seconds / this.frame)));
    this.columns = Array.from({ length: columns }, () => new Float64Array(mels));
    this.counts = new Float64Array(columns);
  }

  add(start, mel) {
    const { frames, mels } = model.settings;
    for (let f = 0; f < frames; f++) {
      const time = start + f * this.frame;
      if (time >= this.seconds) break;
      const column = Math.floor((time / this.seconds) * this.columns.length);
      for (let band = 0; band < mels; band++) this.columns[column][band] += mel[band * frames + f];
      this.counts[column]++;
    }
  }
}

/** Classify channels at the model's rate; return null if another recording came. */
async function classified(name, channels, seconds, mine) {
  const { samples, short } = model.settings, length = channels[0].length;
  const timeline = new Timeline(model, Math.max(1, Math.round(samples / at("hop").value)));
  const picture = new Picture(seconds);
  let heard = false, rested = performance.now();
  for (const place of windowPlaces(length, samples, timeline.hop)) {
    const window = channels.map((wave) => windowOf(wave, place.start, samples, short));
    const answer = model.hear(window);
    timeline.add(place, answer.posterior);
    picture.add(place.start / model.settings.sample_rate, answer.mel);
    heard ||= answer.heard;
    if (performance.now() - rested > 30) {
      at("progress").value = place.end / length;
      await pause();
      rested = performance.now();
      if (mine !== turn) return null;
    }
  }
  if (!timeline.windows.length) throw new Error("it is empty");
  return { name, seconds, timeline, picture, heard };
}

let last = null; // the recording, for another hop

async function openFile(file) {
  await stopListening();
  const mine = ++turn;
  tell(`Reading ${file.name} …`);
  try {
    const recording = await decoded(await file.arrayBuffer());
    if (mine === turn) await answer({ name: file.name, ...recording }, URL.createObjectURL(file));
  } catch (error) {
    if (mine === turn) fail(`${file.name}: this browser cannot decode it (${error.message}).`);
  }
}

async function answer(recording, address) {
  const mine = ++turn;
  last = recording;
  if (address !== at("audio").src) {
    URL.revokeObjectURL(at("audio").src);
    at("audio").src = address;
  }
  tell(`Classifying ${recording.name} …`);
  at("progress").hidden = false;
  at("progress").value = 0;
  await pause();
  const found = await classified(recording.name, recording.channels, recording.seconds, mine);
  if (found === null) return;
  at("progress").hidden = true;
  tell(found.heard ? "" : "There is no signal in this recording.", true);
  show(found);
  at("label").focus({ preventScroll: true });
}

function fail(text) {
  at("progress").hidden = true;
  present(false);
  last = shown = null;
  tell(text, true);
}

/* The answer. */

/** The colours of labels: the scenes of the segments come first, then those that are probable. */
function coloursOf({ posterior, segments }) {
  const { labels } = model;
  const seconds = (label) => segments.reduce(
    (sum, each) => sum + (each.label === label ? each.end - each.start : 0), 0);
  const order = labels.map((label, i) => ({ label, seconds: seconds(label), share: posterior[i] }))
    .sort((a, b) => b.seconds - a.seconds || b.share - a.share);
  return new Map(order.map(({ label }, i) => [label, i < SERIES ? `--series-${i}` : "--other"]));
}

function show(found) {
  const { name, seconds, timeline } = found, { posterior, segments } = timeline;
  shown = { ...found, posterior, segments, steps: timeline.steps, colours: coloursOf(timeline) };
  present(true);
  at("result").classList.remove("live");
  at("name").textContent = `${name}, ${clock(seconds)}`;
  showBars(posterior);
  at("segments").replaceChildren(...segments.map(({ start, end, label }) => {
    const bar = element("span", label);
    bar.style.left = `${(100 * start) / seconds}%`;
    bar.style.width = `${(100 * (Math.min(end, seconds) - start)) / seconds}%`;
    bar.style.background = `color-mix(in srgb, var(${shown.colours.get(label)}) 38%, var(--page))`;
    return bar;
  }));
  at("rows").replaceChildren(...segments.map(({ start, end, label, probability }) => {
    const row = element("tr"), scene = element("td"), swatch = element("span", "", "swatch");
    swatch.style.background = `var(${shown.colours.get(label)})`;
    scene.append(swatch, label);
    row.append(element("td", clock(start)), element("td", clock(Math.min(end, seconds))), scene,
      element("td", percent(probability), "number"));
    return row;
  }));
  draw();
}

function showBars(posterior) {
  const { labels, scenes } = model;
  const order = labels.map((_, i) => i).filter((i) => i < scenes || posterior[i] > 0)
    .sort((a, b) => posterior[b] - posterior[a]);
  const rest = order.slice(MOST_BARS), others = rest.reduce((sum, i) => sum + posterior[i], 0);
  at("label").textContent = labels[order[0]];
  at("bars").replaceChildren(...order.slice(0, MOST_BARS).map((i) => {
    const row = element("li"), words = element("div", "", "words"), track = element("div", "", "track");
    const bar = element("span");
    words.append(element("span", labels[i]), element("span", percent(posterior[i])));
    bar.style.width = percent(posterior[i]).replace(" ", "");
    bar.style.background = `var(${shown.colours.get(labels[i])})`;
    track.append(bar);
    row.append(words, track);
    return row;
  }));
  if (rest.length) at("bars").append(element("li", `${rest.length} others: ${percent(others)}`, "others"));
}

/** A canvas as large as the screen shows it, its context, and the part without the labels. */
function prepared(id) {
  const canvas = at(id), scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = style("--faint");
  pen.textBaseline = "middle";
  const left = parseFloat(getComputedStyle(at("segments")).marginLeft);
  return { pen, left, width: width - left, height };
}

function draw() {
  if (shown === null) return;
  drawSpectrogram();
  drawAxis();
  if (!at("result").classList.contains("live")) drawPosteriors();
}

/** Red, green and blue of 256 levels. */
const PALETTE = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (MAGMA.length - 1), low = Math.min(Math.floor(place), MAGMA.length - 2);
  const part = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => part(MAGMA[low], i) + (part(MAGMA[low + 1], i) - part(MAGMA[low], i)) * (place - low));
});

function drawSpectrogram() {
  const { pen, left, width, height } = prepared("spectrogram");
  const { columns, counts } = shown.picture, { mels, hertz } = model.settings;
  const image = new ImageData(columns.length, mels);
  const levels = columns.map((column, i) => column.map((sum) => sum / counts[i]));
  const loudest = levels.reduce((most, column) => column.reduce((a, b) => (b > a ? b : a), most), -100);
  levels.forEach((column, x) => column.forEach((level, band) => {
    if (!(counts[x] > 0)) return; // what no window heard stays empty
    const share = Math.max(0, 1 + (level - loudest) / DECIBELS);
    const place = 4 * ((mels - 1 - band) * columns.length + x);
    image.data.set([...PALETTE[Math.round(255 * share)], 255], place);
  }));
  const small = new OffscreenCanvas(columns.length, mels);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = columns.length > width / 4;
  pen.drawImage(small, left, 0, width, height);
  pen.textAlign = "right";
  let above = Infinity;
  for (const tick of [250, 500, 1000, 2000, 4000, 8000, 16000]) {
    if (tick < hertz[0] || tick > hertz.at(-1)) continue;
    const band = hertz.findIndex((centre) => centre >= tick);
    const y = height * (1 - (band + 0.5) / mels);
    if (above - y < 16 || y < 6) continue;
    pen.fillText(String(tick / 1000), left - 8, y);
    above = y;
  }
}

function drawPosteriors() {
  const { pen, left, width, height } = prepared("posteriors");
  const { steps, seconds, colours } = shown, { labels } = model;
  const order = [...colours.keys()].map((label) => labels.indexOf(label));
  pen.textAlign = "right";
  for (const [text, y] of [["100", 7], ["50", height / 2], ["0", height - 7]]) pen.fillText(text, left - 8, y);
  for (const { start, end, posterior } of steps) {
    const x = left + (width * start) / seconds;
    const wide = (width * (Math.min(end, seconds) - start)) / seconds;
    let y = height;
    for (const i of order) {
      const tall = posterior[i] * height;
      pen.fillStyle = style(colours.get(labels[i]));
      pen.fillRect(x, y - tall, Math.max(0.5, wide - (wide > 12 ? 1 : 0)), tall + 0.3);
      y -= tall;
    }
  }
}

function drawAxis() {
  const { pen, left, width, height } = prepared("axis"), { seconds } = shown;
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => (seconds / each) * 56 <= width) ?? 7200;
  const whole = (time) => (step < 1 ? `${time.toFixed(1)} s` : clock(time).replace(/\.0$/, ""));
  for (let i = 0; i * step <= seconds * 1.0001; i++) {
    const x = left + (width * i * step) / seconds;
    pen.fillRect(Math.min(x, left + width - 1), 0, 1, 4);
    pen.textAlign = x > left + width - 16 ? "right" : i ? "center" : "left";
    pen.fillText(whole(i * step), x, height / 2 + 4);
  }
}

/* Reading and playing. */

/** The time under the pointer, or null beside the plots. */
function timeAt(event) {
  const area = at("segments").getBoundingClientRect();
  const share = (event.clientX - area.left) / area.width;
  return share >= 0 && share <= 1 && shown ? share * shown.seconds : null;
}

function read(event) {
  const time = timeAt(event);
  const step = time === null ? undefined : shown.steps?.find(({ end }) => time < end);
  if (!step) return;
  const order = model.labels.map((_, i) => i).sort((a, b) => step.posterior[b] - step.posterior[a]);
  const words = order.slice(0, 3).map((i) => `${model.labels[i]} ${percent(step.posterior[i])}`);
  at("reading").textContent = `${clock(step.start)} to ${clock(step.end)}: ${words.join(", ")}`;
}

function seek(event) {
  const time = timeAt(event);
  if (time === null || at("result").classList.contains("live")) return;
  at("audio").currentTime = time;
  at("audio").play().catch(() => {}); // a format that can be decoded but not played
}

function movePlayhead() {
  const playhead = at("playhead"), area = at("segments");
  playhead.hidden = !shown || at("result").classList.contains("live") || !at("audio").currentTime;
  if (playhead.hidden) return;
  const share = Math.min(1, at("audio").currentTime / shown.seconds);
  playhead.style.left = `${area.offsetLeft + share * area.clientWidth}px`;
  if (!at("audio").paused) requestAnimationFrame(movePlayhead);
}

function download(name, text, kind) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/* The microphone. */

const COLLECTOR = `registerProcessor("collector", class extends AudioWorkletProcessor {
  process([[wave]]) {
    if (wave) this.port.postMessage(wave.slice());
    return true;
  }
});`;

async function startListening() {
  if (listening) return;
  const mine = ++turn;
  listening = { chunks: [], length: 0 };
  at("progress").hidden = true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const context = new AudioContext();
    Object.assign(listening, { stream, context });
    // No Blob URL: a file's origin may not load modules from one.
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(COLLECTOR)}`);
    const collector = new AudioWorkletNode(context, "collector", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    const heard = listening;
    collector.port.onmessage = ({ data }) => {
      heard.chunks.push(data);
      heard.length += data.length;
    };
    context.createMediaStreamSource(stream).connect(collector);
    at("audio").pause();
    at("playhead").hidden = true;
    at("microphone").textContent = "Stop";
    at("microphone").setAttribute("aria-pressed", "true");
    listenOn(heard, mine);
  } catch (error) {
    listening?.stream?.getTracks().forEach((track) => track.stop());
    listening = null;
    fail(`The microphone cannot be used: ${error.message.slice(0, 100)}.`);
  }
}

/** The last samples that came. */
function newest({ chunks, length }, wanted) {
  const wave = new Float32Array(Math.min(length, wanted));
  let place = wave.length;
  for (let i = chunks.length - 1; i >= 0 && place > 0; i--) {
    const part = chunks[i].subarray(Math.max(0, chunks[i].length - place));
    place -= part.length;
    wave.set(part, place);
  }
  return wave;
}

/** Show the answer for the newest window, again and again. */
async function listenOn(heard, mine) {
  const { samples, sample_rate: rate, short } = model.settings, from = heard.context.sampleRate;
  while (listening === heard && mine === turn) {
    const seconds = heard.length / from;
    tell(`Listening: ${clock(seconds)}`);
    if (seconds >= LONGEST_LISTENING) {
      stopListening();
      return;
    }
    if (seconds >= 0.2) {
      const [wave] = await resampled([newest(heard, Math.ceil((samples * from) / rate))], from);
      if (listening !== heard) return;
      const { posterior, mel } = model.hear([windowOf(wave, 0, samples, short)]);
      showLive(posterior, mel, Math.min(wave.length, samples) / rate);
    }
    await new Promise((done) => setTimeout(done, 250));
  }
}

function showLive(posterior, mel, seconds) {
  const picture = new Picture(seconds);
  picture.add(0, mel);
  const colours = new Map(model.labels.map((label) => [label, "--series-0"]));
  shown = { seconds, picture, colours, live: true };
  present(true);
  at("result").classList.add("live");
  at("name").textContent = `microphone, the last ${clock(seconds)}`;
  showBars(posterior);
  draw();
}

/** End listening; what was heard is then classified as a whole. */
async function stopListening() {
  if (!listening?.context) return;
  const heard = listening, rate = heard.context.sampleRate;
  listening = null;
  heard.stream.getTracks().forEach((track) => track.stop());
  await heard.context.close();
  at("microphone").textContent = "Use the microphone";
  at("microphone").setAttribute("aria-pressed", "false");
  if (!heard.length) return fail("The microphone gave nothing.");
  const wave = newest(heard, heard.length);
  const channels = await resampled([wave], rate);
  await answer({ name: "microphone.wav", channels, seconds: wave.length / rate }, URL.createObjectURL(wavOf(wave, rate)));
}

/** A WAV file of 16 bits. */
function wavOf(wave, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * wave.length));
  const text = (place, letters) => [...letters].forEach((l, i) => view.setUint8(place + i, l.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  text(36, "data");
  const header = [[4, 36 + 2 * wave.length], [16, 16], [20, 0x10001], [24, rate], [28, 2 * rate], [32, 0x100002], [40, 2 * wave.length]];
  for (const [place, value] of header) view.setUint32(place, value, true);
  wave.forEach((x, i) => view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, x))), true));
  return new Blob([view], { type: "audio/wav" });
}

/* What is pressed, dropped and turned. */

at("choose").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", () => {
  if (at("file").files.length) openFile(at("file").files[0]);
  at("file").value = "";
});
at("microphone").addEventListener("click", () => (listening ? stopListening() : startListening()));
at("hop").addEventListener("change", () => last && !listening && answer(last, at("audio").src));
at("csv").addEventListener("click", () => download(
  `${shown.name}.segments.csv`, segmentsCsv(shown.name, shown.segments), "text/csv"));
at("audacity").addEventListener("click", () => download(
  `${shown.name}.labels.txt`, audacityLabels(shown.segments, shown.seconds), "text/plain"));
at("lanes").addEventListener("pointermove", read);
at("lanes").addEventListener("click", seek);
for (const event of ["play", "seeked", "timeupdate"]) at("audio").addEventListener(event, movePlayhead);
for (const event of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(event, (dragged) => {
    dragged.preventDefault();
    const inside = event === "dragover" || event === "dragenter";
    document.body.classList.toggle("dragging", inside);
    if (event === "drop" && dragged.dataTransfer.files.length) openFile(dragged.dataTransfer.files[0]);
  });
}
new ResizeObserver(draw).observe(at("lanes"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.documentElement.dataset.ready = "yes";
