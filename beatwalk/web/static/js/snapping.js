// Where things snap to: beats, bars and the boundaries of sections.

import { lowerBound } from "./dom.js";
import { store } from "./store.js";
import { view } from "./view.js";

const NEAR_PX = 14;

/** The nearest of some increasing moments. @param {number[]} moments @param {number} time */
export function nearest(moments, time) {
  const after = lowerBound(moments, time);
  const candidates = [moments[after - 1], moments[after]].filter((moment) => moment !== undefined);
  return candidates.sort((a, b) => Math.abs(a - time) - Math.abs(b - time))[0];
}

/**
 * A moment, moved to a beat near it; to a bar or a section where beats lie too close together to be told apart.
 * @param {number} time
 * @param {boolean} [always] however far the beat is
 */
export function snapped(time, always = false) {
  const heard = store.heard;
  if (!heard || (!store.snapping && !always)) return time;
  const near = (NEAR_PX / view.width) * view.span;
  const starts = heard.sections.map((section) => section.start);
  const between = 60 / Math.max(heard.tempo_bpm, 1);
  const grids = between > near ? [starts, heard.beats] : [starts, heard.downbeats, heard.beats];
  for (const grid of grids) {
    const found = nearest(grid, time);
    if (found === undefined || Math.abs(found - time) > near) continue;
    const beat = nearest(heard.beats, found); // on which a section's start is put, if it is near
    return grid === starts && Math.abs(beat - found) <= near ? beat : found;
  }
  const beat = nearest(heard.beats, time);
  return beat !== undefined && (always || Math.abs(beat - time) <= Math.max(near, between * 0.51)) ? beat : time;
}

/**
 * The beat or bar before or after a moment; a second where there are none.
 * @param {number} time
 * @param {number} by -1 or 1
 * @param {boolean} bars
 */
export function stepped(time, by, bars) {
  const heard = store.heard;
  const grid = (bars ? heard?.downbeats : heard?.beats) ?? [];
  const at = by > 0 ? lowerBound(grid, time + 1e-3) : lowerBound(grid, time - 1e-3) - 1;
  return grid[at] ?? Math.min(Math.max(0, time + by), store.duration);
}

/** Bar and beat at a moment, counted from 1; 0 before the first bar. @param {number} time */
export function position(time) {
  const heard = store.heard;
  if (!heard || !heard.downbeats.length) return { bar: 0, beat: 0 };
  const bar = lowerBound(heard.downbeats, time + 1e-3);
  const first = bar ? heard.downbeats[bar - 1] : 0;
  return { bar, beat: lowerBound(heard.beats, time + 1e-3) - lowerBound(heard.beats, first - 1e-3) };
}
