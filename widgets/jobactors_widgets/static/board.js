// Draws the head of a board: filters, the order, and one command for many jobs.

import { FOR_MANY, askable } from './actions.js';
import { nameOf, statesOf } from './batches.js';
import { append, setAttribute, setHidden, setText } from './dom.js';
import { TERMINAL, isNews, timeAtWork } from './format.js';
import { createColumns } from './columns.js';
import { KINDS, plural, summary } from './summary.js';

/** With fewer jobs than this, filters are not shown. */
const WORTH_FILTERING = 6;
const MOST_CHOICES = 200;

// What the filter by state is called -> the states that pass it.
const STATES = {
  unfinished: ['queued', 'running', 'paused', 'cancelling', 'interrupted'],
  running: ['running', 'cancelling'],
  queued: ['queued'],
  paused: ['paused'],
  interrupted: ['interrupted'],
  ended: [...TERMINAL],
  succeeded: ['succeeded'],
  failed: ['failed'],
  cancelled: ['cancelled']
};
const MARKS = {
  stuck: row => Boolean(row.stuck),
  unread: row => Boolean(row.unread),
  'failed unread': isNews
};
/** What the filter by state offers, on a board and in the sidebar. */
export const STATE_CHOICES = [...Object.keys(STATES), ...Object.keys(MARKS)];

// Each is the natural direction of its column, shown as upwards.
const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
const ORDERS = {
  name: byName,
  state: (a, b) => KINDS.indexOf(a.state) - KINDS.indexOf(b.state),
  progress: (a, b) => (b.fraction ?? -1) - (a.fraction ?? -1),
  'time at work': (a, b, now) => (timeAtWork(b, now) ?? -1) - (timeAtWork(a, now) ?? -1),
  priority: (a, b) => (b.priority || 0) - (a.priority || 0)
};

/**
 * @typedef {Object} Wanted
 * @property {string} [text]
 * @property {string} [state]
 * @property {string} [type]
 * @property {string} [subject]
 * @property {string} [tag]
 * @property {string} [order]
 * @property {boolean} [reverse]   the order is turned around
 */

/** Returns the rows that pass the filters. @param {import('./format.js').Row[]} rows @param {Wanted} wanted */
export function filterRows(rows, { text = '', state = '', type = '', subject = '', tag = '' }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const tests = [];
  if (STATES[state]) tests.push(row => statesOf(row).some(each => STATES[state].includes(each)));
  if (MARKS[state]) tests.push(MARKS[state]);
  if (type) tests.push(row => typeOf(row) === type);
  if (subject) tests.push(row => row.subject === subject);
  if (tag) tests.push(row => (row.tags || []).includes(tag));
  if (words.length) tests.push(row => hasWords(row, words));
  return tests.length ? rows.filter(row => tests.every(test => test(row))) : rows;
}

function hasWords(row, words) {
  const all = [nameOf(row), row.type, row.subject, row.message, row.error, ...(row.tags || [])].join('\n').toLowerCase();
  return words.every(word => all.includes(word) || row.id.startsWith(word));   // the rest of an id is random
}

/**
 * Returns the rows from top to bottom: the open ones, which are failures that nothing has read and then
 * what is unfinished; then what has ended, newest first; each of these parts in the chosen order.
 * @param {import('./format.js').Row[]} rows @param {Wanted} wanted @param {number} now
 * @param {(row: import('./format.js').Row) => boolean} [isOpen]   of a row that has ended
 */
export function arrange(rows, { order = '', reverse = false }, now, isOpen = isNews) {
  const [news, open, ended] = [[], [], []];
  for (const row of rows) (!TERMINAL.has(row.state) ? open : isOpen(row) ? news : ended).push(row);
  for (const part of [news, ended]) part.reverse();
  if (!ORDERS[order]) for (const part of [news, ended]) part.sort((a, b) => (b.stopped || 0) - (a.stopped || 0));
  else for (const part of [news, open, ended]) part.sort((a, b) => (reverse ? -1 : 1) * ORDERS[order](a, b, now));
  return { open: news.concat(open), ended };
}

/** Returns the different values of a key, in order. */
function valuesOf(rows, of) {
  const found = new Set();
  for (const row of rows) for (const value of of(row)) if (value && found.size < MOST_CHOICES) found.add(value);
  return [...found].sort();
}

const typeOf = row => row.type || row.name;
const CHOICES = {
  type: row => [typeOf(row)],
  subject: row => [row.subject],
  tag: row => row.tags || []
};

/**
 * @param {HTMLElement} root
 * @param {Object} host
 * @param {() => void} host.changed                       a filter or the order has changed
 * @param {(action: import('./actions.js').Action, ids: string[], states: string[] | null) => void} host.actMany
 * @param {(on: boolean) => void} host.selectShown
 */
