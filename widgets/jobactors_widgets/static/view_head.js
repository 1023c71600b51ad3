// Draws what stands above the rows of a view: what there is in words, failures that nothing has read, what
// has become of the kernel, a new job, filters, schedules.

import { createTools } from './board.js';
import { createNewJob } from './builder/new_job.js';
import { append, setHidden, setText } from './dom.js';
import { createScheduled } from './scheduled.js';
import { jobsIn, plural, summary } from './summary.js';

const LOST = {
  restarted: 'The kernel was restarted; this is how the jobs stood.',
  died: 'The kernel died; this is how the jobs stood.',
  ended: 'The kernel was shut down; this is how the jobs stood.',
  stopped: 'Their job system has stopped; this is how the jobs stood.'
};
const GONE = 'No kernel runs these jobs any more; this is how they stood.';
const ENDED = 'This job system has stopped.';
const EMPTY = 'No jobs yet. jobs.submit(function) starts one.';

/**
 * @param {HTMLElement} root
 * @param {Object} host
 * @param {boolean} host.single     one job or batch: shown only if there is something to say
 * @param {boolean} host.board      a board: more than words
 * @param {boolean} host.hasFilter  the host has a filter of its own
 * @param {((message: Object) => void) | undefined} host.ask
 * @param {((verb: string, name: string) => void) | undefined} host.schedule
 * @param {() => void} host.changed       a filter or the order has changed
 * @param {(action: import('./actions.js').Action, ids: string[], states: string[] | null) => void} host.actMany
 * @param {(on: boolean) => void} host.selectShown
 * @param {() => void} host.goToNews
 * @param {(text: string) => void} host.say    to a screen reader
 * @param {() => number} host.now
 * @param {{now: () => number, later: Function, forget: Function}} host.timers
 */
export function createViewHead(root, { single, board, hasFilter, ask, schedule, changed, actMany, selectShown, goToNews, say, now, timers }) {
  const whole = board && !single;
  const el = append(root, 'div', 'ja-head');
  const counts = append(el, 'span', 'ja-counts');
  const news = whole ? append(el, 'button', 'ja-button ja-news', { type: 'button' }) : null;
  const notice = append(el, 'span', 'ja-notice', { role: 'status' });
  const newJob = whole && ask ? createNewJob(el, root, { ask, announce: say, timers }) : null;
  const tools = whole && !hasFilter ? createTools(root, { changed, actMany, selectShown }) : null;
  const scheduled = board && schedule ? createScheduled(root, { act: schedule, now, timers }) : null;
  news?.addEventListener('click', goToNews);

  /**
   * @param {Object} shown              what `show` of the view was given
   * @param {import('./format.js').Row[]} tops       those of its rows that are not in another one
   * @param {import('./format.js').Row[]} filtered   those that pass the filters
   * @param {Set<string>} selected      ids
   * @param {number} unread             failures that nothing has read
   */
  function draw(shown, tops, filtered, selected, unread) {
    const { rows, alive, ended } = shown;
    const some = board && filtered.length < tops.length ? ` · ${plural(jobsIn(filtered), 'job')} shown` : '';
    setText(counts, rows.length ? summary(rows) + some : EMPTY);
    if (news) setHidden(news, !unread);
    if (news && unread) setText(news, `${unread} failed unread`);
    setText(notice, alive ? (ended ? ENDED : shown.notice || '') : LOST[shown.lost] || GONE);
    setHidden(el, single && !notice.textContent);
    newJob?.offer(alive && !ended);
    scheduled?.draw(shown.schedules || [], alive && !ended);
    tools?.draw(tops, filtered, selected);
  }

  return {
    el, draw, tools,
    /** Takes a message if it is an answer to the form of a new job. */
    receive: message => Boolean(newJob?.receive(message)),
    dispose() {
      newJob?.dispose();
      scheduled?.dispose();
    }
  };
}
