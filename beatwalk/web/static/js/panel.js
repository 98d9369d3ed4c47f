// Panels that are drawn again as a whole: nobody loses the focus, the caret, half-typed text or what is unfolded.

import { h } from "./dom.js";

const TEXT = "textarea, input:not([type]), input[type=text], input[type=number]";
const BUTTONS = "button, summary, input[type=checkbox]"; // what the space bar clicks when it comes up
const OPEN_MS = 10000; // how long a choice is taken to be open
const TAP_MS = 400; // from the end of a tap to its click
/** @type {Set<string>} parts that are unfolded */
const opened = new Set();

/** @param {HTMLElement|null} field @returns {field is HTMLInputElement|HTMLTextAreaElement} */
const isText = (field) => Boolean(field?.matches(TEXT));

/** What has the focus in a panel. @param {HTMLElement} panel */
function focused(panel) {
  const field = document.activeElement;
  return field instanceof HTMLElement && panel.contains(field) ? field : null;
}

/**
 * The drawing of a panel, which waits while somebody types in a field, opens a choice or presses a button of it. A
 * field with `data-stays` is drawn by nobody.
 * @param {HTMLElement} panel
 * @param {() => void} draw
 * @param {() => boolean} [isHeld] whether something else is in a hand
 * @returns {() => void}
 */
export function drawing(panel, draw, isHeld = () => false) {
  let late = false;
  let pressed = false;
  /** @type {Element|null} a field that is typed in, or a key of a button that is down */
  let busy = null;
  /** @type {Element|null} a choice that may be open */
  let open = null;
  let closing = 0;
  const now = () => {
    late = pressed || isHeld() || Boolean(busy && busy === focused(panel)) || Boolean(open?.isConnected);
    if (!late) draw();
  };
  // Once the next field has the focus, so that it keeps it.
  const soon = () => setTimeout(() => late && now());
  /** @param {string} event @param {(target: Element, event: any) => void} then */
  const on = (event, then) => panel.addEventListener(event, (one) => one.target instanceof Element && then(one.target, one), true);
  /** @param {Element} target */
  const leave = (target) => {
    if (target === busy) busy = null;
    if (target === open) open = null;
    soon();
  };
  on("input", (target) => target.matches(TEXT) && !target.matches("[data-stays]") && (busy = target));
  on("change", leave);
  on("focusout", leave);
  on("keydown", (target, { key }) => key === " " && target.matches(BUTTONS) && (busy = target));
  on("keyup", (target) => target.matches(BUTTONS) && leave(target));
  for (const event of ["pointerdown", "keydown"])
    on(event, (target) => {
      if (!target.matches("select")) return;
      open = target;
      clearTimeout(closing);
      closing = window.setTimeout(leave, OPEN_MS, target); // a choice that is closed without a change says nothing of it
    });
  let releasing = 0;
  // An open choice may swallow the end of the press.
  on("pointerdown", (target, { button }) => {
    clearTimeout(releasing);
    pressed = button === 0 && !target.matches("select");
  });
  /** @param {number} ms */
  const release = (ms) => {
    clearTimeout(releasing);
    releasing = window.setTimeout(() => {
      pressed = false;
      if (late) now();
    }, ms);
  };
  window.addEventListener("pointerup", ({ pointerType }) => release(pointerType === "mouse" ? 0 : TAP_MS), true);
  for (const event of ["pointercancel", "contextmenu", "dragend"]) window.addEventListener(event, () => release(0), true);
  window.addEventListener("blur", () => release(0)); // the window's own: those of fields do not bubble
  return now;
}

/**
 * Draws a part of a panel again; what had the focus is found by its `data-name`.
 * @param {HTMLElement} part
 * @param {...any} children empty ones are left out
 */
export function redraw(part, ...children) {
  const panel = /** @type {HTMLElement} */ (part.closest(".panel"));
  const field = focused(part);
  const caret = isText(field) ? [field.selectionStart, field.selectionEnd] : [];
  const { scrollTop } = panel;
  part.replaceChildren(...children.filter(Boolean));
  panel.scrollTop = scrollTop;
  if (!field?.dataset.name) return;
  const again = /** @type {HTMLElement|null} */ (part.querySelector(`[data-name="${field.dataset.name}"]`));
  again?.focus({ preventScroll: true });
  if (!isText(again)) return;
  if (again.type === "number") again.select(); // its caret cannot be asked, and Tab had selected it
  else again.setSelectionRange(caret[0] ?? null, caret[1] ?? null);
}

/** A part that is folded until somebody opens it. @param {string} name @param {string} heading @param {...any} children */
export function folded(name, heading, ...children) {
  /** @param {boolean} open */
  const note = (open) => opened[open ? "add" : "delete"](name);
  // The event "toggle" comes a moment after the click; in that moment the panel may be drawn again.
  const summary = h("summary", { "data-name": name, onclick: () => note(!part.open) }, heading);
  const part = h("details", { class: "conditions", open: opened.has(name), ontoggle: () => note(part.open) }, summary, ...children);
  return part;
}
