// Keyboard shortcuts, and the dialog that lists them.

import { duplicateBlock, editBlock, splitBlock } from "./blocks.js";
import { $, h } from "./dom.js";
import { tap } from "./panel-beat.js";
import { player } from "./player.js";
import { snapped } from "./snapping.js";
import { store } from "./store.js";
import { view } from "./view.js";

const LIST = [
  ["Play, pause", "Space"],
  ["Beat back, forward", "← →"],
  ["Bar back, forward", "Shift ← →"],
  ["Tap a beat", "T"],
  ["Split the prompt here", "S"],
  ["Edit the prompt", "Enter"],
  ["Duplicate the prompt", "D"],
  ["Delete the prompt", "Del"],
  ["Move a chosen prompt", "← →"],
  ["Move its end", "Alt ← →"],
  ["Set in, out", "I  O"],
  ["Whole song again", "Shift I"],
  ["Loop the selection", "L"],
  ["Snapping", "N"],
  ["Zoom", "+ −"],
  ["Whole song in view", "F"],
  ["Undo, redo", "Ctrl Z, Shift Ctrl Z"],
  ["This list", "?"],
];

/** @param {string} id */
const press = (id) => $(id).click();

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  " ": () => player.toggle(),
  t: (event) => event.repeat || tap(),
  s: () => splitBlock(),
  d: () => duplicateBlock(store.selected ?? store.blockAt(player.time)),
  e: () => editBlock(store.selected ?? store.blockAt(player.time)),
  i: (event) => setIn(event.shiftKey),
  o: () => setOut(),
  l: () => press("loop"),
  n: () => press("snap"),
  f: () => view.fit(),
  c: () => press("click"),
  "+": () => press("zoom-in"),
  "=": () => press("zoom-in"),
  "-": () => press("zoom-out"),
  "?": () => press("help"),
};

/** @param {boolean} whole */
function setIn(whole) {
  if (whole) return store.change({ excerpt: [0, null] });
  const time = snapped(player.time);
  const { end_s } = store.project;
  return store.change({ excerpt: [time, end_s !== null && end_s > time ? end_s : null] });
}

function setOut() {
  const time = snapped(player.time);
  const { start_s } = store.project;
  return store.change({ excerpt: [start_s < time ? start_s : 0, time] });
}

/** @param {EventTarget|null} target whether a key belongs to what it was pressed on */
function types(target) {
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && !["checkbox", "range"].includes(target.type));
}

/** Sets up once. */
export function beginKeys() {
  $("shortcuts").append(
    h("h2", { id: "shortcuts-title" }, "Keyboard"),
    h("div", { class: "keys" }, ...LIST.map(([text, keys]) => h("div", {}, h("span", {}, text), h("kbd", {}, keys)))),
    h("form", { method: "dialog" }, h("button", { class: "button", autofocus: true }, "Close")),
  );
  $("help").onclick = () => $("shortcuts").showModal();
  window.addEventListener("keydown", (event) => {
    if (!store.project || $("shortcuts").open) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !types(event.target)) {
      event.preventDefault();
      store.undo(event.shiftKey);
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y" && !types(event.target)) {
      event.preventDefault();
      store.undo(true);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
    const button = event.target instanceof HTMLElement && event.target.closest("button, a, summary, input, [role=tab]");
    if (event.key === " " && button) return; // Space presses what has the focus
    const action = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!action || !store.heard) return;
    event.preventDefault();
    action(event);
  });
}
