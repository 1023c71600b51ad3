import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { ACTIONS, askable } from '../../widgets/jobactors_widgets/static/actions.js';
import { batchLine, nameOf } from '../../widgets/jobactors_widgets/static/batches.js';
import { filterRows } from '../../widgets/jobactors_widgets/static/board.js';
import { applyFrame } from '../../widgets/jobactors_widgets/static/frames.js';
import { summary } from '../../widgets/jobactors_widgets/static/summary.js';
import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { fakeDocument, fakeTimers } from './fake_dom.mjs';

const batch = (more = {}) => ({
  id: 'map-1', name: 'resize', state: 'running', unit: 'jobs', done: 66, total: 200, fraction: 0.33,
  counts: { running: 4, queued: 4, succeeded: 64, failed: 2 }, ...more
});
const item = (index, more = {}) => ({
  id: `resize-${index}`, name: 'resize', state: 'running', batch: 'map-1', index, item: `${index}.png`, ...more
});
const offered = row => ACTIONS.filter(action => askable(action, [row]).length).map(({ verb }) => verb);

test('an item is named by its place and its text', () => {
  assert.equal(nameOf(item(12)), 'resize[12] 12.png');
  assert.equal(nameOf({ name: 'sync', item: 'wiki' }), 'sync wiki');
});

test('the jobs of a batch are counted once, those that are not here too', () => {
  assert.equal(summary([batch(), item(1), item(2), { id: 'a', state: 'running' }]),
    '75 jobs: 2 failed · 5 running · 4 queued · 64 succeeded');
});

test('a batch offers what can be done with it as a whole', () => {
  assert.deepEqual(offered(batch()), ['pause', 'cancel', 'restart_failed']);
  assert.deepEqual(offered(batch({ state: 'paused', counts: { paused: 2, queued: 1 } })), ['resume', 'cancel']);
  assert.deepEqual(offered(batch({ state: 'interrupted', counts: { interrupted: 2 } })), ['resume', 'discard']);
  assert.deepEqual(offered(batch({ state: 'succeeded', counts: { succeeded: 2 } })), ['dismiss']);
  assert.deepEqual(offered(batch({ state: 'failed', counts: { failed: 2 } })), ['restart_failed', 'dismiss']);
});

test('a batch that cannot go on says why, and cannot be resumed', () => {
  const rests = batch({ state: 'interrupted', counts: { interrupted: 2 }, obstacle: 'its type is not registered yet' });
  assert.deepEqual(offered(rests), ['discard']);
  assert.match(batchLine(rests), / · 2 interrupted · its type is not registered yet$/);
});

test('a filter by state finds the batches with such a job', () => {
  assert.equal(filterRows([batch()], { state: 'failed' }).length, 1);
  assert.equal(filterRows([batch()], { state: 'cancelled' }).length, 0);
});

test('a frame drops the items of a batch that was folded, or is gone', () => {
  const rows = [batch(), item(1), { id: 'a', state: 'running' }];
  assert.deepEqual(applyFrame(rows, { rows: [], folded: ['map-1'] }).map(row => row.id), ['map-1', 'a']);
  assert.deepEqual(applyFrame(rows, { rows: [], gone: ['map-1'] }).map(row => row.id), ['a']);
});

let root, asked, acted, view;
const listed = () => root.all('ja-row').map(row => row.dataset.job);

beforeEach(() => {
  root = fakeDocument();
  [asked, acted] = [[], []];
  view = createView(root, {
    board: true, timers: fakeTimers(), act: (...all) => acted.push(all), actMany: () => {}, ask: message => asked.push(message)
  });
});

