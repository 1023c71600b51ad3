// Shows a batch as one row, whose items fold out below it.  No DOM.
//
// The kernel sends the row of a batch always, and its items only while a view has it unfolded.

import { TERMINAL, amount } from './format.js';

const ASK_AGAIN_MS = 1000;
const UNWELL = ['failed', 'cancelled', 'interrupted', 'paused'];

/** @typedef {import('./format.js').Row} Row */

/** Returns whether a row stands for a batch. @param {Row} row */
export function isBatch(row) {
  return row.counts !== undefined;
}

/** Returns the states that the jobs of a row are in. @param {Row} row @returns {string[]} */
export function statesOf(row) {
  return isBatch(row) ? [row.state, ...Object.keys(row.counts)] : [row.state];
}

/** Returns the name of a row: of an item with its place and its text, "resize[12] cat.png". @param {Row} row */
export function nameOf(row) {
  const place = row.index === undefined ? row.name : `${row.name}[${row.index}]`;
  return row.item ? `${place} ${row.item}` : place;
}

/** Returns the number of ended jobs of a batch: "66 of 200", "66 so far". @param {Row} row */
export function counted(row) {
  const done = amount(row.done || 0);
  return row.total === undefined ? `${done} so far` : `${done} of ${amount(row.total)}`;
}

/** Returns the line beside the state of a batch: "66 of 200 · 2 failed · ValueError: 7". @param {Row} row */
export function batchLine(row) {
  const unwell = UNWELL.filter(state => row.counts[state]).map(state => `${amount(row.counts[state])} ${state}`);
  return [counted(row), ...unwell, row.cut_off, row.obstacle, row.error].filter(Boolean).join(' · ');
}

// The verb of an action -> whether a batch offers it.
const OFFERED = {
  pause: row => (row.counts.running || row.counts.queued) && row.state !== 'paused',
  resume: row => row.state === 'paused' || row.counts.paused || row.counts.interrupted,
  cancel: row => !TERMINAL.has(row.state) && row.state !== 'interrupted',
  restart_failed: row => row.counts.failed,
  discard: row => row.state === 'interrupted',
  dismiss: row => TERMINAL.has(row.state)
};

/**
 * Returns an action that a batch offers as a whole, too.
 * @param {import('./actions.js').Action} action @returns {import('./actions.js').Action}
 */
export function forBatches(action) {
  const { verb, offered, why } = action;
  const ofBatch = OFFERED[verb] || (() => false);
  return {
    ...action,
    offered: row => isBatch(row) ? Boolean(ofBatch(row)) : offered(row),
    why: row => isBatch(row) ? whyNot(verb, row, why) : why(row)
  };
}

/** Returns why a batch cannot be given a command now; '' if it can. */
function whyNot(verb, row, why) {
  if (verb === 'resume') return row.obstacle || '';
  return verb === 'cancel' && row.state === 'cancelling' ? why(row) : '';
}

/** The action that only a batch has. */
export const RESTART_FAILED = {
  verb: 'restart_failed', label: 'Restart failed', pressed: 'starting again…', as: '',
  icon: 'M12.8 6.2A5.2 5.2 0 1 0 13.2 9M13.2 3v3.4h-3.4', offered: () => false, why: () => ''
};

/** Returns the rows without the items of batches that have a row. @param {Row[]} rows */
export function topsOf(rows) {
  const batches = new Set(rows.filter(isBatch).map(row => row.id));
  return batches.size ? rows.filter(row => !row.batch || !batches.has(row.batch)) : rows;
}

/**
 * Returns the items of batches that were started again, each with the newest job of the same item.
 * @param {Row[]} rows @returns {Map<string, Row>}
 */
export function replacedIn(rows) {
  const again = rows.filter(row => row.batch && row.continues);
  const newest = new Map();
  if (!again.length) return newest;
  const byId = new Map(rows.map(row => [row.id, row]));
  for (const row of again) {
    const before = byId.get(row.continues);
    // One that took over the checkpoint of another item stands beside it.
    if (before && before.batch === row.batch && before.index === row.index) newest.set(before.id, row);
  }
  for (const [id, row] of newest) {
    let last = row;
    while (newest.has(last.id)) last = newest.get(last.id);
    newest.set(id, last);
  }
  return newest;
}

/**
 * Holds which batches a view has unfolded.
 * @param {((message: {kind: string, id: string, open: boolean}) => void) | undefined} ask   null if items never come
 * @param {{now: () => number}} timers
 * @param {() => void} arrived   the items have come that the user has asked for
 */
export function createFolds(ask, timers, arrived) {
  const open = new Map();   // batch id -> when its items were asked for
  const awaited = new Set();   // those whose items have not come yet
  let last = { rows: null, tops: [] };
  let replaced = { in: null, by: new Map() };

  function set(id, isOpen) {
    if (isOpen) open.set(id, timers.now());
    else open.delete(id);
    if (isOpen) awaited.add(id);
    else awaited.delete(id);
    if (ask) ask({ kind: 'unfold', id, open: isOpen });
  }

  /** Returns the rows that are not within another one. @param {Row[]} rows */
  function tops(rows) {
    if (last.rows !== rows) last = { rows, tops: topsOf(rows) };
    return last.tops;
  }

  /** Returns the items of `all` that were started again, see `replacedIn`. @param {Row[]} all */
  function replacedBy(all) {
    if (replaced.in !== all) replaced = { in: all, by: replacedIn(all) };
    return replaced.by;
  }

  /** Returns the rows with each item once, by its newest job. @param {Row[]} all */
  function newest(all) {
    const by = replacedBy(all);
    return by.size ? all.filter(row => !by.has(row.id)) : all;
  }

  /**
   * Returns `rows` with the items of unfolded batches behind them; asks for items that do not come, since
   * another view of the same model may have folded them.
   * @param {Row[]} rows @param {Row[]} all
   */
  function expand(rows, all) {
    if (!open.size) return rows;
    const here = new Set(rows.filter(row => open.has(row.id)).map(row => row.id));
    if (!here.size) return rows;
    const items = new Map([...here].map(id => [id, []]));
    for (const row of all) if (items.has(row.batch)) items.get(row.batch).push(row);
    for (const [id, found] of items) {
      if (!found.length) askAgain(id);
      else if (awaited.delete(id)) arrived();
    }
    return rows.flatMap(row => here.has(row.id) ? [row, ...inOrder(items.get(row.id))] : [row]);
  }

  function askAgain(id) {
    if (timers.now() - open.get(id) >= ASK_AGAIN_MS) set(id, true);
  }

  return {
    set, tops, expand, newest, replacedBy,
    has: id => open.has(id),
    dispose() { for (const id of [...open.keys()]) set(id, false); }
  };
}

/** Returns items with those that have failed first, then in the order of the input. */
function inOrder(items) {
  const rank = row => row.state === 'failed' ? 0 : 1;
  return items.sort((a, b) => rank(a) - rank(b) || (a.index ?? 0) - (b.index ?? 0));
}
