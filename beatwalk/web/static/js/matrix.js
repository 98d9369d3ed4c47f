// The modulation matrix: a target's base, expression and rules. A field that the engine refuses keeps its text and says
// why; nothing of it is tried or saved.

import { call } from "./api.js";
import { h, iconButton, labelled, options, paused, reason, showText } from "./dom.js";
import { folded } from "./panel.js";
import { store } from "./store.js";
import { refreshCurves } from "./timeline.js";

/** @typedef {import("./types.js").Modulated} Modulated */
/** @typedef {import("./types.js").Rule} Rule */
/** @typedef {import("./types.js").Target} Target */

/** @type {Rule} */
const NEW = { source: "beat", amount: 0.1, kind: "level", attack_ms: 0, release_ms: 250, curve: "linear", every: 1, offset_beats: 0, when: "", gate: null, hold: "", smooth: null };
const SPRING = { hz: 1, damping: 1, response: 0 };
const FIRST_EXPRESSION = "lfo(bars=4)"; // of a rule that is switched from a source to an expression
const WRITTEN = "="; // the choice of sources that stands for an expression
const NAME = /^[a-z][a-z0-9_]{0,31}([.:][a-z0-9_]{1,31}){0,4}$/; // else a source is an expression
const WHERE = /^settings: [a-z_]+\.[\w.]+: /; // the field itself shows which one is meant
/** @type {HTMLCanvasElement[]} of the rules that are shown, in their order */
export let canvases = [];
/** @typedef {{value: any, text: string, why: string}} Entered */
/** @type {Map<string, Entered>} what was typed and is not taken, and why, if it was refused; by the field's name */
const entered = new Map();
/** @type {Map<string, number>} the number of the newest question of a field whose text was taken */
const newestTaken = new Map();
/** @type {Set<string>} fields in which something was taken since their rows were drawn */
const ahead = new Set();
let questions = 0;
const UNDRAWN = {}; // the value of a field whose row is to be drawn again, whatever it is
let held = false;

/** Whether a slider is held, so that the rows must stay as they are. */
export const isHeld = () => held;

let edits = 0;
let saved = 0; // of the edits, from the first one on

/** Whether the draft has something that the project does not have yet. */
export const isAhead = () => held || saved < edits;

/** Drops what is not saved yet. */
export function dropDraft() {
  saved = edits;
  store.draft = null;
}

/** @param {Target} target @returns {Modulated} */
export function modulated(target) {
  const [group, name] = target.path.split(".");
  const value = (store.draft ?? {})[group]?.[name] ?? store.project.settings[group][name];
  return { level: 0, rate: 0, expression: "", rules: [], ...(typeof value === "number" ? { level: value } : value) };
}

// The whole draft is saved: two edits may be nearer to each other than the pause, or than an answer.
const save = paused(180, async (/** @type {string} */ gesture) => {
  const upTo = edits;
  const done = !store.draft || (await store.change({ settings: store.draft }, gesture));
  saved = Math.max(saved, upTo);
  if (!isAhead()) store.draft = null;
  if (!done) store.tell("rows"); // what was drawn ahead of the answer is drawn back
});
store.on("flush", save.flush);

/** Some settings with one of them changed. @param {import("./types.js").Settings} settings @param {string} path @param {any} value */
function changed(settings, path, value) {
  const [group, name] = path.split(".");
  return { ...settings, [group]: { ...settings[group], [name]: value } };
}

/** Tries a setting without saving it: curves and a live preview follow. @param {string} path @param {any} value */
export function attempt(path, value) {
  store.draft = changed(store.draft ?? {}, path, value);
  collect();
  store.tell("draft");
}

/** Tries a value at once, and saves it. @param {Target} target @param {Modulated} value */
function put(target, value) {
  edits += 1;
  attempt(target.path, value);
  save(`look ${target.path}`);
  store.tell("rows");
}

/** Asks for the curves of all rules that are shown. */
export function collect() {
  store.drawn = store.options.targets.flatMap((target) => modulated(target).rules);
  refreshCurves();
}

