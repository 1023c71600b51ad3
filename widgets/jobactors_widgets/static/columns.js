// Draws the heads of a board's columns.  A click on one sorts by it, a second turns the direction around,
// a third gives the order of submission back.

import { append, setAttribute, setText } from './dom.js';

const COLUMNS = [
  { order: 'name', label: 'Job' },
  { order: 'state', label: 'State' },
  { order: 'progress', label: 'Progress' },
  { order: 'time at work', label: 'Time' }
];

/**
 * @param {HTMLElement} root
 * @param {(order: string, reverse: boolean) => void} sort
 */
export function createColumns(root, sort) {
  const el = append(root, 'div', 'ja-columns', { role: 'group', 'aria-label': 'Sort jobs' });
  let now = { order: '', reverse: false };
  const buttons = COLUMNS.map(({ order, label }) => {
    const button = append(el, 'button', 'ja-column', { type: 'button' });
    button.dataset.order = order;
    setText(append(button, 'span', ''), label);
    const arrow = append(button, 'span', 'ja-arrow', { 'aria-hidden': 'true' });
    button.addEventListener('click', () => sort(...nextOf(order)));
    return { order, button, arrow };
  });

  function nextOf(order) {
    if (now.order !== order) return [order, false];
    return now.reverse ? ['', false] : [order, true];
  }

  /** @param {string} order @param {boolean} reverse */
  function draw(order, reverse) {
    now = { order, reverse };
    for (const each of buttons) {
      const isIt = each.order === order;
      setText(each.arrow, isIt ? (reverse ? '▼' : '▲') : '');
      setAttribute(each.button, 'aria-label', `Sort by ${each.order}${isIt ? `, now ${reverse ? 'down' : 'up'}` : ''}`);
      setAttribute(each.button, 'aria-pressed', String(isIt));
    }
  }

  draw('', false);
  return { el, draw };
}
