// The look: a preset, and its modulation matrix as rows whose curves are drawn against the music.

import { ApiError, call } from "./api.js";
import { $, h, iconButton, noteTyping, paused, toast, typing } from "./dom.js";
import { drawValues } from "./draw.js";
import { store } from "./store.js";
import { refreshCurves } from "./timeline.js";

/** @typedef {import("./types.js").Modulated} Modulated */
/** @typedef {import("./types.js").Rule} Rule */
/** @typedef {import("./types.js").Target} Target */

/** @type {{name: string, description: string, problem: string|null}[]} */
let presets = [];
/** @type {HTMLCanvasElement[]} in the order of the rules */
let canvases = [];
/** @type {import("./types.js").Curves|null} */
let curves = null;
let busy = false; // a slider is held

/** @type {Rule} */
const NEW = { source: "beat", amount: 0.1, kind: "level", attack_ms: 0, release_ms: 250, curve: "linear", every: 1, offset_beats: 0, when: "", gate: null, hold: "" };
/** @type {Set<string>} rows whose conditions are open */
const opened = new Set();

/** @param {Target} target @returns {Modulated} */
function modulated(target) {
  const [group, name] = target.path.split(".");
  const value = (store.draft ?? {})[group]?.[name] ?? store.project.settings[group][name];
  return { level: 0, rate: 0, expression: "", rules: [], ...(typeof value === "number" ? { level: value } : value) };
}

/** @param {Target} target @param {Modulated} value @returns {Record<string, any>} */
function override(target, value) {
  const [group, name] = target.path.split(".");
  return { [group]: { [name]: value } };
}

const save = paused(180, async (/** @type {Target} */ target, /** @type {Modulated} */ value) => {
  const saved = await store.change({ settings: override(target, value) }, `look ${target.path}`);
  if (saved && !busy) store.draft = null;
});

/** Tries a value at once, and saves it when the hand rests. @param {Target} target @param {Modulated} value @param {boolean} [again] */
function put(target, value, again = false) {
  const [group, name] = target.path.split(".");
  const draft = store.draft ?? {};
  store.draft = { ...draft, [group]: { ...draft[group], [name]: value } };
  collect();
  store.tell("draft");
  save(target, value);
  if (again) draw();
}

/** Asks for the curves of all rules that are shown. */
function collect() {
  store.drawn = store.options.targets.flatMap((target) => modulated(target).rules);
  refreshCurves();
}

function draw() {
  const panel = $("panel-look");
  if (!store.options || busy || typing(panel)) return;
  const focus = /** @type {HTMLElement|null} */ (panel.contains(document.activeElement) ? document.activeElement : null)?.dataset.name;
  const { scrollTop } = panel;
  canvases = [];
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
      slider("pace", store.project.settings.walk.pace, 0.05, 1.5, (value) => {
        store.change({ settings: { walk: { pace: value } } }, "look pace");
      }),
    ),
    h("div", {}, ...used.map(targetRows)),
    free.length ? h("h2", {}, "Let the music move more") : "",
    h("div", { class: "chips" }, ...free.map((target) => h("button", { class: "chip", type: "button", "data-name": `add-${target.path}`, onclick: () => put(target, { ...modulated(target), rules: [{ ...NEW, amount: round(target.reach / 4) }] }, true) }, `+ ${target.name}`))),
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
  store.draft = null;
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

/** @param {number} value */
const round = (value) => Math.round(value * 1000) / 1000;

/** @param {string} name @param {number} value @param {number} low @param {number} high @param {(value: number) => void} change */
function slider(name, value, low, high, change) {
  return h("input", {
    type: "range",
    min: Math.min(low, value),
    max: Math.max(high, value),
    step: "any",
    value,
    "data-name": name,
    "aria-label": name,
    oninput: (/** @type {any} */ event) => {
      busy = true;
      change(round(Number(event.target.value)));
    },
    onchange: () => {
      busy = false;
    },
  });
}

/** @param {string} name @param {number} value @param {(value: number) => void} change @param {Record<string, any>} [more] */
function number(name, value, change, more = {}) {
  return h("input", { type: "number", step: "any", value, "aria-label": name, "data-name": name, onchange: (/** @type {any} */ event) => change(Number(event.target.value)), ...more });
}

/**
 * A field for an expression. One with a mistake is not taken; what is wrong with it is said below the field.
 * @param {string} label @param {string} name @param {string} value @param {string} placeholder
 * @param {(text: string) => [Target, Modulated]} changed what the text would make of the look
 */
function formula(label, name, value, placeholder, changed) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const take = async (/** @type {any} */ event) => {
    const field = event.target;
    const made = changed(field.value.trim());
    const error = await call("POST", `${store.path}/curves`, { settings: override(...made) }).then(() => null, (error) => error);
    if (error instanceof ApiError) {
      field.setAttribute("aria-invalid", "true");
      problem.textContent = error.message;
      problem.hidden = false;
    } else put(...made, true);
  };
  return h("label", { class: "field" }, label, h("input", { type: "text", value, placeholder, "data-name": name, "aria-label": name, spellcheck: false, autocomplete: "off", onchange: take }), problem);
}

