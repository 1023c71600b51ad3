import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { createSight, createSights } from '../../widgets/jobactors_widgets/static/sight.js';
import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { fakeDocument, fakeTimers } from './fake_dom.mjs';

const many = Array.from({ length: 100 }, (_, i) => ({ id: `j${i}`, name: `j${i}`, state: 'running' }));

let root;
let timers;
let told;
const note = (place, ids) => told.push(ids);

beforeEach(() => {
  root = fakeDocument();
  timers = fakeTimers();
  told = [];
});

test('a page with few jobs tells nothing', () => {
  const sight = createSight(root, note, timers);
  sight.show(['a'], 60);
  sight.dispose();
  assert.deepEqual([told, timers.waiting], [[], 0]);
});

test('of many jobs it tells at once which it has, then what its user has scrolled to, and that it leaves', () => {
  const sight = createSight(root, note, timers);
  sight.show(['a', 'b'], 61);
  for (const id of ['c', 'd', 'e']) sight.show([id], 61);
  assert.equal(told.length, 1);
  timers.pass(50);
  sight.show(['e'], 61);
  timers.pass(50);
  sight.show(['e'], 3);
  sight.dispose();
  assert.deepEqual(told, [['a', 'b'], ['e'], []]);
});

test('what cannot be seen is not in sight', () => {
  let seen;
  globalThis.IntersectionObserver = class { constructor(fn) { seen = fn; } observe() {} disconnect() {} };
  const sight = createSight(root, note, timers);
  delete globalThis.IntersectionObserver;
  sight.show(['a'], 61);
  for (const isIntersecting of [false, true]) {
    seen([{ isIntersecting: !isIntersecting }, { isIntersecting }]);
    timers.pass(50);
  }
  assert.deepEqual(told, [['a'], [], ['a']]);
});

test('a board tells the rows of its window', () => {
  const view = createView(root, { act() {}, board: true, sees: note, timers });
  view.show({ rows: many });
  assert.equal(told.length, 1);
  assert.ok(told[0].length < 40);
  view.show({ rows: many.map(row => ({ ...row, fraction: 0.5 })) });
  timers.pass(100);
  assert.equal(told.length, 1);
  view.dispose();
  assert.deepEqual(told[1], []);
});

test('a page tells a later job system all of it again, and of many jobs without a view that it has none', () => {
  const sent = [];
  const sights = createSights(({ ids }) => sent.push(ids));
  sights.again();
  sights.count(60);
  assert.deepEqual(sent, []);
  sights.count(61);
  sights.count(62);
  sights.note('cell', ['a']);
  sights.note('sidebar', ['b']);
  sights.note('cell', []);
  sights.again();
  sights.note('sidebar', []);
  sights.again();
  assert.deepEqual(sent, [[], ['a'], ['b'], [], ['b'], [], []]);
});
