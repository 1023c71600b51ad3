// Brings the row of a job in sight on another view of the page: a board in a cell, or the sidebar.
//
// Views are made by modules that were loaded several times, and know nothing of each other: they meet at
// events of the window.

const SHOW = 'jobactors:show';   // for any view that lists the job
const OPEN = 'jobactors:open';   // for the sidebar, which may be closed

/** Asks the other views to show a job; returns whether one does. @param {string} id */
export function showInAnother(id, page = globalThis.window) {
  return [SHOW, OPEN].some(kind => page && !page.dispatchEvent(new CustomEvent(kind, { detail: { id }, cancelable: true })));
}

/**
 * Answers for a view that lists jobs; returns a function that ends it.
 * @param {(id: string) => boolean} show   returns whether it does
 */
export function answerWithRow(show) {
  return answer(SHOW, show);
}

/** Answers for a place that can be opened, where no view lists the job. @param {(id: string) => boolean} open */
export function answerWithSidebar(open) {
  return answer(OPEN, open);
}

function answer(kind, show) {
  const hear = event => { if (!event.defaultPrevented && show(event.detail.id)) event.preventDefault(); };
  globalThis.window?.addEventListener(kind, hear);
  return () => globalThis.window?.removeEventListener(kind, hear);
}
