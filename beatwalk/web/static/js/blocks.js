// Prompts as blocks on the timeline: dragged, resized, split, duplicated, deleted and typed into.
//
// Blocks tile the song: each lasts until the next one begins. To drag a block moves both of its ends, its edges move one.

import { $, clock, drag, h, toast, typeInPlace } from "./dom.js";
import { player } from "./player.js";
import { snapped, stepped } from "./snapping.js";
import { stillOf } from "./stills.js";
import { store } from "./store.js";
import { view } from "./view.js";

/** @typedef {import("./types.js").Block} Block */

const LEAST_S = 0.2; // of a block
const DRAG_PX = 3;
/** @type {Block[]|null} while a pointer moves them */
let draft = null;
/** @type {Map<string, {prompt?: string, text: string}>} prompts that were typed over and stay, and the text that was refused, by project and block */
const refused = new Map();

/** @returns {Block[]} */
const shown = () => draft ?? store.project?.blocks ?? [];

/** Places the elements of all blocks. */
export function drawBlocks() {
  const lane = $("blocks");
  const blocks = shown();
  const elements = /** @type {HTMLElement[]} */ ([...lane.querySelectorAll(".block")]);
  elements.slice(blocks.length).forEach((element) => element.remove());
  blocks.forEach((block, index) => {
    const element = elements[index] ?? newBlock(index);
    if (!elements[index]) lane.append(element);
    const end = blocks[index + 1]?.time_s ?? store.duration;
    const left = view.x(block.time_s);
    element.style.transform = `translateX(${left + 1}px)`;
    element.style.width = `${Math.max(4, view.x(end) - left - 2)}px`;
    element.classList.toggle("selected", store.selected === index);
    element.setAttribute("aria-label", `Prompt ${index + 1} of ${blocks.length}, ${block.place ?? clock(block.time_s)}: ${block.prompt}`);
    const text = /** @type {HTMLElement} */ (element.querySelector(".text"));
    if (text.textContent !== block.prompt) text.textContent = block.prompt;
    text.style.marginLeft = `${Math.max(0, -left)}px`;
    const picture = /** @type {HTMLImageElement} */ (element.querySelector("img"));
    const url = stillOf(block);
    picture.hidden = !url || view.x(end) - left < 130;
    if (url && picture.getAttribute("src") !== url) picture.src = url;
  });
}

/** @param {number} index */
function newBlock(index) {
  const element = h(
    "div",
    { class: "block", tabIndex: 0, role: "button" },
    h("img", { alt: "", hidden: true }),
    h("div", { class: "text" }),
    h("div", { class: "edge left", "data-edge": "start" }),
    h("div", { class: "edge", "data-edge": "end" }),
  );
  element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => press(event, element, index));
  element.addEventListener("dblclick", () => editBlock(index));
  element.addEventListener("focus", () => store.select(index));
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => key(event, index));
  return element;
}

/** @param {PointerEvent} down @param {HTMLElement} element @param {number} index */
function press(down, element, index) {
  if (down.button !== 0 || !store.heard) return;
  down.stopPropagation();
  const edge = /** @type {HTMLElement} */ (down.target).dataset.edge;
  const original = store.project.blocks;
  /** @param {PointerEvent} move */
  const follow = (move) => {
    element.classList.add("dragging");
    const by = ((move.clientX - down.clientX) / view.width) * view.span;
    const now = store.project.blocks; // with what was typed meanwhile, unless there are more or fewer
    draft = retimed(now.length === original.length ? now : original, moved(original, index, by, edge));
    drawBlocks();
  };
  drag(element, down, DRAG_PX, follow, async (up) => {
    element.classList.remove("dragging");
    const made = draft;
    if (made && up.type === "pointerup") await store.lay((blocks) => retimed(blocks, made));
    draft = null;
    drawBlocks();
  });
}

/** Blocks at the times of others; as they are where there are more or fewer of those. @param {Block[]} blocks @param {Block[]} others */
const retimed = (blocks, others) => (blocks.length === others.length ? blocks.map((block, at) => ({ ...block, time_s: others[at].time_s })) : blocks);

/**
 * Blocks with one end, or both ends, of one of them moved and snapped.
 * @param {Block[]} blocks @param {number} index @param {number} by seconds @param {string} [edge]
 * @returns {Block[]}
 */
function moved(blocks, index, by, edge) {
  const made = blocks.map((block) => ({ ...block }));
  /** @param {number} at @param {number} time */
  const put = (at, time) => {
    const low = (made[at - 1]?.time_s ?? -LEAST_S) + LEAST_S;
    const high = (made[at + 1]?.time_s ?? store.duration) - LEAST_S;
    made[at].time_s = Math.min(Math.max(time, low), high);
  };
  const start = blocks[index].time_s;
  const end = blocks[index + 1]?.time_s;
  if (edge === "end" || (index === 0 && edge !== "start")) {
    if (end !== undefined) put(index + 1, snapped(end + by));
  } else if (edge === "start") {
    if (index > 0) put(index, snapped(start + by));
  } else {
    const time = snapped(start + by);
    if (end !== undefined && time > start) put(index + 1, snapped(end + time - start));
    put(index, time);
    if (end !== undefined && time <= start) put(index + 1, snapped(end + time - start));
  }
  return made;
}

