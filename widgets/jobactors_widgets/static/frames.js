// Applies frames, the changes of jobs that the kernel sends, to the present rows.  Pure.
//
// A frame holds whole rows of jobs that are new or in another state, and ids of removed ones.  For a job
// that only progressed it holds the numbers, as wire.py packs them, and the words if they differ.

/**
 * @typedef {Object} Frame
 * @property {'frame'} kind
 * @property {number} frame
 * @property {number} [after]    with this frame, or a later one, nothing was missed
 * @property {number} [now]      when it was sent, in seconds since the epoch by the kernel's clock
 * @property {boolean} [full]    the rows are all there are
 * @property {import('./format.js').Row[]} rows
 * @property {[number, Object][]} [said]   a row's number, and its new words
 * @property {string[]} [gone]   ids of removed jobs and batches
 * @property {string[]} [folded] ids of batches whose items are sent no more
 * @property {boolean} [ended]   the job system has stopped
 * @property {string} [notice]   a warning about the store, if it has changed
 * @property {import('./scheduled.js').Scheduled[]} [schedules]   all of them, if one has changed
 */

const MOVED_BYTES = 22;      // number, done, fraction, rate, left, lines: wire.py's _MOVED
const NO_FRACTION = 65535;
const FRACTIONS = 10000;
const WORDS = ['total', 'unit', 'message', 'stages', 'counters', 'pausable'];

/** Returns whether a frame was missed before this one. @param {Frame} frame @param {number} have */
export function isMissing(frame, have) {
  return !frame.full && (frame.after ?? frame.frame - 1) > have;
}

/**
 * Returns the rows after a frame: the changed ones in their old places, new ones at the end.
 * @param {import('./format.js').Row[]} rows @param {Frame} frame @param {(ArrayBuffer | DataView)[]} [buffers]
 */
export function applyFrame(rows, frame, buffers = []) {
  if (frame.full) return frame.rows;
  const whole = new Map(frame.rows.map(row => [row.id, row]));
  const gone = new Set(frame.gone || []);
  const moved = numbersOf(buffers[0], frame.now);
  const said = new Map(frame.said || []);
  const folded = new Set([...gone, ...(frame.folded || [])]);
  const remaining = rows.filter(row => !gone.has(row.id) && !folded.has(row.batch)).map(row => {
    const now = whole.get(row.id) || movedOn(row, moved.get(row.number), said.get(row.number));
    whole.delete(row.id);
    return now;
  });
  return [...remaining, ...whole.values()];
}

/** Returns the row of a job that progressed; the row itself if nothing changed. */
function movedOn(row, numbers, words) {
  if (!numbers && !words) return row;
  const now = { ...row };
  if (words) for (const key of WORDS) put(now, key, words[key]);
  if (numbers) for (const key of Object.keys(numbers)) put(now, key, numbers[key]);
  return now;
}

/** Sets a key; one without a value is left out, as in a row that came whole. */
function put(row, key, value) {
  if (value === undefined) delete row[key];
  else row[key] = value;
}

/** @param {ArrayBuffer | DataView | undefined} buffer @param {number | undefined} now */
function numbersOf(buffer, now) {
  const found = new Map();
  if (!buffer) return found;
  const view = buffer instanceof ArrayBuffer ? new DataView(buffer) : buffer;
  for (let at = 0; at + MOVED_BYTES <= view.byteLength; at += MOVED_BYTES) {
    const fraction = view.getUint16(at + 8, true);
    found.set(view.getUint32(at, true), {
      done: finite(view.getFloat32(at + 4, true)) || undefined,
      fraction: fraction === NO_FRACTION ? undefined : fraction / FRACTIONS,
      rate: finite(view.getFloat32(at + 10, true)),
      eta: finite(now + view.getFloat32(at + 14, true)),
      lines: view.getUint32(at + 18, true) || undefined
    });
  }
  return found;
}

function finite(number) {
  return Number.isFinite(number) ? number : undefined;
}
