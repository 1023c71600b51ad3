import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import panel from '../../widgets/jobactors_widgets/static/panel.js';
import { fakeDocument } from './fake_dom.mjs';

const row = (id, more = {}) => ({ id, name: id, state: 'running', ...more });
const ids = rows => rows.map(r => r.id).join('');

const tick = () => new Promise(resolve => setImmediate(resolve));

/** What anywidget hands to a panel. */
function fakeModel(state) {
  const listeners = {};
  return {
    sent: [],
    saved: 0,
    get: key => state[key],
    set: (key, value) => { state[key] = value; },
    save_changes() { this.saved += 1; },
    on: (name, fn) => { (listeners[name] ||= []).push(fn); },
    emit: name => listeners[name].forEach(fn => fn()),
    send(content) { this.sent.push(content); },
    receive: (content, buffers = []) => (listeners['msg:custom'] || []).forEach(fn => fn(content, buffers))
  };
}

let model;

beforeEach(() => {
  fakeDocument();
  document.addEventListener = (_, fn) => { document.seen = fn; };
  document.removeEventListener = () => { document.seen = null; };
  model = fakeModel({ self_id: String(Math.random()), rows: [row('a'), row('b')], frame: 4, ended: false });
});

test('the model holds the present state, and nothing is written back to the kernel', () => {
  panel.initialize({ model });
  model.receive({ kind: 'frame', frame: 5, rows: [row('c')], gone: ['a'] });
  assert.equal(ids(model.get('rows')), 'bc');
  assert.equal(model.get('frame'), 5);
  assert.equal(model.saved, 0);
  assert.deepEqual(model.sent, [{ kind: 'hello', frame: 4 }]);
});

test('a missed frame is noticed, asked for once, and made good', () => {
  panel.initialize({ model });
  model.receive({ kind: 'frame', frame: 7, rows: [] });
  model.receive({ kind: 'frame', frame: 8, rows: [] });
  assert.deepEqual(model.sent.slice(1), [{ kind: 'hello', frame: 4 }]);
  model.receive({ kind: 'frame', frame: 9, after: 4, rows: [row('z')] });
  model.receive({ kind: 'frame', frame: 10, after: 9, rows: [row('y')] });
  assert.equal(ids(model.get('rows')), 'abzy');
  assert.equal(model.sent.length, 2);
  model.receive({ kind: 'frame', frame: 12, after: 11, rows: [] });
  assert.deepEqual(model.sent.slice(2), [{ kind: 'hello', frame: 10 }]);
});

test('numbers come beside the message', () => {
  model.set('rows', [row('a', { number: 0 })]);
  panel.initialize({ model });
  const moved = new DataView(new ArrayBuffer(22));
  moved.setFloat32(4, 7, true);
  model.receive({ kind: 'frame', frame: 5, rows: [] }, [moved]);
  assert.equal(model.get('rows')[0].done, 7);
});

test('a page that comes into sight asks whether it missed something', () => {
  const stop = panel.initialize({ model });
  document.seen();
  assert.equal(model.sent.length, 2);
  stop();
  assert.equal(document.seen, null);
});

test('the end of the job system is part of the model', () => {
  panel.initialize({ model });
  model.receive({ kind: 'frame', frame: 5, rows: [], full: true, ended: true });
  assert.equal(model.get('ended'), true);
});

test('the notice about the store is part of the model, and remains until it changes', () => {
  panel.initialize({ model });
  model.receive({ kind: 'frame', frame: 5, rows: [], notice: 'the disk is full' });
  model.receive({ kind: 'frame', frame: 6, rows: [] });
  assert.equal(model.get('notice'), 'the disk is full');
  model.receive({ kind: 'frame', frame: 7, rows: [], notice: '' });
  assert.equal(model.get('notice'), '');
});

test('a message of an unknown kind does nothing', () => {
  panel.initialize({ model });
  model.receive({ kind: 'answer', id: 'a', ok: true });
  model.receive({ kind: 'something new' });
  assert.equal(model.get('frame'), 4);
});

test('a kernel that restarts, dies or closes the comm is noticed; a frame proves that it lives', async () => {
  const real = { comm_live: true };
  const statusChanged = { connect: fn => { statusChanged.fn = fn; }, disconnect: () => { statusChanged.fn = null; } };
  model.widget_manager = { kernel: { statusChanged }, get_model: async () => real };
  const stop = panel.initialize({ model });
  await tick();
  assert.equal(model.get('alive'), true);
  real.comm_live = false;
  model.emit('comm_live_update');
  assert.equal(model.get('alive'), false);
  model.receive({ kind: 'frame', frame: 5, rows: [] });
  assert.equal(model.get('alive'), true);
  statusChanged.fn(null, 'busy');
  assert.equal(model.get('alive'), true);
  statusChanged.fn(null, 'autorestarting');
  assert.deepEqual([model.get('alive'), model.get('lost')], [false, 'died']);
  stop();
  assert.equal(statusChanged.fn, null);
});

test('a panel from a saved notebook, without a kernel, is not alive', async () => {
  model.widget_manager = { get_model: async () => ({ comm_live: false }) };
  panel.initialize({ model });
  await tick();
  assert.equal(model.get('alive'), false);
});

test('a front end that shows nothing of its kernel is taken to live', async () => {
  panel.initialize({ model });
  await tick();
  assert.equal(model.get('alive'), true);
});

/** Returns the time at work that a view of the model shows. */
function shownTime() {
  globalThis.requestAnimationFrame = () => 0;
  globalThis.cancelAnimationFrame = () => {};
  const root = fakeDocument();
  const stop = panel.render({ model, el: root });
  const shown = root.one('ja-time').textContent;
  stop();
  return shown;
}

test('the times of a kernel whose clock differs are those of that clock', () => {
  const there = Date.now() / 1000 - 7200;
  model.set('rows', [row('a', { began: there - 3601 })]);
  model.set('now', there);
  panel.initialize({ model });
  assert.match(shownTime(), /^1:00:\d\d$/);
  const ahead = Date.now() / 1000 + 86_400;
  model.receive({ kind: 'frame', frame: 5, rows: [row('a', { began: ahead - 7201 })], now: ahead });
  assert.match(shownTime(), /^2:00:\d\d$/);
});

test('when the kernel is lost, the time of its jobs stands still, and is saved with them', async () => {
  const yesterday = Date.now() / 1000 - 86_400;
  model.set('rows', [row('a', { began: yesterday - 3601 })]);
  model.set('now', yesterday);
  model.widget_manager = { get_model: async () => ({ comm_live: false }) };
  panel.initialize({ model });
  await tick();
  assert.match(shownTime(), /^1:00:\d\d$/);
  assert.ok(model.get('now') < yesterday + 600);
});
