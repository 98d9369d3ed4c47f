// Shapes of what the server sends, as far as the page reads it. Times are seconds of the song.

/** @typedef {{start: number, end: number, label: string}} Section */
/**
 * @typedef {object} Heard
 * @property {number} duration_s
 * @property {number} tempo_bpm
 * @property {number[]} beats
 * @property {number[]} beat_confidence
 * @property {number[]} downbeats
 * @property {number[]} beats_per_bar
 * @property {number[]} onsets
 * @property {number[]} onset_strength
 * @property {Record<string, {times: number[], strength: number[]}>} drums
 * @property {Section[]} sections
 * @property {number|null} drop
 */
/**
 * @typedef {object} Block
 * @property {number} time_s
 * @property {string} prompt
 * @property {string} [place]
 * @property {string|null} [negative]
 * @property {number|null} [seed]
 * @property {string|null} [image]
 * @property {number|null} [strength]
 */
/** @typedef {{error: string, kind: string, line?: number, column?: number}} Problem */
/**
 * @typedef {object} Project
 * @property {string} id
 * @property {string} name
 * @property {number} revision
 * @property {number} grid_revision
 * @property {Problem|null} problem
 * @property {{name: string}|null} song
 * @property {string} prompts
 * @property {Block[]} blocks
 * @property {Problem|null} prompt_problem
 * @property {Settings} settings
 * @property {string} preset
 * @property {string[]} file_sources of stems, MIDI files and curves that the preset names
 * @property {string|null} model
 * @property {number} start_s
 * @property {number|null} end_s
 * @property {number[]} anchors
 * @property {string|null} undo
 * @property {string|null} redo
 * @property {boolean} waveform
 * @property {Heard|null} heard
 * @property {string|null} [did]
 */
/** @typedef {Record<string, any>} Settings */
/**
 * @typedef {object} Rule
 * @property {string} source
 * @property {number} amount
 * @property {"level"|"rate"} kind
 * @property {number} attack_ms
 * @property {number} release_ms
 * @property {string} curve
 * @property {number} every
 * @property {number} offset_beats
 * @property {string} [when]
 * @property {number|null} [gate]
 * @property {string} [hold]
 * @property {{hz: number, damping: number, response: number}|null} [smooth]
 */
/** @typedef {{level: number, rate: number, expression: string, rules: Rule[]}} Modulated */
/** @typedef {{path: string, name: string, unit: string, reach: number, low: number}} Target */
/**
 * @typedef {object} Options
 * @property {{name: string, family: string, size: number[]|null, steps: number|null}[]} models
 * @property {{name: string, width: number, height: number}[]} aspects
 * @property {{name: string, suffix: string}[]} codecs
 * @property {string[]} trackers
 * @property {string[]} fps
 * @property {{name: string, text: string, kind: string}[]} sources
 * @property {{name: string, text: string, example: string}[]} functions of expressions
 * @property {string[]} curves
 * @property {string[]} holds
 * @property {Target[]} targets
 */
/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} project
 * @property {string} file
 * @property {Record<string, any>} facts
 * @property {"queued"|"running"|"done"|"failed"|"cancelled"} status
 * @property {string} stage
 * @property {number} progress
 * @property {number|null} left_s
 * @property {number|null} frames_per_s
 * @property {number} done
 * @property {[number, number][]} spans of frames that are there
 * @property {number} whole segments that are finished
 * @property {{worker: number, state: string, node: string, device: string, segment: number|null, done: number, frames_per_s: number|null}[]} rows of workers
 * @property {string} message
 * @property {string[]} notes
 */
/** @typedef {{rate_hz: number, speed: number[], shaped: number[][]}} Curves */

export {};
