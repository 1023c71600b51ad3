// Draws the section *Scheduled* of a board: each schedule with the time until it is due, Run now, Pause
// or Resume.  What the kernel sends are instants; how long they are away is computed here.

import { append, putBehind, setAttribute, setHidden, setText } from './dom.js';
import { clock, span } from './format.js';

/** Above this many seconds the time is shown by the minute. */
const BY_THE_MINUTE = 3600;
const FAR_TICK_S = 20;
/** The kernel counts no further: that many are as many or more. */
const MOST_MISSED = 200;

/**
 * A schedule.
 * @typedef {Object} Scheduled
 * @property {string} name
 * @property {string} words       its rule as a sentence
 * @property {string} rule        as it was written
 * @property {string} [zone]
 * @property {string} label       the name of its jobs
 * @property {string} [subject]
 * @property {string} standing    active, paused, resting or ended
 * @property {number} [next]      when it is due, in seconds since the epoch
 * @property {number} [missed]
 * @property {number} [running]   jobs of it that have not ended
 * @property {string} [reason]
 * @property {string} [memory]    why it goes with its process
 */

/** Returns how often a schedule was missed, in words. @param {number} missed */
function timesOf(missed) {
  if (missed === 1) return '1 time';
  return missed < MOST_MISSED ? `${missed} times` : `${MOST_MISSED} times or more`;
}

/** Returns when a schedule is due, in words. @param {Scheduled} one @param {number} now */
export function whenDue(one, now) {
  if (one.standing === 'paused') return one.reason ? `paused: ${one.reason}` : 'paused';
  if (one.standing === 'resting') {
    const missed = one.missed ? `missed ${timesOf(one.missed)} while the kernel was down` : 'of an earlier kernel';
    return `${missed}; rests until you resume it`;
  }
  if (one.standing === 'ended') return 'has ended';
  if (one.next === undefined || one.next <= now) return one.reason || 'due now';
  const left = one.next - now;
  return `in ${left < BY_THE_MINUTE ? clock(Math.ceil(left)) : span(left)}`;
}

/** Returns an instant as the clock of the browser has it, and as that of the schedule's zone. */
export function instantWords(next, zone) {
  const options = { dateStyle: 'medium', timeStyle: 'medium' };
  const date = new Date(next * 1000);
  const here = new Intl.DateTimeFormat(undefined, options).format(date);
  if (!zone) return here;
  try {
    const there = new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone }).format(date);
    return there === here ? `${here} (${zone})` : `${there} in ${zone}, ${here} here`;
  } catch {
    return here;   // a zone that this browser does not know
  }
}

/** Returns the seconds after which some text changes with the time alone; Infinity if none does. */
export function scheduleTicksIn(schedules, now) {
  const lefts = schedules.filter(one => one.standing === 'active' && one.next > now).map(one => one.next - now);
  if (!lefts.length) return Infinity;
  return Math.min(...lefts) < BY_THE_MINUTE + FAR_TICK_S ? 1 : FAR_TICK_S;
}

/** Returns the line above the schedules. @param {Scheduled[]} schedules @param {number} now */
export function headWords(schedules, now) {
  const due = schedules.filter(one => one.standing === 'active' && one.next !== undefined).map(one => one.next);
  const resting = schedules.filter(one => one.standing === 'resting').length;
  const next = due.length ? `next ${whenDue({ standing: 'active', next: Math.min(...due) }, now)}` : '';
  return [`${schedules.length} scheduled`, next, resting ? `${resting} at rest` : ''].filter(Boolean).join(' · ');
}

/**
 * @param {HTMLElement} root
 * @param {Object} host
 * @param {(verb: string, name: string) => void} host.act     run, pause or resume
 * @param {() => number} host.now       the kernel's clock
 * @param {{later: Function, forget: Function}} host.timers
 */