test('a batch is one row; unfolded, its items are below it, failed ones first', () => {
  view.show({ rows: [batch(), item(2), item(1), item(3, { state: 'failed' }), { id: 'a', name: 'a', state: 'running' }] });
  assert.deepEqual(listed(), ['map-1', 'a']);
  root.all('ja-more')[0].click();
  assert.deepEqual(asked, [{ kind: 'unfold', id: 'map-1', open: true }]);
  assert.deepEqual(listed(), ['map-1', 'resize-3', 'resize-1', 'resize-2', 'a']);
  root.all('ja-more')[0].click();
  assert.deepEqual(asked[1], { kind: 'unfold', id: 'map-1', open: false });
  assert.deepEqual(listed(), ['map-1', 'a']);
});

test('the head counts jobs, whatever is unfolded or filtered: a batch as many as it has', () => {
  const failed = batch({ state: 'failed', unread: 2, counts: { failed: 2, succeeded: 198 } });
  const items = [item(1, { state: 'failed', unread: true }), item(2, { state: 'failed', unread: true })];
  const rows = [failed, ...items, { id: 'a', name: 'a', state: 'failed', unread: true }];
  view.show({ rows });
  assert.equal(root.one('ja-counts').textContent, '201 jobs: 3 failed · 198 succeeded');
  assert.equal(root.one('ja-news').textContent, '3 failed unread');
  root.all('ja-more')[0].click();
  assert.equal(root.one('ja-news').textContent, '3 failed unread');
  const search = root.one('ja-search');
  search.value = 'resize';
  search.listeners.get('input')();
  assert.match(root.one('ja-counts').textContent, / · 200 jobs shown$/);
});

test('what a view has unfolded is folded when the view goes', () => {
  view.show({ rows: [batch()] });
  root.all('ja-more')[0].click();
  view.dispose();
  assert.deepEqual(asked.map(({ open }) => open), [true, false]);
});

test('a failure in a batch is read when the batch is unfolded', () => {
  view.show({ rows: [batch({ state: 'failed', unread: true, counts: { failed: 2 } })] });
  root.all('ja-more')[0].click();
  assert.deepEqual(acted, [['read', 'map-1']]);
});

test('items that come while the mouse is in the list go below their batch', () => {
  const others = [{ id: 'a', name: 'a', state: 'running' }];
  view.show({ rows: [batch(), ...others] });
  root.one('ja-list').listeners.get('pointerenter')({ pointerType: 'mouse' });
  root.all('ja-more')[0].click();
  view.show({ rows: [batch(), ...others, item(1), item(2)] });
  assert.deepEqual(listed(), ['map-1', 'resize-1', 'resize-2', 'a']);
});

test('an item that was started again is listed once, by its newest job', () => {
  const failed = item(1, { state: 'failed' });
  const again = item(1, { id: 'resize-7', continues: 'resize-1', state: 'failed' });
  const last = item(1, { id: 'resize-9', continues: 'resize-7', state: 'succeeded' });
  const beside = item(2, { continues: 'resize-1' });   // it took over a checkpoint
  view.show({ rows: [batch(), failed, again, last, beside] });
  root.all('ja-more')[0].click();
  assert.deepEqual(listed(), ['map-1', 'resize-9', 'resize-2']);
  const [state] = root.all('ja-choice');
  [state.value, root.one('ja-tools').hidden] = ['failed', false];
  state.listeners.get('change')();
  assert.deepEqual(listed(), ['map-1']);
});

test('a job that is started again under the mouse takes the place of the old one', () => {
  const rows = [batch(), item(1, { state: 'failed' }), item(2), { id: 'a', name: 'a', state: 'running' }];
  view.show({ rows });
  root.all('ja-more')[0].click();
  root.one('ja-list').listeners.get('pointerenter')({ pointerType: 'mouse' });
  view.show({ rows: [...rows, item(1, { id: 'resize-7', continues: 'resize-1', state: 'queued' })] });
  assert.deepEqual(listed(), ['map-1', 'resize-7', 'resize-2', 'a']);
  view.show({ rows: [...rows, item(1, { id: 'resize-7', continues: 'resize-1', state: 'failed' }),
    item(1, { id: 'resize-9', continues: 'resize-7' })] });
  assert.deepEqual(listed(), ['map-1', 'resize-9', 'resize-2', 'a']);
});
