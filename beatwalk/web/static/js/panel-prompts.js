// The prompts as a list: place, text, still; seeds to choose from; and the whole prompt file as text.

import { upload } from "./api.js";
import { deleteBlock, duplicateBlock, promptOf, setBlock, setPrompt, splitBlock } from "./blocks.js";
import { $, button, clock, h, labelled, paused, said, showText } from "./dom.js";
import { drawing, redraw } from "./panel.js";
import { player } from "./player.js";
import { asStill, stillOf, stillUrl } from "./stills.js";
import { store } from "./store.js";
import { view } from "./view.js";

const SEEDS = 8;
const script = $("script");
let asText = false;
let unsent = ""; // the project that does not have all of the script yet
let firstSeed = 1;

const draw = drawing($("panel-prompts"), () => {
  const { project } = store;
  const text = asText || !project.blocks.length;
  const empty = !project.prompts.trim();
  $("prompt-count").textContent = project.blocks.length ? `${project.blocks.length} prompts` : "";
  $("as-text").textContent = asText ? "As blocks" : "As text";
  $("as-text").ariaPressed = String(asText);
  $("prompt-text").hidden = !text;
  $("prompt-hint").hidden = !empty;
  $("script-label").className = empty ? "" : "visually-hidden";
  if (unsent !== project.id && script.value !== project.prompts) {
    const { selectionStart, selectionEnd } = script;
    script.value = project.prompts;
    // Elsewhere the focus would come with the caret in Safari.
    if (document.activeElement === script) script.setSelectionRange(selectionStart, selectionEnd);
  }
  showText($("prompt-problem"), (!empty && project.prompt_problem?.error) || "");
  redraw($("cards"), ...(text ? [] : project.blocks.map(card)));
});

const send = paused(500, async () => {
  const text = script.value;
  const done = await store.change({ prompts: text }, "typing");
  if (!done || script.value !== text) return; // what is typed next will be sent, with this
  unsent = "";
  draw();
});

/** @param {import("./types.js").Block} block @param {number} index */
function card(block, index) {
  const selected = store.selected === index;
  const url = stillOf(block);
  const shown = promptOf(block, index);
  const area = h("textarea", {
    rows: 1,
    value: shown,
    "aria-label": `Prompt ${index + 1}`,
    "data-name": `prompt-${index}`,
    maxLength: 3500,
    onfocus: () => store.select(index),
    onchange: (/** @type {any} */ event) => setPrompt(index, shown, event.target.value.trim()),
    onkeydown: (/** @type {any} */ event) => event.key === "Enter" && (event.preventDefault(), event.target.blur()),
  });
  const now = store.blockAt(player.time) === index;
  return h(
    "div",
    { class: `card${selected ? " selected" : ""}${now ? " now" : ""}`, role: "listitem" },
    h("button", { class: "thumb", type: "button", "aria-label": `Go to prompt ${index + 1}`, "data-name": `thumb-${index}`, onclick: () => goTo(index) }, url ? h("img", { src: url, alt: "" }) : "·"),
    h(
      "div",
      {},
      h("button", { class: "place", type: "button", tabIndex: -1, onclick: () => goTo(index) }, `${block.place} · ${clock(block.time_s)}${(block.seed ?? null) === null ? "" : ` · seed ${block.seed}`}`),
      area,
    ),
    selected && more(block, index),
  );
}

/** @param {number} index */
function goTo(index) {
  const block = store.project.blocks[index];
  if (!block) return; // it was deleted while its picture was pressed
  const { time_s } = block;
  store.select(index);
  player.time = time_s;
  view.follow(time_s);
}

/** What a selected prompt offers. @param {import("./types.js").Block} block @param {number} index */
function more(block, index) {
  const seed = block.seed ?? null;
  const seeds = Array.from({ length: SEEDS }, (_, i) => firstSeed + i);
  return h(
    "div",
    { class: "more" },
    h(
      "div",
      { class: "seeds", role: "group", "aria-label": "Other pictures of this prompt" },
      ...seeds.map((one) => {
        const url = stillUrl(asStill(block, one));
        const pressed = seed === one;
        return h(
          "button",
          { type: "button", "aria-pressed": String(pressed), "aria-label": `Seed ${one}`, "data-name": `seed-${one}`, onclick: () => setBlock(index, { seed: pressed ? null : one }) },
          url && h("img", { src: url, alt: "" }),
          h("span", {}, String(one)),
        );
      }),
    ),
    h(
      "div",
      { class: "row" },
      button("More seeds", () => ((firstSeed += SEEDS), draw()), { "data-name": "more-seeds" }),
      seed !== null && button("Any seed", () => setBlock(index, { seed: null }), { "data-name": "any-seed" }),
      h("label", { class: "button small", for: `picture-${index}` }, block.image ? "Other picture" : "Start from a picture"),
      h("input", { id: `picture-${index}`, class: "visually-hidden", type: "file", accept: "image/*", onchange: (/** @type {any} */ event) => addPicture(event.target.files, index) }),
      block.image && button("No picture", () => setBlock(index, { image: null, strength: null }), { "data-name": "no-picture" }),
    ),
    block.image && labelled("How much the model may repaint it", h("input", { type: "range", "data-name": `strength-${index}`, min: 0, max: 1, step: 0.05, value: block.strength ?? 0.6, onchange: (/** @type {any} */ event) => setBlock(index, { strength: Number(event.target.value) }) })),
    labelled("Keep out of the picture", h("input", { type: "text", value: block.negative ?? "", "data-name": `negative-${index}`, placeholder: "text, watermark", onchange: (/** @type {any} */ event) => setBlock(index, { negative: event.target.value.trim() || null }) })),
    h("div", { class: "row" }, button("Split at playhead", splitBlock, { "data-name": `split-${index}` }), button("Duplicate", () => duplicateBlock(index), { "data-name": `duplicate-${index}` }), button("Delete", () => deleteBlock(index))),
  );
}

const addPicture = said(async (/** @type {File[]} */ [file], /** @type {number} */ index) => {
  if (!file) return;
  const { image } = await upload(`${store.path}/pictures`, file);
  await setBlock(index, { image, strength: 0.6 });
});

/** Sets up once. */
export function beginPrompts() {
  $("as-text").onclick = () => ((asText = !asText), draw());
  script.oninput = () => {
    unsent = store.project.id;
    send();
  };
  $("prompt-file").onchange = async () => {
    const [file] = $("prompt-file").files;
    if (file) {
      unsent = "";
      await store.change({ prompts: await file.text() });
    }
    $("prompt-file").value = ""; // the same file may be opened again
  };
  for (const name of ["project", "select", "stills"]) store.on(name, draw);
  store.on("flush", send.flush);
  let now = -1;
  store.on("time", () => {
    if (!store.project.blocks.length || asText) return;
    const index = store.blockAt(player.time);
    if (index === now) return;
    now = index;
    document.querySelectorAll("#panel-prompts .card").forEach((one, at) => one.classList.toggle("now", at === index));
  });
}
