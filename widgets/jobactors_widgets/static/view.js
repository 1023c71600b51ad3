// Draws jobs as rows of plain DOM; the panels in cells, the sidebar and the page over HTTP share it.
//
// A host calls `createView(root, options)` with the options below; only `act` is needed.  The rows are
// those of wire.py, all of them at every `show`.  The view has these methods:
//
//   show({rows, hears, alive, lost, ended, notice, schedules})   draw; a part that is left out stays as it was
//   answered(answer)                    the kernel's answer to `act` or `actMany`
//   received(message)                   its answer to `ask`: kinds "details", "log", "result"
//   refilter()                          the host's filter has changed
//   look()                              the list has another place in what scrolls it
//   goToJob(id)                         bring the row of a job in sight; returns whether there is one
//   dispose()                           stop every clock and empty the root
//
// All verbs go through `act`.  Without `ask` rows unfold to their whole text only; without `board` there is
// no filter, no selection and no history.  This module puts the parts together: what stands above the rows
// (view_head.js), which rows are in the page (row_window.js), which are unfolded, selected, held in their
// order, and which commands were given for them.
// A host that loads this module needs its neighbours too: MODULES in static_files.py names them.

import { createAnnouncer } from './announcer.js';
import { createFolds, isBatch } from './batches.js';
import { arrange, createFold, filterRows } from './board.js';
import { append, pageTimers, setAttribute } from './dom.js';
import { isNews, ticksIn } from './format.js';
import { createGivenCommands } from './given_commands.js';
import { createHeldOrder } from './held_order.js';
import { createKeyboard } from './keyboard.js';
import { fenceKeys, isForHost } from './keys.js';
import { changedInPlace } from './listing.js';
import { answerWithRow, showInAnother } from './other_views.js';
import { createRow, titleOf } from './row.js';
import { createRowWindow } from './row_window.js';
import { createSeconds } from './seconds.js';
import { createSelection } from './selection.js';
import { createSight } from './sight.js';
import { countUnread } from './summary.js';
import { createUnfolded } from './unfolded.js';
import { createViewHead } from './view_head.js';

const NONE_LEFT = 'No job matches.';
const NOWHERE = 'No board of this page shows this job. jobs in a cell makes one.';

/**
 * Draws jobs into `root` until `dispose()`.
 *
 * @param {HTMLElement} root
 * @param {Object} options
 * @param {(verb: string, id: string) => void} options.act   a button was pressed
 * @param {(verb: string, ids: string[], states: string[] | null) => void} [options.actMany]   the same for
 *   a selection; a job in none of these states is to be left alone
 * @param {(message: {kind: string, id: string}) => void} [options.ask]   details are wanted
 * @param {(verb: string, name: string) => void} [options.schedule]   a button of a schedule was pressed
 * @param {boolean} [options.single]                         one job or batch: no heading
 * @param {boolean} [options.board]                          tools, selection and history
 * @param {{wanted: Object, letAllPass: () => void}} [options.filter]   which jobs are listed, in what order: a
 *   filter of the host's, instead of tools; the host calls `refilter` when it has changed
 * @param {HTMLElement} [options.scroller]   what scrolls the list, if it does not scroll itself
 * @param {(place: string, ids: string[]) => void} [options.sees]   which rows are in sight, of many
 * @param {() => number} [options.now]   the kernel's clock, in seconds since the epoch
 * @param {{now: () => number, later: Function, forget: Function}} [options.timers]
 */
