// The picture: a finished video or a preview that plays with the song, a frame of a render that is not finished, or a
// still of the prompt.

import { call } from "./api.js";
import { $, paused, said, showText, toast } from "./dom.js";
import { player } from "./player.js";
import { snapped } from "./snapping.js";
import { stillOf } from "./stills.js";
import { store } from "./store.js";

const DRIFT_S = 0.09; // a film farther than this from the song is moved
const PREVIEW_BARS = 4;
const MAX_PREVIEW_S = 60;
const STEP_S = 0.5; // between frames of an unfinished render, while the song plays

/** @typedef {{url: string, start: number, length: number, name: string}} Film */
/** @type {Film|null} */
let film = null;
/** @type {Film|null} */
let preview = null;
/** @type {{key: string, start: number, end: number}|null} */
let awaited = null;
/** @type {import("./types.js").Job[]} of this project, not done */
let jobs = [];
let fetching = false; // a picture is on its way; the next frame waits for it

/** The film that shows the moment that is heard. */
function filmNow() {
  const time = player.time;
  return [preview, film].find((one) => one && time >= one.start - 0.02 && time < one.start + one.length) ?? null;
}

/** @param {import("./types.js").Job} job @param {number} frame */
const timeOf = (job, frame) => (job.facts.start_s ?? 0) + frame / rate(job.facts.fps);

/** The frame at the playhead of a render that is not finished: of the running one, else of the newest that has it. */
function frameNow() {
  const running = jobs.find((job) => job.status === "running");
  if (filmNow() && (player.playing || !running)) return null;
  const job = [running, ...jobs.slice().reverse()].find((one) => one?.spans.some(([first, last]) => player.time >= timeOf(one, first) && player.time < timeOf(one, last - 0.5)));
  if (!job) return null;
  const step = player.playing ? STEP_S : 1 / rate(job.facts.fps);
  const time = timeOf(job, 0) + Math.floor((player.time - timeOf(job, 0)) / step + 1e-6) * step;
  return `/api/jobs/${job.id}/frame?time_s=${time.toFixed(3)}&n=${job.whole}`; // asked again in full size
}

/** The frame that was rendered last, where its prompt is the one at the playhead. */
function latestNow() {
  const running = jobs.find((job) => job.status === "running" && job.done);
  if (!running || running.rows.length || !store.project.blocks.length || store.blockAt(timeOf(running, running.done - 1)) !== store.blockAt(player.time)) return null;
  return `/api/jobs/${running.id}/frame?n=${running.done}`;
}

function show() {
  if (!store.project) return;
  const video = /** @type {HTMLVideoElement} */ ($("film"));
  const still = /** @type {HTMLImageElement} */ ($("still"));
  const { blocks } = store.project;
  const block = blocks.length ? blocks[store.blockAt(player.time)] : null;
  $("now-prompt").textContent = block?.prompt ?? "";
  const frame = frameNow();
  const now = frame ? null : filmNow();
  const latest = frame || now ? null : latestNow();
  const picture = now ? null : frame ?? latest ?? (block && stillOf(block));
  video.hidden = !now;
  still.hidden = !picture;
  if (picture && still.getAttribute("src") !== picture && !(frame && fetching)) {
    fetching = true;
    still.src = picture;
  }
  still.alt = block?.prompt ?? "";
  showText($("stage-badge"), now ? now.name : frame ? "rendered" : latest ? "latest frame" : picture ? "still" : "");
  $("stage-empty").hidden = Boolean(now || picture);
  if (!now && !picture) showEmpty();
  if (now) {
    if (video.getAttribute("src") !== now.url) video.src = now.url;
    follow(video, now);
  } else if (!video.paused) video.pause();
}

/** Keeps a film with the song. @param {HTMLVideoElement} video @param {Film} now */
function follow(video, now) {
  const wanted = player.time - now.start;
  if (player.playing && video.paused) video.play().catch(() => {});
  if (!player.playing && !video.paused) video.pause();
  if (Math.abs(video.currentTime - wanted) > (player.playing ? DRIFT_S : 0.02) && !video.seeking) video.currentTime = Math.max(0, wanted);
}

