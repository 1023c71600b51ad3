// Frames put into the rows that are there.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { applyFrame, isMissing } from '../../widgets/jobactors_widgets/static/frames.js';

const row = (id, more = {}) => ({ id, name: id, state: 'running', ...more });
const ids = rows => rows.map(r => r.id).join('');
const frame = more => ({ kind: 'frame', frame: 1, rows: [], ...more });

/** What wire.py packs: [number, done, fraction, rate, left, lines] a job. */
function packed(...jobs) {
  const view = new DataView(new ArrayBuffer(22 * jobs.length));
  jobs.forEach(([number, done, fraction, rate, left, lines], i) => {
    view.setUint32(22 * i, number, true);
    view.setFloat32(22 * i + 4, done, true);
    view.setUint16(22 * i + 8, fraction, true);
    view.setFloat32(22 * i + 10, rate, true);
    view.setFloat32(22 * i + 14, left, true);
    view.setUint32(22 * i + 18, lines, true);
  });
  return view;
}

test('a frame changes rows in place, adds new ones behind, and drops what went', () => {
  const rows = [row('a'), row('b'), row('c')];
  const after = applyFrame(rows, frame({ rows: [row('d'), row('b', { state: 'failed' })], gone: ['a'] }));
  assert.equal(ids(after), 'bcd');
  assert.equal(after[0].state, 'failed');
  assert.equal(after[1], rows[2]);
});

test('a full frame is all there is', () => {
  assert.equal(ids(applyFrame([row('a')], frame({ full: true, rows: [row('b')] }))), 'b');
});

test('numbers and words go to the row with that number, and leave the others as they are', () => {
  const rows = [row('a', { number: 3, message: 'first', pausable: true }), row('b', { number: 70000 }), row('c')];
  const words = [[70000, { message: 'on', total: 9, counters: { bad: 1 } }]];
  const after = applyFrame(rows, frame({ said: words, now: 1000 }), [packed([3, 5, 5000, 2.5, 8, 12], [70000, 1, 65535, NaN, NaN, 0])]);
  assert.deepEqual(after[0], row('a', { number: 3, message: 'first', pausable: true, done: 5, fraction: 0.5, rate: 2.5, eta: 1008, lines: 12 }));
  assert.deepEqual(after[1], row('b', { number: 70000, done: 1, message: 'on', total: 9, counters: { bad: 1 } }));
  assert.equal(after[2], rows[2]);
});

test('a word that is no longer sent is left out', () => {
  const before = row('a', { number: 0, message: 'm', unit: 'u', stages: 's', total: 4, done: 3, fraction: 0.75, rate: 1, eta: 1, lines: 1 });
  const [after] = applyFrame([before], frame({ said: [[0, {}]] }), [packed([0, 0, 65535, Infinity, NaN, 0])]);
  assert.deepEqual(after, row('a', { number: 0 }));
});

test('words alone are enough, and so is a plain buffer', () => {
  const rows = [row('a', { number: 0, done: 1 })];
  assert.equal(applyFrame(rows, frame({ said: [[0, { message: 'm' }]] }))[0].done, 1);
  assert.equal(applyFrame(rows, frame(), [packed([0, 2, 0, 0, 0, 0]).buffer])[0].done, 2);
});

test('a buffer that ends too early or names an unknown row changes nothing', () => {
  const rows = [row('a', { number: 0 })];
  const cut = new DataView(packed([0, 2, 0, 0, 0, 0]).buffer, 0, 21);
  assert.deepEqual(applyFrame(rows, frame(), [cut]), rows);
  assert.deepEqual(applyFrame(rows, frame(), [packed([9, 2, 0, 0, 0, 0])]), rows);
});

test('with the frame before, or a later one, nothing is missed', () => {
  assert.equal(isMissing(frame({ frame: 9, after: 7 }), 7), false);
  assert.equal(isMissing(frame({ frame: 9, after: 7 }), 8), false);
  assert.equal(isMissing(frame({ frame: 9, after: 7 }), 6), true);
  assert.equal(isMissing(frame({ frame: 9, after: -1, full: true }), -1), false);
});
