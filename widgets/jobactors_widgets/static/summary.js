// Counts jobs in words, in the one way of all displays.  Pure.
//
// jobactors/model/job_summary.py is the same for Python; tests/widgets/summaries.json holds both to it.
// Failures come first, because a line that is too long is cut at its end.

/** The kinds of jobs, in the order in which a summary names them. */
export const KINDS = ['failed', 'stuck', 'running', 'cancelling', 'paused', 'queued', 'interrupted', 'succeeded', 'cancelled'];

/** Returns the number of rows of each kind. @param {import('./format.js').Row[]} rows @returns {Map<string, number>} */
export function countKinds(rows) {
  const counts = new Map();
  const add = (kind, n) => counts.set(kind, (counts.get(kind) || 0) + n);
  const batches = new Set(rows.filter(row => row.counts).map(row => row.id));
  for (const row of rows) {
    if (batches.size && batches.has(row.batch)) continue;   // its batch counts it
    if (batches.size && batches.has(row.id)) {
      for (const state of Object.keys(row.counts)) add(state, row.counts[state]);
      continue;
    }
    const kind = row.stuck ? 'stuck' : row.state;
    add(kind, 1);
  }
  return counts;
}

/** Returns "7 jobs: 2 failed · 5 succeeded", "5 jobs succeeded", or nothing. @param {Map<string, number>} counts */
export function summaryOf(counts) {
  const named = KINDS.filter(kind => counts.get(kind));
  const total = named.reduce((sum, kind) => sum + counts.get(kind), 0);
  if (named.length === 1) return `${plural(total, 'job')} ${named[0]}`;
  return named.length ? `${plural(total, 'job')}: ${named.map(kind => `${counts.get(kind)} ${kind}`).join(' · ')}` : '';
}

/**
 * Returns the number of failed jobs that nothing has read: of a batch as many as it has.
 * @param {import('./format.js').Row[]} rows @param {(row: import('./format.js').Row) => boolean} isNews
 */
export function countUnread(rows, isNews) {
  const batches = new Set(rows.filter(row => row.counts).map(row => row.id));
  const counted = rows.filter(row => isNews(row) && !batches.has(row.batch));
  return counted.reduce((sum, row) => sum + (row.counts ? Number(row.unread) : 1), 0);
}

/** Returns the number of jobs that rows stand for. @param {import('./format.js').Row[]} rows */
export function jobsIn(rows) {
  return [...countKinds(rows).values()].reduce((sum, n) => sum + n, 0);
}

/** Returns the same for rows. @param {import('./format.js').Row[]} rows */
export function summary(rows) {
  return summaryOf(countKinds(rows));
}

/** Formats "1 job", "3 jobs". @param {number} n @param {string} word */
export function plural(n, word) {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
