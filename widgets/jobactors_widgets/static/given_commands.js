// Holds the commands that were given for jobs until they are done: what can be taken back waits some
// seconds, what was sent waits for the kernel's answer.

import { createPendingActions } from './pending_actions.js';
import { createUndo } from './undo.js';

/** @typedef {import('./actions.js').Action} Action */

/**
 * @param {HTMLElement} root     for the line that takes a command back
 * @param {Object} host
 * @param {(verb: string, id: string) => void} host.act
 * @param {((verb: string, ids: string[], states: string[] | null) => void) | undefined} host.actMany
 * @param {{later: Function, forget: Function}} host.timers
 * @param {() => boolean} host.hears                    whether the kernel hears it while a cell runs
 * @param {(id: string) => import('./format.js').Row | undefined} host.rowOf   of a row in the page
 * @param {(id: string) => void} host.redrawRow
 * @param {() => void} host.redraw
 */
export function createGivenCommands(root, { act, actMany, timers, hears, rowOf, redrawRow, redraw }) {
  const pending = createPendingActions(timers, redrawRow);
  const undo = createUndo(root, timers, sendLate, redraw);

  /** Returns the command that was given for a job and is not done yet. */
  function waitingFor(id) {
    const action = undo.of(id);
    return action ? { word: action.pressed, as: action.as } : pending.of(id);
  }

  /** @param {Action} action @param {string} id */
  function press(action, id) {
    if (waitingFor(id)) return;
    if (action.removes) undo.add(action, [id]);
    else send(action, id);
  }

  function send(action, id) {
    const row = rowOf(id);
    if (row) {
      pending.press(action, row, hears());
      redrawRow(id);
    }
    act(action.verb, id);
  }

  function sendLate(action, ids, states) {
    if (ids.length === 1 || !actMany) for (const id of ids) send(action, id);
    else actMany(action.verb, ids, states);
  }

  /** @param {Action} action @param {string[]} ids @param {string[] | null} states */
  function pressMany(action, ids, states) {
    if (action.removes) undo.add(action, ids, states);
    else actMany?.(action.verb, ids, states);
  }

  /** @param {{id: string, verb: string, ok: boolean, why: string}} answer */
  function answered(answer) {
    const row = rowOf(answer.id);
    if (!row || answer.verb === 'read') return;
    pending.answered(answer, row);
    redrawRow(answer.id);
  }

  return {
    press, pressMany, waitingFor, answered,
    settle: pending.settle,
    note: pending.note,
    get isIdle() { return !pending.ids.length; },
    /** @param {Set<string>} there */
    keepOnly(there) { for (const id of pending.ids) if (!there.has(id)) pending.drop(id); },
    /** Sends what waits, and ends. */
    dispose() {
      undo.commit();
      pending.dispose();
    }
  };
}
