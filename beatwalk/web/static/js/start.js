// The start page: drop or choose a song, try the example, or open a recent project.

import { call, upload } from "./api.js";
import { $, h, reason, showText, span } from "./dom.js";

/** @param {string} id */
const visit = (id) => window.location.assign(`/?project=${encodeURIComponent(id)}`);

/** Says why there is no project. @param {string} why */
export const refuse = (why) => showText($("start-problem"), why);

/** Makes a project of dropped or chosen files: a song, perhaps with a prompt file. @param {File[]} files */
export async function begin(files) {
  const prompts = files.find((file) => file.name.toLowerCase().endsWith(".txt"));
  const song = files.find((file) => file !== prompts);
  refuse("");
  if (!song) return refuse(prompts ? "That is a prompt file. Drop the song with it." : "That is not a file.");
  $("upload").hidden = false;
  $("upload-text").textContent = `Copying ${song.name} …`;
  let made = "";
  try {
    made = (await call("POST", "/projects", { name: song.name.replace(/\.[^.]+$/, "") })).id;
    await upload(`/projects/${made}/song`, song, (part) => ($("upload-bar").value = part));
    if (prompts) await call("PATCH", `/projects/${made}`, { prompts: await prompts.text() });
    visit(made);
  } catch (error) {
    if (made) await call("DELETE", `/projects/${made}`).catch(() => {});
    $("upload").hidden = true;
    refuse(reason(error));
  }
}

/** Shows the start page. */
export async function showStart() {
  $("start").hidden = false;
  $("song-file").onchange = () => begin([...$("song-file").files]);
  $("try-example").onclick = async () => {
    $("try-example").disabled = true;
    try {
      visit((await call("POST", "/projects", { example: true })).id);
    } catch (error) {
      refuse(reason(error));
      $("try-example").disabled = false;
    }
  };
  const recent = await call("GET", "/projects");
  $("recent").hidden = !recent.length;
  $("steps").hidden = recent.length > 3;
  $("recent-list").replaceChildren(...recent.slice(0, 12).map(recentItem));
}

/** @param {any} one a project */
function recentItem(one) {
  const videos = one.videos ? `${one.videos} ${one.videos === 1 ? "video" : "videos"} · ` : "";
  const link = h(
    "a",
    { href: `/?project=${one.id}` },
    one.still ? h("img", { src: `/api/projects/${one.id}/stills/${one.still}`, alt: "" }) : h("span", { class: "blank", "aria-hidden": "true" }),
    h("span", { class: "name" }, one.name),
    h("span", { class: "dim small grow" }, one.song || "no song yet"),
    h("span", { class: "dim small num" }, `${videos}${span(one.ago_s)} ago`),
  );
  return h("li", {}, link);
}

/** Lets files be dropped anywhere on the page. @param {(files: File[]) => void} take */
export function takeDrops(take) {
  const zone = $("drop");
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  window.addEventListener("dragleave", () => zone.classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
