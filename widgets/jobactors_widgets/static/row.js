// Draws one job as one row.  Its elements are made once and changed in place, so that a button retains
// its focus, and a click that began on it ends on it, over ten redraws a second.

import { ACTIONS } from './actions.js';
import { batchLine, isBatch, nameOf } from './batches.js';
import {
  append, glyph, setAttribute, setHidden, setLinkedText, setStyle, setText
} from './dom.js';
import {
  ACTIVE, TERMINAL, ago, clock, detail, howFar, howFarInFull, speed, stateWord, timeAtWork, timeLeft,
  waitsFor
} from './format.js';

// One glyph a state.
const GLYPHS = {
  queued: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11zM8 5v3.2l2 1.6',
  running: 'M8 2.5a5.5 5.5 0 0 1 5.5 5.5',
  paused: 'M5.5 4v8M10.5 4v8',
  cancelling: 'M8 2.5a5.5 5.5 0 0 1 5.5 5.5',
  interrupted: 'M9 2.5L5 8.5h6l-4 5',
  succeeded: 'M3 8.5l3.2 3.2L13 4.8',
  failed: 'M4 4l8 8M12 4l-8 8',
  stuck: 'M8 3.2v5.6M8 12.3v.4',
  cancelled: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11zM4.2 11.8l7.6-7.6'
};
const CHEVRON = 'M4.5 6.2L8 9.8l3.5-3.6';

/**
 * @param {string} id
 * @param {Object} host
 * @param {(action: import('./actions.js').Action) => void} host.press
 * @param {(open: boolean) => void} host.unfold       the user unfolds or folds the row
 * @param {((on: boolean, range: boolean) => void) | null} host.select   null if rows cannot be selected
 * @param {boolean} host.deep                         whether every row can be unfolded
 * @param {(id: string) => string} host.nameOf        of a job in the list; empty for others
 * @param {(id: string) => void} host.goToJob         brings the row of another job in sight
 * @param {((id: string) => void) | null} host.showOnBoard   brings the row of this one in sight on a board;
 *   null if this is one
 */