/** @param {Target} target */
export function addRule(target) {
  const now = modulated(target);
  put(target, { ...now, rules: [...now.rules, { ...NEW, amount: round(target.reach / 4) }] });
}

/** @param {number} value */
const round = (value) => Math.round(value * 1000) / 1000;

/**
 * A slider: what it shows is tried while it is held, and kept when it is let go.
 * @param {string} name @param {number} value @param {number} low @param {number} high
 * @param {(value: number) => void} tried @param {(value: number) => void} kept
 */
export function slider(name, value, low, high, tried, kept) {
  const letGo = () => {
    held = false;
    kept(round(Number(element.value)));
    store.tell("rows"); // some may wait to be drawn
  };
  const ended = () => setTimeout(() => held && letGo()); // one that came back to where it was has not changed
  const element = h("input", {
    type: "range",
    min: Math.min(low, value),
    max: Math.max(high, value),
    step: "any",
    value,
    "data-name": name,
    "aria-label": name,
    oninput: () => {
      held = true;
      tried(round(Number(element.value)));
    },
    onchange: letGo,
    onpointerup: ended,
    onpointercancel: ended,
    onblur: ended,
  });
  return element;
}

/**
 * A field, and the line that says what is wrong with it.
 * @param {Target} target @param {string} name @param {Record<string, any>} more
 * @param {(text: string) => Modulated} made what the text makes of the target
 */
function entry(target, name, more, made) {
  const before = entered.get(name);
  if (before?.value === UNDRAWN) before.value = more.value;
  const kept = before?.value === more.value ? before : undefined; // a row that is drawn again keeps what was typed
  const problem = h("p", { class: "problem", role: "alert", hidden: !kept?.why }, kept?.why);
  ahead.delete(name);
  const field = h("input", {
    "aria-label": name,
    "data-name": name,
    "aria-invalid": kept?.why && "true",
    autocomplete: "off",
    ...more,
    value: kept?.text ?? more.value,
    onchange: () => {
      const check = asked();
      store.checks.add(check);
      check.finally(() => store.checks.delete(check));
    },
  });
  const asked = async () => {
    /** @type {Entered} */
    const typed = { value: ahead.has(name) ? UNDRAWN : more.value, text: field.value.trim(), why: "" };
    const question = (questions += 1);
    entered.set(name, typed);
    const error = await call("POST", `${store.path}/settings/check`, { settings: changed({}, target.path, made(typed.text)) }).catch((one) => one);
    if (error instanceof Error) typed.why = reason(error).replace(WHERE, "");
    const newest = entered.get(name);
    if (newest === typed) {
      field.setAttribute("aria-invalid", String(Boolean(typed.why)));
      showText(problem, typed.why);
    }
    if (!typed.why && (newestTaken.get(name) ?? 0) < question) {
      newestTaken.set(name, question);
      ahead.add(name);
      if (newest === typed) entered.delete(name);
      else if (newest) newest.value = UNDRAWN;
      put(target, made(typed.text)); // from what is there now; another field may have been quicker
    } else if (newest === typed && !field.isConnected) {
      store.tell("rows"); // the row was drawn again before the answer came
    }
  };
  return [field, problem];
}

/** @param {Target} target @param {string} name @param {number} value @param {(value: number) => Modulated} made @param {Record<string, any>} [more] */
const number = (target, name, value, made, more) => entry(target, name, { type: "number", step: "any", value, ...more }, (text) => made(Number(text)));

/** @param {Target} target @param {string} name @param {string} value @param {string} placeholder @param {(text: string) => Modulated} made */
const formula = (target, name, value, placeholder, made) => entry(target, name, { type: "text", class: "code", value, placeholder, list: "expressions", spellcheck: false }, made);

/**
 * A slider, and the number that it stands for.
 * @param {Target} target @param {string} name @param {string} numberName @param {number} value @param {number} low
 * @param {(value: number) => Modulated} made
 */
