// Fixing the grid: halve, double, shift, tap along, anchors, metre and tempo, of the song or of the marked stretch.

import { call } from "./api.js";
import { $, clock, h, options, toast } from "./dom.js";
import { player } from "./player.js";
import { store } from "./store.js";

const PAUSE_MS = 2200; // after the last tap, they are used
const MIN_TAPS = 4;
/** @type {Record<string, string>} */
const TRACKERS = { beatwalk: "beatwalk, as at first", librosa: "librosa, without a network" };

/** @type {number[]} */
let taps = [];
let timer = 0;

/** The marked stretch as a correction names it; none: the whole song. */
const range = () => (store.range ? { start_s: store.range[0], end_s: store.range[1] } : {});

/** @type {Record<string, () => Record<string, any>>} what each button corrects */
const BUTTONS = {
  halve: () => ({ action: "halve", ...range() }),
  double: () => ({ action: "double", ...range() }),
  earlier: () => ({ action: "shift", by: -1 }),
  later: () => ({ action: "shift", by: 1 }),
  "first-beat": () => ({ action: "first_beat", time_s: player.time }),
};

/** @type {Record<string, (value: string) => Record<string, any>>} what each field corrects */
const FIELDS = {
  meter: (value) => ({ action: "meter", meter: Number(value), ...range() }),
  tempo: (value) => ({ action: store.range ? "range_tempo" : "tempo", tempo_bpm: Number(value), ...range() }),
  tracker: (value) => ({ action: "listen", tracker: value, ...range() }),
};

function draw() {
  const { heard } = store;
  $("no-beat").hidden = Boolean(heard);
  $("beat").hidden = !heard;
  if (!heard) return;
  const { beats, beat_confidence, downbeats, beats_per_bar } = heard;
  const tempo = heard.tempo_bpm.toFixed(1);
  const sure = beat_confidence.reduce((sum, one) => sum + one, 0) / Math.max(beat_confidence.length, 1);
  /** @param {number} meter */
  const bars = (meter) => beats_per_bar.filter((one) => one === meter).length;
  $("bpm").textContent = beats.length ? tempo : "–";
  $("beats").textContent = beats.length ? `beats a minute · ${beats.length} beats, ${downbeats.length} bars · ${sure > 0.6 ? "sure" : sure > 0.3 ? "fairly sure" : "not sure"}` : "no beat was found; tap along";
  $("beat-range").textContent = `Corrections apply ${store.range ? `in ${store.range.map(clock).join(" – ")}` : "in the whole song; drag over the waveform to mark a part"}.`;
  $("meter").value = [...new Set(beats_per_bar)].sort((a, b) => bars(b) - bars(a))[0] ?? 4;
  $("tempo-label").textContent = store.range ? "Even tempo" : "Find beats near tempo";
  $("tempo").placeholder = tempo;
  $("tap-told").textContent = tapped();
  $("anchors").replaceChildren(
    ...store.project.anchors.map((anchor) => h("li", {}, h("button", { class: "chip num", type: "button", "aria-label": `Remove the anchor at ${clock(anchor)}`, onclick: () => store.correct({ action: "unanchor", time_s: anchor }) }, `${clock(anchor)}  ×`))),
  );
}

/** What the taps come to, in words. */
function tapped() {
  if (!taps.length) return "";
  const spans = taps.slice(1).map((time, i) => time - taps[i]);
  const middle = spans.sort((a, b) => a - b)[Math.floor(spans.length / 2)];
  return `${taps.length} ${taps.length === 1 ? "tap" : "taps"}${middle ? ` · ${(60 / middle).toFixed(1)} beats a minute` : ""}`;
}

/** Notes where the song is now as a beat. */
export function tap() {
  if (!store.heard) return;
  if (!player.playing) return toast("Play the song, then tap along");
  const time = player.time;
  if (taps.length && (time <= taps[taps.length - 1] || time - taps[taps.length - 1] > 4)) taps = [];
  taps.push(time);
  if (taps.length === 1) call("POST", `${store.path}/warm`).catch(() => {});
  $("tap-told").textContent = tapped();
  $("tap").textContent = taps.length > 1 ? tapped().split(" · ").pop() : "Tap";
  $("tap-pad").classList.add("hit");
  setTimeout(() => $("tap-pad").classList.remove("hit"), 90);
  clearTimeout(timer);
  timer = window.setTimeout(use, PAUSE_MS);
}

async function use() {
  const used = taps;
  taps = [];
  $("tap").textContent = "Tap";
  if (used.length < MIN_TAPS) $("tap-told").textContent = `${used.length} taps are too few; tap at least ${MIN_TAPS}`;
  else if (await store.correct({ action: "taps", taps_s: used, ...range() })) toast(`The beat follows your ${used.length} taps`);
}

/** Sets up once. */
export function beginBeat() {
  for (const name of ["project", "range"]) store.on(name, draw);
  store.on("tab", (name) => {
    if (name === "beat" && store.heard) call("POST", `${store.path}/warm`).catch(() => {});
    if (name !== "beat") $("anchoring").checked = false;
  });
  for (const [id, correction] of Object.entries(BUTTONS)) $(id).onclick = () => store.correct(correction());
  for (const [id, correction] of Object.entries(FIELDS)) {
    $(id).onchange = () => {
      const { value } = $(id);
      if (id !== "meter") $(id).value = ""; // it asks for something, and shows nothing
      if (value) store.correct(correction(value));
    };
  }
  $("tracker").append(...options(store.options.trackers.map((one) => [one, TRACKERS[one] ?? one]), ""));
  for (const id of ["tap", "tap-pad"]) {
    $(id).onpointerdown = (/** @type {Event} */ event) => (event.preventDefault(), tap());
    $(id).onclick = (/** @type {MouseEvent} */ event) => event.detail === 0 && tap();
  }
}