export function createRow(id, host) {
  const { press, unfold, select, deep } = host;
  const el = document.createElement('div');
  el.className = 'ja-row';
  el.dataset.job = id;
  el.setAttribute('role', 'listitem');
  el.tabIndex = -1;
  const check = select && createCheck(el, select);
  const icon = glyph(el, 'ja-icon');
  const what = append(el, 'div', 'ja-what');
  const title = append(what, 'span', 'ja-title');
  const dot = append(title, 'span', 'ja-unread', { role: 'img', 'aria-label': 'unread', title: 'not read yet' });
  const name = createName(title, id, host.showOnBoard);
  const word = append(what, 'span', 'ja-word');
  const says = append(what, 'div', 'ja-says');
  const awaited = createAwaited(says, host);
  const line = append(says, 'button', 'ja-words', { type: 'button', 'aria-expanded': 'false', dir: 'auto' });
  const link = append(says, 'a', 'ja-address', { target: '_blank', rel: 'noopener noreferrer' });
  const bar = append(el, 'div', 'ja-bar', { role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' });
  const fill = append(bar, 'div', 'ja-fill');
  const far = append(el, 'span', 'ja-far ja-number');
  const left = append(el, 'span', 'ja-left ja-number');
  const rate = append(el, 'span', 'ja-rate ja-number');
  const time = append(el, 'span', 'ja-time ja-number', { title: 'time at work' });
  const box = append(el, 'span', 'ja-buttons');
  const buttons = createButtons(box, press);   // each is made when it is first offered
  const more = append(el, 'button', 'ja-more', { type: 'button', 'aria-expanded': 'false' });
  glyph(more, 'ja-glyph', CHEVRON);
  const body = append(el, 'div', 'ja-details');
  body.hidden = true;
  let last = {};         // what it was drawn with
  let noted = '';        // what is shown instead of the row's own text
  let goesOn = true;     // whether its speed and the time left are still true
  let isPointedAt = false;   // whether the mouse is on the buttons
  let isFrozen = false;      // the job has come to an end meanwhile: no other button takes the place
  let redrawButtons = () => {};
  box.addEventListener('pointerenter', event => { isPointedAt = event.pointerType !== 'touch'; });
  box.addEventListener('pointerleave', () => {
    [isPointedAt, isFrozen] = [false, false];
    redrawButtons();
  });
  const drawn = { el, body, row: null, isOpen: false, draw, open, tick, select: mark };
  for (const button of [line, more]) button.addEventListener('click', () => unfold(!drawn.isOpen));

  /**
   * @param {import('./format.js').Row} row
   * @param {{word: string, as: string} | undefined} waiting   a pressed button
   * @param {string} note      shown instead of the text of the row
   * @param {boolean} usable   whether buttons can be pressed
   * @param {number} now       in seconds since the epoch
   */
  function draw(row, waiting, note, usable, now) {
    if (drawn.row === row && last.waiting === waiting && last.note === note && last.usable === usable && last.now === now) return;
    last = { waiting, note, usable, now };
    if (isPointedAt && drawn.row && hasEnded(row) && !hasEnded(drawn.row)) isFrozen = true;
    drawn.row = row;
    [noted, goesOn] = [note, usable && !waiting];
    const state = (waiting && waiting.as) || (row.stuck ? 'stuck' : row.state);
    setAttribute(el, 'data-state', state);
    setAttribute(icon, 'd', GLYPHS[state] || GLYPHS.queued);
    const label = [row.icon, nameOf(row), row.subject].filter(Boolean).join(' ');
    setText(name, titleOf(row));
    el.classList.toggle('ja-batch', isBatch(row));
    setAttribute(name, 'title', `${host.showOnBoard ? 'Show on the board: ' : ''}${label}\n${row.id}`);
    setHidden(dot, !row.unread);
    setText(word, waiting ? waiting.word : stateWord(row));
    el.classList.toggle('ja-noted', Boolean(note));
    el.classList.toggle('ja-removed', Boolean(row.removed));
    el.classList.toggle('ja-elsewhere', Boolean(row.where));
    drawBar(row, label);
    setText(far, howFar(row));
    setAttribute(far, 'title', howFarInFull(row));
    setText(rate, goesOn ? speed(row) : '');
    setAttribute(left, 'title', rate.textContent || null);   // where there is no room for it
    tick(now);
    redrawButtons = () => {
      for (const action of ACTIONS) drawButton(action, row, waiting, usable, label);
    };
    redrawButtons();
    setHidden(more, !deep);
    setAttribute(more, 'aria-label', `${isBatch(row) ? 'Items' : 'Details'} of ${label}`);
    if (check) setAttribute(check, 'aria-label', `Select ${label}`);
  }

  function drawBar(row, label) {
    const known = row.fraction !== undefined;
    const unknown = !known && ACTIVE.has(row.state);
    bar.classList.toggle('ja-unknown', unknown);
    bar.classList.toggle('ja-idle', !known && !unknown);
    const share = known ? row.fraction : row.state === 'succeeded' ? 1 : 0;
    // Moved, not resized: nothing has to be laid out for it.
    setStyle(fill, 'transform', unknown ? '' : `translateX(${(share * 100 - 100).toFixed(2)}%)`);
    setAttribute(bar, 'aria-label', `${label}: progress`);
    setAttribute(bar, 'aria-valuenow', known ? String(Math.floor(share * 100)) : null);
    setAttribute(bar, 'aria-valuetext', [howFar(row), stateWord(row)].filter(Boolean).join(', '));
  }

  function drawButton(action, row, waiting, usable, label) {
    const there = buttons.made(action);
    const offered = isFrozen ? Boolean(there && !there.hidden) : !row.removed && Boolean(action.offered(row));
    if (!there && !offered) return;
    const button = there || buttons.make(action);
    const why = isFrozen ? 'it has ended' : waiting ? 'waiting for the kernel' : usable ? action.why(row) : 'the kernel does not run these jobs any more';
    // A focused button that goes away hands its focus to the row, not to the page's top.
    if (!offered && button === document.activeElement) el.focus();
    setHidden(button, !offered);
    if (action.worded) button.classList.toggle('ja-worded', action.worded(row));
    setAttribute(button, 'aria-label', `${action.label} ${label}${why ? ` (${why})` : ''}`);
    setAttribute(button, 'title', why ? `${action.label}: ${why}` : action.label);
    // Not `disabled`, which would throw the keyboard's place away at the press.
    setAttribute(button, 'aria-disabled', why ? 'true' : null);
  }

  function open(isOpen) {
    drawn.isOpen = isOpen;
    el.classList.toggle('ja-open', isOpen);
    for (const button of [line, more]) setAttribute(button, 'aria-expanded', String(isOpen));
    setHidden(body, !(isOpen && deep) || Boolean(drawn.row && isBatch(drawn.row)));
  }

  /** Draws what changes with the time alone. @param {number} now   in seconds since the epoch */
  function tick(now) {
    const waits = noted ? '' : awaited.draw(drawn.row);
    const text = noted || (isBatch(drawn.row) ? batchLine(drawn.row) : detail(drawn.row, now, !waits));
    const rest = waits && text && !text.startsWith(':') ? ` · ${text}` : text;   // ': 3 s' goes with its words
    setLinkedText(line, link, rest);
    const whole = `${waits}${rest}`;
    setAttribute(says, 'title', whole || null);
    setHidden(says, !whole);
    setText(left, ago(drawn.row, now) || (goesOn ? timeLeft(drawn.row, now) : ''));
    setText(time, clock(timeAtWork(drawn.row, now)));
  }

  function mark(on) {
    if (check && check.checked !== on) check.checked = on;
    el.classList.toggle('ja-selected', on);
  }

  return drawn;
}

/** Adds the element of the name: a link to the job's row on a board, where this is none. */
function createName(parent, id, showOnBoard) {
  if (!showOnBoard) return append(parent, 'bdi', 'ja-name', { dir: 'auto' });
  const name = append(parent, 'button', 'ja-name', { type: 'button', dir: 'auto' });
  name.addEventListener('click', () => showOnBoard(id));
  return name;
}

/** Returns the name of a job as its row has it; empty for none. @param {import('./format.js').Row} [row] */
export function titleOf(row) {
  if (!row) return '';
  return [row.icon, nameOf(row)].filter(Boolean).join(' ') + (row.subject ? ` · ${row.subject}` : '');
}

function hasEnded(row) {
  return TERMINAL.has(row.state) || row.state === 'interrupted' || Boolean(row.removed);
}

/** Shows the jobs or resources that a job waits for; a click on one of the list goes there. */
function createAwaited(parent, { nameOf, goToJob }) {
  const el = append(parent, 'span', 'ja-awaited');
  const links = [];   // {words, button}: the words before it

  function newLink() {
    const words = append(el, 'span', '');
    const button = append(el, 'button', 'ja-link', { type: 'button', dir: 'auto' });
    button.addEventListener('click', () => goToJob(button.dataset.awaited));
    links.push({ words, button });
  }

  /** Returns what was drawn as text; empty if the job waits for nothing that has a name. */
  function draw(row) {
    const ids = row.waits_for || [];
    setHidden(el, !ids.length);
    while (links.length < ids.length) newLink();
    const labels = links.map(({ words, button }, i) => {
      const id = ids[i] || '';
      const name = id && nameOf(id);
      if (button.dataset.awaited !== id) button.dataset.awaited = id;
      if (button.disabled !== !name) button.disabled = !name;
      setText(words, !id ? '' : i ? ', ' : waitsFor(row));
      setText(button, name || id);
      setAttribute(button, 'title', name ? `Go to ${id}` : null);
      setHidden(button, !id);
      return name || id;
    }).filter(Boolean);
    return ids.length ? `${waitsFor(row)}${labels.join(', ')}` : '';
  }

  return { draw };
}

function createCheck(el, select) {
  const check = append(el, 'input', 'ja-check', { type: 'checkbox' });
  check.addEventListener('click', event => select(check.checked, Boolean(event && event.shiftKey)));
  return check;
}

function createButtons(box, press) {
  const made = new Map();   // action -> its button

  function make(action) {
    const button = document.createElement('button');
    button.className = action.icon ? 'ja-button ja-small' : 'ja-button';
    button.type = 'button';
    button.dataset.verb = action.verb;
    if (action.icon) glyph(button, 'ja-glyph', action.icon);
    else setText(button, action.label);
    if (action.worded) setText(append(button, 'span', 'ja-label'), action.label);
    button.addEventListener('click', event => {
      // The second click of a double one is not meant for the button that has come to its place.
      if (event && event.detail > 1) return;
      if (button.getAttribute('aria-disabled') !== 'true') press(action);
    });
    const behind = ACTIONS.slice(ACTIONS.indexOf(action) + 1).find(each => made.has(each));
    box.insertBefore(button, behind ? made.get(behind) : null);
    made.set(action, button);
    return button;
  }

  return { made: action => made.get(action), make };
}
