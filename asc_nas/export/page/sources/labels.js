/* Labels as text, in the formats of `asc-nas classify`. */

const STEERING = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/** The bytes of a character as `\xe9`. */
function escapedBytes(character) {
  const bytes = [...new TextEncoder().encode(character)];
  return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** A file name as plain text. */
function plainName(name) {
  return name.replace(/\\(?=x[0-9a-f]{2})/g, "\\x5c").replace(STEERING, escapedBytes);
}

/** A number as Python writes it. */
const written = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

/** A cell of CSV that a spreadsheet takes for text, and not for a formula. */
function cell(text, before) {
  const safe = /^[=+\-@]/.test(text) ? before + text : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One row per segment: `--format segments`. */
function segmentsCsv(name, segments) {
  const rows = segments.map(({ start, end, label, probability }) => [
    cell(plainName(name), "./"), written(start), written(end), cell(label, "'"), written(probability), "", "",
  ]);
  return [["path", "start", "end", "label", "probability", "error", "start_time"], ...rows]
    .map((row) => `${row.join(",")}\n`).join("");
}

/** A label track, no label behind the end of the recording: `--format audacity`. */
function audacityLabels(segments, seconds) {
  const last = Math.floor(seconds * 1e6 + 1e-3) / 1e6;
  return segments.map(({ start, end, label }) => {
    const text = label.trim().replace(/\s+/g, " ");
    return `${start.toFixed(6)}\t${(end < seconds ? end : last).toFixed(6)}\t${text}\n`;
  }).join("");
}
