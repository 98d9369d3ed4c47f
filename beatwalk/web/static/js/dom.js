// Small helpers for elements, pointers, times and waiting.

/** The element with an id; it is an error if there is none. @param {string} id @returns {any} */
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

/** An icon of icons.svg, hidden from screen readers. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** @param {string} label @param {string} name @param {() => void} onclick @param {Record<string, any>} [more] */
export const iconButton = (label, name, onclick, more) => h("button", { class: "icon", type: "button", "aria-label": label, title: label, onclick, ...more }, icon(name));

/** A small button. @param {string} text @param {(event: MouseEvent) => void} onclick @param {Record<string, any>} [more] */
export const button = (text, onclick, more) => h("button", { class: "button small", type: "button", onclick, ...more }, text);

/** A field below its label. @param {string} label @param {...any} content */
export const labelled = (label, ...content) => h("label", { class: "field" }, label, ...content);

/**
 * The options of a choice.
 * @param {(string | [string, string])[]} choices values, or values with their texts
 * @param {string} chosen
 */
export function options(choices, chosen) {
  return choices.map((one) => {
    const [value, text] = typeof one === "string" ? [one, one] : one;
    return new Option(text, value, false, value === chosen);
  });
}

/** Shows a line of text; an empty one is hidden. @param {HTMLElement} line @param {string} text */
export function showText(line, text) {
  line.textContent = text;
  line.hidden = !text;
}

/**
 * Follows a pointer from where it was pressed until it is let go.
 * @param {HTMLElement} element @param {PointerEvent} down
 * @param {number} least pixels; a smaller movement is a click
 * @param {(move: PointerEvent) => void} moved
 * @param {(up: PointerEvent, dragged: boolean) => void} [ended]
 */
export function drag(element, down, least, moved, ended = () => {}) {
  let dragged = false;
  element.setPointerCapture(down.pointerId);
  element.onpointermove = (move) => {
    dragged ||= Math.abs(move.clientX - down.clientX) > least;
    if (dragged) moved(move);
  };
  element.onpointerup = element.onpointercancel = (up) => {
    element.onpointermove = element.onpointerup = element.onpointercancel = null;
    ended(up, dragged);
  };
}

/**
 * Lets a field be typed into at once, and takes it away with Enter, with Escape or when it is left.
 * @param {HTMLInputElement|HTMLTextAreaElement} field
 * @param {(text: string) => void} finish gets what was typed; nothing after Escape
 */
export function typeInPlace(field, finish) {
  /** @param {string} text */
  const end = (text) => {
    field.onblur = null; // to take it away is to leave it again
    field.remove();
    finish(text.trim());
  };
  field.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation();
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter" ? field.value : "");
  };
  field.onpointerdown = field.onclick = (/** @type {Event} */ event) => event.stopPropagation();
  field.onblur = () => end(field.value);
  field.focus();
  field.select();
}

/** Minutes, seconds and tenths. @param {number} seconds */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** A span of time in words. @param {number} seconds */
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
 * Calls a function once calls have paused, or at once where it is flushed and a call waits.
 * @template {any[]} A
 * @param {number} ms
 * @param {(...values: A) => void} call
 * @returns {((...values: A) => void) & {flush: () => void}}
 */
export function paused(ms, call) {
  /** @type {number|undefined} */
  let timer;
  /** @type {A} */
  let last;
  const flush = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    call(...last);
  };
  const later = (/** @type {A} */ ...values) => {
    last = values;
    clearTimeout(timer);
    timer = window.setTimeout(flush, ms);
  };
  return Object.assign(later, { flush });
}

/** Says something for a few seconds. @param {string} text @param {boolean} [bad] */
export function toast(text, bad = false) {
  const shown = h("div", { class: bad ? "toast bad" : "toast" }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), bad ? 7000 : 2600);
}

/** Why something failed, in words. @param {unknown} error */
export const reason = (error) => (error instanceof Error ? error.message : String(error));

/**
 * A function whose failure is said for a few seconds.
 * @template {any[]} A
 * @param {(...values: A) => Promise<any>} work
 */
export function said(work) {
  return (/** @type {A} */ ...values) => work(...values).catch((error) => toast(reason(error), true));
}

/** Index of the first entry that is not before a value, in increasing numbers. @param {ArrayLike<number>} sorted @param {number} value */
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
