// The timeline: canvases, playhead, and what a pointer, a wheel or the arrow keys do on them.

import { bytes, call } from "./api.js";
import { $, clock, drag, h, options, typeInPlace } from "./dom.js";
import { drawMinimap, drawSong, drawValues, readColors, sectionColor } from "./draw.js";
import { player } from "./player.js";
import { nearest, position, snapped, stepped } from "./snapping.js";
import { store } from "./store.js";
import { view } from "./view.js";
import { Wave } from "./wave.js";

const GRAB_PX = 6; // how near to a beat a pointer must be to take it
const DRAG_PX = 4; // a smaller movement is a click

/** @type {Wave|null} */
let wave = null;
/** @type {{values: Uint8Array, rate_hz: number}|null} */
let curve = null;
/** @type {import("./types.js").Curves|null} */
let curves = null;
/** @type {{index: number, time: number}|null} */
let moving = null;
let drawing = false;
let asking = false; // for curves
let stale = false; // the curves that are asked for are no longer those that are wanted

/** Draws everything before the next frame, once. */
export function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!store.project) return;
    view.width = $("timeline").clientWidth;
    drawSong($("wave"), wave, curve, moving);
    drawMinimap($("minimap"), wave);
    drawSpeed();
    drawSections();
    placePlayhead();
    store.tell("view");
  });
}

function drawSpeed() {
  const speed = curves?.speed ?? [];
  const top = speed.reduce((most, value) => Math.max(most, value), 1);
  drawValues($("speed"), speed, curves?.rate_hz ?? 1, top);
}

function placePlayhead() {
  const time = player.time;
  $("playhead").style.transform = `translateX(${view.x(time)}px)`;
  $("playhead").hidden = time < view.start || time > view.end;
}

function drawSections() {
  const lane = $("sections");
  const sections = store.heard?.sections ?? [];
  if (lane.querySelector("input")) return; // a name is being typed
  while (lane.children.length > sections.length) lane.lastChild.remove();
  sections.forEach((section, index) => {
    let button = /** @type {HTMLElement} */ (lane.children[index]);
    if (!button) {
      button = h("button", { class: "section", type: "button", onclick: () => nameSection(index) });
      lane.append(button);
    }
    const left = view.x(section.start);
    button.style.transform = `translateX(${left}px)`;
    button.style.width = `${Math.max(0, view.x(section.end) - left)}px`;
    button.style.color = button.style.borderColor = sectionColor(section.label);
    button.style.paddingLeft = `${8 + Math.max(0, -left)}px`;
    if (button.textContent !== section.label) button.textContent = section.label;
    button.setAttribute("aria-label", `Section ${section.label}, from ${clock(section.start)}. Rename`);
    button.title = "Click to rename";
  });
}

/** @param {number} index */
function nameSection(index) {
  const button = /** @type {HTMLElement} */ ($("sections").children[index]);
  const section = store.heard?.sections[index];
  if (!section) return;
  const input = h("input", { value: section.label, maxLength: 24, "aria-label": "Name of the section" });
  button.replaceChildren(input);
  typeInPlace(input, (label) => {
    button.textContent = section.label;
    redraw();
    if (label && label !== section.label) store.commit((revision) => call("PATCH", `${store.path}/sections`, { revision, index, label }));
    button.focus();
  });
}

/** @param {PointerEvent} event @param {HTMLElement} element */
const timeAt = (event, element) => view.time(event.clientX - element.getBoundingClientRect().left);

/** @param {PointerEvent} down */
function pressWave(down) {
  if (down.button !== 0 || !store.heard) return;
  const canvas = /** @type {HTMLElement} */ ($("wave"));
  const from = timeAt(down, canvas);
  const taken = ($("anchoring").checked || down.altKey) && beatNear(from);
  /** @param {PointerEvent} move */
  const follow = (move) => {
    const time = timeAt(move, canvas);
    if (taken) moving = { index: taken.index, time };
    else {
      const ends = [snapped(from), snapped(time)].sort((a, b) => a - b);
      store.mark(ends[1] - ends[0] > 0.05 ? [ends[0], ends[1]] : null);
    }
    redraw();
  };
  drag(canvas, down, DRAG_PX, follow, (up, dragged) => {
    const moved = moving;
    moving = null;
    if (moved && up.type === "pointerup") store.correct({ action: "anchor", beat: moved.index, time_s: moved.time });
    else if (!dragged) {
      if (store.range && !(from >= store.range[0] && from <= store.range[1])) store.mark(null);
      player.time = from;
    }
    redraw();
  });
}

/** @param {number} time */
function beatNear(time) {
  const beats = store.heard?.beats ?? [];
  const beat = nearest(beats, time);
  return beat !== undefined && Math.abs(view.x(beat) - view.x(time)) <= GRAB_PX ? { index: beats.indexOf(beat) } : null;
}

