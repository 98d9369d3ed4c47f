// Small helpers for elements, times and waiting.

/**
 * The element with an id; it is an error if there is none.
 * @param {string} id
 * @returns {any}
 */
export function $(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/**
 * Makes an element. Properties that begin with "on" are listeners, those with a hyphen and "role" are attributes.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = /** @type {any} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value === true ? "" : value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * An icon of icons.svg, hidden from screen readers.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** @param {string} label @param {string} name @param {() => void} onclick */
export function iconButton(label, name, onclick) {
  return h("button", { class: "icon", type: "button", "aria-label": label, title: label, onclick }, icon(name));
}

/**
 * Minutes, seconds and tenths.
 * @param {number} seconds
 */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/**
 * A span of time in words.
 * @param {number} seconds
 */
export function span(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/**
 * Calls a function once calls have paused.
 * @template {any[]} A
 * @param {number} ms
 * @param {(...values: A) => void} call
 * @returns {(...values: A) => void}
 */
export function paused(ms, call) {
  /** @type {number|undefined} */
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => call(...values), ms);
  };
}

/**
 * Says something for a few seconds.
 * @param {string} text
 * @param {boolean} [bad]
 */
export function toast(text, bad = false) {
  const shown = h("div", { class: bad ? "toast bad" : "toast" }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), bad ? 7000 : 2600);
}

/**
 * Index of the first entry that is not before a value, in increasing numbers.
 * @param {ArrayLike<number>} sorted
 * @param {number} value
 */
export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Notes in which field of a panel somebody types, until the field is left or its text is taken.
 * @param {HTMLElement} panel
 */
export function noteTyping(panel) {
  const text = "textarea, input:not([type]), input[type=text], input[type=number]";
  panel.addEventListener("input", ({ target }) => target instanceof HTMLElement && target.matches(text) && (target.dataset.dirty = "yes"));
  for (const name of ["change", "focusout"]) panel.addEventListener(name, ({ target }) => target instanceof HTMLElement && delete target.dataset.dirty, true);
}

/**
 * Whether somebody types in a panel, so that it cannot be drawn again yet: the text would be lost.
 * @param {HTMLElement} panel
 */
export function typing(panel) {
  const field = document.activeElement;
  return field instanceof HTMLElement && panel.contains(field) && field.dataset.dirty === "yes";
}
