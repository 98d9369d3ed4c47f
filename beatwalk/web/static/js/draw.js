// Draws the timeline's canvases. Only what is in view is looked at.

import { lowerBound } from "./dom.js";
import { store } from "./store.js";
import { view } from "./view.js";

/** @typedef {import("./wave.js").Wave} Wave */

const RULER = 18; // pixels at the top of the waveform that hold the numbers of bars
const LEAST_BEAT_PX = 7;
const LEAST_NUMBER_PX = 34;
const DRUMS = [["hat", "s0"], ["snare", "s6"], ["kick", "s7"]]; // from the top, and their colours
const DRUM_ROW = 8; // pixels
const COLORS = ["bg", "line", "strong", "ink", "dim", "accent", "accent-soft", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"];

/** @type {Record<string, string>} */
let colors = {};

/** Reads the theme's colours again; the system's setting may have changed. */
export function readColors() {
  const style = getComputedStyle(document.documentElement);
  colors = Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** @param {string} label */
export function sectionColor(label) {
  const labels = [...new Set((store.heard?.sections ?? []).map((section) => section.label))];
  return colors[`s${Math.max(0, labels.indexOf(label)) % 8}`];
}

/** A canvas as large as it is shown, cleared, with one unit a pixel of the page. @param {HTMLCanvasElement} canvas */
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const wide = Math.round(width * ratio);
  const high = Math.round(height * ratio);
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/**
 * Fills a rectangle.
 * @param {CanvasRenderingContext2D} pen @param {string} color by its name in style.css
 * @param {number} x @param {number} y @param {number} width @param {number} height @param {number} [alpha]
 */
function box(pen, color, x, y, width, height, alpha = 1) {
  pen.globalAlpha = alpha;
  pen.fillStyle = colors[color];
  pen.fillRect(x, y, width, height);
  pen.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Wave} wave
 * @param {{start: number, span: number, width: number, middle: number, half: number, x: (time: number) => number}} place
 */
function drawWave(pen, wave, { start, span, width, middle, half, x }) {
  const columns = wave.columns(start, span, width);
  for (const section of store.heard?.sections ?? [{ start: 0, end: Infinity, label: "" }]) {
    const first = Math.max(0, Math.floor(x(section.start)));
    const last = Math.min(width, Math.ceil(x(section.end)));
    if (last <= first) continue;
    pen.fillStyle = store.heard ? sectionColor(section.label) : colors.strong;
    const alpha = pen.globalAlpha;
    for (const [part, strength] of [[1, 0.5], [0.58, 0.75]]) {
      pen.globalAlpha = alpha * strength;
      pen.beginPath();
      for (let column = first; column < last; column += 1) {
        const top = columns[2 * column + 1] * half * part;
        pen.rect(column, middle - top, 1, Math.max(1, top - columns[2 * column] * half * part));
      }
      pen.fill();
    }
    pen.globalAlpha = alpha;
  }
}

/** The whole song in small, with what is in view. @param {HTMLCanvasElement} canvas @param {Wave|null} wave */
export function drawMinimap(canvas, wave) {
  const { pen, width, height } = cleared(canvas);
  /** @param {number} time */
  const x = (time) => (time / view.total) * width;
  pen.globalAlpha = 0.75;
  if (wave) drawWave(pen, wave, { start: 0, span: view.total, width, middle: height / 2, half: height / 2 - 3, x });
  pen.globalAlpha = 1;
  if (store.heard?.drop) box(pen, "ink", x(store.heard.drop), 0, 1, 5);
  if (view.span < view.total * 0.999) {
    box(pen, "bg", 0, 0, x(view.start), height, 0.55);
    box(pen, "bg", x(view.end), 0, width, height, 0.55);
    pen.strokeStyle = colors.dim;
    pen.strokeRect(x(view.start) + 0.5, 0.5, Math.max(3, x(view.end) - x(view.start) - 1), height - 1);
  }
}

/**
 * Waveform, beats, bars, onsets, and a curve on demand.
 * @param {HTMLCanvasElement} canvas
 * @param {Wave|null} wave
 * @param {{values: Uint8Array, rate_hz: number}|null} curve
 * @param {{index: number, time: number}|null} moving a beat that is being dragged
 */
export function drawSong(canvas, wave, curve, moving) {
  const { pen, width, height } = cleared(canvas);
  const heard = store.heard;
  if (heard) drawGrid(pen, heard, height);
  const top = RULER + (heard && Object.keys(heard.drums).length ? DRUMS.length * DRUM_ROW + 2 : 0);
  const middle = top + (height - top) * 0.48;
  const half = (height - top) * 0.44;
  if (wave) drawWave(pen, wave, { start: view.start, span: view.span, width, middle, half, x: (time) => view.x(time) });
  if (!heard) return;
  drawOnsets(pen, heard, height);
  drawDrums(pen, heard, width);
  if (curve) {
    pen.strokeStyle = colors.ink;
    pen.lineWidth = 1.4;
    pen.beginPath();
    trace(pen, width, curve.values, curve.rate_hz, (value) => height - 4 - (value / 255) * (height - RULER - 8));
    pen.stroke();
    pen.lineWidth = 1;
  }
  pen.fillStyle = colors.accent;
  for (const anchor of store.project.anchors) diamond(pen, view.x(anchor), RULER / 2);
  if (moving) {
    pen.fillRect(view.x(moving.time) - 0.75, RULER, 1.5, height - RULER);
    diamond(pen, view.x(moving.time), RULER / 2);
  }
  drawExcerpt(pen, width, height);
  if (store.range) {
    const [from, to] = store.range.map((time) => view.x(time));
    box(pen, "accent-soft", from, 0, to - from, height);
    box(pen, "accent", from, 0, to - from, 2);
  }
}

/** Where the moments in view lie in a list. @param {number[]} times @param {number} [before] pixels to the left of the view */
function* inView(times, before = 0) {
  const from = view.start - (view.span / view.width) * before;
  for (let i = lowerBound(times, from); i < times.length && times[i] <= view.end; i += 1) yield i;
}

/** @param {CanvasRenderingContext2D} pen @param {import("./types.js").Heard} heard @param {number} height */
function drawGrid(pen, heard, height) {
  const { beats, downbeats } = heard;
  const beatPx = (60 / Math.max(heard.tempo_bpm, 1) / view.span) * view.width;
  if (beatPx >= LEAST_BEAT_PX) for (const i of inView(beats)) box(pen, "line", Math.round(view.x(beats[i])), RULER, 1, height);
  const barPx = downbeats.length > 1 ? ((downbeats[downbeats.length - 1] - downbeats[0]) / (downbeats.length - 1) / view.span) * view.width : 0;
  let every = 1;
  while (barPx && barPx * every < LEAST_NUMBER_PX) every *= 2;
  let lines = 1;
  while (barPx && barPx * lines < 5) lines *= 2;
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  for (const bar of inView(downbeats, 2 * LEAST_NUMBER_PX)) {
    const x = Math.round(view.x(downbeats[bar]));
    const numbered = bar % every === 0;
    if (bar % lines === 0) box(pen, numbered ? "strong" : "line", x, numbered ? 4 : RULER, 1, height);
    if (numbered) {
      pen.fillStyle = colors.dim;
      pen.fillText(String(bar + 1), x + 4, RULER / 2);
    }
  }
}

/** @param {CanvasRenderingContext2D} pen @param {import("./types.js").Heard} heard @param {number} height */
function drawOnsets(pen, heard, height) {
  if ((heard.onsets.length / Math.max(heard.duration_s, 1)) * view.span > view.width / 3) return;
  for (const i of inView(heard.onsets)) {
    const strength = heard.onset_strength[i] ?? 1;
    box(pen, "ink", view.x(heard.onsets[i]) - 0.5, height - 3 - 11 * strength, 1.2, 3 + 11 * strength, 0.35 + 0.55 * strength);
  }
}

/** A row of dots for each drum below the ruler, as large as its strokes. @param {CanvasRenderingContext2D} pen @param {import("./types.js").Heard} heard @param {number} width */
function drawDrums(pen, heard, width) {
  DRUMS.forEach(([name, color], row) => {
    const { times, strength } = heard.drums[name] ?? { times: [], strength: [] };
    if ((times.length / Math.max(heard.duration_s, 1)) * view.span > width / 5) return;
    pen.fillStyle = colors[color];
    for (const i of inView(times)) {
      pen.beginPath();
      pen.arc(view.x(times[i]), RULER + 5 + row * DRUM_ROW, 1 + 1.7 * (strength[i] ?? 1), 0, 2 * Math.PI);
      pen.fill();
    }
  });
}

/** @param {CanvasRenderingContext2D} pen @param {number} width @param {number} height */
function drawExcerpt(pen, width, height) {
  const { start_s, end_s } = store.project;
  if (start_s > 0) box(pen, "bg", 0, 0, view.x(start_s), height, 0.66);
  if (end_s !== null) box(pen, "bg", view.x(end_s), 0, Math.max(0, width - view.x(end_s)), height, 0.66);
  if (start_s > 0) box(pen, "ink", view.x(start_s), 0, 2, height);
  if (end_s !== null) box(pen, "ink", view.x(end_s) - 2, 0, 2, height);
}

/** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} y */
function diamond(pen, x, y) {
  pen.beginPath();
  pen.moveTo(x, y - 5);
  pen.lineTo(x + 5, y);
  pen.lineTo(x, y + 5);
  pen.lineTo(x - 5, y);
  pen.fill();
}

/**
 * Adds a line over the view to the path; short peaks are seen at any zoom, because a column shows its highest value.
 * @param {CanvasRenderingContext2D} pen @param {number} width
 * @param {ArrayLike<number>} values @param {number} rate_hz @param {(value: number) => number} y
 */
function trace(pen, width, values, rate_hz, y) {
  const first = (/** @type {number} */ x) => Math.floor((view.start + (x / Math.max(width, 1)) * view.span) * rate_hz);
  for (let x = 0; x <= width; x += 1) {
    const last = Math.max(first(x), first(x + 1) - 1);
    let value = 0;
    for (let i = first(x); i <= last; i += 1) value = Math.max(value, values[Math.min(i, values.length - 1)] ?? 0);
    pen.lineTo(x, y(value));
  }
}

/**
 * Values over the view, filled; for the target speed and for what a rule makes of its source.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} values @param {number} rate_hz @param {number} top the value that reaches the top
 */
export function drawValues(canvas, values, rate_hz, top) {
  const { pen, width, height } = cleared(canvas);
  const scale = (height - 6) / Math.max(top, 1e-6);
  pen.beginPath();
  pen.moveTo(0, height);
  trace(pen, width, values, rate_hz, (value) => height - value * scale);
  pen.lineTo(width, height);
  pen.fillStyle = colors["accent-soft"];
  pen.fill();
  pen.strokeStyle = colors.accent;
  pen.lineWidth = 1.2;
  pen.stroke();
}
