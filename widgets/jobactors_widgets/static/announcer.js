// Announces to screen readers that jobs have ended, rest or are stuck; never progress, and many at
// once in one sentence.

import { append, setText } from './dom.js';
import { TERMINAL, stateWord } from './format.js';
import { plural } from './summary.js';

const GATHER_MS = 1000;
const FEW = 3;
const ANNOUNCED = new Set(['succeeded', 'failed', 'cancelled', 'paused', 'interrupted', 'stuck']);

/** @param {HTMLElement} root @param {{later: Function, forget: Function}} timers */
export function createAnnouncer(root, timers) {
  const el = append(root, 'div', 'ja-said', { 'aria-live': 'polite' });
  let before = null;   // job id -> its word
  let news = [];
  let timer = null;

  /** @param {import('./format.js').Row[]} rows */
  function note(rows) {
    const now = new Map(rows.map(row => [row.id, stateWord(row)]));
    if (before) {
      for (const row of rows) {
        const word = now.get(row.id);
        // One that is new may have ended already: it was quick.
        const isNew = !before.has(row.id);
        if (before.get(row.id) !== word && (isNew ? TERMINAL : ANNOUNCED).has(word)) gather(row, word);
      }
    }
    before = now;
  }

  function gather(row, word) {
    news.push({ name: row.name, word });
    timer ??= timers.later(announceGathered, GATHER_MS);
  }

  function announceGathered() {
    timer = null;
    const words = new Map();
    for (const { word } of news) words.set(word, (words.get(word) || 0) + 1);
    const text = news.length <= FEW ? news.map(({ name, word }) => `${name}: ${word}`).join('. ')
      : [...words].map(([word, n]) => `${plural(n, 'job')} ${word}`).join(', ');
    news = [];
    setText(el, text);
  }

  /** Announces a text at once, and shows it for some seconds. @param {string} text */
  function announce(text) {
    setText(el, text);
    el.classList.toggle('ja-shown', true);
    timers.later(() => el.classList.toggle('ja-shown', false), 8000);
  }

  return { note, announce, say: text => setText(el, text), dispose() { if (timer !== null) timers.forget(timer); } };
}