function numberSlider(target, name, numberName, value, low, made) {
  const [field, problem] = number(target, numberName, value, made);
  /** @param {number} tried */
  const show = (tried) => {
    field.value = String(tried);
    attempt(target.path, made(tried));
  };
  return [slider(name, value, low, target.reach, show, (kept) => put(target, made(kept))), field, problem];
}

/** @param {string} name @param {(value: string) => void} change @param {...HTMLElement} children */
const choice = (name, change, ...children) => h("select", { "aria-label": name, "data-name": name, onchange: (/** @type {any} */ event) => change(event.target.value) }, ...children);

/** The sections of some targets, one below the other. @param {Target[]} targets */
export function matrix(targets) {
  canvases = [];
  return targets.map(targetRows);
}

/** @param {Target} target */
function targetRows(target) {
  const value = modulated(target);
  const [level, base, problem] = numberSlider(target, `${target.name} level`, `${target.name} base`, value.level, target.low, (level) => ({ ...modulated(target), level }));
  return h(
    "section",
    { class: "target", "aria-label": target.name },
    h(
      "div",
      { class: "target-head" },
      h("h2", { title: target.unit }, target.name),
      level,
      base,
      h("button", { class: "icon", type: "button", "aria-label": `Add a source to ${target.name}`, title: "Add a source", "data-name": `more-${target.path}`, onclick: () => addRule(target) }, "+"),
      problem,
    ),
    ...value.rules.map((rule, index) => ruleRow(target, rule, index)),
    folded(
      `${target.name} written`,
      value.expression ? `+ ${value.expression}` : value.rate ? `drifts by ${value.rate} a second` : "Expression, drift",
      labelled("Add an expression", ...formula(target, `${target.name} expression`, value.expression, "0.1 + 0.6*energy**2", (expression) => ({ ...modulated(target), expression }))),
      target.path !== "walk.speed" && labelled(`Steady drift, ${target.unit || "units"} a second`, ...number(target, `${target.name} rate`, value.rate, (rate) => ({ ...modulated(target), rate }))),
    ),
  );
}

/** @param {Target} target @param {Rule} rule @param {number} index */
function ruleRow(target, rule, index) {
  const name = `${target.name} ${index + 1}`;
  /** @param {Partial<Rule>} values @returns {Modulated} */
  const made = (values) => {
    const now = modulated(target);
    return { ...now, rules: now.rules.map((one, at) => (at === index ? { ...one, ...values } : one)) };
  };
  /** @param {Partial<Rule>} values */
  const set = (values) => put(target, made(values));
  const remove = async () => {
    await Promise.all(store.checks); // they know rules by their place
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur(); // else the next rule's button would have the focus
    put(target, { ...modulated(target), rules: modulated(target).rules.filter((_, at) => at !== index) });
  };
  const newest = () => modulated(target).rules[index] ?? rule;
  const canvas = h("canvas", { role: "img", "aria-label": `${rule.source}, as this row shapes it` });
  canvases.push(canvas);
  const [range, amount, problem] = numberSlider(target, `${name} slider`, `${name} amount`, rule.amount, -target.reach, (value) => made({ amount: value }));
  /** @param {string} label @param {keyof Rule} key @param {Record<string, any>} more */
  const field = (label, key, more) => labelled(label, ...number(target, `${name} ${label}`, Number(rule[key]), (value) => made({ [key]: value }), { min: 0, ...more }));
  const source = NAME.test(rule.source) ? [] : formula(target, `${name} expression`, rule.source, FIRST_EXPRESSION, (text) => made({ source: text }));
  const event = ["event", "drum"].includes(store.options.sources.find((one) => one.name === rule.source)?.kind ?? "") || store.project.file_sources.includes(rule.source);
  return h(
    "div",
    { class: "rule" },
    h(
      "div",
      { class: "rule-top" },
      sourceChoice(`${name} source`, rule, (value) => set({ source: value === WRITTEN ? FIRST_EXPRESSION : value })),
      range,
      amount,
      iconButton(`Remove ${rule.source} from ${target.name}`, "cross", remove, { "data-name": `${name} remove` }),
      ...source,
      problem,
    ),
    canvas,
    h(
      "div",
      { class: "rule-rest" },
      field("attack ms", "attack_ms", { max: 10000 }),
      field("release ms", "release_ms", { max: 60000 }),
      labelled("curve", choice(`${name} curve`, (curve) => set({ curve }), ...options(store.options.curves, rule.curve))),
      event ? field("every", "every", { min: 1, max: 64, step: 1 }) : h("span"),
    ),
    more(target, rule, name, made, set, event, newest),
  );
}

