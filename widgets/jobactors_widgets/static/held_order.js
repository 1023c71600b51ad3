// Holds the order of a list while its user is in it: a row that moved under the mouse would be another
// one at the click.  Rows that ended stay in their place, removed ones leave a shadow, and new ones come
// last, until the user leaves.

const SETTLE_MS = 300;   // a touch leaves before its click comes

/**
 * @param {HTMLElement} list
 * @param {{later: Function, forget: Function}} timers
 * @param {() => void} settled   the user has left: draw the list in its own order
 */
export function createHeldOrder(list, timers, settled) {
  let isPointedAt = false;
  let isWorkedIn = false;   // by the keyboard: after a click with the mouse, the focus stays behind
  let isHeld = false;
  let timer = null;
  let before = { items: [], endedAt: -1, hasFold: false };

  const inside = target => Boolean(target && list.contains(target));

  function look() {
    if (timer !== null) timers.forget(timer);
    timer = null;
    if (isPointedAt || isWorkedIn) isHeld = true;
    else if (isHeld) timer = timers.later(settle, SETTLE_MS);
  }

  function settle() {
    timer = null;
    isHeld = false;
    settled();
  }

  list.addEventListener('pointerenter', () => { isPointedAt = true; look(); });
  list.addEventListener('pointerleave', () => { isPointedAt = false; look(); });
  list.addEventListener('focusin', event => { isWorkedIn = event.target.matches(':focus-visible'); look(); });
  list.addEventListener('focusout', event => { isWorkedIn = isWorkedIn && inside(event?.relatedTarget); look(); });

  return {
    /**
     * Returns the items in the order in which they are to be drawn.
     * @param {import('./format.js').Row[]} items   in their own order
     * @param {number} endedAt                      the index of the first one that has ended
     * @param {boolean} hasFold                     whether there is a line above those that have ended
     * @param {import('./format.js').Row[]} rows    all there are, also those that pass no filter
     * @param {Map<string, import('./format.js').Row>} replaced   by their ids, what stands in their places
     */
    arrange(items, endedAt, hasFold, rows, replaced) {
      if (isHeld && before.items.length) {
        const present = new Map(rows.map(row => [row.id, row]));
        const stay = before.items.map(row => replaced.get(row.id) || present.get(row.id) || { ...row, removed: true });
        const there = new Set(stay.map(row => row.id));
        const all = stay.concat(items.filter(row => !there.has(row.id)));
        // Where none below had ended, or those are folded, there is no place for the line between.
        const isLast = before.endedAt === before.items.length;
        before = { items: all, endedAt: isLast ? all.length : before.endedAt, hasFold: before.hasFold };
      } else before = { items, endedAt, hasFold };
      return before;
    },
    /** Forgets the order: the user has asked for another one. */
    drop() { before = { items: [], endedAt: -1, hasFold: false }; },
    dispose() { if (timer !== null) timers.forget(timer); }
  };
}
