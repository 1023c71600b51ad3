// Jobs as rows of plain DOM, shared by the panels in cells and the sidebar.
//
// Rows are keyed by job id and changed in place, so that a button keeps its focus, and a click
// begun on it ends on it, over ten redraws a second.  Everything shown is text, never HTML.

import {
  ACTIVE, TERMINAL, TICKING, choose, clock, detail, elapsedNow, howFar, howFarInFull, speed, stateWord,
  summary, timeLeft
} from './format.js';

const SVG = 'http://www.w3.org/2000/svg';
const MOST_ROWS = 200;
const ANSWER_MS = 1000;
const PATIENT_MS = 5000;

/** What the row says when a pressed button was not answered. */
export const DEAF = 'the kernel is busy: it hears this when the cell ends';
export const SILENT = 'no answer from the kernel yet';
const GONE = 'The kernel is gone; this is how the jobs stood.';
const ENDED = 'This job system has stopped.';
const EMPTY = 'No jobs yet. jobs.submit(function) starts one.';

// One glyph a state, drawn in a 16 × 16 box with the current colour.
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

/**
 * The buttons of a row, in their order.  Another verb is another line here, and in commands.py.
 * `pressed` and `as` are the word and the look of the row until the kernel has answered.
 */
const ACTIONS = [
  {
    verb: 'cancel',
    label: 'Cancel',
    pressed: 'cancelling…',
    as: 'cancelling',
    offered: row => !TERMINAL.has(row.state),
    enabled: row => row.state !== 'cancelling' && row.request !== 'cancel'
  }
];

/**
 * Draw jobs into `root` until `dispose()`.
 *
 * @param {HTMLElement} root
 * @param {Object} options
 * @param {(verb: string, id: string) => void} options.act   a button was pressed
 * @param {boolean} [options.single]                         one job: no heading
 * @param {(row: import('./format.js').Row) => number} [options.receivedAt]  when a row came, in ms
 * @param {{now: () => number, later: Function, forget: Function, every: Function, stop: Function}} [options.timers]
 */
