// Plays the song: where it is, loops, and a click track in time with it.

import { lowerBound } from "./dom.js";
import { nearest } from "./snapping.js";
import { store } from "./store.js";

const AHEAD_S = 0.12; // clicks are scheduled this far ahead
const BEAT_HZ = 1000;
const DOWNBEAT_HZ = 1600;

class Player extends EventTarget {
  constructor() {
    super();
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.looping = false;
    this.clicking = false;
    /** @type {AudioContext|null} */
    this._context = null;
    this._clicked = 0; // song time up to which clicks are scheduled
    this._seen = { at: 0, time: 0 };
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this._changed());
    this.audio.addEventListener("seeked", () => {
      this._clicked = this.time;
      this.dispatchEvent(new Event("move"));
    });
  }

  get playing() {
    return !this.audio.paused;
  }

  /** The moment that is heard, smoother than the element tells it. */
  get time() {
    const told = this.audio.currentTime;
    const now = performance.now() / 1000;
    if (!this.playing) return told;
    if (told !== this._seen.time) this._seen = { at: now, time: told };
    return Math.min(told + Math.min(now - this._seen.at, 0.25) * this.audio.playbackRate, this.audio.duration || Infinity);
  }

  set time(seconds) {
    this.audio.currentTime = Math.max(0, Math.min(seconds, store.duration || seconds));
    this._seen = { at: performance.now() / 1000, time: this.audio.currentTime };
    this._clicked = this.audio.currentTime;
    this.dispatchEvent(new Event("move"));
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else {
      const range = store.range;
      if (this.looping && range && (this.time < range[0] || this.time >= range[1] - 0.02)) this.time = range[0];
      this._context?.resume();
      this.audio.play().catch(() => {});
    }
  }

  /** @param {boolean} on */
  click(on) {
    this.clicking = on;
    this._clicked = this.time;
    if (on && !this._context) {
      // The song goes through the same context, so that song and clicks are late by the same time.
      this._context = new AudioContext();
      this._context.createMediaElementSource(this.audio).connect(this._context.destination);
    }
    this._context?.resume();
  }

  _changed() {
    this._clicked = this.audio.currentTime;
    this.dispatchEvent(new Event("state"));
    if (this.playing) requestAnimationFrame(() => this._tick());
  }

  _tick() {
    if (!this.playing) return;
    const range = store.range;
    if (this.looping && range && this.time >= range[1] && this.time < range[1] + 0.5) this.time = range[0];
    if (this.clicking && this._context) this._schedule(this._context);
    this.dispatchEvent(new Event("move"));
    requestAnimationFrame(() => this._tick());
  }

  /** @param {AudioContext} context */
  _schedule(context) {
    const heard = store.heard;
    if (!heard) return;
    const now = this.time;
    const until = now + AHEAD_S;
    for (let i = lowerBound(heard.beats, Math.max(now, this._clicked)); i < heard.beats.length && heard.beats[i] < until; i += 1) {
      const strong = Math.abs((nearest(heard.downbeats, heard.beats[i]) ?? -1) - heard.beats[i]) < 2e-3;
      const at = context.currentTime + (heard.beats[i] - now);
      const tone = new OscillatorNode(context, { frequency: strong ? DOWNBEAT_HZ : BEAT_HZ });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(strong ? 0.5 : 0.35, at);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.03);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.04);
    }
    this._clicked = until;
  }
}

export const player = new Player();
