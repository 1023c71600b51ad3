// Draws jobs as rows of plain DOM; the panels in cells and the sidebar share it.
//
// A host calls `createView(root, options)` with the options below; only `act` is needed.  The rows are
// those of wire.py, all of them at every `show`.  The view has these methods:
//
//   show({rows, hears, alive, lost, ended, notice, schedules})   draw; a part that is left out stays as it was
//   answered(answer)                    the kernel's answer to `act` or `actMany`
//   received(message)                   its answer to `ask`: kinds "details", "log", "result"
//   refilter()                          the host's filter has changed
//   look()                              the list has another place in what scrolls it
//   dispose()                           stop every clock and empty the root
//
// All verbs go through `act`.  Without `ask` rows unfold to their whole text
// only; without `board` there is no filter, no selection and no history, and at most 200 rows.
// A host that loads this module needs its neighbours too: MODULES in static_files.py names them.

import { append, pageTimers, setAttribute, setHidden, setStyle, setText } from './dom.js';
import { createFolds, isBatch } from './batches.js';
import { arrange, createFold, createTools, filterRows } from './board.js';
import { createNewJob } from './builder/new_job.js';
import { createDetails } from './details.js';
import { createPendingActions } from './pending_actions.js';
import { createHeldOrder } from './held_order.js';
import { createKeyboard } from './keyboard.js';
import { createRow, titleOf } from './row.js';
import { fenceKeys, isForHost } from './keys.js';
import { changedInPlace } from './listing.js';
import { createScheduled } from './scheduled.js';
import { createSizes } from './sizes.js';
import { createUndo } from './undo.js';
import { visibleSpan } from './visible_span.js';
import { createAnnouncer } from './announcer.js';
import { choose, isNews, ticksIn } from './format.js';
import { plural, summary } from './summary.js';

const MOST_ROWS = 200;
const FEW_ROWS = 60;
const SPARE_ROWS = 8;
const ROW_HEIGHT = 29;
const LOST = {
  restarted: 'The kernel was restarted; this is how the jobs stood.',
  died: 'The kernel died; this is how the jobs stood.',
  ended: 'The kernel was shut down; this is how the jobs stood.',
  stopped: 'Their job system has stopped; this is how the jobs stood.'
};
const GONE = 'No kernel runs these jobs any more; this is how they stood.';
const ENDED = 'This job system has stopped.';
const EMPTY = 'No jobs yet. jobs.submit(function) starts one.';
const NONE_LEFT = 'No job matches.';

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
 * @param {() => number} [options.now]   the kernel's clock, in seconds since the epoch
 * @param {{now: () => number, later: Function, forget: Function}} [options.timers]
 */
