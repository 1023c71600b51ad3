// Moves the cards of a list: dragged by their handles with a mouse, a pen or a finger, or by Alt with the
// arrows, Home and End.  Pointer events serve all three; a browser's own drag would give neither touch nor keys.

const SCROLL_EDGE = 36;
const SCROLL_STEP = 12;

/**
 * @param {HTMLElement} list    its children with `data-id` are the cards, each with one `.ja-handle`
 * @param {Object} host
 * @param {(id: string, to: number) => void} host.move
 * @param {(text: string) => void} host.announce
 * @param {() => boolean} host.isLocked
 */
export function createReorder(list, { move, announce, isLocked }) {
  let drag = null;   // {id, pointer, y, to, card}

  const cards = () => [...list.children].filter(el => el.dataset.id);
  const idOf = el => el.closest('[data-id]')?.dataset.id;

  list.addEventListener('keydown', event => {
    const card = event.target.closest?.('[data-id]');
    if (!card || !event.altKey || !event.target.closest('.ja-handle, .ja-card-head') || isLocked()) return;
    const all = cards();
    const at = all.indexOf(card);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to < all.length && to !== at) move(card.dataset.id, to);
  });

  list.addEventListener('pointerdown', event => {
    const handle = event.target.closest('.ja-handle');
    if (!handle || event.button || drag || isLocked()) return;
    event.preventDefault();   // no text is selected, and no focus is lost
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const card = handle.closest('[data-id]');
    drag = { id: idOf(handle), pointer: event.pointerId, y: event.clientY, card, handle, to: cards().indexOf(card) };
    card.classList.add('ja-dragged');
    list.classList.add('ja-dragging');
  });

  list.addEventListener('pointermove', event => {
    if (!drag || event.pointerId !== drag.pointer) return;
    drag.y = event.clientY;
    scrollAtEdge();
    mark();
  });

  list.addEventListener('pointerup', event => {
    if (!drag || event.pointerId !== drag.pointer) return;
    mark();
    const { id, to } = drag;
    leave();
    move(id, to);
  });
  list.addEventListener('pointercancel', event => { if (drag && event.pointerId === drag.pointer) putBack(); });
  list.addEventListener('lostpointercapture', event => { if (drag && event.pointerId === drag.pointer) putBack(); });
  const onKey = event => {
    if (event.key !== 'Escape' || !drag) return;
    event.preventDefault();
    event.stopPropagation();
    putBack();
  };
  document.addEventListener('keydown', onKey, true);
  document.addEventListener('scroll', mark, true);   // the list moves below the pointer

  function mark() {
    if (!drag) return;
    const all = cards();
    if (!all.includes(drag.card)) {   // it was drawn anew, or removed elsewhere
      leave();
      return;
    }
    const others = all.filter(el => el !== drag.card);
    const before = others.findIndex(el => {
      // Of its head: an unfolded card is as tall as the page.
      const { top, height } = (el.querySelector('.ja-card-head') || el).getBoundingClientRect();
      return drag.y < top + height / 2;
    });
    drag.to = before < 0 ? others.length : before;
    for (const el of all) el.classList.remove('ja-drop-before', 'ja-drop-after');
    const at = others[drag.to];
    if (drag.to === all.indexOf(drag.card)) return;
    if (at) at.classList.add('ja-drop-before');
    else others.at(-1)?.classList.add('ja-drop-after');
  }

  /** Scrolls what the list is in, such as a notebook, while the pointer is at its edge. */
  function scrollAtEdge() {
    const scroller = scrollerOf(list);
    if (!scroller) return;
    const { top, bottom } = scroller.getBoundingClientRect();
    if (drag.y < top + SCROLL_EDGE) scroller.scrollTop -= SCROLL_STEP;
    else if (drag.y > bottom - SCROLL_EDGE) scroller.scrollTop += SCROLL_STEP;
  }

  function putBack() {
    leave();
    announce('Put back.');
  }

  function leave() {
    if (!drag) return;
    const { card, handle, pointer } = drag;
    drag = null;
    if (handle.hasPointerCapture?.(pointer)) handle.releasePointerCapture(pointer);
    card.classList.remove('ja-dragged');
    list.classList.remove('ja-dragging');
    for (const el of list.children) el.classList.remove('ja-drop-before', 'ja-drop-after');
  }

  return {
    /** Ends a drag whose card is gone. */
    update: mark,
    dispose() {
      leave();
      document.removeEventListener('keydown', onKey, true);
      document.removeEventListener('scroll', mark, true);
    }
  };
}

function scrollerOf(el) {
  for (let at = el.parentElement; at; at = at.parentElement) {
    if (at.scrollHeight > at.clientHeight && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return null;
}
