// Gives the user some seconds to take a command back that removes something: only then is it sent.

import { append, setHidden, setText } from './dom.js';
import { plural } from './summary.js';

const UNDO_MS = 5000;

/**
 * @param {HTMLElement} root
 * @param {{later: Function, forget: Function}} timers
 * @param {(action: import('./actions.js').Action, ids: string[], states: string[] | null) => void} send
 * @param {() => void} changed   a job waits, or no longer does
 */
export function createUndo(root, timers, send, changed) {
  const bar = append(root, 'div', 'ja-undo');
  const text = append(bar, 'span', '', { role: 'status' });
  const button = append(bar, 'button', 'ja-button', { type: 'button' });
  let waiting = [];   // {action, ids, states}
  const byId = new Map();
  let timer = null;
  setText(button, 'Undo');
  setHidden(bar, true);
  button.addEventListener('click', undo);

  function add(action, ids, states = null) {
    waiting.push({ action, ids, states });
    for (const id of ids) byId.set(id, action);
    if (timer !== null) timers.forget(timer);
    timer = timers.later(commit, UNDO_MS);
    draw();
  }

  function undo() {
    waiting = [];
    commit();
  }

  /** Sends what waits, now. */
  function commit() {
    if (timer !== null) timers.forget(timer);
    timer = null;
    const due = waiting;
    waiting = [];
    byId.clear();
    for (const { action, ids, states } of due) send(action, ids, states);
    draw();
  }

  function draw() {
    setHidden(bar, !waiting.length);
    setText(text, waiting.map(({ action, ids }) => `${action.label} ${plural(ids.length, 'job')}`).join(', '));
    changed();
  }

  return {
    add,
    commit,
    /** Returns the command that waits for a job. @param {string} id */
    of: id => byId.get(id)
  };
}
