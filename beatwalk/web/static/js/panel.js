// Panels that are drawn again as a whole: nobody loses the focus, the caret, half-typed text or what is unfolded.

import { h } from "./dom.js";

const TEXT = "textarea, input:not([type]), input[type=text], input[type=number]";
const OPEN_MS = 10000; // how long a choice is taken to be open
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
 * The drawing of a panel, which waits while somebody types in a field, opens a choice or presses a button of it.
 * @param {HTMLElement} panel
 * @param {() => void} draw
 * @returns {() => void}
 */
export function drawing(panel, draw) {
  let late = false;
  let pressed = false;
  const now = () => {
    late = pressed || focused(panel)?.dataset.busy === "yes";
    if (!late) draw();
  };
  const soon = () => late && setTimeout(now); // after the click, and once the next field has the focus, so that it keeps it
  /** @param {EventTarget|null} target */
  const leave = (target) => {
    if (target instanceof HTMLElement) delete target.dataset.busy;
    soon();
  };
  /** @param {string} event @param {string} fields @param {(target: EventTarget|null) => void} [then] */
  const busyFrom = (event, fields, then = () => {}) =>
    panel.addEventListener(
      event,
      ({ target }) => {
        if (!(target instanceof HTMLElement) || !target.matches(fields)) return;
        target.dataset.busy = "yes";
        then(target);
      },
      true,
    );
  busyFrom("input", TEXT);
  // A choice that is closed without a change says nothing of it.
  for (const event of ["pointerdown", "keydown"]) busyFrom(event, "select", (target) => setTimeout(leave, OPEN_MS, target));
  for (const event of ["change", "focusout"]) panel.addEventListener(event, ({ target }) => leave(target), true);
  // An open choice may swallow the end of the press.
  panel.addEventListener("pointerdown", ({ button, target }) => (pressed = button === 0 && !(target instanceof HTMLSelectElement)), true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => ((pressed = false), soon()), true);
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
