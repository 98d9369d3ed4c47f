// The look: presets by their stills, and the modulation matrix whose curves are drawn against the music.

import { call } from "./api.js";
import { $, h, noteTyping, toast, typing } from "./dom.js";
import { drawValues } from "./draw.js";
import { addRule, attempt, canvases, collect, dropDraft, glossary, isAhead, isHeld, matrix, modulated, slider } from "./matrix.js";
import { store } from "./store.js";

/** @type {{name: string, description: string, problem: string|null}[]} */
let presets = [];
/** @type {import("./types.js").Curves|null} */
let curves = null;

function draw() {
  const panel = $("panel-look");
  if (!store.options || isHeld() || typing(panel)) return;
  const focus = /** @type {HTMLElement|null} */ (panel.contains(document.activeElement) ? document.activeElement : null)?.dataset.name;
  const { scrollTop } = panel;
  const used = store.options.targets.filter((target) => {
    const value = modulated(target);
    return value.rules.length || value.level || value.rate || value.expression;
  });
  const free = store.options.targets.filter((target) => !used.includes(target));
  const preset = presets.find((one) => one.name === store.project.preset);
  panel.replaceChildren(
    h("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...presets.map(presetButton)),
    h("p", { class: "dim small" }, preset?.description ?? ""),
    h(
      "div",
      { class: "row" },
      h("button", { class: "button small", type: "button", "data-name": "reset", onclick: () => choose(store.project.preset) }, "Reset to preset"),
      h("button", { class: "button small", type: "button", "data-name": "keep", onclick: keep }, "Save as my preset"),
    ),
    h(
      "label",
      { class: "field" },
      "Pace: how far the picture travels in a second at full speed",
      slider(
        "pace",
        store.draft?.walk?.pace ?? store.project.settings.walk.pace,
        0.05,
        1.5,
        (pace) => attempt("walk", "pace", pace),
        (pace) => store.change({ settings: { walk: { pace } } }, "look pace"),
      ),
    ),
    h("div", {}, ...matrix(used)),
    free.length ? h("h2", {}, "Let the music move more") : "",
    h("div", { class: "chips" }, ...free.map((target) => h("button", { class: "chip", type: "button", "data-name": `add-${target.path}`, onclick: () => addRule(target) }, `+ ${target.name}`))),
    glossary(),
  );
  panel.scrollTop = scrollTop;
  if (focus) /** @type {HTMLElement|null} */ (panel.querySelector(`[data-name="${focus}"]`))?.focus({ preventScroll: true });
  drawCurves();
}

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

/** @param {string} preset */
async function choose(preset) {
  dropDraft();
  await store.change({ preset });
}

async function keep() {
  const name = window.prompt("Name of your preset");
  if (!name) return;
  try {
    const saved = await call("POST", "/presets", { name, project: store.project.id });
    presets = await call("GET", "/presets");
    await store.change({ preset: saved.name });
    toast(`Saved as ${saved.name}`);
  } catch (error) {
    toast(String(error instanceof Error ? error.message : error), true);
  }
}

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
  noteTyping($("panel-look"));
  let shown = "";
  store.on("project", () => {
    const now = JSON.stringify([store.project.settings, store.project.preset]);
    if (now === shown) return;
    shown = now;
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
