// Which part of the song the timeline shows, and where a moment lies in it.

const SHORTEST_S = 1.5;

class View extends EventTarget {
  start = 0;
  span = 10;
  total = 10;
  width = 800;

  /** @param {number} total */
  open(total) {
    this.total = Math.max(total, 0.1);
    this.fit();
  }

  fit() {
    this.set(0, this.total);
  }

  /** @param {number} start @param {number} span */
  set(start, span) {
    this.span = Math.min(Math.max(span, Math.min(SHORTEST_S, this.total)), this.total);
    this.start = Math.min(Math.max(0, start), this.total - this.span);
    this.dispatchEvent(new Event("change"));
  }

  /** Zooms about a moment, which stays where it is. @param {number} factor above 1 shows less @param {number} time */
  zoom(factor, time) {
    const span = Math.min(Math.max(this.span / factor, Math.min(SHORTEST_S, this.total)), this.total);
    const part = (time - this.start) / this.span;
    this.set(time - part * span, span);
  }

  /** Shows a moment, turning the page where it lies outside. @param {number} time */
  follow(time) {
    if (time < this.start || time > this.start + 0.94 * this.span) this.set(time - 0.08 * this.span, this.span);
  }

  get end() {
    return this.start + this.span;
  }

  /** @param {number} time */
  x(time) {
    return ((time - this.start) / this.span) * this.width;
  }

  /** @param {number} x */
  time(x) {
    return Math.min(Math.max(0, this.start + (x / this.width) * this.span), this.total);
  }
}

export const view = new View();
