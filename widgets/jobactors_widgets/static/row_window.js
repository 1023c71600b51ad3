// Holds the rows of a list that are in the page: all of a short list, of a long one those in sight.
//
// The heights of rows are followed, and the place of the scrollbar is read when it moves: a question in the
// middle of a frame would make the browser lay the page out at once, and again at its end.

import { append, putBehind, setAttribute, setStyle } from './dom.js';
import { createSizes } from './sizes.js';
import { visibleSpan } from './visible_span.js';

const FEW_ROWS = 60;
const SPARE_ROWS = 8;
const ROW_HEIGHT = 29;

/** @typedef {import('./format.js').Row} Row */
/** @typedef {ReturnType<import('./row.js').createRow>} Drawn */

/**
 * @param {HTMLElement} list
 * @param {Object} host
 * @param {boolean} host.canBeLong                      whether some rows may be left out of the page
 * @param {HTMLElement} [host.scroller]                 what scrolls the list, if it does not scroll itself
 * @param {(id: string) => Drawn} host.make             makes the elements of a row
 * @param {(drawn: Drawn, row: Row) => void} host.draw  draws it
 * @param {(id: string) => void} host.left              it has left the page
 * @param {(isLong: boolean, ids: Set<string>) => void} host.drawn   all rows in the page are drawn
 */
export function createRowWindow(list, { canBeLong, scroller, make, draw, left, drawn: allDrawn }) {
  const rows = new Map();      // job id -> what `make` returned, while it is in the page
  const heights = new Map();   // job id -> pixels, of unfolded rows
  const port = scroller || list;
  const above = canBeLong ? append(list, 'div', 'ja-space', { 'aria-hidden': 'true' }) : null;
  const below = canBeLong ? append(list, 'div', 'ja-space', { 'aria-hidden': 'true' }) : null;
  const sizes = createSizes(sizeChanged);
  let items = [];              // what is listed, top to bottom
  let divider = null;          // {el, at}: an element before the row at this place
  let indexOf = null;          // job id -> its place in `items`, made when one is needed
  let rowHeight = ROW_HEIGHT;
  let scrolled = 0;            // pixels
  let viewport = 0;            // pixels; 0 until it is known
  let span = { first: 0, end: 0 };   // the rows in the page, as last drawn
  let resized = 0;             // the frame that draws for a new height
  port.addEventListener('scroll', lookAnew);
  if (canBeLong) sizes.follow(list);

  /** Draws other items, or the same in another order. @param {Row[]} newItems */
  function show(newItems, newDivider = null) {
    if (divider && divider.el !== newDivider?.el) divider.el.remove();
    [items, divider, indexOf] = [newItems, newDivider, null];
    drawAll();
  }

  /** Draws items of which none has moved. @param {Row[]} changed */
  function replace(changed) {
    if (changed.length) indexOf ??= new Map(items.map((row, i) => [row.id, i]));
    for (const row of changed) {
      const place = indexOf.get(row.id);
      if (place !== undefined) items[place] = row;
    }
    drawAll();
  }

  function isLong() {
    return canBeLong && items.length > FEW_ROWS;
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

  function drawAll() {
    span = inSight();
    const { first, end, before, after } = span;
    const chosen = items.slice(first, end);
    const ids = new Set(chosen.map(row => row.id));
    for (const id of [...rows.keys()]) if (!ids.has(id)) remove(id);
    if (canBeLong) setStyle(above, 'height', `${before}px`);
    if (canBeLong) setStyle(below, 'height', `${after}px`);
    let last = above;
    chosen.forEach((row, i) => {
      if (divider?.at === first + i) last = putBehind(list, last, divider.el);
      const drawn = rows.get(row.id) || add(row.id);
      last = putBehind(list, last, drawn.el);
      draw(drawn, row);
      setPlace(drawn, isLong() ? `${first + i + 1} ${items.length}` : '');
    });
    if (divider && divider.at === items.length && end === items.length) last = putBehind(list, last, divider.el);
    else if (divider && (divider.at < first || divider.at >= end)) divider.el.remove();
    if (canBeLong) putBehind(list, last, below);
    allDrawn(isLong(), ids);
  }

  function add(id) {
    const drawn = make(id);
    rows.set(id, drawn);
    if (canBeLong) sizes.follow(drawn.el);
    return drawn;
  }

  function remove(id) {
    const drawn = rows.get(id);
    if (drawn.el.contains && drawn.el.contains(document.activeElement)) list.focus();
    sizes.leave(drawn.el);
    drawn.el.remove();
    rows.delete(id);
    left(id);
  }

  /** Tells a screen reader how long the whole list is, of which a part is in the page. */
  function setPlace(drawn, place) {
    if (drawn.place === place) return;
    drawn.place = place;
    const [position, size] = place ? place.split(' ') : [null, null];
    setAttribute(drawn.el, 'aria-setsize', size);
    setAttribute(drawn.el, 'aria-posinset', position);
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
    if (isLong()) resized ||= requestAnimationFrame(() => { resized = 0; drawAll(); });
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
    const { first, end } = inSight();
    if (first !== span.first || end !== span.end) drawAll();
  }

  /** Returns the pixels above the list in what scrolls it. */
  function beforeList() {
    return scroller ? list.getBoundingClientRect().top - port.getBoundingClientRect().top + port.scrollTop : 0;
  }

  /** Brings the row at a place in sight, and gives it the focus. */
  function goTo(place) {
    if (place < 0 || place >= items.length) return;
    if (isLong() && !rows.has(items[place].id)) {
      scrollTo(place * rowHeight);
      drawAll();
    }
    rows.get(items[place].id)?.el.focus();
  }

  function dispose() {
    port.removeEventListener('scroll', lookAnew);
    if (resized) cancelAnimationFrame(resized);
    sizes.dispose();
  }

  return {
    show, replace, goTo, scrollTo, dispose,
    look: lookAnew,
    get: id => rows.get(id),
    all: () => rows.values(),
    placeOf: id => items.findIndex(row => row.id === id),
    items: () => items,
    /** The place of the first row in sight. */
    firstInSight: () => isLong() ? Math.ceil(scrolled / rowHeight) : 0,
    /** Forgets the heights of unfolded rows that `stays` no more. @param {(id: string) => boolean} stays */
    forgetHeights(stays) { for (const id of [...heights.keys()]) if (!stays(id)) heights.delete(id); }
  };
}