function showEmpty() {
  const { project } = store;
  const [title, text] = !project.song
    ? ["No song yet", "Drop one onto the page."]
    : !project.heard
      ? project.problem ? ["This song cannot be read", project.problem.error] : ["Listening …", "Beats, bars and sections appear in a few seconds."]
      : !project.blocks.length
        ? ["What should it look like?", "Write a prompt on the right, one a line. Each becomes a block below that you can drag to its beat."]
        : ["The first picture is on its way", "Loading the model takes a few seconds the first time."];
  if ($("empty-title").textContent === title) return;
  $("empty-title").textContent = title;
  $("empty-text").textContent = text;
}

/** The stretch that a preview shows: the marked one, or some bars around the playhead. @returns {[number, number]} */
function stretch() {
  if (store.range) return [store.range[0], Math.min(store.range[1], store.range[0] + MAX_PREVIEW_S)];
  const length = (60 / Math.max(store.heard?.tempo_bpm ?? 120, 40)) * 4 * PREVIEW_BARS;
  const start = snapped(Math.max(0, Math.min(player.time, store.duration - length)), true);
  return [start, Math.min(start + length, store.duration)];
}

/** Makes a preview of the stretch. */
const makePreview = said(async (/** @type {[number, number]|undefined} */ again) => {
  const [start_s, end_s] = again ?? stretch();
  const answer = await call("POST", `${store.path}/preview`, { start_s, end_s, settings: store.draft ?? {} });
  awaited = { key: answer.key, start: start_s, end: end_s };
  if (answer.ready) ready();
  else {
    $("stage-progress").hidden = false;
    $("stage-progress").removeAttribute("value");
  }
  if (!again && !store.range) store.mark([start_s, end_s]);
});

function ready() {
  if (!awaited) return;
  $("stage-progress").hidden = true;
  const first = !preview;
  preview = { url: `/api${store.path}/previews/${awaited.key}`, start: awaited.start, length: awaited.end - awaited.start, name: "preview" };
  if (first && !player.playing && !filmNow()) player.time = preview.start;
  show();
}

const live = paused(350, () => {
  if ($("live").checked && preview) makePreview([preview.start, preview.start + preview.length]);
});

/** Frames a second, from a number or a fraction. @param {string} fps */
function rate(fps) {
  const [above, below] = fps.split("/").map(Number);
  return above / (below || 1);
}

/** Sets up once. */
export function beginStage() {
  for (const name of ["move", "state"]) player.addEventListener(name, show);
  for (const name of ["project", "stills", "view"]) store.on(name, show);
  for (const name of ["project", "draft"]) store.on(name, live);
  $("preview").onclick = () => makePreview(undefined);
  $("live").onchange = () => ($("live").checked && !preview ? makePreview(undefined) : live());
  store.on("event", (event) => {
    if (event.kind !== "preview" || event.project !== store.project.id || event.key !== awaited?.key) return;
    if (event.problem) toast(event.problem.error, true);
    if (event.problem || event.cancelled) $("stage-progress").hidden = true;
    else if (event.ready) ready();
    else $("stage-progress").value = event.progress;
  });
  store.on("jobs", (/** @type {import("./types.js").Job[]} */ all) => {
    jobs = all.filter((job) => job.project === store.project.id && job.status !== "done");
    show();
  });
  $("still").onload = $("still").onerror = () => {
    fetching = false;
    show();
  };
  store.on("watch", (video) => {
    preview = null;
    film = asFilm(video);
    player.time = film.start;
    if (!player.playing) player.toggle();
    show();
  });
  store.on("finished", (videos) => {
    const newest = videos.length ? asFilm(videos[0]) : null;
    if (newest && film && newest.url !== film.url) preview = null;
    film = newest;
    show();
  });
  store.on("song", () => {
    film = preview = awaited = null;
  });
}

/** @param {any} video @returns {Film} */
const asFilm = (video) => ({ url: `/api${store.path}/videos/${video.file}`, start: video.start_s, length: video.duration_s, name: video.file });
