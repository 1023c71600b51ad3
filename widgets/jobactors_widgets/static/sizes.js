// Follows the heights of elements without asking for them: a question in the middle of a frame would make
// the browser lay the page out at once, and again at its end.

/**
 * @param {(el: Element, height: number) => void} changed   called before the page is painted
 * @returns {{follow: (el: Element) => void, leave: (el: Element) => void, dispose: () => void}}
 */
export function createSizes(changed) {
  const Observer = globalThis.ResizeObserver;
  if (!Observer) return { follow() {}, leave() {}, dispose() {} };
  const observer = new Observer(entries => {
    for (const { target, borderBoxSize: [box] } of entries) changed(target, box.blockSize);
  });
  return {
    follow: el => observer.observe(el),
    leave: el => observer.unobserve(el),
    dispose: () => observer.disconnect()
  };
}