export function createScheduled(root, { act, now, timers }) {
  const el = append(root, 'div', 'ja-scheduled', { role: 'group', 'aria-label': 'Scheduled' });
  const fold = append(el, 'button', 'ja-fold', { type: 'button' });
  const list = append(el, 'div', 'ja-scheduled-list', { role: 'list', 'aria-label': 'Schedules' });
  const rows = new Map();   // name -> the elements of its row
  let shown = [];
  let able = true;
  let isOpen = true;
  let timer = null;
  fold.addEventListener('click', () => { isOpen = !isOpen; redraw(); });

  function draw(schedules, isAble) {
    if (schedules === shown && isAble === able) return;
    [shown, able] = [schedules, isAble];
    redraw();
  }

  function redraw() {
    setHidden(el, !shown.length);
    setHidden(list, !isOpen);
    setAttribute(fold, 'aria-expanded', String(isOpen));
    const there = new Set(shown.map(one => one.name));
    for (const [name, row] of rows) {
      if (there.has(name)) continue;
      row.el.remove();
      rows.delete(name);
    }
    let last = null;
    for (const one of shown) {
      const row = rows.get(one.name) || newRow(one.name);
      last = putBehind(list, last, row.el);
      drawRow(row, one);
    }
    tell();
  }

  /** Writes what depends on the present, and comes back when that changes. */
  function tell() {
    if (timer !== null) timers.forget(timer);
    timer = null;
    const at = now();
    setText(fold, `${isOpen ? '▾' : '▸'} ${headWords(shown, at)}`);
    for (const one of shown) setText(rows.get(one.name).when, whenDue(one, at));
    const wait = able ? scheduleTicksIn(shown, at) : Infinity;
    if (wait < Infinity) timer = timers.later(tell, wait * 1000);
  }

  function newRow(name) {
    const row = { el: append(list, 'div', 'ja-scheduled-row', { role: 'listitem' }) };
    row.name = append(row.el, 'bdi', 'ja-scheduled-name');
    row.words = append(row.el, 'span', 'ja-scheduled-words');
    row.when = append(row.el, 'span', 'ja-scheduled-when');
    const buttons = append(row.el, 'span', 'ja-scheduled-buttons');
    row.run = button(buttons, 'Run now', `Run ${name} now`, () => act('run', name));
    row.turn = button(buttons, '', '', () => act(row.verb, name));
    rows.set(name, row);
    return row;
  }

  function button(parent, label, title, press) {
    const made = append(parent, 'button', 'ja-button', { type: 'button' });
    setText(made, label);
    if (title) setAttribute(made, 'aria-label', title);
    made.addEventListener('click', () => { if (made.getAttribute('aria-disabled') !== 'true') press(); });
    return made;
  }

  function drawRow(row, one) {
    const goesOn = one.standing === 'paused' || one.standing === 'resting';
    setText(row.name, one.name);
    setAttribute(row.el, 'data-standing', one.standing);
    const running = one.running ? `${one.running} running` : '';
    const words = [one.words + (one.zone ? ` (${one.zone})` : ''), running, one.memory ? 'in memory' : ''];
    setText(row.words, words.filter(Boolean).join(' · '));
    setAttribute(row.el, 'title', [`${one.label}${one.subject ? ` ${one.subject}` : ''}: ${one.rule}`,
      one.memory && `in memory: ${one.memory}`].filter(Boolean).join('\n'));
    setAttribute(row.when, 'title', one.next === undefined ? null : instantWords(one.next, one.zone));
    row.verb = goesOn ? 'resume' : 'pause';
    setText(row.turn, goesOn ? 'Resume' : 'Pause');
    setAttribute(row.turn, 'aria-label', `${goesOn ? 'Resume' : 'Pause'} ${one.name}`);
    setHidden(row.turn, one.standing === 'ended');
    for (const each of [row.run, row.turn]) setAttribute(each, 'aria-disabled', able ? null : 'true');
  }

  function dispose() {
    if (timer !== null) timers.forget(timer);
    el.remove();
  }

  return { draw, dispose };
}
