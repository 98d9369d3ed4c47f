// Rendering: settings that people name, what it will take, the queue, and what is finished.

import { call } from "./api.js";
import { $, h, iconButton, noteTyping, paused, size, span, toast, typing } from "./dom.js";
import { store } from "./store.js";

/** @typedef {import("./types.js").Job} Job */

const SIDES = [256, 384, 512, 768, 1024, 1280, 1920];
/** @type {Job[]} */
let jobs = [];
/** @type {any[]} */
let videos = [];
/** @type {Record<string, number>} raised with every new frame, so that the picture is fetched again */
const frames = {};
/** @type {{devices: string[], cards: number, workers: number}} what can compute here; told after a moment */
let here = { devices: [], cards: 0, workers: 0 };
let device = "auto";
let opened = false; // what is seldom changed
let workers = ""; // who renders: this process, a number of workers, or all cards
/** @type {any} */
let estimate = null;
let estimating = 0; // the newest question; an older answer is not shown
let asked = "";

/** Width and height that are wanted now; null: the model's own. @returns {[number, number]|null} */
function wanted() {
  const text = store.project.settings.video.size;
  if (!text || text === "auto") return null;
  const [width, height] = text.split("x").map(Number);
  return [width, height];
}

/** @param {string} aspect @param {number} side the longer one */
function sized(aspect, side) {
  const shape = store.options.aspects.find((one) => one.name === aspect) ?? { width: 1, height: 1 };
  const longer = Math.max(shape.width, shape.height);
  /** @param {number} part */
  const fit = (part) => Math.max(64, Math.round((side * part) / longer / 64) * 64);
  return `${fit(shape.width)}x${fit(shape.height)}`;
}

function shape() {
  const now = wanted();
  if (!now) return { aspect: "square", side: 512 };
  const ratio = now[0] / now[1];
  const aspect = [...store.options.aspects].sort((a, b) => Math.abs(a.width / a.height - ratio) - Math.abs(b.width / b.height - ratio))[0].name;
  return { aspect, side: Math.max(...now) };
}

/** @param {string} label @param {string} name @param {[string, string][]} choices @param {string} value @param {(value: string) => void} change */
function choice(label, name, choices, value, change) {
  const all = choices.some(([one]) => one === value) ? choices : [[value, value], ...choices];
  return h("label", { class: "field" }, label, h("select", { "data-name": name, onchange: (/** @type {any} */ event) => change(event.target.value) }, ...all.map(([one, text]) => h("option", { value: one, selected: one === value }, text))));
}

function draw() {
  const panel = $("panel-render");
  if (!store.options || !store.project || typing(panel)) return;
  const focus = /** @type {HTMLElement|null} */ (panel.contains(document.activeElement) ? document.activeElement : null)?.dataset.name;
  const { options, project } = store;
  const { video } = project.settings;
  const { aspect, side } = shape();
  const length = (project.end_s ?? store.duration) - project.start_s;
  const open = [...panel.querySelectorAll("details[open]")].map((one) => /** @type {HTMLElement} */ (one).dataset.file);
  const { scrollTop } = panel;
  panel.replaceChildren(
    h("div", { class: "shapes", role: "group", "aria-label": "Shape" }, ...options.aspects.map((one) => shapeButton(one, one.name === aspect, side))),
    h(
      "div",
      { class: "pair" },
      choice("Longer side", "side", SIDES.map((one) => [String(one), `${one} pixels`]), String(side), (value) => store.change({ settings: { video: { size: sized(aspect, Number(value)) } } })),
      choice("Frames a second", "fps", options.fps.map((one) => [one, one]), video.fps, (value) => store.change({ settings: { video: { fps: value } } })),
      choice("Model", "model", options.models.map((one) => [one.name, one.name]), project.model ?? "nano", (value) => store.change({ model: value })),
      sharing() || choice("Codec", "codec", codecs(), video.codec, setCodec),
    ),
    seldom(),
    h(
      "div",
      { class: "estimate num" },
      h(
        "div",
        { class: "grow", role: "status" },
        estimate?.error ? h("p", { class: "problem" }, estimate.error) : h("b", {}, estimate ? `about ${span(estimate.seconds)}` : estimating ? "measuring …" : "–"),
        estimate && !estimate.error ? h("p", { class: "dim small" }, `${estimate.frames} frames of ${estimate.size.join("×")} · ${size(estimate.bytes)} of ${size(estimate.free_bytes)} free · ${span(length)} of the song`) : "",
      ),
      h("button", { class: "button primary", type: "button", "data-name": "render", disabled: !project.blocks.length, onclick: render }, "Render"),
    ),
    h("p", { class: "dim small" }, project.blocks.length ? "I and O on the timeline set where it begins and ends." : "Write a prompt first."),
    h("hr"),
    h("h2", {}, "Queue"),
    jobs.some((job) => job.status !== "done") ? h("div", { class: "cards", role: "list" }, ...jobs.filter((job) => job.status !== "done").map(jobCard)) : h("p", { class: "dim small" }, "Nothing is waiting. A render continues when you close this page, and after a restart."),
    h("h2", {}, "Finished"),
    videos.length ? h("div", { class: "cards", role: "list" }, ...videos.map((one) => film(one, open.includes(one.file)))) : h("p", { class: "dim small" }, "Videos of this project appear here, with a report of how well they keep time."),
  );
  panel.scrollTop = scrollTop;
  if (focus) /** @type {HTMLElement|null} */ (panel.querySelector(`[data-name="${focus}"]`))?.focus({ preventScroll: true });
}