/** @param {KeyboardEvent} event @param {number} index */
function key(event, index) {
  const side = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  const { blocks } = store.project;
  if (event.target !== event.currentTarget) return;
  if (side) {
    const at = event.altKey ? index + 1 : index;
    if (blocks[at] && at > 0) {
      const time_s = stepped(blocks[at].time_s, side, event.shiftKey);
      if (time_s > blocks[at - 1].time_s + LEAST_S / 2 && time_s < store.endOf(at) - LEAST_S / 2) setBlock(at, { time_s }, `nudge ${at}`);
    }
  } else if (event.key === "Enter" || event.key === "F2") editBlock(index);
  else if (event.key === "Delete" || event.key === "Backspace") deleteBlock(index);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {number} index */
export function editBlock(index) {
  const block = store.project.blocks[index];
  const lane = $("blocks");
  const shown = promptOf(block, index);
  const editor = h("textarea", { class: "block-editor", value: shown, "aria-label": `Prompt ${index + 1}`, maxLength: 3500 });
  editor.style.left = `${Math.min(Math.max(8, view.x(block.time_s) + 4), Math.max(8, lane.clientWidth - 308))}px`;
  lane.append(editor);
  typeInPlace(editor, async (text) => {
    if (text) await setPrompt(index, shown, text);
    /** @type {HTMLElement} */ (lane.querySelectorAll(".block")[index])?.focus();
  });
}

/** A block's prompt as its fields show it: what was typed last, even where it was refused. @param {Block} block @param {number} index */
export function promptOf(block, index) {
  const one = refused.get(`${store.project.id} ${index}`);
  return one?.prompt === block.prompt ? one.text : block.prompt;
}

/**
 * Sets a block's prompt, unless its field was left as it was shown. A text that is refused stays in the fields, to be put
 * right; an empty one brings the prompt back.
 * @param {number} index @param {string} shown @param {string} text
 */
export async function setPrompt(index, shown, text) {
  if (text === shown) return;
  const name = `${store.project.id} ${index}`;
  const prompt = store.project.blocks[index]?.prompt;
  const done = !text || text === prompt || (await setBlock(index, { prompt: text }));
  if (done) refused.delete(name);
  else refused.set(name, { prompt, text });
  store.tell("project"); // the fields show either
}

/** @param {number} index @param {Partial<Block>} values @param {string} [gesture] */
export function setBlock(index, values, gesture = "") {
  return store.lay((blocks) => blocks.map((block, at) => (at === index ? { ...block, ...values } : block)), gesture);
}

/** @param {number} index */
export function deleteBlock(index) {
  const { length, [index]: gone } = store.project.blocks;
  if (length < 2) return toast("A video needs at least one prompt", true);
  store.select(Math.max(0, index - 1));
  return store.lay((blocks) => {
    // It may have been moved since, or be gone already.
    const rest = blocks.filter((block, at) => (blocks.length === length ? at !== index : block.time_s !== gone.time_s));
    if (!rest.length || rest.length === blocks.length) return blocks;
    return [{ ...rest[0], time_s: 0 }, ...rest.slice(1)];
  });
}

/** Splits the block under the playhead there, on the nearest beat. */
export async function splitBlock() {
  const time = snapped(player.time, store.snapping);
  const index = store.blockAt(time);
  const { blocks } = store.project;
  if (!blocks.length || time < blocks[index].time_s + LEAST_S || time > store.endOf(index) - LEAST_S) return toast("Move the playhead into a prompt to split it there");
  const done = await store.lay((now) => [...now.slice(0, index + 1), { ...now[index], time_s: time, seed: null }, ...now.slice(index + 1)]);
  if (done) store.select(index + 1);
  return undefined;
}

/** Puts a copy of a block where it ends; it takes half of the next one, or of itself where it is the last. @param {number} index */
export async function duplicateBlock(index) {
  const { blocks } = store.project;
  const last = index === blocks.length - 1;
  const from = last ? blocks[index].time_s : store.endOf(index);
  const middle = snapped((from + store.endOf(last ? index : index + 1)) / 2, true);
  const done = await store.lay((now) => {
    const rest = now.slice(index + 1).map((block, at) => (at === 0 ? { ...block, time_s: middle } : block));
    return [...now.slice(0, index + 1), { ...now[index], time_s: last ? middle : from }, ...rest];
  });
  if (done) store.select(index + 1);
}

/** Sets up once. */
export function beginBlocks() {
  for (const name of ["view", "project", "select", "stills"]) store.on(name, drawBlocks);
  $("blocks").addEventListener("dblclick", (/** @type {MouseEvent} */ event) => {
    if (event.target === $("blocks")) splitBlock();
  });
}