/** @param {PointerEvent} down */
function pressMinimap(down) {
  const canvas = /** @type {HTMLElement} */ ($("minimap"));
  /** @param {PointerEvent} event */
  const go = (event) => {
    const part = (event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth;
    view.set(part * view.total - view.span / 2, view.span);
  };
  if (view.span < view.total * 0.999) go(down);
  else player.time = timeAt(down, canvas);
  drag(canvas, down, -1, go);
}

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  const element = /** @type {HTMLElement} */ ($("timeline"));
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) view.set(view.start + ((event.deltaX || event.deltaY) / view.width) * view.span, view.span);
  else view.zoom(Math.exp(-event.deltaY * 0.0022), view.time(event.clientX - element.getBoundingClientRect().left));
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.target !== $("timeline") || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "Home") player.time = 0;
  else if (event.key === "End") player.time = store.duration;
  else player.time = stepped(player.time, event.key === "ArrowRight" ? 1 : -1, event.shiftKey);
  view.follow(player.time);
}

/** Asks for the target speed and the rules' curves again: at once, or when the answer that is awaited is there. */
export async function refreshCurves() {
  stale = true;
  if (asking || !store.heard) return;
  asking = true;
  while (stale) {
    stale = false;
    const found = await call("POST", `${store.path}/curves`, { settings: store.draft ?? {}, rules: store.drawn }).catch(() => null);
    if (!found) continue;
    curves = found;
    drawSpeed();
    store.tell("curves", found);
  }
  asking = false;
}

async function fetchWave() {
  const found = await bytes(`${store.path}/waveform`).catch(() => null);
  if (!found) return;
  wave = new Wave(new Int8Array(found.buffer), found.rate_hz);
  if (!store.heard) view.open(wave.levels[0].length / 2 / wave.rate_hz);
  redraw();
}

/** @param {string} name of a source; empty: no curve */
async function fetchSource(name) {
  const found = name && store.heard ? await bytes(`${store.path}/sources/${encodeURIComponent(name)}`).catch(() => null) : null;
  curve = found ? { values: new Uint8Array(found.buffer), rate_hz: found.rate_hz } : null;
  redraw();
}

/** Offers every source that changes: the song's, and those of the project's files. */
function offerSources() {
  const names = ["", ...store.options.sources.map((one) => one.name).filter((name) => name !== "constant"), ...store.project.file_sources];
  const choice = $("source");
  if ([...choice.options].map((one) => one.value).join() === names.join()) return;
  const chosen = choice.value;
  choice.replaceChildren(...options(names.map((name) => [name, name.replace("_", " ") || "no curve"]), chosen));
}

function showState() {
  const { heard, problem, song } = store.project;
  const shown = $("listening");
  shown.hidden = Boolean(heard);
  shown.className = problem ? "listening problem" : "listening";
  shown.textContent = problem ? problem.error : song ? "Listening for beats, bars and sections …" : "Drop a song onto the page";
  const meters = heard ? [...new Set(heard.beats_per_bar)] : [];
  $("tempo-now").textContent = heard ? (heard.beats.length ? `${heard.tempo_bpm.toFixed(1)} BPM · ${meters.length === 1 ? `${meters[0]}/4` : "mixed metre"} · ${heard.downbeats.length} bars` : "no beat found") : "";
}

function showTime() {
  const time = player.time;
  $("clock").textContent = clock(time);
  const { bar, beat } = position(time);
  $("bar-now").textContent = bar ? `bar ${bar} · ${beat}` : "";
}

/** Sets everything up once. */
export function beginTimeline() {
  readColors();
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
    readColors();
    redraw();
  });
  new ResizeObserver(redraw).observe($("timeline"));
  $("wave").addEventListener("pointerdown", pressWave);
  $("minimap").addEventListener("pointerdown", pressMinimap);
  $("timeline").addEventListener("wheel", wheel, { passive: false });
  $("timeline").addEventListener("keydown", key);
  $("zoom-in").onclick = () => view.zoom(1.6, player.time);
  $("zoom-out").onclick = () => view.zoom(1 / 1.6, player.time);
  $("fit").onclick = () => view.fit();
  $("source").onchange = () => fetchSource($("source").value);
  view.addEventListener("change", redraw);
  player.addEventListener("move", () => {
    if (player.playing) view.follow(player.time);
    placePlayhead();
    showTime();
    store.tell("time");
  });
  store.on("grid", () => {
    if (store.heard && Math.abs(view.total - store.heard.duration_s) > 0.05) view.open(store.heard.duration_s);
    if (!wave && store.project.waveform) fetchWave();
    if ($("source").value) fetchSource($("source").value);
    refreshCurves();
    redraw();
  });
  store.onChange((project) => project.settings.walk, refreshCurves);
  store.on("project", () => {
    offerSources();
    showState();
    showTime();
    redraw();
  });
  store.on("range", redraw);
  store.on("waveform", fetchWave);
  store.on("song", () => {
    wave = curve = curves = null;
    redraw();
  });
}
