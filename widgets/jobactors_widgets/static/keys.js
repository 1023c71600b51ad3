// Keeps plain keys from the host: in a notebook, x would cut the cell with the panel, and 0 0 restart its
// kernel.  Keys with Ctrl, Cmd or Alt, such as those that save, still arrive there.

const FENCE = 'data-lm-suppress-shortcuts';   // Lumino looks for it from the focused element upwards
const PASS = new Set(['Tab', 'Escape']);      // they lead out of a panel

/**
 * Fences keys off from the host's shortcuts.
 *
 * A host may listen on the document before any element is asked, and its shortcuts are meant for what has
 * the focus.  So it is that element that is marked, for each key anew, in the window, which comes before
 * the document.
 *
 * @param {(target: Element) => boolean} isOurs   whether what has the focus is fenced
 * @param {Window} [page]
 * @returns {() => void} what ends it
 */
export function fenceKeys(isOurs, page = globalThis.window) {
  const fence = event => {
    if (isOurs(event.target)) event.target.toggleAttribute(FENCE, !isForHost(event));
  };
  page?.addEventListener('keydown', fence, true);
  return () => page?.removeEventListener('keydown', fence, true);
}

/** Returns whether a key is none of ours, whatever has the focus. @param {KeyboardEvent} event */
export function isForHost(event) {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  return PASS.has(event.key) || (!plain && event.key !== 'Enter');   // Ctrl-Enter would run the cell
}
