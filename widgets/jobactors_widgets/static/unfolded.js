// Holds which rows are unfolded, and their details while they are in the page.

import { createDetails } from './details.js';

/**
 * @param {((message: {kind: string, id: string}) => void) | undefined} ask   null if there are no details
 * @param {{later: Function, forget: Function}} timers
 */
export function createUnfolded(ask, timers) {
  const opened = new Map();    // job id -> its details, null while its row is not in the page

  /** Unfolds a row that is in the page. @param {ReturnType<import('./row.js').createRow>} drawn */
  function open(id, drawn) {
    opened.set(id, ask ? createDetails(drawn.body, id, ask, timers) : null);
    drawn.open(true);
  }

  function leave(id) {
    opened.get(id)?.close();
    if (opened.has(id)) opened.set(id, null);
  }

  function close(id) {
    leave(id);
    opened.delete(id);
  }

  return {
    open, close, leave,
    has: id => opened.has(id),
    get size() { return opened.size; },
    update: row => opened.get(row.id)?.update(row),
    receive: message => opened.get(message.id)?.receive(message),
    /** Closes those of removed jobs. @param {Set<string>} there */
    keepOnly(there) { for (const id of [...opened.keys()]) if (!there.has(id)) close(id); },
    dispose() { for (const id of [...opened.keys()]) close(id); }
  };
}
