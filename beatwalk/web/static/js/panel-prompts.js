// The prompts as a list: place, text, still; seeds to choose from; and the whole prompt file as text.

import { upload } from "./api.js";
import { deleteBlock, duplicateBlock, setBlock, splitBlock } from "./blocks.js";
import { $, clock, h, noteTyping, paused, toast, typing } from "./dom.js";
import { player } from "./player.js";
import { asStill, stillOf, stillUrl } from "./stills.js";
import { store } from "./store.js";
import { view } from "./view.js";

const SEEDS = 8;
let asText = false;
let firstSeed = 1;

/** Draws the whole panel again. */
function draw() {
  const panel = $("panel-prompts");
  const { project } = store;
  const focused = /** @type {HTMLElement|null} */ (document.activeElement);
  const keep = focused && panel.contains(focused) ? focused.dataset.name : undefined;
  const selection = focused instanceof HTMLTextAreaElement ? [focused.selectionStart, focused.selectionEnd] : null;
  if (typing(panel)) return;
  const { scrollTop } = panel;
  const head = h(
    "div",
    { class: "row" },
    h("p", { class: "dim small grow" }, project.blocks.length ? `${project.blocks.length} prompts` : ""),
    h("button", { class: "button small", type: "button", "aria-pressed": String(asText), onclick: toggleText }, asText ? "As blocks" : "As text"),
  );
  const problem = project.prompt_problem && project.prompts.trim() ? h("p", { class: "problem", role: "alert" }, project.prompt_problem.error) : null;
  if (asText || !project.blocks.length) panel.replaceChildren(...[head, script(), problem].filter(Boolean));
  else panel.replaceChildren(...[head, problem, h("div", { class: "cards", role: "list" }, ...project.blocks.map(card))].filter(Boolean));
  panel.scrollTop = scrollTop;
  if (keep) {
    const again = panel.querySelector(`[data-name="${keep}"]`);
    again?.focus({ preventScroll: true });
    if (selection && again instanceof HTMLTextAreaElement) again.setSelectionRange(selection[0], selection[1]);
  }
}

function toggleText() {
  asText = !asText;
  draw();
}

/** The prompt file as text. */
function script() {
  const { project } = store;
  const empty = !project.prompts.trim();
  const send = paused(500, (/** @type {HTMLTextAreaElement} */ area) => {
    delete area.dataset.dirty;
    store.change({ prompts: area.value }, "typing");
  });
  return h(
    "div",
    { class: "field" },
    empty && h("p", {}, "What should the song look like? Write one prompt a line, then drag them on the timeline. A line may begin with its place: @drop, @bar 33, @section B or @1:02."),
    h("label", { for: "script", class: empty ? "" : "visually-hidden" }, "Prompts, one a line"),
    h("textarea", {
      id: "script",
      class: "script",
      "data-name": "script",
      spellcheck: false,
      value: project.prompts,
      placeholder: "a calm ocean at dawn\na glowing violet jellyfish\n@drop a swirling galaxy of stars",
      oninput: (/** @type {any} */ event) => send(event.target),
    }),
    h(
      "p",
      { class: "row" },
      h("label", { class: "button small", for: "prompt-file" }, "Open a prompt file"),
      h("input", { id: "prompt-file", class: "visually-hidden", type: "file", accept: ".txt,text/plain", onchange: openFile }),
    ),
  );
}

/** @param {Event} event */
async function openFile(event) {
  const file = /** @type {HTMLInputElement} */ (event.target).files?.[0];
  if (file) await store.change({ prompts: await file.text() });
}

/** @param {import("./types.js").Block} block @param {number} index */
function card(block, index) {
  const selected = store.selected === index;
  const url = stillOf(block);
  const area = h("textarea", {
    rows: 1,
    value: block.prompt,
    "aria-label": `Prompt ${index + 1}`,
    "data-name": `prompt-${index}`,
    maxLength: 3500,
    onfocus: () => store.select(index),
    onchange: (/** @type {any} */ event) => {
      if (event.target.value.trim()) setBlock(index, { prompt: event.target.value.trim() });
      else draw();
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        /** @type {HTMLElement} */ (event.target).blur();
      }
    },
  });
  const now = store.blockAt(player.time) === index;
  return h(
    "div",
    { class: `card${selected ? " selected" : ""}${now ? " now" : ""}`, role: "listitem" },
    h("button", { class: "thumb", type: "button", "aria-label": `Go to prompt ${index + 1}`, "data-name": `thumb-${index}`, onclick: () => goTo(index) }, url ? h("img", { src: url, alt: "" }) : "·"),
    h(
      "div",
      {},
      h("button", { class: "place", type: "button", tabIndex: -1, onclick: () => goTo(index) }, `${block.place} · ${clock(block.time_s)}${block.seed === null || block.seed === undefined ? "" : ` · seed ${block.seed}`}`),
      area,
    ),
    selected && more(block, index),
  );
}

