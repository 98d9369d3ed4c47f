// The waveform's lowest and highest values, kept at several scales so that an hour draws as fast as a minute.

const FACTOR = 8;

export class Wave {
  /** @param {Int8Array} pairs lowest and highest, in turn @param {number} rate_hz of the pairs */
  constructor(pairs, rate_hz) {
    this.rate_hz = rate_hz;
    this.levels = [pairs];
    this.peak = pairs.reduce((peak, value) => Math.max(peak, Math.abs(value)), 1);
    while (this.levels[this.levels.length - 1].length > 2 * 2 * FACTOR * 200) this.levels.push(coarser(this.levels[this.levels.length - 1]));
  }

  /**
   * The lowest and highest value of each column, as parts of the peak.
   * @param {number} start seconds
   * @param {number} span seconds
   * @param {number} columns
   */
  columns(start, span, columns) {
    const wanted = (span * this.rate_hz) / columns; // pairs a column
    let level = 0;
    while (level + 1 < this.levels.length && FACTOR ** (level + 1) <= wanted) level += 1;
    const pairs = this.levels[level];
    const rate = this.rate_hz / FACTOR ** level;
    const found = new Float32Array(2 * columns);
    for (let column = 0; column < columns; column += 1) {
      const first = Math.floor((start + (column / columns) * span) * rate);
      const last = Math.max(first + 1, Math.floor((start + ((column + 1) / columns) * span) * rate));
      let low = 0;
      let high = 0;
      for (let i = first; i < last && 2 * i + 1 < pairs.length; i += 1) {
        if (pairs[2 * i] < low) low = pairs[2 * i];
        if (pairs[2 * i + 1] > high) high = pairs[2 * i + 1];
      }
      found[2 * column] = low / this.peak;
      found[2 * column + 1] = high / this.peak;
    }
    return found;
  }
}

/** @param {Int8Array} pairs */
function coarser(pairs) {
  const count = Math.ceil(pairs.length / 2 / FACTOR);
  const made = new Int8Array(2 * count);
  for (let i = 0; i < count; i += 1) {
    let low = 127;
    let high = -128;
    for (let j = i * FACTOR; j < Math.min((i + 1) * FACTOR, pairs.length / 2); j += 1) {
      low = Math.min(low, pairs[2 * j]);
      high = Math.max(high, pairs[2 * j + 1]);
    }
    made[2 * i] = low;
    made[2 * i + 1] = high;
  }
  return made;
}
