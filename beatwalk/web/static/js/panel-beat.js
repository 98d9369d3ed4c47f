// Fixing the grid: halve, double, shift, tap along, anchors, metre and tempo, of the song or of the marked stretch.

import { call } from "./api.js";
import { $, clock, h, noteTyping, toast, typing } from "./dom.js";
import { player } from "./player.js";
import { store } from "./store.js";
import { letBeatsMove } from "./timeline.js";

const PAUSE_MS = 2200; // after the last tap, they are used
const MIN_TAPS = 4;
const METERS = [2, 3, 4, 5, 6, 7, 8];
/** @type {Record<string, string>} */
const TRACKERS = { beatwalk: "beatwalk, as at first", librosa: "librosa, without a network" };

/** @type {number[]} */
let taps = [];
let timer = 0;
let anchoring = false;

/** The marked stretch as a correction names it; none: the whole song. */
const range = () => (store.range ? { start_s: store.range[0], end_s: store.range[1] } : {});

/** @param {string} label @param {string} sign @param {string} name @param {Record<string, any>} correction */
function tile(label, sign, name, correction) {
  return h("button", { class: "tile", type: "button", "data-name": name, title: label, onclick: () => store.correct(correction) }, h("b", { "aria-hidden": "true" }, sign), h("span", {}, name));
}

function draw() {
  const panel = $("panel-beat");
  const { heard } = store;
  if (typing(panel)) return;
  if (!heard) {
    panel.replaceChildren(h("p", { class: "dim" }, "The beat appears here once beatwalk has listened to the song."));
    return;
  }
  const focus = /** @type {HTMLElement|null} */ (panel.contains(document.activeElement) ? document.activeElement : null)?.dataset.name;
  const where = store.range ? `in ${clock(store.range[0])} – ${clock(store.range[1])}` : "in the whole song";
  const lengths = heard.beats_per_bar;
  const meter = lengths.length ? [...new Set(lengths)].sort((a, b) => lengths.filter((one) => one === b).length - lengths.filter((one) => one === a).length)[0] : 4;
  const sure = heard.beat_confidence.length ? heard.beat_confidence.reduce((sum, one) => sum + one, 0) / heard.beat_confidence.length : 0;
  panel.replaceChildren(
    h("div", { class: "bpm" }, h("b", { class: "num" }, heard.beats.length ? heard.tempo_bpm.toFixed(1) : "–"), h("span", { class: "dim" }, heard.beats.length ? `beats a minute · ${heard.beats.length} beats, ${heard.downbeats.length} bars · ${sure > 0.6 ? "sure" : sure > 0.3 ? "fairly sure" : "not sure"}` : "no beat was found; tap along")),
    h("p", { class: "dim small num" }, `Corrections apply ${where}${store.range ? "" : "; drag over the waveform to mark a part"}.`),
    h(
      "div",
      { class: "tiles" },
      tile("Half as many beats", "÷2", "Halve", { action: "halve", ...range() }),
      tile("Twice as many beats", "×2", "Double", { action: "double", ...range() }),
      tile("Bars begin one beat earlier", "←1", "Earlier", { action: "shift", by: -1 }),
      tile("Bars begin one beat later", "1→", "Later", { action: "shift", by: 1 }),
    ),
    h(
      "div",
      { class: "pair" },
      h(
        "label",
        { class: "field" },
        "Beats a bar",
        h("select", { "data-name": "meter", onchange: (/** @type {any} */ event) => store.correct({ action: "meter", meter: Number(event.target.value), ...range() }) }, ...METERS.map((one) => h("option", { value: one, selected: one === meter }, String(one)))),
      ),
      h(
        "label",
        { class: "field" },
        store.range ? "Even tempo" : "Find beats near tempo",
        h("input", {
          type: "number",
          min: 30,
          max: 330,
          step: 0.1,
          "data-name": "tempo",
          placeholder: heard.tempo_bpm.toFixed(1),
          onchange: (/** @type {any} */ event) => event.target.value && store.correct({ action: store.range ? "range_tempo" : "tempo", tempo_bpm: Number(event.target.value), ...range() }),
        }),
      ),
    ),
    h("p", { class: "row" }, h("button", { class: "button small", type: "button", "data-name": "first", onclick: () => store.correct({ action: "first_beat", time_s: player.time }) }, "First beat at the playhead")),
    h(
      "label",
      { class: "field" },
      "Listen again with",
      h(
        "select",
        { "data-name": "tracker", onchange: (/** @type {any} */ event) => store.correct({ action: "listen", tracker: event.target.value, ...range() }) },
        h("option", { value: "", selected: true, disabled: true }, "choose a beat tracker"),
        ...store.options.trackers.map((one) => h("option", { value: one }, TRACKERS[one] ?? one)),
      ),
    ),
    h("hr"),
    h(
      "div",
      { class: "tap-pad" },
      h("h2", {}, "Tap along"),
      h("p", { class: "dim small" }, "Play the song and press T on every beat, for a bar or two. The rest of the song follows your taps."),
      h("button", { id: "tap-pad", class: "pad", type: "button", "data-name": "pad", onpointerdown: (/** @type {Event} */ event) => (event.preventDefault(), tap()), onclick: (/** @type {MouseEvent} */ event) => event.detail === 0 && tap() }, "Tap"),
      h("p", { id: "tap-told", class: "small dim num", role: "status" }, tapped()),
    ),
    h("hr"),
    h("h2", {}, "Anchors"),
    h("p", { class: "dim small" }, "Drag a beat on the waveform to where it belongs, here or with Alt held. The beats up to the next anchor follow."),
    h("label", { class: "switch" }, h("input", { type: "checkbox", checked: anchoring, "data-name": "anchoring", onchange: (/** @type {any} */ event) => letBeatsMove((anchoring = event.target.checked)) }), "Drag beats"),
    store.project.anchors.length
      ? h("ul", { class: "chips" }, ...store.project.anchors.map((anchor) => h("li", {}, h("button", { class: "chip num", type: "button", "aria-label": `Remove the anchor at ${clock(anchor)}`, onclick: () => store.correct({ action: "unanchor", time_s: anchor }) }, `${clock(anchor)}  ×`))))
      : "",
  );
  if (focus) /** @type {HTMLElement|null} */ (panel.querySelector(`[data-name="${focus}"]`))?.focus({ preventScroll: true });
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
  if (!player.playing) {
    toast("Play the song, then tap along");
    return;
  }
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
  if (used.length < MIN_TAPS) {
    $("tap-told").textContent = `${used.length} taps are too few; tap at least ${MIN_TAPS}`;
    return;
  }
  if (await store.correct({ action: "taps", taps_s: used, ...range() })) toast(`The beat follows your ${used.length} taps`);
}

/** Sets up once. */
export function beginBeat() {
  noteTyping($("panel-beat"));
  for (const name of ["project", "range"]) store.on(name, draw);
  store.on("tab", (name) => {
    if (name === "beat" && store.heard) call("POST", `${store.path}/warm`).catch(() => {});
    if (name !== "beat") letBeatsMove((anchoring = false));
  });
  $("tap").onpointerdown = (/** @type {Event} */ event) => (event.preventDefault(), tap());
  $("tap").onclick = (/** @type {MouseEvent} */ event) => event.detail === 0 && tap();
}