export function createView(root, { act, single = false, receivedAt, timers = pageTimers() }) {
  const since = receivedAt || firstSeen(timers);
  const pending = new Map();   // job id -> {word, as, stand, note, timer}
  const notes = new Map();     // job id -> {text, stand}: why a button did nothing
  const rows = new Map();      // job id -> what drawRow needs
  let shown = { rows: [], hears: true, alive: true, ended: false };
  let ticker = null;

  root.classList.add('ja-jobs');
  root.classList.toggle('ja-single', single);
  const head = append(root, 'div', 'ja-head');
  const counts = append(head, 'span', 'ja-counts');
  const notice = append(head, 'span', 'ja-notice', { role: 'status' });
  const list = append(root, 'div', 'ja-list', { role: 'list', 'aria-label': single ? 'Job' : 'Jobs' });

  function show(state) {
    shown = { ...shown, ...state };
    const chosen = choose(shown.rows, MOST_ROWS);
    const following = isAtEnd(list);
    drawHead(chosen.length);
    drawList(chosen);
    if (following && !single) list.scrollTop = list.scrollHeight;
    tickWhileNeeded(chosen);
  }

  function drawHead(count) {
    root.classList.toggle('ja-gone', !shown.alive);
    const hidden = shown.rows.length - count;
    const more = hidden ? ` · ${hidden} not shown` : '';
    setText(counts, shown.rows.length ? summary(shown.rows) + more : EMPTY);
    setText(notice, shown.alive ? (shown.ended ? ENDED : '') : GONE);
    head.hidden = single && !notice.textContent;
  }

  function drawList(chosen) {
    const ids = new Set(chosen.map(row => row.id));
    for (const [id, drawn] of rows) {
      if (!ids.has(id)) {
        drawn.el.remove();
        rows.delete(id);
        forgetPending(id);
        notes.delete(id);
      }
    }
    let before = null;
    for (const row of chosen) {
      const drawn = rows.get(row.id) || newRow(row.id);
      // Moving an element that stands right would drop its focus.
      const place = before ? before.nextSibling : list.firstChild;
      if (drawn.el !== place) list.insertBefore(drawn.el, place);
      before = drawn.el;
      settle(row);
      drawRow(drawn, row);
    }
  }

  function newRow(id) {
    const drawn = createRow(id, press);
    rows.set(id, drawn);
    return drawn;
  }

  function drawRow(drawn, row) {
    const waiting = pending.get(row.id);
    const usable = shown.alive && !shown.ended;
    const note = (waiting && waiting.note) || (notes.get(row.id) || {}).text;
    drawn.draw(row, waiting, note, usable);
    drawn.time(clock(elapsedNow(row, shown.alive ? timers.now() - since(row) : 0)));
  }

  function press(action, id) {
    if (pending.has(id)) return;
    const drawn = rows.get(id);
    notes.delete(id);
    const waiting = { word: action.pressed, as: action.as, stand: standOf(drawn.row), note: '', timer: null };
    waiting.timer = timers.later(() => {
      waiting.note = shown.hears ? SILENT : DEAF;
      if (pending.get(id) === waiting) drawRow(drawn, drawn.row);
    }, shown.hears ? PATIENT_MS : ANSWER_MS);
    pending.set(id, waiting);
    drawRow(drawn, drawn.row);
    act(action.verb, id);
  }

  /** A row that has moved on answers the button by itself. */
  function settle(row) {
    const waiting = pending.get(row.id);
    if (waiting && waiting.stand !== standOf(row)) forgetPending(row.id);
    const note = notes.get(row.id);
    if (note && note.stand !== standOf(row)) notes.delete(row.id);
  }

  /** @param {{id: string, verb: string, ok: boolean, why: string}} answer */
  function answered({ id, ok, why }) {
    const drawn = rows.get(id);
    if (!drawn) return;
    if (ok) {
      // Done: the row that shows it is on its way; a finished job has nothing more to say.
      const waiting = pending.get(id);
      if (waiting) timers.forget(waiting.timer);
      if (waiting) waiting.note = '';
      if (TERMINAL.has(drawn.row.state)) forgetPending(id);
    } else {
      forgetPending(id);
      notes.set(id, { text: why, stand: standOf(drawn.row) });
    }
    drawRow(drawn, drawn.row);
  }

  function forgetPending(id) {
    const waiting = pending.get(id);
    if (waiting) timers.forget(waiting.timer);
    pending.delete(id);
  }

  /** One tick a second, and only while something works. */
  function tickWhileNeeded(chosen) {
    const needed = shown.alive && chosen.some(row => TICKING.has(row.state));
    if (needed && ticker === null) ticker = timers.every(tick, 1000);
    if (!needed && ticker !== null) {
      timers.stop(ticker);
      ticker = null;
    }
  }

  function tick() {
    for (const { row, time } of rows.values()) {
      if (TICKING.has(row.state)) time(clock(elapsedNow(row, timers.now() - since(row))));
    }
  }

  function dispose() {
    if (ticker !== null) timers.stop(ticker);
    for (const id of [...pending.keys()]) forgetPending(id);
    root.replaceChildren();
  }

  return { show, answered, dispose };
}

