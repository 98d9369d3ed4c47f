// The open project: what the server says of it, and changes, one after the other, each from the newest revision.

import { ApiError, call } from "./api.js";
import { reason, toast } from "./dom.js";

/** @typedef {import("./types.js").Project} Project */

class Store extends EventTarget {
  /** @type {Project} */
  project = /** @type {any} */ (null);
  /** @type {import("./types.js").Options} */
  options = /** @type {any} */ (null);
  /** @type {number|null} index of the chosen block */
  selected = null;
  /** @type {[number, number]|null} the stretch that is marked on the timeline */
  range = null;
  snapping = true;
  /** @type {import("./types.js").Settings|null} settings that are being tried and not saved yet */
  draft = null;
  /** @type {import("./types.js").Rule[]} rules whose curves are drawn */
  drawn = [];
  /** @type {Set<Promise<void>>} values that the server is asked about before they are taken */
  checks = new Set();
  saving = 0;
  _newest = 0; // revision that was heard of
  /** @type {Promise<any>} */
  _last = Promise.resolve();

  /** @param {string} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {string} name @param {(detail: any) => void} listener */
  on(name, listener) {
    this.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }

  /** Calls a listener when a part of the project is another. @param {(project: Project) => any} part @param {() => void} listener */
  onChange(part, listener) {
    let before = "";
    this.on("project", () => {
      const now = JSON.stringify(part(this.project));
      if (now === before) return;
      before = now;
      listener();
    });
  }

  get path() {
    return `/projects/${this.project.id}`;
  }

  get heard() {
    return this.project?.heard ?? null;
  }

  get duration() {
    return this.project?.heard?.duration_s ?? 0;
  }

  /** @param {Project} project */
  take(project) {
    if (this.project && project.id === this.project.id && project.revision < this.project.revision) return;
    const before = this.project;
    this.project = project;
    if (this.selected !== null && this.selected >= project.blocks.length) this.selected = null;
    if (!before || before.grid_revision !== project.grid_revision || Boolean(before.heard) !== Boolean(project.heard)) this.tell("grid");
    this.tell("project");
  }

  async reload() {
    this.take(await call("GET", this.path));
  }

  /**
   * Fetches the project where another tab has changed it; while a change of this one is under way, after its answer.
   * @param {number} revision
   */
  hear(revision) {
    this._newest = Math.max(this._newest, revision);
    if (!this.saving && (this._newest > this.project.revision || !this.project.heard)) this.reload().catch(() => {});
  }

  /**
   * Does something that answers with the project; one at a time. A stale change is not made, and the newest state shown.
   * @param {(revision: number) => Promise<Project>} work
   * @returns {Promise<boolean>} whether it was done
   */
  async commit(work) {
    this.saving += 1;
    this.tell("saving");
    this._last = this._last.then(async () => {
      try {
        this.take(await work(this.project.revision));
        return true;
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) await this.reload().catch(() => {});
        toast(reason(error), true);
        this.tell("project"); // what was drawn ahead of the answer is drawn back
        return false;
      } finally {
        this.saving -= 1;
        this.tell("saving");
        if (this._newest > this.project.revision) this.hear(this._newest);
      }
    });
    return this._last;
  }

  /** @param {Record<string, any>} values @param {string} [gesture] */
  change(values, gesture = "") {
    return this.commit((revision) => call("PATCH", this.path, { revision, gesture, ...values }));
  }

  /**
   * Changes the blocks as they are when it is this change's turn: what was typed a moment before is among them. There is
   * no change where `make` gives them back.
   * @param {(blocks: import("./types.js").Block[]) => import("./types.js").Block[]} make
   * @param {string} [gesture]
   */
  lay(make, gesture = "") {
    return this.commit(async (revision) => {
      if (!this.project.blocks.length) throw new Error("the prompts have a mistake; put their text right first");
      const made = make(this.project.blocks);
      if (made === this.project.blocks) return this.project;
      return call("PATCH", this.path, { revision, gesture, blocks: made.map(({ place, ...block }) => block) });
    });
  }

  /** Waits until the project has everything that was typed before. */
  async settled() {
    await Promise.all(this.checks);
    this.tell("flush");
    await this._last;
  }

  /** @param {Record<string, any>} correction */
  correct(correction) {
    return this.commit((revision) => call("POST", `${this.path}/grid`, { revision, ...correction }));
  }

  /** @param {boolean} [again] */
  async undo(again = false) {
    const done = await this.commit((revision) => call("POST", `${this.path}/${again ? "redo" : "undo"}`, { revision }));
    if (done) toast(this.project.did ? `${again ? "Redid" : "Undid"}: ${this.project.did}` : `Nothing to ${again ? "redo" : "undo"}`);
  }

  /** @param {number|null} index */
  select(index) {
    if (this.selected === index) return;
    this.selected = index;
    this.tell("select");
  }

  /** @param {[number, number]|null} range */
  mark(range) {
    this.range = range;
    this.tell("range");
  }

  /** Index of the block at a moment. @param {number} time */
  blockAt(time) {
    return Math.max(0, this.project.blocks.findLastIndex((block) => block.time_s <= time + 1e-6));
  }

  /** @param {number} index */
  endOf(index) {
    return this.project.blocks[index + 1]?.time_s ?? this.duration;
  }
}

export const store = new Store();