/** @param {number} index */
function goTo(index) {
  const { time_s } = store.project.blocks[index];
  store.select(index);
  player.time = time_s;
  view.follow(time_s);
}

/** What a selected prompt offers. @param {import("./types.js").Block} block @param {number} index */
function more(block, index) {
  const seeds = Array.from({ length: SEEDS }, (_, i) => firstSeed + i);
  return h(
    "div",
    { class: "more" },
    h(
      "div",
      { class: "seeds", role: "group", "aria-label": "Other pictures of this prompt" },
      ...seeds.map((seed) => {
        const url = stillUrl(asStill(block, seed));
        const pressed = block.seed === seed;
        return h(
          "button",
          { type: "button", "aria-pressed": String(pressed), "aria-label": `Seed ${seed}`, "data-name": `seed-${seed}`, onclick: () => setBlock(index, { seed: pressed ? null : seed }) },
          url && h("img", { src: url, alt: "" }),
          h("span", {}, String(seed)),
        );
      }),
    ),
    h(
      "div",
      { class: "row" },
      h("button", { class: "button small", type: "button", onclick: () => ((firstSeed += SEEDS), draw()) }, "More seeds"),
      block.seed !== null && block.seed !== undefined && h("button", { class: "button small", type: "button", onclick: () => setBlock(index, { seed: null }) }, "Any seed"),
      h("label", { class: "button small", for: `picture-${index}` }, block.image ? "Other picture" : "Start from a picture"),
      h("input", { id: `picture-${index}`, class: "visually-hidden", type: "file", accept: "image/*", onchange: (/** @type {Event} */ event) => addPicture(event, index) }),
      block.image && h("button", { class: "button small", type: "button", onclick: () => setBlock(index, { image: null, strength: null }) }, "No picture"),
    ),
    block.image &&
      h(
        "label",
        { class: "field" },
        "How much the model may repaint it",
        h("input", { type: "range", min: 0, max: 1, step: 0.05, value: block.strength ?? 0.6, onchange: (/** @type {any} */ event) => setBlock(index, { strength: Number(event.target.value) }) }),
      ),
    h(
      "label",
      { class: "field" },
      "Keep out of the picture",
      h("input", { type: "text", value: block.negative ?? "", "data-name": `negative-${index}`, placeholder: "text, watermark", onchange: (/** @type {any} */ event) => setBlock(index, { negative: event.target.value.trim() || null }) }),
    ),
    h(
      "div",
      { class: "row" },
      h("button", { class: "button small", type: "button", onclick: () => splitBlock() }, "Split at playhead"),
      h("button", { class: "button small", type: "button", onclick: () => duplicateBlock(index) }, "Duplicate"),
      h("button", { class: "button small", type: "button", onclick: () => deleteBlock(index) }, "Delete"),
    ),
  );
}

/** @param {Event} event @param {number} index */
async function addPicture(event, index) {
  const file = /** @type {HTMLInputElement} */ (event.target).files?.[0];
  if (!file) return;
  try {
    const { image } = await upload(`${store.path}/pictures`, file);
    await setBlock(index, { image, strength: 0.6 });
  } catch (error) {
    toast(String(error instanceof Error ? error.message : error), true);
  }
}

/** Sets up once. */
export function beginPrompts() {
  noteTyping($("panel-prompts"));
  for (const name of ["project", "select", "stills"]) store.on(name, draw);
  let now = -1;
  store.on("time", () => {
    if (!store.project.blocks.length || asText) return;
    const index = store.blockAt(player.time);
    if (index === now) return;
    now = index;
    document.querySelectorAll("#panel-prompts .card").forEach((one, at) => one.classList.toggle("now", at === index));
  });
}
