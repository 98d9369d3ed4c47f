// Keyboard shortcuts; the dialog in index.html lists them.

import { duplicateBlock, editBlock, splitBlock } from "./blocks.js";
import { $ } from "./dom.js";
import { tap } from "./panel-beat.js";
import { player } from "./player.js";
import { snapped } from "./snapping.js";
import { store } from "./store.js";
import { view } from "./view.js";

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
  $("help").onclick = () => $("shortcuts").showModal();
  window.addEventListener("keydown", (event) => {
    if (!store.project || $("shortcuts").open) return;
    if (types(event.target)) return;
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y")) {
      event.preventDefault();
      store.undo(event.shiftKey || letter === "y");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const button = event.target instanceof HTMLElement && event.target.closest("button, a, summary, input, [role=tab]");
    if (event.key === " " && button) return; // Space presses what has the focus
    const action = KEYS[event.key] ?? KEYS[letter];
    if (!action || !store.heard) return;
    event.preventDefault();
    action(event);
  });
}
