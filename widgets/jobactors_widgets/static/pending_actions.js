// Holds pressed buttons until the kernel answers, and refusals until the row changes.

import { TERMINAL } from './format.js';

const ANSWER_MS = 1000;
const PATIENT_MS = 5000;

/** The texts of a row whose pressed button was not answered. */
export const DEAF = 'the kernel is busy: it hears this when the cell ends';
export const SILENT = 'no answer from the kernel yet';

/**
 * @param {{later: Function, forget: Function}} timers
 * @param {(id: string) => void} redraw   the text of a row has changed
 */
export function createPendingActions(timers, redraw) {
  const pending = new Map();   // job id -> {word, as, stand, note, timer}
  const notes = new Map();     // job id -> {text, stand}: why a button did nothing

  function press(action, row, hears) {
    notes.delete(row.id);
    const waiting = { word: action.pressed, as: action.as, stand: standOf(row), note: '', timer: null };
    waiting.timer = timers.later(() => {
      waiting.note = hears ? SILENT : DEAF;
      if (pending.get(row.id) === waiting) redraw(row.id);
    }, hears ? PATIENT_MS : ANSWER_MS);
    pending.set(row.id, waiting);
  }

  /** Ends what waits for a row that has changed: its new state is the answer. */
  function settle(row) {
    const waiting = pending.get(row.id);
    if (waiting && waiting.stand !== standOf(row)) forget(row.id);
    const note = notes.get(row.id);
    if (note && note.stand !== standOf(row)) notes.delete(row.id);
  }

  /** @param {{ok: boolean, why: string}} answer @param {import('./format.js').Row} row */
  function answered({ ok, why }, row) {
    if (!ok) {
      forget(row.id);
      notes.set(row.id, { text: why, stand: standOf(row) });
      return;
    }
    // Done: the row that shows it is on its way; that of an ended job does not change again.
    const waiting = pending.get(row.id);
    if (waiting) timers.forget(waiting.timer);
    if (waiting) waiting.note = '';
    if (TERMINAL.has(row.state)) forget(row.id);
  }

  function forget(id) {
    const waiting = pending.get(id);
    if (waiting) timers.forget(waiting.timer);
    pending.delete(id);
  }

  return {
    press,
    settle,
    answered,
    of: id => pending.get(id),
    note: id => (pending.get(id) || {}).note || (notes.get(id) || {}).text || '',
    get ids() { return [...new Set([...pending.keys(), ...notes.keys()])]; },
    drop(id) { forget(id); notes.delete(id); },
    dispose() { for (const id of [...pending.keys()]) forget(id); }
  };
}

/** Returns the part of a row whose change counts as an answer to a pressed button. */
function standOf(row) {
  return `${row.state} ${row.request || ''} ${row.waiting === 'hold'}`;
}