/** @param {{name: string, width: number, height: number}} one @param {boolean} chosen @param {number} side */
function shapeButton(one, chosen, side) {
  const longer = Math.max(one.width, one.height);
  const outline = h("i", { "aria-hidden": "true" });
  outline.style.width = `${(26 * one.width) / longer}px`;
  outline.style.height = `${(26 * one.height) / longer}px`;
  return h(
    "button",
    { class: "tile shape", type: "button", "data-name": `shape-${one.name}`, "aria-pressed": String(chosen), title: `${one.width}:${one.height}`, onclick: () => store.change({ settings: { video: { size: sized(one.name, side) } } }) },
    h("span", {}, outline),
    one.name,
  );
}

/** @returns {[string, string][]} */
const codecs = () => store.options.codecs.map((one) => [one.name, `${one.name} (${one.suffix})`]);

/** @param {string} codec */
const setCodec = (codec) => store.change({ settings: { video: { codec } } });

/** What is seldom changed, folded; what is chosen stands in the heading. */
function seldom() {
  const { video, model, seed } = store.project.settings;
  const shared = sharing() !== "";
  const told = [shared && video.codec, model.steps ? `${model.steps} steps` : "the model's own steps", `seed ${seed}`, `on ${device}`];
  return h(
    "details",
    { class: "conditions", open: opened, ontoggle: (/** @type {any} */ event) => (opened = event.target.open) },
    h("summary", { "data-name": "seldom" }, told.filter(Boolean).join(" · ")),
    h(
      "div",
      { class: "pair" },
      shared && choice("Codec", "codec", codecs(), video.codec, setCodec),
      choice("Steps", "steps", [["", "the model's own"], ...["1", "2", "4", "8", "15", "20", "30", "50"].map((one) => /** @type {[string, string]} */ ([one, one]))], String(model.steps ?? ""), (value) => store.change({ settings: { model: { steps: value ? Number(value) : null } } })),
      h("label", { class: "field" }, "Seed", h("input", { type: "number", min: 0, step: 1, value: seed, "data-name": "seed", onchange: (/** @type {any} */ event) => store.change({ settings: { seed: Number(event.target.value) } }) })),
      choice("Device", "device", (here.devices.length ? here.devices : ["auto"]).map((one) => [one, one]), device, (value) => {
        device = value;
        draw();
        ask();
      }),
    ),
  );
}

/** Who renders, where there is a choice: with Ray, or with several cards. */
function sharing() {
  if (!here.workers && here.cards < 2) return "";
  /** @type {[string, string][]} */
  const choices = [["", "one process"]];
  if (here.workers && here.cards > 1) choices.push(["all", `all ${here.cards} cards`]);
  for (let count = 2; count <= here.workers && here.cards < 2; count += 1) choices.push([String(count), `${count} workers`]);
  if (here.workers && here.cards < 2 && here.workers < 2) choices.push(["1", "1 worker"]);
  const made = choice("Workers", "workers", choices, workers, (value) => {
    workers = value;
    draw();
    ask();
  });
  if (!here.workers) made.append(h("span", {}, "Several cards render together with beatwalk[ray]."));
  return made;
}

