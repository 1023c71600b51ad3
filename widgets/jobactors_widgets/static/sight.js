// Tells the kernel which rows are in sight, so that their jobs alone are sampled ten times a second, and the
// others once.  A page with few jobs tells nothing: its kernel samples all of them, as for any front end.

const FEW_JOBS = 60;
const TELL_AFTER_MS = 50;   // while its user scrolls
const THIS_PAGE = Math.random().toString(36).slice(2);   // another page has other places

let viewCount = 0;

/**
 * Holds what the views of one model have in sight, and tells its kernel.
 * @param {(message: {kind: string, place: string, ids: string[]}) => void} send
 */
export function createSights(send) {
  const places = new Map();   // place -> ids
  let hasTold = false;

  function tell(place, ids) {
    hasTold = true;
    send({ kind: 'sight', place, ids });
  }

  return {
    /** Takes what a view has in sight. @param {string} place @param {string[]} ids */
    note(place, ids) {
      if (ids.length) places.set(place, ids);
      else places.delete(place);
      tell(place, ids);
    },
    /** Takes the number of rows there are: of many, those that no view has are not in sight. @param {number} rows */
    count(rows) { if (!hasTold && rows > FEW_JOBS) tell(THIS_PAGE, []); },
    /** Tells it anew: the kernel may have another job system now. */
    again() {
      if (!hasTold) return;
      if (!places.size) tell(THIS_PAGE, []);
      for (const [place, ids] of places) tell(place, ids);
    }
  };
}

/**
 * Follows the rows of one view that are in the page, and whether that part of the page can be seen.
 * @param {Element} root
 * @param {((place: string, ids: string[]) => void) | undefined} note
 * @param {{later: Function, forget: Function}} timers
 */
export function createSight(root, note, timers) {
  if (!note) return { show() {}, dispose() {} };
  const place = `${THIS_PAGE}-${viewCount++}`;
  let drawn = [];
  let isShown = true;
  let told = null;    // the ids as last told, joined; null before
  let timer = null;
  const Observer = globalThis.IntersectionObserver;
  const observer = Observer && new Observer(entries => {
    isShown = entries[entries.length - 1].isIntersecting;
    soon();
  });
  observer?.observe(root);
  document.addEventListener?.('visibilitychange', soon);

  function soon() {
    if (told !== null) timer ??= timers.later(tell, TELL_AFTER_MS);
  }

  function tell() {
    timer = null;
    const ids = isShown && !document.hidden ? drawn : [];
    const now = ids.join();
    if (now === told) return;
    told = now;
    note(place, ids);
  }

  return {
    /** Takes the ids of the rows in the page, of so many there are. @param {Iterable<string>} ids @param {number} rows */
    show(ids, rows) {
      if (told === null && rows <= FEW_JOBS) return;
      drawn = [...ids];
      if (told === null) tell();
      else if (drawn.join() !== told) soon();
    },
    dispose() {
      observer?.disconnect();
      document.removeEventListener?.('visibilitychange', soon);
      if (timer !== null) timers.forget(timer);
      if (told) note(place, []);
    }
  };
}