export function createTools(root, { changed, actMany, selectShown }) {
  const wanted = {};
  const bar = append(root, 'div', 'ja-tools', { role: 'group', 'aria-label': 'Which jobs' });
  const all = append(bar, 'input', 'ja-check', { type: 'checkbox', 'aria-label': 'Select all jobs shown', title: 'Select all jobs shown' });
  all.addEventListener('click', () => selectShown(all.checked));
  const text = append(bar, 'input', 'ja-search', { type: 'search', placeholder: 'Filter jobs', 'aria-label': 'Filter jobs by text', dir: 'auto' });
  text.addEventListener('input', () => want('text', text.value));
  const state = choice('state', 'any state', STATE_CHOICES);
  const choices = Object.keys(CHOICES).map(key => ({ key, el: choice(key, `any ${key}`, []) }));
  const order = choice('order', 'as submitted', Object.keys(ORDERS), 'Order');
  const turn = append(bar, 'button', 'ja-button ja-turn', { type: 'button', 'aria-label': 'Turn the order around' });
  turn.addEventListener('click', () => sort(wanted.order, !wanted.reverse));
  const many = append(root, 'div', 'ja-many', { role: 'group', 'aria-label': 'Selected jobs' });
  const count = append(many, 'span', 'ja-counts');
  const buttons = FOR_MANY.map(action => {
    const button = append(many, 'button', 'ja-button', { type: 'button' });
    button.dataset.many = action.verb;
    button.addEventListener('click', () => {
      const ids = askable(action, matching).map(row => row.id);
      // One that leaves the chosen state on the way to the kernel is left alone there.
      if (ids.length) actMany(action, ids, STATES[wanted.state] || null);
    });
    return { action, button };
  });
  const clear = append(many, 'button', 'ja-button', { type: 'button' });
  setText(clear, 'Clear');
  clear.addEventListener('click', () => selectShown(false));
  const columns = createColumns(root, sort);
  let matching = [];   // what is selected and passes the filters now
  let offeredValues = '';

  function sort(by, reverse) {
    order.value = by;
    Object.assign(wanted, { order: by, reverse });
    changed();
  }

  function want(key, value) {
    wanted[key] = value;
    changed();
  }

  function choice(key, none, values, label = `Filter by ${key}`) {
    const el = append(bar, 'select', 'ja-choice', { 'aria-label': label });
    fillChoice(el, none, values);
    el.dataset.none = none;
    el.addEventListener('change', () => key === 'order' ? sort(el.value, false) : want(key, el.value));
    return el;
  }

  /**
   * @param {import('./format.js').Row[]} rows       all there are
   * @param {import('./format.js').Row[]} filtered   those that pass the filters
   * @param {Set<string>} selected                   ids
   */
  function draw(rows, filtered, selected) {
    matching = filtered.filter(row => selected.has(row.id));
    const filtering = ['text', 'state', 'type', 'subject', 'tag'].some(key => wanted[key]);
    setHidden(bar, rows.length < WORTH_FILTERING && !filtering && !selected.size);
    setHidden(many, !selected.size);
    setHidden(columns.el, bar.hidden);
    columns.draw(wanted.order || '', Boolean(wanted.reverse));
    setHidden(turn, !wanted.order);
    setText(turn, wanted.reverse ? '▼' : '▲');
    if (!bar.hidden) drawChoices(rows);
    const every = matching.length > 0 && matching.length === filtered.length;
    if (all.checked !== every) all.checked = every;
    all.indeterminate = selected.size > 0 && !every;
    const left = selected.size - matching.length;
    setText(count, `${selected.size} selected${left ? `, ${left} no longer ${left === 1 ? 'matches' : 'match'}` : ''}`);
    for (const { action, button } of buttons) {
      const able = askable(action, matching).length;
      setText(button, able && able < selected.size ? `${action.label} ${able}` : action.label);
      setAttribute(button, 'aria-disabled', able ? null : 'true');
      setAttribute(button, 'title', able ? `${action.label} ${plural(able, 'job')}` : `none of them can: ${action.label.toLowerCase()}`);
    }
  }

  function drawChoices(rows) {
    const values = choices.map(({ key }) => valuesOf(rows, CHOICES[key]));
    const now = JSON.stringify(values);
    if (now === offeredValues) return;   // an open list is not pulled away under the mouse
    offeredValues = now;
    choices.forEach(({ key, el }, i) => {
      setHidden(el, values[i].length < 2 && !wanted[key]);
      fillChoice(el, el.dataset.none, values[i]);
      el.value = wanted[key] || '';
    });
  }

  /** Lets all rows pass. */
  function letAllPass() {
    for (const key of ['text', 'state', 'type', 'subject', 'tag']) delete wanted[key];
    for (const el of [text, state, ...choices.map(each => each.el)]) el.value = '';
    changed();
  }

  return { wanted, draw, letAllPass };
}

/**
 * Makes the line above the ended jobs, which folds and unfolds them.  The view puts it where it belongs.
 * @param {HTMLElement} list @param {() => void} toggle
 */
export function createFold(list, toggle) {
  const el = append(list, 'div', 'ja-history', { role: 'listitem' });
  const button = append(el, 'button', 'ja-fold', { type: 'button' });
  button.addEventListener('click', toggle);
  el.remove();

  function draw(ended, isOpen) {
    setText(button, `${isOpen ? '▾' : '▸'} ${summary(ended)}`);
    setAttribute(button, 'aria-expanded', String(isOpen));
  }

  return { el, draw };
}

function fillChoice(el, none, values) {
  el.replaceChildren();
  for (const value of ['', ...values]) {
    const option = append(el, 'option', '', { value });
    setText(option, value || none);
  }
}
