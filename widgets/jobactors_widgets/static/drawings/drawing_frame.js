// What a timeline and a graph have around them: a line with buttons, the words of what has the focus, and
// a table that says the same as the drawing.

import { append, setText } from '../dom.js';

const NEXT = { '+': 'in', '=': 'in', '-': 'out', '_': 'out', '0': 'fit' };

/**
 * @param {HTMLElement} el
 * @param {{kind: string, help: string, zoom: (how: 'in'|'out'|'fit') => void, headings: string[], cells: () => string[][]}} options
 */
export function createDrawingFrame(el, options) {
  const root = append(el, 'div', 'ja-drawing');
  const bar = append(root, 'div', 'ja-drawing-bar');
  const caption = append(bar, 'span', 'ja-drawing-caption');
  for (const [how, label, sign] of [['out', 'Zoom out', '−'], ['in', 'Zoom in', '+'], ['fit', 'Show all', 'All']]) {
    const button = append(bar, 'button', 'ja-drawing-button', { type: 'button', title: label, 'aria-label': label });
    button.textContent = sign;
    button.addEventListener('click', () => options.zoom(how));
  }
  const area = append(root, 'div', 'ja-drawing-area', {
    tabindex: '0', role: 'application', 'aria-roledescription': options.kind, 'aria-keyshortcuts': '+ - 0'
  });
  const words = append(root, 'output', 'ja-drawing-words', { 'aria-live': 'polite' });
  words.textContent = options.help;
  const details = append(root, 'details', 'ja-drawing-details');
  append(details, 'summary', '').textContent = 'Table';
  const holder = append(details, 'div', 'ja-drawing-table', { tabindex: '0', role: 'group', 'aria-label': `${options.kind} as a table` });
  details.addEventListener('toggle', fill);

  /** Makes the table, while it is unfolded. */
  function fill() {
    if (!details.open) return;
    holder.replaceChildren();
    const table = append(holder, 'table', '');
    const head = append(append(table, 'thead', ''), 'tr', '');
    for (const each of options.headings) append(head, 'th', '', { scope: 'col' }).textContent = each;
    const body = append(table, 'tbody', '');
    for (const cells of options.cells()) {
      const row = append(body, 'tr', '');
      for (const each of cells) append(row, 'td', '').textContent = each;
    }
  }

  return {
    root, area, fill,
    say(text) { setText(words, text || options.help); },
    title(text) {
      setText(caption, text);
      area.setAttribute('aria-label', text);
    },
    /** Returns what a key does to the scale, if it does. */
    zoomOf: event => event.ctrlKey || event.metaKey || event.altKey ? undefined : NEXT[event.key]
  };
}
