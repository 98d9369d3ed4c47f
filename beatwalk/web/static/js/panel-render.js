// Rendering: settings that people name, what it will take, the queue, and what is finished.

import { call } from "./api.js";
import { $, button, h, iconButton, labelled, options, paused, reason, said, showText, size, span, toast } from "./dom.js";
import { drawing, folded, redraw } from "./panel.js";
import { store } from "./store.js";

/** @typedef {import("./types.js").Job} Job */

const SIDES = [256, 384, 512, 768, 1024, 1280, 1920];
/** @type {Job[]} */
let jobs = [];
/** @type {any[]} */
let videos = [];
/** @type {Record<string, HTMLImageElement>} the latest frame of each job */
const frames = {};
let seen = 0; // raised with every new frame, so that the picture is fetched again
/** @type {{devices: string[], cards: number, workers: number}} what can compute here; told after a moment */
let here = { devices: [], cards: 0, workers: 0 };
const who = { device: "auto", workers: "" }; // who renders: this process, a number of workers, or all cards
/** @type {any} */
let estimate = null;
let estimating = 0; // the newest question; an older answer is not shown

/** @param {string} aspect @param {number} side the longer one */
function sized(aspect, side) {
  const shape = store.options.aspects.find((one) => one.name === aspect) ?? { width: 1, height: 1 };
  const longer = Math.max(shape.width, shape.height);
  /** @param {number} part */
  const fit = (part) => Math.max(64, Math.round((side * part) / longer / 64) * 64);
  return `${fit(shape.width)}x${fit(shape.height)}`;
}

/** The shape that is wanted now, and its longer side. */
function shape() {
  const [width, height] = (store.project.settings.video.size ?? "").split("x").map(Number);
  if (!height) return { aspect: "square", side: 512 }; // the model's own size
  const off = (/** @type {{width: number, height: number}} */ one) => Math.abs(one.width / one.height - width / height);
  return { aspect: [...store.options.aspects].sort((a, b) => off(a) - off(b))[0].name, side: Math.max(width, height) };
}

/** @param {string} label @param {string} name @param {(string | [string, string])[]} choices @param {string} value @param {(value: string) => void} change */
function choice(label, name, choices, value, change) {
  const offered = options(choices, value);
  if (!offered.some((one) => one.selected)) offered.unshift(...options([value], value));
  return labelled(label, h("select", { "data-name": name, onchange: (/** @type {any} */ event) => change(event.target.value) }, ...offered));
}

/** @param {Record<string, any>} video */
const setVideo = (video) => store.change({ settings: { video } });

const draw = drawing($("panel-render"), () => {
  if (!store.options || !store.project) return;
  const { aspects, fps, models } = store.options;
  const { blocks, end_s, model, settings, start_s } = store.project;
  const { aspect, side } = shape();
  redraw(
    $("render-choices"),
    h("div", { class: "shapes", role: "group", "aria-label": "Shape" }, ...aspects.map((one) => shapeButton(one, one.name === aspect))),
    h(
      "div",
      { class: "pair" },
      choice("Longer side", "side", SIDES.map((one) => [String(one), `${one} pixels`]), String(side), (value) => setVideo({ size: sized(shape().aspect, Number(value)) })),
      choice("Frames a second", "fps", fps, settings.video.fps, (value) => setVideo({ fps: value })),
      choice("Model", "model", models.map((one) => one.name), model ?? "nano", (value) => store.change({ model: value })),
      isShared() ? workersChoice() : codecChoice(),
    ),
    seldom(),
  );
  const told = estimate?.error ? null : estimate;
  showText($("estimate-problem"), estimate?.error ?? "");
  showText($("estimate-time"), estimate?.error ? "" : told ? `about ${span(told.seconds)}` : estimating ? "measuring …" : "–");
  showText($("estimate-told"), told ? `${told.frames} frames of ${told.size.join("×")} · ${size(told.bytes)} of ${size(told.free_bytes)} free · ${span((end_s ?? store.duration) - start_s)} of the song` : "");
  $("render").disabled = !blocks.length;
  $("render-hint").textContent = blocks.length ? "I and O on the timeline set where it begins and ends." : "Write a prompt first.";
  redraw($("jobs"), ...jobs.filter((job) => job.status !== "done").map(jobCard));
  redraw($("videos"), ...videos.map(film));
});

/** @param {{name: string, width: number, height: number}} one @param {boolean} chosen */
function shapeButton(one, chosen) {
  const longer = Math.max(one.width, one.height);
  const outline = h("i", { "aria-hidden": "true", style: `width: ${(26 * one.width) / longer}px; height: ${(26 * one.height) / longer}px` });
  return h(
    "button",
    { class: "tile shape", type: "button", "data-name": `shape-${one.name}`, "aria-pressed": String(chosen), title: `${one.width}:${one.height}`, onclick: () => setVideo({ size: sized(one.name, shape().side) }) },
    h("span", {}, outline),
    one.name,
  );
}

const codecChoice = () => choice("Codec", "codec", store.options.codecs.map((one) => [one.name, `${one.name} (${one.suffix})`]), store.project.settings.video.codec, (codec) => setVideo({ codec }));