/** One row's elements, made once; `draw` and `time` change what differs. */
function createRow(id, press) {
  const el = document.createElement('div');
  el.className = 'ja-row';
  el.dataset.job = id;
  el.setAttribute('role', 'listitem');
  el.tabIndex = -1;
  const icon = glyph(el);
  const name = append(el, 'bdi', 'ja-name');
  const word = append(el, 'span', 'ja-word');
  const says = foldable(el);
  const bar = append(el, 'div', 'ja-bar', { role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100' });
  const fill = append(bar, 'div', 'ja-fill');
  const far = append(el, 'span', 'ja-far ja-number');
  const rate = append(el, 'span', 'ja-rate ja-number');
  const left = append(el, 'span', 'ja-left ja-number');
  const time = append(el, 'span', 'ja-time ja-number', { title: 'time at work' });
  const buttons = createButtons(el, action => press(action, id));
  const drawn = { el, row: null, draw, time: text => setText(time, text) };

  function draw(row, waiting, note, usable) {
    drawn.row = row;
    const state = waiting ? waiting.as : row.stuck ? 'stuck' : row.state;
    setAttribute(el, 'data-state', state);
    setAttribute(icon, 'd', GLYPHS[state] || GLYPHS.queued);
    const label = [row.icon, row.name, row.subject].filter(Boolean).join(' ');
    setText(name, [row.icon, row.name].filter(Boolean).join(' ') + (row.subject ? ` · ${row.subject}` : ''));
    setAttribute(name, 'title', `${label}\n${row.id}`);
    setText(word, waiting ? waiting.word : stateWord(row));
    says.set(note || detail(row));
    el.classList.toggle('ja-noted', Boolean(note));
    drawBar(row, label);
    setText(far, howFar(row));
    setAttribute(far, 'title', howFarInFull(row));
    const goesOn = usable && !waiting;
    setText(rate, goesOn ? speed(row) : '');
    setText(left, goesOn ? timeLeft(row) : '');
    for (const { action, button } of buttons) drawButton(action, button, row, waiting, usable, label);
  }

  function drawBar(row, label) {
    const known = row.fraction !== undefined;
    const unknown = !known && ACTIVE.has(row.state);
    bar.classList.toggle('ja-unknown', unknown);
    bar.classList.toggle('ja-idle', !known && !unknown);
    const share = known ? row.fraction : row.state === 'succeeded' ? 1 : 0;
    const width = `${(share * 100).toFixed(2)}%`;
    if (fill.style.width !== width) fill.style.width = width;
    setAttribute(bar, 'aria-label', `${label}: progress`);
    setAttribute(bar, 'aria-valuenow', known ? String(Math.floor(share * 100)) : null);
    setAttribute(bar, 'aria-valuetext', [howFar(row), stateWord(row)].filter(Boolean).join(', '));
  }

  function drawButton(action, button, row, waiting, usable, label) {
    const offered = action.offered(row);
    setAttribute(button, 'aria-label', `${action.label} ${label}`);
    const disabled = !usable || !offered || Boolean(waiting) || !action.enabled(row);
    // A focused button that goes away hands its focus to the row, not to the page's top.
    if (!offered && button === document.activeElement) el.focus();
    if (button.hidden === offered) button.hidden = !offered;
    // Not `disabled`, which would throw the keyboard's place away at the press.
    setAttribute(button, 'aria-disabled', disabled ? 'true' : null);
  }

  return drawn;
}

function createButtons(el, pressed) {
  const box = append(el, 'span', 'ja-buttons');
  return ACTIONS.map(action => {
    const button = append(box, 'button', 'ja-button', { type: 'button' });
    button.dataset.verb = action.verb;
    setText(button, action.label);
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') !== 'true') pressed(action);
    });
    return { action, button };
  });
}

/** One line that unfolds to the whole text when it is pressed. */
function foldable(parent) {
  const button = append(parent, 'button', 'ja-says', { type: 'button', 'aria-expanded': 'false' });
  button.addEventListener('click', () => {
    const open = button.getAttribute('aria-expanded') !== 'true';
    setAttribute(button, 'aria-expanded', String(open));
    parent.classList.toggle('ja-open', open);
  });
  function set(text) {
    setText(button, text);
    setAttribute(button, 'title', text || null);
    if (button.hidden !== !text) button.hidden = !text;
  }
  return { set };
}

function glyph(parent) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'ja-icon');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  svg.appendChild(path);
  parent.appendChild(svg);
  return path;
}

function append(parent, tag, className, attributes = {}) {
  const el = document.createElement(tag);
  el.className = className;
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  parent.appendChild(el);
  return el;
}

function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function setAttribute(el, key, value) {
  if (el.getAttribute(key) === value) return;
  if (value === null) el.removeAttribute(key);
  else el.setAttribute(key, value);
}

/** What must change before a pressed button counts as answered by the row itself. */
function standOf(row) {
  return `${row.state} ${row.request || ''}`;
}

function isAtEnd(list) {
  return list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
}

function firstSeen(timers) {
  const seen = new WeakMap();
  return row => {
    if (!seen.has(row)) seen.set(row, timers.now());
    return seen.get(row);
  };
}

function pageTimers() {
  return {
    now: () => Date.now(),
    later: (fn, ms) => setTimeout(fn, ms),
    forget: timer => clearTimeout(timer),
    every: (fn, ms) => setInterval(fn, ms),
    stop: timer => clearInterval(timer)
  };
}