export function createView(root, options) {
  const { act, actMany, ask, schedule, single = false, board = false, filter, scroller, timers = pageTimers() } = options;
  const exactly = options.now || (() => timers.now() / 1000);
  // All views of a page tick at whole seconds and count in them, so that they show the same.
  const now = () => Math.floor(exactly());
  const folds = createFolds(ask, timers, () => held?.drop());   // they go where they belong
  const pending = createPendingActions(timers, redrawRow);
  const rows = new Map();      // job id -> what createRow returns, while it is in the page
  const opened = new Map();    // job id -> its details, null while its row is not in the page
  const heights = new Map();   // job id -> pixels, of unfolded rows
  const selected = new Set();
  let shown = { rows: [], hears: true, alive: true, lost: '', ended: false, notice: '', schedules: [] };
  let items = [];              // what is listed, top to bottom
  let places = { filtered: [], endedAt: -1, hasFold: false, ended: [] };
  const readHere = new Set();  // job ids, of failures that were read where no kernel takes a note
  let historyOpen = true;
  let rowHeight = ROW_HEIGHT;
  let scrolled = 0;            // pixels; read when it changes, never within a frame
  let viewport = 0;            // pixels; 0 until it is known
  let span = { first: 0, end: 0 };   // the rows in the page, as last drawn
  let resized = 0;             // the frame that draws for a new height
  let indexOf = null;          // job id -> its place in `items`, made when one is needed
  let ticker = null;
  let lastPicked = null;
  let index = { of: null, rows: new Map() };   // of all rows, made when one is looked for

  root.classList.add('ja-jobs');
  root.classList.toggle('ja-single', single);
  root.classList.toggle('ja-board', board);
  const head = append(root, 'div', 'ja-head');
  const counts = append(head, 'span', 'ja-counts');
  const news = board && !single ? append(head, 'button', 'ja-button ja-news', { type: 'button' }) : null;
  const notice = append(head, 'span', 'ja-notice', { role: 'status' });
  const newJob = board && !single && ask ? createNewJob(head, root, { ask, announce: text => announcer.say(text), timers }) : null;
  const tools = board && !single && !filter ? createTools(root, { changed: fromTheTop, actMany: sendMany, selectShown }) : null;
  const scheduled = board && schedule ? createScheduled(root, { act: schedule, now, timers }) : null;
  const list = append(root, 'div', 'ja-list', { role: 'list', 'aria-label': single ? 'Job' : 'Jobs' });
  const above = board ? append(list, 'div', 'ja-space', { 'aria-hidden': 'true' }) : null;
  const below = board ? append(list, 'div', 'ja-space', { 'aria-hidden': 'true' }) : null;
  const history = board ? createFold(list, () => {
    historyOpen = !historyOpen;
    anew();
  }) : null;
  const held = board ? createHeldOrder(list, timers, redraw) : null;
  // In the head: a line that came and went below could move the rows.
  const undo = createUndo(single ? root : head, timers, sendLate, redraw);
  const announcer = createAnnouncer(root, timers);
  news?.addEventListener('click', goToNews);
  if (!single) list.setAttribute('tabindex', '0');
  const port = scroller || list;
  port.addEventListener('scroll', lookAnew);
  const sizes = createSizes(sizeChanged);
  if (board) sizes.follow(list);
  const keyboard = createKeyboard(list, {
    drawn: id => rows.get(id), unfold, goTo, press, redraw: redrawRow, say: announcer.say,
    step: (id, by) => id === null ? rowInSight() : items.findIndex(row => row.id === id) + by,
    last: () => items.length - 1,
    pick: board && actMany ? (id, range) => pick(id, !selected.has(id), range) : null,
    mayPress: id => shown.alive && !shown.ended && !waitingFor(id),
    single: single && !board
  });
  root.addEventListener('keydown', event => { if (!isForHost(event)) event.stopPropagation(); });
  const endFence = fenceKeys(target => root.contains(target));

  function show(state) {
    const before = shown;
    shown = { ...shown, ...state };
    const inPlace = board && !selected.size && Object.keys(shown).every(key => key === 'rows' || shown[key] === before[key])
      ? changedInPlace(before.rows, shown.rows, wantedNow()) : null;
    if (inPlace) showInPlace(inPlace);
    else {
      announcer.note(shown.rows);
      forgetGone();
      redraw();
    }
    tickWhileNeeded();
  }

  /** Draws rows of which none has moved. */
  function showInPlace(changed) {
    if (changed.length) indexOf ??= new Map(items.map((row, i) => [row.id, i]));
    for (const row of changed) {
      const place = indexOf.get(row.id);
      if (place !== undefined) items[place] = row;
    }
    drawList();
  }

  function redraw() {
    const following = !board && !single && isAtEnd(list);
    indexOf = null;
    arrangeItems();
    drawHead();
    drawList();
    if (following && !single) list.scrollTop = list.scrollHeight;
  }

  /** Goes to the newest failure that was not read, whatever is filtered. */
  function goToNews() {
    (tools || filter).letAllPass();
    goTo(items.findIndex(isUnreadFailure));
  }

  function wantedNow() {
    return tools ? tools.wanted : filter ? filter.wanted : {};
  }

  function fromTheTop() {
    scrollTo(0);
    anew();
  }

  /** Draws the list in another order, for which the user has asked. */
  function anew() {
    held.drop();
    redraw();
  }

  function arrangeItems() {
    if (!board) {
      items = choose(shown.rows, MOST_ROWS);
      places = { filtered: items, endedAt: -1, hasFold: false, ended: [] };
      return;
    }
    const wanted = wantedNow();
    const passing = filterRows(shown.rows, wanted);
    const filtered = folds.tops(passing);
    const parts = arrange(filtered, wanted, now(), isUnreadFailure);
    const [open, ended] = [parts.open, parts.ended].map(part => folds.expand(part, passing));
    const hasFold = open.length > 0 && ended.length > 0;
    const order = held.arrange(historyOpen ? open.concat(ended) : open, open.length, hasFold, shown.rows);
    items = order.items;
    places = { ...order, filtered, ended };
  }

  function drawHead() {
    root.classList.toggle('ja-gone', !shown.alive);
    const hidden = board ? 0 : shown.rows.length - items.length;
    const more = hidden ? ` · ${hidden} not shown` : '';
    const tops = folds.tops(shown.rows);
    const some = board && places.filtered.length < tops.length ? ` · ${plural(places.filtered.length, 'job')} shown` : '';
    setText(counts, shown.rows.length ? summary(shown.rows) + more + some : EMPTY);
    const unread = news ? shown.rows.filter(isUnreadFailure).length : 0;
    if (news) setHidden(news, !unread);
    if (unread) setText(news, `${unread} failed unread`);
    setText(notice, shown.alive ? (shown.ended ? ENDED : shown.notice || '') : LOST[shown.lost] || GONE);
    setHidden(head, single && !notice.textContent);
    if (newJob) newJob.offer(shown.alive && !shown.ended);
    scheduled?.draw(shown.schedules || [], shown.alive && !shown.ended);
    if (tools) tools.draw(tops, places.filtered, selected);
    setAttribute(list, 'data-empty', shown.rows.length && !places.filtered.length ? NONE_LEFT : null);
  }

  function isLong() {
    return board && items.length > FEW_ROWS;
  }

  /** Returns the rows that belong into the page, and the space that stands for the others. */
  function inSight() {
    if (!isLong()) return { first: 0, end: items.length, before: 0, after: 0 };
    const extra = new Map();
    if (heights.size) items.forEach((row, i) => { if (heights.has(row.id)) extra.set(i, heights.get(row.id) - rowHeight); });
    return visibleSpan({
      count: items.length, height: rowHeight, extra,
      top: scrolled, viewport: Math.min(viewport || 600, 4000), spare: SPARE_ROWS
    });
  }

  /** Returns whether other rows belong into the page than are in it. */
  function hasOtherSpan() {
    const { first, end } = inSight();
    return first !== span.first || end !== span.end;
  }

  function drawList() {
    span = inSight();
    const { first, end, before, after } = span;
    root.classList.toggle('ja-long', isLong());
    const chosen = items.slice(first, end);
    const ids = new Set(chosen.map(row => row.id));
    for (const id of [...rows.keys()]) if (!ids.has(id)) removeRow(id);
    if (board) setStyle(above, 'height', `${before}px`);
    if (board) setStyle(below, 'height', `${after}px`);
    let last = above;
    chosen.forEach((row, i) => {
      last = putBehind(last, history && places.hasFold && first + i === places.endedAt ? history.el : null);
      const drawn = rows.get(row.id) || newRow(row.id);
      last = putBehind(last, drawn.el);
      pending.settle(row);
      drawRow(drawn, row);
      setPlace(drawn, isLong() ? `${first + i + 1} ${items.length}` : '');
    });
    if (history) {
      const inPage = places.hasFold && first <= places.endedAt && end >= places.endedAt;
      history.draw(places.ended, historyOpen, inPage);
      if (inPage && !historyOpen) last = putBehind(last, history.el);
    }
    if (board) putBehind(last, below);
  }

  /** Tells a screen reader how long the whole list is, of which a part is in the page. */
  function setPlace(drawn, place) {
    if (drawn.place === place) return;
    drawn.place = place;
    const [position, size] = place ? place.split(' ') : [null, null];
    setAttribute(drawn.el, 'aria-setsize', size);
    setAttribute(drawn.el, 'aria-posinset', position);
  }

  /** Moves an element behind another, unless it is there: moving it would drop its focus. */
  function putBehind(before, el) {
    if (!el) return before;
    const place = before ? before.nextSibling : list.firstChild;
    if (el !== place) list.insertBefore(el, place);
    return el;
  }

  function sizeChanged(el, height) {
    if (!height) return;
    if (el === list) viewport = scroller ? viewport : height;
    else {
      const drawn = rows.get(el.dataset.job);
      if (!drawn) return;
      if (drawn.isOpen) heights.set(el.dataset.job, height);
      else if (!el.classList.contains('ja-noted')) rowHeight = height;
    }
    if (isLong()) resized ||= requestAnimationFrame(() => { resized = 0; drawList(); });
  }

  function scrollTo(top) {
    port.scrollTop = top + beforeList();
    look();   // it may have been too far
  }

  /** Reads what part of the list is in sight: at a scroll, never within a frame. */
  function look() {
    scrolled = port.scrollTop - beforeList();
    viewport = port.clientHeight;
  }

  function lookAnew() {
    if (!isLong()) return;
    look();
    if (hasOtherSpan()) drawList();
  }

  /** Returns the pixels above the list in what scrolls it. */
  function beforeList() {
    return scroller ? list.getBoundingClientRect().top - port.getBoundingClientRect().top + port.scrollTop : 0;
  }

  function newRow(id) {
    const drawn = createRow(id, {
      press: action => press(action, id),
      unfold: open => unfold(id, open),
      select: board && !single && actMany ? (on, range) => pick(id, on, range) : null,
      deep: Boolean(ask),
      nameOf: awaited => titleOf(find(awaited)),
      goToJob
    });
    rows.set(id, drawn);
    if (board) sizes.follow(drawn.el);
    if (opened.has(id)) openDetails(id, drawn);
    if (folds.has(id)) drawn.open(true);
    return drawn;
  }

  function removeRow(id) {
    const drawn = rows.get(id);
    if (drawn.el.contains && drawn.el.contains(document.activeElement)) list.focus();
    sizes.leave(drawn.el);
    drawn.el.remove();
    rows.delete(id);
    if (opened.get(id)) opened.get(id).close();
    if (opened.has(id)) opened.set(id, null);
  }

  function unfold(id, open) {
    const drawn = rows.get(id);
    if (isBatch(drawn.row)) unfoldBatch(drawn, open);
    else if (open) {
      opened.set(id, null);
      openDetails(id, drawn);
      if (drawn.row.unread && ask) read(id);
      if (opened.get(id)) opened.get(id).update(drawn.row);
    } else {
      if (opened.get(id)) opened.get(id).close();
      opened.delete(id);
      heights.delete(id);
      drawn.open(false);
    }
  }

  function unfoldBatch(drawn, open) {
    folds.set(drawn.row.id, open);
    drawn.open(open);
    if (open && drawn.row.unread && ask) read(drawn.row.id);
    if (held) held.drop();
    redraw();
  }

  /** Takes a note that its user has read how a job has ended. */
  function read(id) {
    if (shown.alive) act('read', id);
    if (shown.alive && !shown.ended) return;
    readHere.add(id);
    redraw();
  }

  function isUnreadFailure(row) {
    return isNews(row) && !readHere.has(row.id);
  }

  function openDetails(id, drawn) {
    if (ask) opened.set(id, createDetails(drawn.body, id, ask, timers));
    drawn.open(true);
  }

  function drawRow(drawn, row) {
    const changed = drawn.row !== row;
    drawn.draw(row, waitingFor(row.id), keyboard.noteOf(row) || pending.note(row.id), shown.alive && !shown.ended, now());
    drawn.select(selected.has(row.id));
    drawn.el.classList.toggle('ja-item', folds.has(row.batch));
    const details = opened.get(row.id);
    if (details && changed && shown.alive) details.update(row);
  }

  /** Returns the command that was given for a job and is not done yet. */
  function waitingFor(id) {
    const action = undo.of(id);
    return action ? { word: action.pressed, as: action.as } : pending.of(id);
  }

  function press(action, id) {
    if (waitingFor(id)) return;
    if (action.removes) undo.add(action, [id]);
    else send(action, id);
  }

  function send(action, id) {
    const drawn = rows.get(id);
    if (drawn) {
      pending.press(action, drawn.row, shown.hears);
      drawRow(drawn, drawn.row);
    }
    act(action.verb, id);
  }

  function sendLate(action, ids, states) {
    if (ids.length === 1 || !actMany) for (const id of ids) send(action, id);
    else actMany(action.verb, ids, states);
  }

  function redrawRow(id) {
    const drawn = rows.get(id);
    if (drawn) drawRow(drawn, drawn.row);
  }

  function sendMany(action, ids, states) {
    selected.clear();
    if (action.removes) undo.add(action, ids, states);
    else actMany(action.verb, ids, states);
    redraw();
  }

  function pick(id, on, range) {
    const order = items.map(row => row.id);
    const [from, to] = [order.indexOf(lastPicked), order.indexOf(id)].sort((a, b) => a - b);
    for (const each of range && from >= 0 ? order.slice(from, to + 1) : [id]) {
      if (on) selected.add(each);
      else selected.delete(each);
    }
    lastPicked = id;
    redraw();
  }

  function selectShown(on) {
    selected.clear();
    if (on) for (const row of places.filtered) selected.add(row.id);
    redraw();
  }

  /** @param {{id: string, verb: string, ok: boolean, why: string}} answer */
  function answered(answer) {
    if (!answer.id) {
      if (!answer.ok) announcer.announce(answer.why);
      return;
    }
    const drawn = rows.get(answer.id);
    if (!drawn || answer.verb === 'read') return;
    pending.answered(answer, drawn.row);
    drawRow(drawn, drawn.row);
  }

  function received(message) {
    if (newJob?.receive(message)) return;
    const details = opened.get(message.id);
    if (details) details.receive(message);
  }

  /** Drops the state that belongs to removed jobs. */
  function forgetGone() {
    if (!pending.ids.length && !opened.size && !selected.size) return;
    const there = new Set(shown.rows.map(row => row.id));
    for (const id of pending.ids) if (!there.has(id)) pending.drop(id);
    for (const byId of [heights, selected]) for (const id of [...byId.keys()]) if (!there.has(id)) byId.delete(id);
    for (const [id, details] of [...opened]) {
      if (there.has(id)) continue;
      if (details) details.close();
      opened.delete(id);
    }
  }

  /** Ticks with each second, and only while some text changes with it. */
  function tickWhileNeeded() {
    const at = now();
    const wait = shown.alive ? Math.min(...[...rows.values()].map(drawn => ticksIn(drawn.row, at)), Infinity) : Infinity;
    if (ticker && ticker.at <= at + wait && wait < Infinity) return;
    stopTicking();
    if (wait < Infinity) ticker = { at: at + wait, timer: timers.later(tick, (at + wait - exactly()) * 1000) };
  }

  function stopTicking() {
    if (ticker !== null) timers.forget(ticker.timer);
    ticker = null;
  }

  function tick() {
    ticker = null;
    if (tools && tools.wanted.order === 'time at work') redraw();
    else for (const drawn of rows.values()) drawn.tick(now());
    tickWhileNeeded();
  }

  /** Returns the row of a job, whether or not it is listed. */
  function find(id) {
    if (index.of !== shown.rows) index = { of: shown.rows, rows: new Map(shown.rows.map(row => [row.id, row])) };
    return index.rows.get(id);
  }

  /** Brings the row of a job in sight, whatever is filtered or folded. */
  function goToJob(id) {
    const place = () => items.findIndex(row => row.id === id);
    if (place() < 0 && board) {
      historyOpen = true;
      (tools || filter)?.letAllPass();
    }
    goTo(place());
  }

  function rowInSight() {
    return isLong() ? Math.ceil(scrolled / rowHeight) : 0;
  }

  function goTo(index) {
    if (index < 0 || index >= items.length) return;
    if (isLong() && !rows.has(items[index].id)) {
      scrollTo(index * rowHeight);
      drawList();
    }
    const drawn = rows.get(items[index].id);
    if (drawn) drawn.el.focus();
  }

  function dispose() {
    stopTicking();
    port.removeEventListener('scroll', lookAnew);
    if (resized) cancelAnimationFrame(resized);
    sizes.dispose();
    endFence();
    undo.commit();
    newJob?.dispose();
    if (held) held.dispose();
    folds.dispose();
    pending.dispose();
    for (const details of opened.values()) if (details) details.close();
    opened.clear();
    scheduled?.dispose();
    announcer.dispose();
    root.replaceChildren();
  }

  return { show, answered, received, refilter: anew, look: lookAnew, dispose };
}

function isAtEnd(list) {
  return list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
}
