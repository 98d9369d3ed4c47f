// Stills of prompts: asked for once, and shown when they are there.

import { call } from "./api.js";
import { paused, toast } from "./dom.js";
import { store } from "./store.js";

/** @typedef {{prompt: string, negative: string, seed: number}} Still */

/** @type {Map<string, {key: string, ready: boolean}>} by what is asked for */
const known = new Map();
/** @type {Still[]} */
let waiting = [];
/** @type {Set<string>} keys that were told of, perhaps before the answer that names them */
const made = new Set();
let context = "";
let told = false;

/** @param {Still} still */
const name = (still) => `${context}|${still.seed}|${still.negative}|${still.prompt}`;

/** The address of a still; null: it is not there yet. @param {Still} still */
export function stillUrl(still) {
  const found = known.get(name(still));
  if (!found) {
    known.set(name(still), { key: "", ready: false });
    waiting.push(still);
    ask();
  }
  return found?.ready ? `/api${store.path}/stills/${found.key}` : null;
}

/** @param {import("./types.js").Block} block @param {number} [seed] */
export function asStill(block, seed) {
  const { settings } = store.project;
  return { prompt: block.prompt, negative: block.negative ?? settings.model.negative, seed: seed ?? block.seed ?? settings.seed };
}

/** @param {import("./types.js").Block} block */
export function stillOf(block) {
  if (block.image) return `/api${store.path}/${block.image}`;
  return block.prompt ? stillUrl(asStill(block)) : null;
}

const ask = paused(250, async () => {
  const asked = waiting.splice(0, 64);
  if (!asked.length) return;
  const names = asked.map(name);
  try {
    const answers = await call("POST", `${store.path}/stills`, { stills: asked });
    answers.forEach((/** @type {any} */ answer, /** @type {number} */ i) => known.set(names[i], { ...answer, ready: answer.ready || made.has(answer.key) }));
    store.tell("stills");
  } catch {
    names.forEach((one) => known.delete(one));
  }
  if (waiting.length) ask();
});

/** Sets up once. */
export function beginStills() {
  store.on("still", (event) => {
    if (event.problem && !told) {
      told = true;
      toast(`No stills: ${event.problem.error}`, true);
    }
    if (!event.problem) made.add(event.key);
    for (const still of known.values()) if (still.key === event.key && !event.problem) still.ready = true;
    store.tell("stills");
  });
  store.on("project", () => {
    const { project } = store;
    const now = JSON.stringify([project.id, project.model, project.settings.model, project.settings.video.size]);
    if (now !== context) {
      context = now;
      waiting = [];
      told = false;
    }
  });
}
