// Draws the sidebar: one section a job system, each by the view that the panels in cells use; one filter and
// one scrollbar for all.  A section whose jobs have all ended is one line, unless its notebook is in front.

import { STATE_CHOICES } from '../../static/board.js';
import { append, putBehind, setAttribute, setHidden, setText } from '../../static/dom.js';
import { isNews } from '../../static/format.js';
import { summary } from '../../static/summary.js';
import { createView } from '../../static/view.js';
import { isUnfinished } from './model.js';

const NONE = 'No jobs here yet.';
const HOW = 'jobs = ja.start() in a notebook, then jobs.submit(function).';

/** With fewer jobs than this, there is no filter. */
const WORTH_FILTERING = 6;

/**
 * @param {HTMLElement} root
 * @param {Object} options
 * @param {(key: string, message: Object) => void} options.send    send it to the job system
 * @param {(key: string) => void} options.cancelAll
 * @param {(key: string) => void} options.open              bring the notebook to the front
 */
export function createSidebar(root, { send, cancelAll, open }) {
  const sections = new Map();   // key of a group -> what newSection returns
  root.classList.add('ja-sidebar');
  root.setAttribute('dir', 'ltr');   // its words are English
  const filter = createFilter(root, () => { for (const section of sections.values()) section.refilter(); });
  const scroller = append(root, 'div', 'ja-sections');
  const empty = append(scroller, 'div', 'ja-empty');
  append(empty, 'p', 'ja-empty-what').textContent = NONE;
  append(empty, 'p', 'ja-empty-how').textContent = HOW;

  /** @param {import('./model.js').Group[]} groups */
  function show(groups) {
    const there = new Set(groups.map(group => group.key));
    for (const [id, section] of sections) {
      if (there.has(id)) continue;
      section.dispose();
      sections.delete(id);
    }
    setHidden(empty, groups.length > 0);
    filter.draw(groups.reduce((sum, group) => sum + group.known.rows.length, 0));
    let before = empty;
    let hasMoved = false;
    for (const group of groups) {
      const section = sections.get(group.key) || newSection(group.key);
      before = putBehind(scroller, before, section.el);
      hasMoved = section.draw(group) || hasMoved;
    }
    if (hasMoved) lookAnew();
  }

  /** A section that has grown has moved those below it. */
  function lookAnew() {
    for (const section of sections.values()) section.look();
  }

  function newSection(key) {
    const el = document.createElement('section');
    el.className = 'ja-section';
    const head = append(el, 'h3', 'ja-section-head');
    const fold = append(head, 'button', 'ja-section-fold', { type: 'button' });
    const name = append(head, 'button', 'ja-section-name', { type: 'button' });
    name.addEventListener('click', () => open(key));
    const title = append(name, 'bdi', '');
    const where = append(name, 'span', 'ja-section-where');
    const counts = append(head, 'span', 'ja-section-counts');
    const all = append(head, 'button', 'ja-section-all', { type: 'button' });
    setText(all, 'Cancel all');
    all.addEventListener('click', () => cancelAll(key));
    const body = append(el, 'div', 'ja-section-body');
    let now = () => Date.now() / 1000;   // until the kernel's clock is known
    const view = createView(body, {
      board: true,
      filter,
      scroller,
      act: (verb, id) => send(key, { kind: 'act', verb, id }),
      sees: (place, ids) => send(key, { kind: 'sight', place, ids }),
      ask: message => send(key, message),
      schedule: (verb, name) => send(key, { kind: 'schedule', verb, name }),
      now: () => now()
    });
    let drawn = null;
    let wish = null;   // whether its user has folded it; null while that was left to us
    fold.addEventListener('click', () => {
      wish = !body.hidden;
      setFolded(wish);
      lookAnew();
    });
    setFolded(false);

    function setFolded(folded) {
      setHidden(body, folded);
      el.classList.toggle('ja-folded', folded);
      setAttribute(fold, 'aria-expanded', String(!folded));
      if (!folded && drawn) view.show(drawn);
    }

    /** Returns whether its height may have changed. */
    function draw(group) {
      const { rows, hears, ended, notice, schedules } = group.known;
      const before = { length: drawn?.rows.length, hidden: body.hidden };
      now = group.now || now;
      setText(title, group.name);
      setAttribute(name, 'title', group.path);
      setText(where, group.elsewhere ? ' not open' : '');
      setText(counts, summary(rows));
      setAttribute(counts, 'title', summary(rows));
      setAttribute(fold, 'aria-label', `Jobs of ${group.name}`);
      setAttribute(all, 'aria-label', `Cancel all jobs of ${group.name}`);
      el.classList.toggle('ja-current', group.current);
      el.classList.toggle('ja-section-failed', (group.rows || rows).some(isNews));
      const open = rows.filter(isUnfinished).length;
      setHidden(all, ended || open < 2);
      const folded = wish ?? (!group.current && !open && !schedules?.length);
      if (folded !== body.hidden) setFolded(folded);
      const present = { rows, hears, ended, notice, schedules, alive: true };
      if (!drawn || Object.keys(present).some(key => drawn[key] !== present[key])) {
        drawn = present;
        if (!body.hidden) view.show(drawn);
      }
      return before.length !== rows.length || before.hidden !== body.hidden;
    }

    function dispose() {
      view.dispose();
      el.remove();
    }

    /** Unfolds this section and brings the row of a job in sight; returns whether it has it. */
    function goToJob(id) {
      if (!drawn?.rows.some(row => row.id === id)) return false;
      wish = false;
      setFolded(false);
      return view.goToJob(id);
    }

    const received = message => message.kind === 'answer' ? view.answered(message) : view.received(message);
    const section = { el, draw, dispose, received, goToJob, refilter: view.refilter, look: view.look };
    sections.set(key, section);
    return section;
  }

  return {
    show,
    /** Brings the row of a job in sight; returns whether one of the kernels has it. @param {string} id */
    goToJob: id => [...sections.values()].some(section => section.goToJob(id)),
    received: (key, message) => sections.get(key)?.received(message)
  };
}

/** Draws the filter of all sections: by text, and by state. @param {() => void} changed */
function createFilter(root, changed) {
  const wanted = {};
  const bar = append(root, 'div', 'ja-filter', { role: 'group', 'aria-label': 'Which jobs' });
  const text = append(bar, 'input', '', { type: 'search', placeholder: 'Filter jobs', 'aria-label': 'Filter jobs by text', dir: 'auto' });
  const state = append(bar, 'select', '', { 'aria-label': 'Filter by state' });
  for (const value of ['', ...STATE_CHOICES]) {
    setText(append(state, 'option', '', { value }), value || 'any');
  }
  text.addEventListener('input', () => want('text', text.value));
  state.addEventListener('change', () => want('state', state.value));

  function want(key, value) {
    wanted[key] = value;
    changed();
  }

  function letAllPass() {
    [text.value, state.value, wanted.text, wanted.state] = ['', '', '', ''];
    changed();
  }

  function draw(count) {
    setHidden(bar, count < WORTH_FILTERING && !wanted.text && !wanted.state);
  }

  return { wanted, letAllPass, draw };
}
