// The look: presets by their stills, and the modulation matrix whose curves are drawn against the music.

import { call } from "./api.js";
import { $, h, labelled, said, toast } from "./dom.js";
import { drawValues } from "./draw.js";
import { addRule, attempt, canvases, collect, dropDraft, isAhead, isHeld, matrix, modulated, slider } from "./matrix.js";
import { drawing, redraw } from "./panel.js";
import { store } from "./store.js";

/** @type {{name: string, description: string, problem: string|null}[]} */
let presets = [];
/** @type {import("./types.js").Curves|null} */
let curves = null;

const draw = drawing($("panel-look"), () => {
  if (!store.options) return;
  const used = store.options.targets.filter((target) => {
    const value = modulated(target);
    return value.rules.length || value.level || value.rate || value.expression;
  });
  const free = store.options.targets.filter((target) => !used.includes(target));
  const pace = store.draft?.walk?.pace ?? store.project.settings.walk.pace;
  const preset = presets.find((one) => one.name === store.project.preset);
  redraw($("presets"), ...presets.map(presetButton));
  $("preset-told").textContent = preset?.description ?? "";
  redraw(
    $("look"),
    labelled("Pace: how far the picture travels in a second at full speed", slider("pace", pace, 0.05, 1.5, (value) => attempt("walk.pace", value), keepPace)),
    h("div", {}, ...matrix(used)),
    free.length > 0 && h("h2", {}, "Let the music move more"),
    h("div", { class: "chips" }, ...free.map((target) => h("button", { class: "chip", type: "button", "data-name": `add-${target.path}`, onclick: () => addRule(target) }, `+ ${target.name}`))),
  );
  drawCurves();
}, isHeld);

/** @param {{name: string, description: string, problem: string|null}} preset */
function presetButton(preset) {
  const picture = h("img", { src: `/static/presets/${preset.name}.jpg`, alt: "" });
  picture.onerror = () => picture.replaceWith(h("span", { class: "blank", "aria-hidden": "true" }, preset.name[0].toUpperCase()));
  return h(
    "button",
    { class: "preset", type: "button", "aria-pressed": String(preset.name === store.project.preset), disabled: Boolean(preset.problem), title: preset.problem ?? preset.description, "data-name": `preset-${preset.name}`, onclick: () => choose(preset.name) },
    picture,
    h("span", {}, preset.name),
  );
}

/** @param {number} pace */
const keepPace = (pace) => store.change({ settings: { walk: { pace } } }, "look pace");

/** @param {string} preset */
async function choose(preset) {
  dropDraft();
  await store.change({ preset });
}

const keep = said(async () => {
  const name = window.prompt("Name of your preset");
  if (!name) return;
  const saved = await call("POST", "/presets", { name, project: store.project.id });
  presets = await call("GET", "/presets");
  await store.change({ preset: saved.name });
  toast(`Saved as ${saved.name}`);
});

function drawCurves() {
  if (!curves || $("panel-look").hidden) return;
  canvases.forEach((canvas, index) => {
    const values = curves?.shaped[index];
    if (values && canvas.isConnected) drawValues(canvas, values, curves?.rate_hz ?? 1, 1.05);
  });
}

/** Sets up once. */
export async function beginLook() {
  presets = await call("GET", "/presets");
  $("preset-reset").onclick = () => choose(store.project.preset);
  $("preset-keep").onclick = keep;
  const { functions } = store.options;
  $("functions").append(...functions.flatMap((one) => [h("dt", { class: "code" }, one.example), h("dd", {}, one.text)]));
  $("expressions").append(...functions.map((one) => new Option(one.text, one.example)));
  store.onChange(({ settings, preset }) => [settings, preset], () => {
    if (!isAhead()) store.draft = null;
    collect();
    draw();
  });
  store.on("tab", (name) => name === "look" && draw());
  store.on("curves", (found) => {
    curves = found;
    drawCurves();
  });
  store.on("rows", draw);
  store.on("view", drawCurves);
}