export function createView(root, options) {
  const { act, actMany, ask, schedule, sees, single = false, board = false, filter, scroller, timers = pageTimers() } = options;
  const exactly = options.now || (() => timers.now() / 1000);
  // All views of a page tick at whole seconds and count in them, so that they show the same.
  const now = () => Math.floor(exactly());
  const whole = board && !single;
  const folds = createFolds(ask, timers, () => held?.drop());   // they go where they belong
  const unfolded = createUnfolded(ask, timers);
  const selection = createSelection();
  const readHere = new Set();  // job ids, of failures that were read where no kernel takes a note
  let shown = { rows: [], hears: true, alive: true, lost: '', ended: false, notice: '', schedules: [] };
  let filtered = [];           // the rows that pass the filters, without the items of batches
  let historyOpen = true;
  let index = { of: null, rows: new Map() };   // of all rows, made when one is looked for

  root.classList.add('ja-jobs');
  root.setAttribute('dir', 'ltr');   // its own words are English, also in a page from right to left
  root.classList.toggle('ja-single', single);
  root.classList.toggle('ja-board', board);
  const head = createViewHead(root, {
    single, board, hasFilter: Boolean(filter), ask, schedule, changed: fromTheTop, actMany: pressMany, selectShown, goToNews,
    say: text => announcer.say(text), now, timers
  });
  const { tools } = head;
  const list = append(root, 'div', 'ja-list', { role: 'list', 'aria-label': single ? 'Job' : 'Jobs' });
  const inPage = createRowWindow(list, {
    canBeLong: board, scroller, make: newRow, draw: drawRow, left: unfolded.leave,
    drawn: (isLong, ids) => {
      root.classList.toggle('ja-long', isLong);
      sight.show(ids, shown.rows.length);
    }
  });
  const history = board ? createFold(list, toggleHistory) : null;
  const held = board ? createHeldOrder(list, timers, redraw) : null;
  // Its line is in the head: one that came and went below could move the rows.
  const given = createGivenCommands(single ? root : head.el, {
    act, actMany, timers, redrawRow, redraw,
    hears: () => shown.hears,
    rowOf: id => inPage.get(id)?.row
  });
  const announcer = createAnnouncer(root, timers);
  const sight = createSight(root, sees && ((place, ids) => { if (shown.hears) sees(place, ids); }), timers);
  const seconds = createSeconds({ exactly, due: ticksAfter, tick, timers });
  if (!single) list.setAttribute('tabindex', '0');
  const keyboard = createKeyboard(list, {
    drawn: inPage.get, unfold, goTo: inPage.goTo, press: given.press, redraw: redrawRow, say: announcer.say,
    step: (id, by) => id === null ? inPage.firstInSight() : inPage.placeOf(id) + by,
    last: () => inPage.items().length - 1,
    pick: board && actMany ? (id, range) => pick(id, !selection.ids.has(id), range) : null,
    mayPress: id => isUsable() && !given.waitingFor(id),
    single: single && !board
  });
  root.addEventListener('keydown', event => { if (!isForHost(event)) event.stopPropagation(); });
  const endFence = fenceKeys(target => root.contains(target));
  const endAnswers = whole ? answerWithRow(showHere) : () => {};

  function show(state) {
    const before = shown;
    shown = { ...shown, ...state };
    const inPlace = board && !selection.ids.size && Object.keys(shown).every(key => key === 'rows' || shown[key] === before[key])
      ? changedInPlace(before.rows, shown.rows, wantedNow()) : null;
    if (inPlace) inPage.replace(inPlace);
    else {
      announcer.note(shown.rows);
      forgetGone();
      redraw();
    }
    seconds.follow();
  }

  function redraw() {
    const { items, divider, ended } = arranged();
    drawHead();
    inPage.show(items, divider);
    if (divider) history.draw(ended, historyOpen);
  }

  /** Draws the list in another order, for which the user has asked. */
  function anew() {
    held?.drop();
    redraw();
  }

  function fromTheTop() {
    inPage.scrollTo(0);
    anew();
  }

  function toggleHistory() {
    historyOpen = !historyOpen;
    anew();
  }

  function isUsable() {
    return shown.alive && !shown.ended;
  }

  function wantedNow() {
    return tools ? tools.wanted : filter ? filter.wanted : {};
  }

  /** Returns the rows that are listed, top to bottom, and the line between those at work and those that ended. */
  function arranged() {
    if (!board) {
      filtered = shown.rows;
      return { items: shown.rows, divider: null, ended: [] };
    }
    const wanted = wantedNow();
    const passing = filterRows(folds.newest(shown.rows), wanted);
    filtered = folds.tops(passing);
    const parts = arrange(filtered, wanted, now(), isUnreadFailure);
    const [open, ended] = [parts.open, parts.ended].map(part => folds.expand(part, passing));
    const hasFold = open.length > 0 && ended.length > 0;
    const order = held.arrange(historyOpen ? open.concat(ended) : open, open.length, hasFold, shown.rows, folds.replacedBy(shown.rows));
    return { items: order.items, divider: order.hasFold ? { el: history.el, at: order.endedAt } : null, ended };
  }

  function drawHead() {
    root.classList.toggle('ja-gone', !shown.alive);
    const unread = whole ? countUnread(shown.rows, isUnreadFailure) : 0;
    head.draw(shown, folds.tops(shown.rows), filtered, selection.ids, unread);
    setAttribute(list, 'data-empty', shown.rows.length && !filtered.length ? NONE_LEFT : null);
  }

  function newRow(id) {
    const drawn = createRow(id, {
      press: action => given.press(action, id),
      unfold: open => unfold(id, open),
      select: whole && actMany ? (on, range) => pick(id, on, range) : null,
      deep: Boolean(ask),
      nameOf: awaited => titleOf(find(awaited)),
      goToJob,
      showOnBoard: whole ? null : showOnBoard
    });
    if (unfolded.has(id)) unfolded.open(id, drawn);
    if (folds.has(id)) drawn.open(true);
    return drawn;
  }

  function drawRow(drawn, row) {
    const changed = drawn.row !== row;
    given.settle(row);
    drawn.draw(row, given.waitingFor(row.id), keyboard.noteOf(row) || given.note(row.id), isUsable(), now());
    drawn.select(selection.ids.has(row.id));
    drawn.el.classList.toggle('ja-item', folds.has(row.batch));
    if (changed && shown.alive) unfolded.update(row);
  }

  function redrawRow(id) {
    const drawn = inPage.get(id);
    if (drawn) drawRow(drawn, drawn.row);
  }

  function unfold(id, open) {
    const drawn = inPage.get(id);
    if (isBatch(drawn.row)) unfoldBatch(drawn, open);
    else if (open) {
      unfolded.open(id, drawn);
      if (drawn.row.unread && ask) read(id);
      unfolded.update(drawn.row);
    } else {
      unfolded.close(id);
      inPage.forgetHeights(each => each !== id);
      drawn.open(false);
    }
  }

  function unfoldBatch(drawn, open) {
    folds.set(drawn.row.id, open);
    drawn.open(open);
    if (open && drawn.row.unread && ask) read(drawn.row.id);
    anew();
  }

  /** Takes a note that its user has read how a job has ended. */
  function read(id) {
    if (shown.alive) act('read', id);
    if (isUsable()) return;
    readHere.add(id);
    redraw();
  }

  function isUnreadFailure(row) {
    return isNews(row) && !readHere.has(row.id);
  }

  function pressMany(action, ids, states) {
    selection.set([]);
    given.pressMany(action, ids, states);
    redraw();
  }

  function pick(id, on, range) {
    selection.pick(id, on, range, inPage.items().map(row => row.id));
    redraw();
  }

  function selectShown(on) {
    selection.set(on ? filtered.map(row => row.id) : []);
    redraw();
  }

  /** @param {{id: string, verb: string, ok: boolean, why: string}} answer */
  function answered(answer) {
    if (answer.id) given.answered(answer);
    else if (!answer.ok) announcer.announce(answer.why);
  }

  function received(message) {
    if (!head.receive(message)) unfolded.receive(message);
  }

  /** Drops the state that belongs to removed jobs. */
  function forgetGone() {
    if (given.isIdle && !unfolded.size && !selection.ids.size) return;
    const there = new Set(shown.rows.map(row => row.id));
    given.keepOnly(there);
    selection.keepOnly(there);
    unfolded.keepOnly(there);
    inPage.forgetHeights(id => there.has(id));
  }

  function ticksAfter() {
    const at = now();
    return shown.alive ? Math.min(...[...inPage.all()].map(drawn => ticksIn(drawn.row, at)), Infinity) : Infinity;
  }

  function tick() {
    if (tools && tools.wanted.order === 'time at work') redraw();
    else for (const drawn of inPage.all()) drawn.tick(now());
  }

  /** Returns the row of a job, whether or not it is listed. */
  function find(id) {
    if (index.of !== shown.rows) index = { of: shown.rows, rows: new Map(shown.rows.map(row => [row.id, row])) };
    return index.rows.get(id);
  }

  /** Goes to the newest failure that was not read, whatever is filtered. */
  function goToNews() {
    (tools || filter).letAllPass();
    inPage.goTo(inPage.items().findIndex(isUnreadFailure));
  }

  /** Brings the row of a job in sight, whatever is filtered or folded; returns whether there is one. */
  function goToJob(id) {
    if (inPage.placeOf(id) < 0 && board) {
      historyOpen = true;
      (tools || filter)?.letAllPass();
    }
    inPage.goTo(inPage.placeOf(id));
    return inPage.placeOf(id) >= 0;
  }

  /** Shows a job for another view, if this one lists it and is in the page. */
  function showHere(id) {
    return Boolean(find(id)) && root.checkVisibility?.() !== false && goToJob(id);
  }

  function showOnBoard(id) {
    if (!showInAnother(id)) announcer.announce(NOWHERE);
  }

  function dispose() {
    seconds.stop();
    sight.dispose();
    inPage.dispose();
    endFence();
    endAnswers();
    given.dispose();
    held?.dispose();
    folds.dispose();
    unfolded.dispose();
    head.dispose();
    announcer.dispose();
    root.replaceChildren();
  }

  return { show, answered, received, refilter: anew, look: inPage.look, goToJob, dispose };
}
