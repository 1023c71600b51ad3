// Tests kernels whose notebooks are not open: found when the sidebar is opened, and released again.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { followElsewhere } from '../../widgets/jobactors_widgets/labextension/sidebar/elsewhere.js';
import { FakeKernel, KernelMessage, Signal } from './fake_kernel.mjs';

const settled = () => new Promise(done => setImmediate(done));
const row = id => ({ id, name: id, state: 'running' });

let running, sessions, open, connected, draws, heard, elsewhere;

function connectTo({ model, handleComms }) {
  assert.equal(handleComms, false);
  const kernel = new FakeKernel();
  Object.assign(kernel, { id: model.id, name: 'python3', dispose() { this.isDisposed = true; } });
  connected.push(kernel);
  return kernel;
}

beforeEach(() => {
  globalThis.window = { addEventListener: (_, fn) => { window.leave = fn; } };
  running = [{ id: 'open' }, { id: 'night' }, { id: '0123456789' }];
  sessions = [
    { path: 'open.ipynb', type: 'notebook', kernel: { id: 'open' } },
    { path: 'a/night.ipynb', type: 'notebook', kernel: { id: 'night' } }
  ];
  [open, connected, heard, draws] = [new Set(['open']), [], [], 0];
  elsewhere = followElsewhere({
    serviceManager: {
      kernels: { running: () => running.values(), runningChanged: new Signal(), connectTo },
      sessions: { running: () => sessions.values(), runningChanged: new Signal() }
    },
    KernelMessage,
    isOpen: (id, path) => open.has(id) || open.has(path),
    languageOf: () => 'python',
    changed: () => { draws += 1; },
    received: (...said) => heard.push(said)
  });
});

test('nothing is connected before the sidebar is opened', () => {
  elsewhere.look();
  assert.deepEqual([connected.length, draws], [0, 0]);
});

test('every other kernel is followed, once, by a connection that leaves its comms alone', async () => {
  elsewhere.start();
  elsewhere.start();
  elsewhere.look();
  assert.deepEqual(connected.map(kernel => kernel.id), ['night', '0123456789']);
  await settled();
  connected[0].frame(1, [row('a')], { full: true });
  connected[0].say({ kind: 'answer', id: 'a' });
  assert.deepEqual(elsewhere.links().map(l => [l.path, l.known.rows.length, l.elsewhere]),
    [['a/night.ipynb', 1, true], ['python3 01234567', 0, true]]);
  assert.deepEqual(heard, [['night', { kind: 'answer', id: 'a' }, '']]);
  elsewhere.links()[0].send({ kind: 'act' });
  await settled();
  assert.deepEqual(connected[0].sent.at(-1)[0], { kind: 'act' });
});

test('only a notebook can be opened', () => {
  sessions.push({ path: 'console', type: 'console', kernel: { id: '0123456789' } });
  elsewhere.start();
  assert.equal(elsewhere.notebook('night'), 'a/night.ipynb');
  assert.equal(elsewhere.notebook('0123456789'), undefined);
  assert.equal(elsewhere.notebook('nobody'), undefined);
});

test('a kernel that ends or is opened here is let go, the connection alone', () => {
  elsewhere.start();
  open.add('a/night.ipynb');
  elsewhere.look();
  assert.deepEqual(connected.map(kernel => kernel.isDisposed), [true, false]);
  running = [{ id: 'open' }];
  elsewhere.look();
  assert.deepEqual(connected.map(kernel => kernel.isDisposed), [true, true]);
  assert.deepEqual(elsewhere.links(), []);
});

test('a page that goes away leaves no subshell behind', async () => {
  elsewhere.start();
  await settled();
  window.leave();
  await settled();
  assert.equal(connected[0].asked.at(-1), 'delete_subshell_request');
});
