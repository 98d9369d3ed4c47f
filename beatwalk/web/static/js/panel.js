// Panels that are drawn again as a whole: nobody loses the focus, the caret, half-typed text or what is unfolded.

import { h } from "./dom.js";

/** @type {Set<string>} parts that are unfolded */
const opened = new Set();

/** Notes in which field of a panel somebody types, until the field is left or its text is taken. @param {HTMLElement} panel */
export function noteTyping(panel) {
  const text = "textarea, input:not([type]), input[type=text], input[type=number]";
  panel.addEventListener("input", ({ target }) => target instanceof HTMLElement && target.matches(text) && (target.dataset.dirty = "yes"));
  for (const name of ["change", "focusout"]) panel.addEventListener(name, ({ target }) => target instanceof HTMLElement && delete target.dataset.dirty, true);
}

/** What has the focus in a panel. @param {HTMLElement} panel */
function focused(panel) {
  const field = document.activeElement;
  return field instanceof HTMLElement && panel.contains(field) ? field : null;
}

/** Whether somebody types in a panel, so that it cannot be drawn again yet: the text would be lost. @param {HTMLElement} panel */
export const typing = (panel) => focused(panel)?.dataset.dirty === "yes";

/**
 * Draws a part of a panel again; what had the focus is found by its `data-name`.
 * @param {HTMLElement} part
 * @param {...any} children empty ones are left out
 */
export function redraw(part, ...children) {
  const panel = /** @type {HTMLElement} */ (part.closest(".panel"));
  const field = focused(part);
  const caret = field instanceof HTMLTextAreaElement ? [field.selectionStart, field.selectionEnd] : null;
  const { scrollTop } = panel;
  part.replaceChildren(...children.filter(Boolean));
  panel.scrollTop = scrollTop;
  if (!field?.dataset.name) return;
  const again = /** @type {HTMLElement|null} */ (part.querySelector(`[data-name="${field.dataset.name}"]`));
  again?.focus({ preventScroll: true });
  if (caret && again instanceof HTMLTextAreaElement) again.setSelectionRange(caret[0], caret[1]);
}

/** A part that is folded until somebody opens it. @param {string} name @param {string} heading @param {...any} children */
export function folded(name, heading, ...children) {
  return h(
    "details",
    { class: "conditions", open: opened.has(name), ontoggle: (/** @type {any} */ event) => opened[event.target.open ? "add" : "delete"](name) },
    h("summary", { "data-name": name }, heading),
    ...children,
  );
}