/** What is seldom changed, folded; what is chosen stands in the heading. */
function seldom() {
  const { video, model, seed } = store.project.settings;
  const told = [isShared() && video.codec, model.steps ? `${model.steps} steps` : "the model's own steps", `seed ${seed}`, `on ${who.device}`];
  return folded(
    "seldom",
    told.filter(Boolean).join(" · "),
    h(
      "div",
      { class: "pair" },
      isShared() && codecChoice(),
      choice("Steps", "steps", [["", "the model's own"], "1", "2", "4", "8", "15", "20", "30", "50"], String(model.steps ?? ""), (value) => store.change({ settings: { model: { steps: value ? Number(value) : null } } })),
      labelled("Seed", h("input", { type: "number", min: 0, step: 1, value: seed, "data-name": "seed", onchange: (/** @type {any} */ event) => store.change({ settings: { seed: Number(event.target.value) } }) })),
      choice("Device", "device", here.devices.length ? here.devices : ["auto"], who.device, (device) => choose({ device })),
    ),
  );
}

/** @param {Partial<typeof who>} values */
function choose(values) {
  Object.assign(who, values);
  draw();
  ask();
}

/** Whether there is a choice of who renders: with Ray, or with several cards. */
const isShared = () => here.workers > 0 || here.cards > 1;

function workersChoice() {
  /** @type {[string, string][]} */
  const choices = [["", "one process"]];
  if (here.workers && here.cards > 1) choices.push(["all", `all ${here.cards} cards`]);
  for (let count = 2; count <= here.workers && here.cards < 2; count += 1) choices.push([String(count), `${count} workers`]);
  if (here.workers === 1 && here.cards < 2) choices.push(["1", "1 worker"]);
  const made = choice("Workers", "workers", choices, who.workers, (workers) => choose({ workers }));
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
  const running = job.status === "running";
  const parts = [
    running ? job.stage : job.status,
    running && job.frames_per_s && `${job.frames_per_s.toFixed(1)} frames/s`,
    running && job.left_s !== null && `${span(job.left_s)} left`,
    job.facts.frames && `${job.done} of ${job.facts.frames}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {Job} job */
function jobCard(job) {
  const waiting = jobs.filter((one) => one.status === "queued");
  const at = waiting.indexOf(job);
  /** @param {string} verb */
  const act = (verb) => said(() => call("POST", `/jobs/${job.id}/${verb}`));
  return h(
    "div",
    { class: "job", role: "listitem", id: `job-${job.id}` },
    frames[job.id] ?? h("div", { class: "frame" }),
    h("b", {}, job.file),
    h(
      "div",
      { class: "tools" },
      at > 0 && iconButton(`Render ${job.file} earlier`, "up", said(() => call("POST", `/jobs/${job.id}/move`, { before: waiting[at - 1].id })), { "data-name": `earlier-${job.id}` }),
      (job.status === "running" || job.status === "queued") && button("Cancel", act("cancel"), { "data-name": `cancel-${job.id}` }),
      (job.status === "cancelled" || job.status === "failed") && button("Resume", act("resume"), { "data-name": `resume-${job.id}` }),
      job.status !== "running" && iconButton(`Remove ${job.file} from the queue`, "cross", said(() => call("DELETE", `/jobs/${job.id}`)), { "data-name": `remove-${job.id}` }),
    ),
    h("p", { class: "facts dim small num" }, told(job)),
    h("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.file}` }),
    crew(job),
    job.message && h("p", { class: "problem facts" }, job.message),
    ...job.notes.map((note) => h("p", { class: "dim small facts" }, note)),
  );
}

/** @param {any} video */
function film(video) {
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
    h("div", { class: "row" }, h("b", { class: "grow", title: video.file }, video.file), button("Watch", () => store.tell("watch", video), { "data-name": `watch-${video.file}` }), h("a", { class: "button small", "data-name": `download-${video.file}`, href: `${url}/${video.file}?download=1`, download: video.file }, `Download ${size(video.bytes)}`)),
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
    video.files.includes(`${stem}.report.png`) && folded(`report ${video.file}`, "Motion and beats, measured", h("a", { href: `${url}/${stem}.report.png`, target: "_blank", rel: "noopener" }, h("img", { src: `${url}/${stem}.report.png`, alt: "Plot of measured change, its target and flashes over time" }))),
    h("p", { class: "links" }, ...video.files.map((/** @type {string} */ file) => h("a", { href: `${url}/${file}?download=1`, download: file }, kind(file)))),
  );
}

/** Who renders, as the server is told. */
const asked = () => ({ device: who.device, workers: Number(who.workers) || 0, cards: who.workers === "all" ? "all" : "" });

/** Adds the project as it is now to the queue. */
export const render = said(async () => {
  await store.settled();
  const job = await call("POST", `${store.path}/renders`, asked());
  toast(`${job.file} is in the queue`);
  store.tell("show", "render");
});

const ask = paused(400, async () => {
  if (!store.project.blocks.length || $("panel-render").hidden) return;
  estimating += 1;
  const question = estimating;
  estimate = null;
  draw();
  const answer = await call("POST", `${store.path}/estimate`, asked()).catch((error) => ({ error: reason(error) }));
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
  $("render").onclick = render;
  store.on("project", draw);
  store.onChange(({ settings, model, start_s, end_s, blocks }) => [settings.video, settings.model, settings.feedback, model, start_s, end_s, blocks.length], ask);
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
      if (event.frame) (frames[event.job.id] ??= h("img", { class: "frame", alt: "Latest frame" })).src = `/api/jobs/${event.job.id}/frame?n=${(seen += 1)}`;
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
  if (frames[job.id]) shown.querySelector("div.frame")?.replaceWith(frames[job.id]);
  /** @type {HTMLElement} */ (shown.querySelector(".facts")).textContent = told(job);
  shown.querySelector(".workers")?.replaceWith(crew(job));
  /** @type {HTMLProgressElement} */ (shown.querySelector("progress")).value = job.progress;
}