/** @param {string} name @param {Rule} rule @param {(value: string) => void} change */
function sourceChoice(name, rule, change) {
  const value = NAME.test(rule.source) ? rule.source : WRITTEN;
  const song = store.options.sources.map((one) => one.name);
  const files = [...new Set([...store.project.file_sources, value])].filter((one) => one !== WRITTEN && !song.includes(one));
  /** @param {string} label @param {string[]} sources */
  const group = (label, sources) => h("optgroup", { label }, ...options(sources.map((one) => [one, one === WRITTEN ? "expression" : one.replace("_", " ")]), value));
  return choice(name, change, group("The song", song), files.length > 0 && group("Your files", files), group("Written", [WRITTEN]));
}

/**
 * What a rule seldom needs: when it counts, its gate, what it holds, whether it adds up, its spring.
 * @param {Target} target @param {Rule} rule @param {string} name
 * @param {(values: Partial<Rule>) => Modulated} made @param {(values: Partial<Rule>) => void} set @param {boolean} event
 * @param {() => Rule} newest the rule as it is when a value is taken
 */
function more(target, rule, name, made, set, event, newest) {
  const spring = rule.smooth;
  const told = [
    rule.kind === "rate" && "a second",
    event && rule.offset_beats && `${Math.abs(rule.offset_beats)} beats ${rule.offset_beats > 0 ? "later" : "earlier"}`,
    rule.when && `when ${rule.when}`,
    rule.gate !== null && rule.gate !== undefined && `gate ${rule.gate}`,
    rule.hold && `held for each ${rule.hold}`,
    spring && `smooth ${spring.hz} Hz`,
  ].filter(Boolean);
  /** @param {string} label @param {"hz"|"damping"|"response"} key */
  const part = (label, key) => spring && labelled(label, ...number(target, `${name} ${key}`, spring[key], (value) => made({ smooth: { ...(newest().smooth ?? spring), [key]: value } })));
  return folded(
    `${name} conditions`,
    told.length ? told.join(" · ") : "When, gate, hold, smooth",
    labelled("Only when", ...formula(target, `${name} when`, rule.when ?? "", "energy > 0.6", (when) => made({ when }))),
    h(
      "div",
      { class: "pair" },
      labelled("Gate: 1 from here up, else 0", ...entry(target, `${name} gate`, { type: "number", step: "any", value: rule.gate ?? "", placeholder: "off" }, (text) => made({ gate: text === "" ? null : Number(text) }))),
      labelled("Hold the value for each", choice(`${name} hold`, (hold) => set({ hold }), ...options(store.options.holds.map((one) => [one, one || "off"]), rule.hold ?? ""))),
      target.path !== "walk.speed" && labelled("What it adds", choice(`${name} kind`, (kind) => set({ kind: /** @type {any} */ (kind) }), ...options([["level", "its value"], ["rate", "a speed, adding up"]], rule.kind))),
      event && labelled("Beats later (− earlier)", ...number(target, `${name} offset`, rule.offset_beats, (offset_beats) => made({ offset_beats }))),
    ),
    h("label", { class: "switch small" }, h("input", { type: "checkbox", checked: Boolean(spring), "data-name": `${name} smooth`, onchange: (/** @type {any} */ event) => set({ smooth: event.target.checked ? SPRING : null }) }), h("span", {}, "Follow like a weight on a spring")),
    spring && h("div", { class: "trio" }, part("hz", "hz"), part("damping", "damping"), part("response", "response")),
  );
}
