// Frames: what the kernel tells of jobs, put into the rows that are there.  Pure, but for the clock.
//
// A frame holds whole rows of jobs that are new or in another state, and ids of those that went.  Of
// a job that only gets on it holds the numbers, as wire.py packs them, and the words if they are
// others than before.

/**
 * @typedef {Object} Frame
 * @property {'frame'} kind
 * @property {number} frame
 * @property {number} [after]    who has this frame, or a later one, has missed nothing
 * @property {boolean} [full]    the rows are all there are
 * @property {import('./format.js').Row[]} rows
 * @property {[number, Object][]} [said]   a row's number, and its new words
 * @property {string[]} [gone]   ids of jobs that were let go
 * @property {boolean} [ended]   the job system has stopped
 * @property {string} [notice]   what everybody should know of the store, where that is news
 */

const MOVED_BYTES = 22;      // number, done, fraction, rate, left, lines: wire.py's _MOVED
const NO_FRACTION = 65535;
const FRACTIONS = 10000;
const WORDS = ['total', 'unit', 'message', 'stages', 'counters', 'pausable'];

const received = new WeakMap();   // row -> when it came whole, in ms

/** When a row came whole: from there on its time at work is counted. @param {Object} row */
export function receivedAt(row) {
  if (!received.has(row)) received.set(row, Date.now());
  return received.get(row);
}

/** Whether a frame was missed before this one. @param {Frame} frame @param {number} have */
export function isMissing(frame, have) {
  return !frame.full && (frame.after ?? frame.frame - 1) > have;
}

/**
 * The rows after a frame: the changed ones in their old places, new ones at the end.
 * @param {import('./format.js').Row[]} rows @param {Frame} frame @param {(ArrayBuffer | DataView)[]} [buffers]
 */
export function applyFrame(rows, frame, buffers = []) {
  frame.rows.forEach(receivedAt);
  if (frame.full) return frame.rows;
  const whole = new Map(frame.rows.map(row => [row.id, row]));
  const gone = new Set(frame.gone || []);
  const moved = numbersOf(buffers[0]);
  const said = new Map(frame.said || []);
  const kept = rows.filter(row => !gone.has(row.id)).map(row => {
    const now = whole.get(row.id) || movedOn(row, moved.get(row.number), said.get(row.number));
    whole.delete(row.id);
    return now;
  });
  return [...kept, ...whole.values()];
}

/** The same job, further on; the row itself where there is no news. */
function movedOn(row, numbers, words) {
  if (!numbers && !words) return row;
  const now = { ...row };
  if (words) for (const key of WORDS) put(now, key, words[key]);
  if (numbers) for (const key of Object.keys(numbers)) put(now, key, numbers[key]);
  received.set(now, receivedAt(row));
  return now;
}

/** A key that has nothing to say is left out, as in a row that came whole. */
function put(row, key, value) {
  if (value === undefined) delete row[key];
  else row[key] = value;
}

/** @param {ArrayBuffer | DataView | undefined} buffer */
function numbersOf(buffer) {
  const found = new Map();
  if (!buffer) return found;
  const view = buffer instanceof ArrayBuffer ? new DataView(buffer) : buffer;
  for (let at = 0; at + MOVED_BYTES <= view.byteLength; at += MOVED_BYTES) {
    const fraction = view.getUint16(at + 8, true);
    found.set(view.getUint32(at, true), {
      done: finite(view.getFloat32(at + 4, true)) || undefined,
      fraction: fraction === NO_FRACTION ? undefined : fraction / FRACTIONS,
      rate: finite(view.getFloat32(at + 10, true)),
      left: finite(view.getFloat32(at + 14, true)),
      lines: view.getUint32(at + 18, true) || undefined
    });
  }
  return found;
}

function finite(number) {
  return Number.isFinite(number) ? number : undefined;
}
