"use strict";
/* Sounds one after the other: heard, seen, labelled; at the end a list of what was answered. */

const data = JSON.parse(document.getElementById("data").textContent);
const { items, labels } = data;
const part = (id) => document.getElementById(id);
const audio = part("audio");
const SKIPPED = null;
const KEYS = [..."123456789abcdefghijklmnopqrtuvwxyz"]; // without s, which skips

/** Label by the number of its sound; SKIPPED where the person passed over it. */
const answers = new Map(stored());
let current = 0;
let saved = true;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(`asc-nas-review-${data.key}`)) ?? [];
  } catch {
    return []; // a browser may keep nothing for a file
  }
}

function store() {
  try {
    localStorage.setItem(`asc-nas-review-${data.key}`, JSON.stringify([...answers]));
  } catch { /* then they last as long as the page */ }
}

function made(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/* ---- times, numbers */

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(tenths / 600);
  const rest = `${two(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/* ---- the sound that is shown */

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Black, violet, orange, light yellow. */
const STOPS = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (STOPS.length - 1);
  const first = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[first].map((value, i) => value + (STOPS[first + 1][i] - value) * (place - first));
});

function draw(item) {
  const canvas = part("spectrogram");
  const levels = bytes(item.picture);
  const rows = levels.length / item.columns;
  [canvas.width, canvas.height] = [item.columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(item.columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < item.columns; column++) {
      const place = 4 * ((rows - 1 - row) * item.columns + column);
      image.data.set(COLOURS[levels[row * item.columns + column]], place);
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

function show(number, play = false) {
  current = Math.max(0, Math.min(items.length - 1, number));
  const item = items[current];
  const length = item.end - item.start;
  part("place").textContent = [`${current + 1} of ${items.length}`, item.name,
    `${clock(item.start)} to ${clock(item.end)}`, item.time].filter(Boolean).join(" · ");
  part("answer").replaceChildren(made("span", "The network says ", "says"), `${item.label} `, made("span", percent(item.probability), "sure"));
  part("heard").textContent = item.heard < length - 0.01 ? `the first ${Math.round(item.heard)} s of ${clock(length)}` : "";
  part("length").textContent = `${item.heard.toFixed(1)} s`;
  part("highest").textContent = `${+(item.highest / 1000).toFixed(1)} kHz`;
  draw(item);
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(new Blob([bytes(item.sound)], { type: "audio/mpeg" }));
  part("sound").classList.remove("playing", "paused");
  mark();
  if (play) audio.play().catch(() => {}); // a browser may want a click first
}

/* ---- answers */

function mark() {
  const item = items[current];
  const answer = answers.get(current);
  for (const button of part("labels").children) {
    button.classList.toggle("guess", button.value === item.label);
    button.setAttribute("aria-pressed", String(answer === button.value));
  }
  part("right").hidden = !labels.includes(item.label);
  part("right").firstElementChild.textContent = `Right: ${item.label}`;
  part("none").setAttribute("aria-pressed", String(answer === data.none));
  part("skip").setAttribute("aria-pressed", String(answers.has(current) && answer === SKIPPED));
  [...part("rows").children].forEach((row, number) => markRow(row.firstElementChild, number));
  const labelled = listed().length;
  part("count").textContent = `${answers.size} of ${items.length} answered`;
  part("progress").value = answers.size / items.length;
  part("save").disabled = !labelled;
  part("save").textContent = labelled ? `Save the list (${labelled})` : "Save the list";
}

function markRow(row, number) {
  const item = items[number];
  const [sign, name] = row.children;
  const answer = answers.get(number);
  const state = !answers.has(number) ? "" : answer === SKIPPED ? "skipped" : answer === item.label ? "kept" : "changed";
  row.className = state;
  row.setAttribute("aria-current", String(number === current));
  sign.textContent = { kept: "✓", changed: "✎", skipped: "–" }[state] ?? "○";
  const shown = state === "changed" ? [made("s", item.label), ` ${answer}`] : [item.label];
  name.replaceChildren(...shown);
  const said = { kept: "right", changed: `corrected to ${answer}`, skipped: "skipped" }[state] ?? "not answered";
  row.setAttribute("aria-label", `${number + 1}: ${item.label}, ${percent(item.probability)}, ${said}`);
}

function answer(label) {
  answers.set(current, label);
  saved = false;
  store();
  const next = items.findIndex((_, number) => number > current && !answers.has(number));
  const open = next < 0 ? items.findIndex((_, number) => !answers.has(number)) : next;
  if (open < 0) {
    mark();
    part("next").textContent = "All sounds are answered: save the list.";
    return;
  }
  show(open, part("auto").checked);
  part("rows").children[current].scrollIntoView({ block: "nearest" });
  part("answer").focus({ preventScroll: true }); // a key must not press the button once more
}

/* ---- the list */

const listed = () => [...answers].filter(([, label]) => label !== SKIPPED).sort(([a], [b]) => a - b);

/** A cell of CSV that a spreadsheet takes for text, and not for a formula. */
function cell(text, before) {
  const safe = /^[=+\-@]/.test(text) ? before + text : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function listText() {
  const rows = listed().map(([number, label]) => {
    const { path, start, end } = items[number];
    return [cell(path, "./"), cell(label, "'"), start.toFixed(6), (end - start).toFixed(6), cell(path, "./")];
  });
  return [["path", "label", "start", "duration", "group"], ...rows].map((row) => `${row.join(",")}\n`).join("");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([listText()], { type: "text/csv" }));
  link.download = `${data.name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  saved = true;
  part("next").replaceChildren("Saved. To train with it: ", made("code", `asc-nas init "${data.name}.csv"`));
}

/* ---- buttons and keys */

function build() {
  const recordings = new Set(items.map((item) => item.path)).size;
  const sounds = data.total > items.length ? `The ${items.length} of ${data.total} sounds` : `${items.length} sound${items.length > 1 ? "s" : ""}`;
  const order = data.total > items.length ? " that the network is least sure of." : ", the least sure first.";
  part("about").textContent = `${sounds} from ${recordings} recording${recordings > 1 ? "s" : ""}${order}`;
  const classes = labels.filter((label) => label !== data.none);
  part("labels").append(...classes.map((label, number) => {
    const button = made("button", "");
    button.type = "button";
    button.value = label;
    button.append(made("span", label));
    if (number < KEYS.length) {
      button.append(made("kbd", KEYS[number]));
      button.setAttribute("aria-keyshortcuts", KEYS[number]);
    }
    button.addEventListener("click", () => answer(label));
    return button;
  }));
  part("none").firstElementChild.textContent = data.none;
  part("rows").append(...items.map((item, number) => {
    const row = made("li", "");
    const button = made("button", "");
    button.type = "button";
    button.append(made("span", "", "mark"), made("span", "", "name"), made("span", percent(item.probability), "sure"),
      made("span", `${item.name.split("/").pop()} · ${clock(item.start)}`, "from"));
    button.addEventListener("click", () => { show(number, part("auto").checked); part("answer").focus({ preventScroll: true }); });
    row.append(button);
    return row;
  }));
}

function toggle() {
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function follow() {
  part("playhead").style.left = `${100 * Math.min(1, audio.currentTime / items[current].heard)}%`;
  if (!audio.paused) requestAnimationFrame(follow);
}

function right() {
  if (labels.includes(items[current].label)) answer(items[current].label);
}

const ACTIONS = {
  " ": toggle,
  Enter: right,
  ArrowLeft: () => show(current - 1),
  ArrowRight: () => show(current + 1),
  0: () => answer(data.none),
  s: () => answer(SKIPPED),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const own = { BUTTON: [" ", "Enter"], INPUT: [" "] }[event.target.tagName] ?? [];
  if (own.includes(pressed)) return;
  const label = part("labels").children[KEYS.indexOf(pressed)]?.value;
  const action = ACTIONS[pressed] ?? (label === undefined ? undefined : () => answer(label));
  if (action === undefined) return;
  event.preventDefault();
  action();
});
part("play").addEventListener("click", toggle);
part("before").addEventListener("click", ACTIONS.ArrowLeft);
part("after").addEventListener("click", ACTIONS.ArrowRight);
part("right").addEventListener("click", right);
part("none").addEventListener("click", ACTIONS[0]);
part("skip").addEventListener("click", ACTIONS.s);
part("save").addEventListener("click", save);
part("picture").addEventListener("click", (event) => {
  const box = part("picture").getBoundingClientRect();
  audio.currentTime = ((event.clientX - box.left) / box.width) * items[current].heard;
  audio.play().catch(() => {});
});
audio.addEventListener("play", () => {
  part("sound").classList.replace("paused", "playing") || part("sound").classList.add("playing");
  part("play").firstElementChild.textContent = "Pause";
  follow();
});
audio.addEventListener("pause", () => {
  part("sound").classList.replace("playing", "paused");
  part("play").firstElementChild.textContent = "Play";
});
addEventListener("beforeunload", (event) => {
  if (!saved) event.preventDefault();
});

build();
show(Math.max(0, items.findIndex((_, number) => !answers.has(number))));
document.documentElement.dataset.ready = "yes";
