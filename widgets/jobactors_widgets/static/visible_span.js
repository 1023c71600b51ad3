// Computes the rows of a long list that are in the page.  Pure.

/**
 * @typedef {Object} Span
 * @property {number} first    the first row drawn
 * @property {number} end      one behind the last row drawn
 * @property {number} before   pixels that stand for the rows above
 * @property {number} after    pixels that stand for the rows below
 */

/**
 * Returns the rows to draw, and the space that stands for the others.
 *
 * @param {Object} list
 * @param {number} list.count
 * @param {number} list.height     of a row, in pixels
 * @param {Map<number, number>} list.extra   row index -> pixels it is taller than that
 * @param {number} list.top        pixels scrolled away
 * @param {number} list.viewport   pixels in sight
 * @param {number} list.spare      rows drawn beyond what is in sight, on either side
 * @returns {Span}
 */
export function visibleSpan({ count, height, extra, top, viewport, spare }) {
  const taller = [...extra].filter(([i]) => i < count).sort(([a], [b]) => a - b);
  const offset = i => taller.reduce((sum, [at, more]) => at < i ? sum + more : sum, i * height);
  const rowAt = y => {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offset(middle + 1) <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const first = Math.max(0, rowAt(top) - spare);
  const end = Math.min(count, rowAt(top + viewport) + 1 + spare);
  return { first, end, before: offset(first), after: offset(count) - offset(end) };
}
