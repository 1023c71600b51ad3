// Two hundred strings through every field that a job can set; hostile.json holds them, and
// test_hostile.py sends the same ones through the kernel's half.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { fakeDocument, fakeTimers } from './fake_dom.mjs';

const strings = JSON.parse(readFileSync(new URL('./hostile.json', import.meta.url), 'utf8'));
const HARMLESS = new Set([
  'class', 'role', 'title', 'type', 'dir', 'tabindex', 'd', 'viewBox', 'value', 'placeholder', 'data-state', 'data-empty'
]);

/** Every element below. */
const below = el => el.childNodes.flatMap(child => [child, ...below(child)]);

function everywhere(text, id, state) {
  return {
    id, state, name: text, type: text, subject: text, icon: text, tags: [text], message: text, stages: text, unit: text,
    error: text, reason: text, waiting: text, request: text, counters: { [text]: 5 }, done: 3, total: 7, fraction: 3 / 7,
    rate: 2, eta: 5, began: 0, lines: 1, unread: true
  };
}

test('there are two hundred', () => assert.equal(new Set(strings).size, 200));

test('every string in every field is text, in every state', () => {
  const root = fakeDocument();
  const timers = fakeTimers();
  const view = createView(root, { board: true, timers, act: () => {}, actMany: () => {}, ask: () => {} });
  const states = ['running', 'queued', 'paused', 'cancelling', 'failed', 'succeeded', 'cancelled', 'interrupted'];
  strings.forEach((text, i) => {
    view.show({ rows: states.map((state, n) => everywhere(text, `job-${i}-${n}`, state)) });
    const row = root.all('ja-row').find(el => el.dataset.job === `job-${i}-4`);
    assert.ok(row.one('ja-name').textContent.includes(text));
    row.one('ja-more').click();
    view.received({
      kind: 'details', id: `job-${i}-4`, type: text, description: text, tags: [text], metadata: [[text, text]],
      result: text, reason: text, runner: text, continues: text, traceback: text, error: text, submitted: 1e300
    });
    view.received({ kind: 'log', id: `job-${i}-4`, first: 0, lines: [[text, text]], more: false });
    view.received({ kind: 'result', id: `job-${i}-4`, text, why: '' });
    view.answered({ id: `job-${i}-0`, verb: text, ok: false, why: text });
    for (const el of below(root)) {
      assert.match(el.tag, /^(a|div|span|bdi|button|svg|path|input|select|option|dl|dt|dd|section|pre|label)$/);
      for (const key of el.attributes.keys()) assert.ok(HARMLESS.has(key) || key.startsWith('aria-') || el.tag === 'a', key);
      if (el.tag === 'a') {   // of all addresses only those of the web, and what is shown is where it leads
        assert.equal(el.attributes.get('rel'), 'noopener noreferrer');
        const href = el.attributes.get('href');
        if (href !== undefined) assert.match(href, /^https?:\/\/\S+$/);
        assert.equal(el.textContent, href ?? '');
      }
    }
    timers.pass(1000);
  });
  view.dispose();
});

test('an address at the end of a message is a link to it, and to nothing else', () => {
  const root = fakeDocument();
  const view = createView(root, { timers: fakeTimers(), act: () => {} });
  const shown = message => {
    view.show({ rows: [{ id: 'a', name: 'a', state: 'running', message }] });
    const link = root.one('ja-address');
    return [root.one('ja-words').textContent, link.hidden ? null : link.attributes.get('href')];
  };
  assert.deepEqual(shown('http://127.0.0.1:8080/'), ['', 'http://127.0.0.1:8080/']);
  assert.deepEqual(shown('at work'), ['at work', null]);
  for (const text of ['javascript:alert(1)', 'http://a b', 'see http://a', 'data:text/html,x', 'file:///etc', 'http://a\njavascript:x']) {
    assert.deepEqual(shown(text)[1], null, text);
  }
  const long = 'x'.repeat(1_000_000);   // looked for at each place of it anew, that would take half an hour
  assert.ok(shown(long)[0] === long);
  view.dispose();
});

test('what could hide or reorder the text of a log is made visible', () => {
  const root = fakeDocument();
  const timers = fakeTimers();
  const view = createView(root, { timers, act: () => {}, ask: () => {} });
  view.show({ rows: [{ id: 'a', name: 'a', state: 'running', lines: 1 }] });
  root.one('ja-more').click();
  view.received({ kind: 'log', id: 'a', first: 0, lines: [['out', 'a\u0000b\u001b[31m\u202ec\td']], more: false });
  assert.equal(root.one('ja-line').textContent, 'a␀b␛[31m\ufffdc\td');
});
