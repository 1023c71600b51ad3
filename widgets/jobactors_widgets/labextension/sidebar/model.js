// Summarises the jobs of many kernels for the sidebar, the status item and notices.  Pure: no DOM, no
// clock.

import { isBatch, topsOf } from '../../static/batches.js';
import { TERMINAL, isNews } from '../../static/format.js';
import { KINDS, countKinds, countUnread, plural, summary } from '../../static/summary.js';

/** @typedef {import('../../static/format.js').Row} Row */

/** All jobs of a batch have ended, and its input has not. */
const MORE_COMES = 'more jobs to come';

/**
 * The jobs of one job system of a kernel.
 * @typedef {Object} Group
 * @property {string} key             as keyOf returns it
 * @property {string} kernelId
 * @property {string} path            of the notebook, below the server's root
 * @property {string} name            its name here: different from the others
 * @property {boolean} current        whether it is the notebook in front
 * @property {boolean} [elsewhere]    whether no notebook of this page has this kernel
 * @property {import('./link.js').Known} known
 * @property {() => number} [now]     its kernel's clock, in seconds since the epoch
 * @property {(message: Object) => void} [send]   to that job system
 */

/** Returns a text that only one job system of one kernel has. @param {string} kernelId @param {string} named */
export const keyOf = (kernelId, named) => named ? `${kernelId} ${named}` : kernelId;

/** Returns how a job system is called: by its notebook, and by the name of its own. @param {string} name @param {string} named */
export const titleOf = (name, named) => named ? `${name} · ${named}` : name;

/**
 * Returns the groups to show: the notebook in front first, even without jobs, then the others that
 * have some.  Two notebooks on one kernel are one group; two job systems of a kernel are two.
 * @param {{kernelId: string, path: string, current: boolean, known: import('./link.js').Known}[]} links
 * @returns {Group[]}
 */
export function groupsOf(links) {
  const byKey = new Map();
  for (const link of links) {
    const key = keyOf(link.kernelId, link.known.named);
    const there = byKey.get(key);
    if (!there || link.current || there.elsewhere) byKey.set(key, { ...link, key });
  }
  const shown = [...byKey.values()].filter(l => l.known.live && (l.current || l.known.rows.length || l.known.schedules?.length));
  const names = distinctNames(shown.map(link => link.path));
  return shown
    .map((link, i) => ({ ...link, name: titleOf(names[i], link.known.named) }))
    .sort((a, b) => Number(b.current) - Number(a.current) || a.name.localeCompare(b.name));
}

/** Returns file names, with as many folders before them as distinguish them. @param {string[]} paths */
export function distinctNames(paths) {
  const tail = (path, n) => path.split('/').slice(-n).join('/');
  return paths.map(path => {
    const others = paths.filter(other => other !== path);
    let n = 1;
    while (n < path.split('/').length && others.some(other => tail(other, n) === tail(path, n))) n += 1;
    return tail(path, n);
  });
}

/** Returns whether a job has not ended and is not at rest. @param {Row} row */
export function isUnfinished(row) {
  return !TERMINAL.has(row.state) && row.state !== 'interrupted';
}

/**
 * Formats what is to be read and what is not finished: "2 jobs failed unread" and "3 running"; an empty text
 * where there is nothing of the kind.
 * @param {Row[]} rows @returns {{news: string, work: string}}
 */
export function statusText(rows) {
  const unread = countUnread(rows, isNews);
  const open = rows.filter(isUnfinished);
  const counts = countKinds(open);
  // A batch that is under way counts those of its jobs that are: the others stand in the title.
  const named = KINDS.filter(kind => counts.get(kind) && isUnfinished({ state: kind })).map(kind => [counts.get(kind), kind]);
  const work = named.length || !open.length
    ? named.map(([n, kind], i) => `${i || unread ? n : plural(n, 'job')} ${kind}`).join(' · ') : MORE_COMES;
  return { news: unread ? `${plural(unread, 'job')} failed unread` : '', work };
}

/**
 * Formats the status item's title: one line a notebook, and the jobs that its percentage is of.
 * @param {Group[]} groups @param {{done: number, all: number}} burst
 */