/** @param {Target} target */
function targetRows(target) {
  const value = modulated(target);
  const base = number(`${target.name} base`, value.level, (level) => put(target, { ...modulated(target), level }, true));
  return h(
    "section",
    { class: "target", "aria-label": target.name },
    h(
      "div",
      { class: "target-head" },
      h("h2", { title: target.unit }, target.name),
      slider(`${target.name} level`, value.level, target.low, target.reach, (level) => {
        base.value = level;
        put(target, { ...modulated(target), level });
      }),
      base,
      h("button", { class: "icon", type: "button", "aria-label": `Add a source to ${target.name}`, title: "Add a source", "data-name": `more-${target.path}`, onclick: () => put(target, { ...modulated(target), rules: [...modulated(target).rules, { ...NEW, amount: round(target.reach / 4) }] }, true) }, "+"),
    ),
    value.rate ? h("label", { class: "field" }, `Steady drift, ${target.unit} a second`, number(`${target.name} rate`, value.rate, (rate) => put(target, { ...modulated(target), rate }, true))) : "",
    value.expression ? formula("Expression", `${target.name} expression`, value.expression, "", (expression) => [target, { ...modulated(target), expression }]) : "",
    ...value.rules.map((rule, index) => ruleRow(target, rule, index)),
  );
}

/** @param {Target} target @param {Rule} rule @param {number} index */
function ruleRow(target, rule, index) {
  const name = `${target.name} ${index + 1}`;
  /** @param {Partial<Rule>} values @param {boolean} [again] */
  const set = (values, again = false) => {
    const now = modulated(target);
    put(target, { ...now, rules: now.rules.map((one, at) => (at === index ? { ...one, ...values } : one)) }, again);
  };
  const canvas = h("canvas", { role: "img", "aria-label": `${rule.source}, as this row shapes it` });
  canvases.push(canvas);
  const amount = number(`${name} amount`, rule.amount, (value) => set({ amount: value }, true));
  /** @param {string} label @param {keyof Rule} key @param {Record<string, any>} more */
  const field = (label, key, more) => h("label", { class: "field" }, label, number(`${name} ${label}`, Number(rule[key]), (value) => set({ [key]: value }), { min: 0, ...more }));
  /** @param {string} label @param {"source"|"curve"} key @param {string[]} choices */
  const choice = (label, key, choices) =>
    h(
      "select",
      { "aria-label": `${name} ${label}`, "data-name": `${name} ${label}`, onchange: (/** @type {any} */ event) => set({ [key]: event.target.value }, true) },
      ...[...new Set([...choices, rule[key]])].map((one) => h("option", { value: one, selected: one === rule[key] }, one.replace("_", " "))),
    );
  const source = store.options.sources.find((one) => one.name === rule.source);
  return h(
    "div",
    { class: "rule" },
    h(
      "div",
      { class: "rule-top" },
      choice("source", "source", store.options.sources.map((one) => one.name)),
      slider(`${name} slider`, rule.amount, -target.reach, target.reach, (value) => {
        amount.value = value;
        set({ amount: value });
      }),
      amount,
      iconButton(`Remove ${rule.source} from ${target.name}`, "cross", () => put(target, { ...modulated(target), rules: modulated(target).rules.filter((_, at) => at !== index) }, true)),
    ),
    canvas,
    h(
      "div",
      { class: "rule-rest" },
      field("attack ms", "attack_ms", { max: 10000 }),
      field("release ms", "release_ms", { max: 60000 }),
      h("label", { class: "field" }, "curve", choice("curve", "curve", store.options.curves)),
      !source || source.kind === "event" ? field("every", "every", { min: 1, max: 64, step: 1 }) : h("span"),
    ),
    conditions(target, rule, index, set),
  );
}

/**
 * When a rule counts, its gate and what it holds: folded, with what is set in the heading.
 * @param {Target} target @param {Rule} rule @param {number} index @param {(values: Partial<Rule>, again?: boolean) => void} set
 */
function conditions(target, rule, index, set) {
  const name = `${target.name} ${index + 1}`;
  const told = [rule.when && `when ${rule.when}`, rule.gate !== null && rule.gate !== undefined && `gate ${rule.gate}`, rule.hold && `held for each ${rule.hold}`].filter(Boolean);
  const gate = (/** @type {any} */ event) => set({ gate: event.target.value === "" ? null : Math.min(1, Math.max(0, Number(event.target.value))) }, true);
  return h(
    "details",
    { class: "conditions", open: opened.has(name), ontoggle: (/** @type {any} */ event) => opened[event.target.open ? "add" : "delete"](name) },
    h("summary", { "data-name": `${name} conditions` }, told.length ? told.join(" · ") : "When, gate, hold"),
    formula("Only when", `${name} when`, rule.when ?? "", "energy > 0.6", (when) => {
      const now = modulated(target);
      return [target, { ...now, rules: now.rules.map((one, at) => (at === index ? { ...one, when } : one)) }];
    }),
    h(
      "div",
      { class: "pair" },
      h("label", { class: "field" }, "Gate: 1 from here up, else 0", h("input", { type: "number", min: 0, max: 1, step: "any", value: rule.gate ?? "", placeholder: "off", "data-name": `${name} gate`, "aria-label": `${name} gate`, onchange: gate })),
      h(
        "label",
        { class: "field" },
        "Hold the value for each",
        h(
          "select",
          { "data-name": `${name} hold`, "aria-label": `${name} hold`, onchange: (/** @type {any} */ event) => set({ hold: event.target.value }, true) },
          ...store.options.holds.map((one) => h("option", { value: one, selected: one === (rule.hold ?? "") }, one || "off")),
        ),
      ),
    ),
  );
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
    if (!busy) store.draft = null;
    collect();
    draw();
  });
  store.on("tab", (name) => name === "look" && draw());
  store.on("curves", (found) => {
    curves = found;
    drawCurves();
  });
  store.on("view", drawCurves);
}