/** @param {Job["rows"][0]} row */
function worker(row) {
  const { segment } = row;
  const parts = segment === null ? [row.state] : [`segment ${segment + 1}`, row.frames_per_s !== null && `${row.frames_per_s.toFixed(1)} frames/s`];
  return h(
    "div",
    { role: "listitem" },
    h("span", { class: "dim num" }, [`${row.worker}`, row.device].filter(Boolean).join(" · ")),
    h("span", { class: "num" }, parts.filter(Boolean).join(" · ")),
    h("progress", { max: 1, value: segment === null ? 0 : row.done, "aria-label": `Worker ${row.worker}` }),
  );
}

/** @param {Job} job */
const crew = (job) => h("div", { class: "workers facts small", role: "list", "aria-label": "Workers" }, ...job.rows.map(worker));

/** @param {Job} job */
function told(job) {
  const parts = [job.status === "running" ? job.stage : job.status];
  if (job.frames_per_s && job.status === "running") parts.push(`${job.frames_per_s.toFixed(1)} frames/s`);
  if (job.left_s !== null && job.status === "running") parts.push(`${span(job.left_s)} left`);
  if (job.facts.frames) parts.push(`${job.done} of ${job.facts.frames}`);
  return parts.filter(Boolean).join(" · ");
}

/** @param {Job} job */
function jobCard(job) {
  const waiting = jobs.filter((one) => one.status === "queued");
  const at = waiting.indexOf(job);
  /** @param {string} verb */
  const act = (verb) => () => call("POST", `/jobs/${job.id}/${verb}`).catch((error) => toast(error.message, true));
  return h(
    "div",
    { class: "job", role: "listitem", id: `job-${job.id}` },
    frames[job.id] ? h("img", { class: "frame", src: `/api/jobs/${job.id}/frame?n=${frames[job.id]}`, alt: "Latest frame" }) : h("div", { class: "frame" }),
    h("b", {}, job.file),
    h(
      "div",
      { class: "tools" },
      at > 0 && iconButton(`Render ${job.file} earlier`, "up", () => call("POST", `/jobs/${job.id}/move`, { before: waiting[at - 1].id })),
      (job.status === "running" || job.status === "queued") && h("button", { class: "button small", type: "button", "data-name": `cancel-${job.id}`, onclick: act("cancel") }, "Cancel"),
      (job.status === "cancelled" || job.status === "failed") && h("button", { class: "button small", type: "button", "data-name": `resume-${job.id}`, onclick: act("resume") }, "Resume"),
      job.status !== "running" && iconButton(`Remove ${job.file} from the queue`, "cross", () => call("DELETE", `/jobs/${job.id}`).catch((error) => toast(error.message, true))),
    ),
    h("p", { class: "facts dim small num" }, told(job)),
    h("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.file}` }),
    crew(job),
    job.message && h("p", { class: "problem facts" }, job.message),
    ...job.notes.map((note) => h("p", { class: "dim small facts" }, note)),
  );
}

/** @param {any} video @param {boolean} open */
function film(video, open) {
  const url = `/api${store.path}/videos`;
  const { report } = video;
  const stem = video.file.replace(/\.[^.]+$/, "");
  /** @param {string} value @param {string} name */
  const figure = (value, name) => h("div", {}, h("b", { class: "num" }, value), h("span", {}, name));
  /** @param {string} file */
  const kind = (file) => (file.endsWith(".cues.json") ? "cues (JSON)" : file.endsWith(".cues.csv") ? "cues (CSV)" : file.endsWith(".plan.json") ? "plan" : file.endsWith(".report.json") ? "report" : file.endsWith(".report.png") ? "plot" : "thumbnails");
  return h(
    "div",
    { class: "film", role: "listitem" },
    h("div", { class: "row" }, h("b", { class: "grow", title: video.file }, video.file), h("button", { class: "button small", type: "button", "data-name": `watch-${video.file}`, onclick: () => store.tell("watch", video) }, "Watch"), h("a", { class: "button small", href: `${url}/${video.file}?download=1`, download: video.file }, `Download ${size(video.bytes)}`)),
    report
      ? h(
          "div",
          { class: "figures" },
          report.sync && figure(report.sync.f_measure.toFixed(2), "on the beat (F)"),
          report.sync?.median_lag_ms !== undefined && report.sync?.median_lag_ms !== null && figure(`${report.sync.median_lag_ms > 0 ? "+" : ""}${report.sync.median_lag_ms.toFixed(0)} ms`, "median lag"),
          report.tracking && figure(report.tracking.correlation.toFixed(2), "follows the music"),
          figure(report.flashes.passes ? "safe" : "too many", "flashes"),
        )
      : h("p", { class: "dim small" }, "measuring how well it keeps time …"),
    video.files.includes(`${stem}.report.png`) && h("details", { "data-file": video.file, open }, h("summary", {}, "Motion and beats, measured"), h("a", { href: `${url}/${stem}.report.png`, target: "_blank", rel: "noopener" }, h("img", { src: `${url}/${stem}.report.png`, alt: "Plot of measured change, its target and flashes over time" }))),
    h("p", { class: "links" }, ...video.files.map((/** @type {string} */ file) => h("a", { href: `${url}/${file}?download=1`, download: file }, kind(file)))),
  );
}

/** Who renders, as the server is told. */
const crewAsked = () => ({ workers: Number(workers) || 0, cards: workers === "all" ? "all" : "" });

/** Adds the project as it is now to the queue. */
export async function render() {
  try {
    await store._last;
    const job = await call("POST", `${store.path}/renders`, { device, ...crewAsked() });
    toast(`${job.file} is in the queue`);
    store.tell("show", "render");
  } catch (error) {
    toast(String(error instanceof Error ? error.message : error), true);
  }
}

const ask = paused(400, async () => {
  if (!store.project.blocks.length || $("panel-render").hidden) return;
  estimating += 1;
  const question = estimating;
  estimate = null;
  draw();
  const answer = await call("POST", `${store.path}/estimate`, { device, ...crewAsked() }).catch((error) => ({ error: error.message }));
  if (question !== estimating) return;
  estimate = answer;
  draw();
});

/**
 * Reads something to be shown. Where the server cannot be reached, what is shown stays until the stream of events is back.
 * @param {string} path @param {(found: any) => void} take
 */
const read = (path, take) => call("GET", path).then(take, () => {});

function readJobs() {
  read("/jobs", (/** @type {Job[]} */ all) => {
    jobs = all.filter((job) => job.project === store.project.id || job.status !== "done");
    draw();
    store.tell("jobs", jobs);
  });
}

function readVideos() {
  read(`${store.path}/videos`, (found) => {
    videos = found;
    draw();
    store.tell("finished", videos);
  });
}

/** Sets up once. */
export function beginRender() {
  noteTyping($("panel-render"));
  store.on("project", () => {
    draw();
    const { settings, model, start_s, end_s, blocks } = store.project;
    const now = JSON.stringify([settings.video, settings.model, settings.feedback, model, start_s, end_s, blocks.length]);
    if (now !== asked) {
      asked = now;
      ask();
    }
  });
  store.on("song", () => {
    readJobs();
    readVideos();
  });
  store.on("tab", (name) => {
    if (name !== "render") return;
    draw();
    if (!here.devices.length) read("/devices", (found) => ((here = found), draw()));
    if (!estimate) ask();
  });
  store.on("event", (event) => {
    if (event.kind === "job") {
      if (event.frame) frames[event.job.id] = (frames[event.job.id] ?? 0) + 1;
      const index = jobs.findIndex((job) => job.id === event.job.id);
      const moved = index < 0 || jobs[index].status !== event.job.status;
      if (index >= 0) jobs[index] = event.job;
      store.tell("jobs", jobs);
      if (moved) {
        readJobs();
        if (event.job.status === "done") readVideos();
      } else update(event.job);
    } else if (event.kind === "jobs") readJobs();
    else if (event.kind === "videos" && event.project === store.project.id) readVideos();
  });
}

/** Shows how far a job is without drawing everything again. @param {Job} job */
function update(job) {
  const shown = document.getElementById(`job-${job.id}`);
  if (!shown) return;
  const picture = /** @type {HTMLElement} */ (shown.querySelector(".frame"));
  if (frames[job.id]) {
    const url = `/api/jobs/${job.id}/frame?n=${frames[job.id]}`;
    if (picture instanceof HTMLImageElement) picture.src = url;
    else picture.replaceWith(h("img", { class: "frame", src: url, alt: "Latest frame" }));
  }
  /** @type {HTMLElement} */ (shown.querySelector(".facts")).textContent = told(job);
  shown.querySelector(".workers")?.replaceWith(crew(job));
  /** @type {HTMLProgressElement} */ (shown.querySelector("progress")).value = job.progress;
}