export function statusTitle(groups, { done, all }) {
  const lines = groups.filter(g => g.known.rows.some(row => isUnfinished(row) || isNews(row)))
    .map(g => `${g.name}: ${summary(g.known.rows)}`);
  if (done) lines.push(`${done} of the last ${plural(all, 'job')} ${all === 1 ? 'has' : 'have'} ended`);
  return lines.join('\n');
}

/** Returns the rows without the mark of what was read in this page. @param {Row[]} rows @param {(id: string) => boolean} wasRead */
export function withoutRead(rows, wasRead) {
  return rows.map(row => isNews(row) && wasRead(row.id) ? { ...row, unread: false } : row);
}

/**
 * Computes how far all jobs are together.  A *burst* is all jobs that were unfinished since there was
 * last nothing to do: those that have ended in it count as done, so that the whole only grows.  Each kernel
 * counts its own, which a page that is loaded again is sent as well.
 */
export function createBurst() {
  const active = new Set();   // kernels that have worked since there was nothing to do

  /**
   * Returns the burst: its fraction from 0 to 1, null when that cannot be known, and how many of its jobs
   * have ended.
   * @param {{kernelId: string, rows: Row[], burst?: number}[]} kernels
   */
  function advance(kernels) {
    let [all, ended, done, known] = [0, 0, 0, false];
    for (const { kernelId, rows, burst = 0 } of kernels) {
      const open = topsOf(rows).filter(isUnfinished);
      if (open.length) active.add(kernelId);
      else if (!active.has(kernelId)) continue;
      const within = open.reduce((sum, row) => sum + (isBatch(row) ? row.done || 0 : 0), 0);
      const over = Math.max(0, burst - within);   // those that no open row counts
      [all, ended, done] = [all + over, ended + over + within, done + over];
      for (const row of open) {
        const weight = isBatch(row) ? Math.max(1, row.total ?? sumOf(row.counts)) : 1;
        all += weight;
        done += weight * Math.min(1, row.fraction ?? (isBatch(row) ? (row.done || 0) / weight : 0));
        known ||= row.fraction !== undefined || isBatch(row);
      }
    }
    const works = kernels.some(({ rows }) => rows.some(isUnfinished));
    if (!works) active.clear();
    return { fraction: works && (known || done) ? done / all : null, done: ended, all };
  }

  return { advance };
}

function sumOf(counts) {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/**
 * Returns the jobs that have ended between two states of one job system, without those that were cancelled
 * by hand, since their user knows.  A job that was quick is in the second alone.
 * @param {Row[]} before @param {Row[]} after
 */
export function endedBetween(before, after) {
  const ended = new Set(before.filter(row => TERMINAL.has(row.state)).map(row => row.id));
  return after.filter(row =>
    !ended.has(row.id) && TERMINAL.has(row.state) && row.reason !== 'by hand');
}

/**
 * Formats a notice: one job with its name, several as counts.
 * @param {{row: Row, name: string}[]} ended   with the notebook's name
 * @returns {{text: string, type: 'success' | 'error' | 'info'}}
 */
export function noticeOf(ended) {
  const states = ended.map(({ row }) => row.state);
  const type = states.includes('failed') ? 'error'
    : states.every(state => state === 'succeeded') ? 'success' : 'info';
  const where = [...new Set(ended.map(({ name }) => name))];
  const place = where.length === 1 ? ` (${isolated(where[0])})` : '';
  if (ended.length === 1) {
    const [{ row }] = ended;
    const subject = row.subject ? ` · ${row.subject}` : '';
    const why = row.state === 'failed' && row.error ? `: ${isolated(shortened(row.error, 80))}` : '';
    return { text: `${isolated(shortened(row.name + subject, 60))} ${row.state}${why}${place}`, type };
  }
  return { text: `${summary(ended.map(({ row }) => row))}${place}`, type };
}

function shortened(text, most) {
  const line = text.replace(/\s+/g, ' ').trim();
  const signs = [...line];
  return signs.length > most ? `${signs.slice(0, most - 1).join('')}…` : line;
}

/** Returns a text whose own direction marks do not affect the text around it. */
function isolated(text) {
  return `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069`;
}
