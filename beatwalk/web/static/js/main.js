// Begins: the start page, or the project that the address names.

import { ApiError, call, follow } from "./api.js";
import { beginBlocks } from "./blocks.js";
import { $, icon, reason, toast } from "./dom.js";
import { beginKeys } from "./keys.js";
import { beginBeat } from "./panel-beat.js";
import { beginLook } from "./panel-look.js";
import { beginPrompts } from "./panel-prompts.js";
import { beginRender, render } from "./panel-render.js";
import { player } from "./player.js";
import { beginStage } from "./stage.js";
import { begin, refuse, showStart, takeDrops } from "./start.js";
import { beginStills } from "./stills.js";
import { store } from "./store.js";
import { beginTimeline } from "./timeline.js";

const TABS = ["prompts", "beat", "look", "render"];

/** @param {string} name @param {boolean} [focus] */
function showTab(name, focus = false) {
  for (const one of TABS) {
    const tab = $(`tab-${one}`);
    const chosen = one === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    $(`panel-${one}`).hidden = !chosen;
    if (chosen && focus) tab.focus();
  }
  store.tell("tab", name);
}

function beginTabs() {
  for (const name of TABS) {
    $(`tab-${name}`).onclick = () => showTab(name);
    $(`tab-${name}`).onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (by) showTab(TABS[(TABS.indexOf(name) + by + TABS.length) % TABS.length], true);
    };
  }
  store.on("show", (name) => showTab(name));
}

function beginBar() {
  $("undo").onclick = () => store.undo();
  $("redo").onclick = () => store.undo(true);
  $("render-now").onclick = () => render();
  $("project-name").onchange = () => store.change({ name: $("project-name").value });
  $("play").onclick = () => player.toggle();
  const toggle = (/** @type {string} */ id, /** @type {(on: boolean) => void} */ change) => {
    $(id).onclick = () => {
      const on = $(id).getAttribute("aria-pressed") !== "true";
      $(id).setAttribute("aria-pressed", String(on));
      change(on);
    };
  };
  toggle("loop", (on) => {
    player.looping = on;
    if (on && !store.range) toast("Drag over the waveform to mark what loops");
  });
  toggle("click", (on) => player.click(on));
  toggle("snap", (on) => (store.snapping = on));
  player.addEventListener("state", () => {
    $("play").setAttribute("aria-pressed", String(player.playing));
    $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
    $("play").replaceChildren(icon(player.playing ? "pause" : "play"));
  });
  store.on("project", () => {
    const { project } = store;
    $("studio-title").textContent = project.name;
    document.title = `${project.name} – beatwalk`;
    if (document.activeElement !== $("project-name")) $("project-name").value = project.name;
    $("undo").disabled = !project.undo;
    $("redo").disabled = !project.redo;
    $("undo").title = project.undo ? `Undo: ${project.undo}` : "Nothing to undo";
    $("redo").title = project.redo ? `Redo: ${project.redo}` : "Nothing to redo";
    $("render-now").disabled = !project.blocks.length;
  });
  store.on("saving", () => ($("saved").textContent = store.saving ? "saving …" : "saved"));
}

/** @param {any} event */
function see(event) {
  if (!store.project) return;
  if (event.kind === "project" && event.id === store.project.id) store.hear(event.revision);
  else if (event.kind === "waveform" && event.id === store.project.id) store.tell("waveform");
  else if (event.kind === "still" && event.project === store.project.id) store.tell("still", event);
  else store.tell("event", event);
}

/** @param {string} id */
async function open(id) {
  const [project, options] = await Promise.all([call("GET", `/projects/${encodeURIComponent(id)}`), call("GET", "/options")]);
  $("studio").hidden = false;
  store.options = options;
  for (const setUp of [beginStills, beginTimeline, beginBlocks, beginTabs, beginBar, beginKeys, beginStage, beginPrompts, beginBeat, beginRender]) setUp();
  store.take(project);
  store.tell("song");
  await beginLook();
  store.take(project);
  store.tell("project");
  if (project.song) player.audio.src = `/api${store.path}/sound`;
  follow(see, (first) => {
    store.reload().catch(() => {});
    if (!first) store.tell("song");
  });
  takeDrops((files) => {
    const prompts = files.find((file) => file.name.toLowerCase().endsWith(".txt"));
    if (prompts && files.length === 1) prompts.text().then((text) => store.change({ prompts: text }));
    else begin(files);
  });
  window.addEventListener("pagehide", () => player.audio.pause());
}

const wanted = new URLSearchParams(window.location.search).get("project");
try {
  if (wanted) await open(wanted);
  else {
    takeDrops(begin);
    await showStart();
  }
} catch (error) {
  if (error instanceof ApiError && error.status === 404) window.location.replace("/");
  else {
    $("start").hidden = false;
    refuse(reason(error));
  }
}
