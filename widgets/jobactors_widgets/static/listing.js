// Finds out what a frame changes in a list: with a thousand jobs that progress ten times a second, filters,
// order and counts are made anew only when a job may pass another filter or take another place.  Pure.

/** @typedef {import('./format.js').Row} Row */

// A change of these may move a row, or count it in another way.
const PLACES = ['state', 'stuck', 'unread', 'stopped', 'began', 'name', 'type', 'subject', 'tags', 'priority', 'counts'];

/**
 * Returns the rows that differ from those before, all of which stay in their places; null if one may move.
 * @param {Row[]} before @param {Row[]} rows
 * @param {import('./board.js').Wanted} wanted   the filters and the order
 */
export function changedInPlace(before, rows, wanted) {
  if (before.length !== rows.length) return null;
  const changed = [];
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] === before[i]) continue;
    if (rows[i].id !== before[i].id || mayMove(before[i], rows[i], wanted)) return null;
    changed.push(rows[i]);
  }
  return changed;
}

function mayMove(before, row, { text, order }) {
  if (PLACES.some(key => before[key] !== row[key])) return true;
  if (text && (before.message !== row.message || before.error !== row.error)) return true;
  return order === 'progress' && before.fraction !== row.fraction;
}
