// Tests the link to one kernel: found, received, lost and found again.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { createLink } from '../../widgets/jobactors_widgets/labextension/sidebar/link.js';
import { FakeKernel, KernelMessage } from './fake_kernel.mjs';

let kernel, link, changes, answers, timers;

const settled = () => new Promise(done => setImmediate(done));
const row = (id, more = {}) => ({ id, name: id, state: 'running', ...more });
const start = more => createLink({
  KernelMessage, kernel, timers, ...more,
  changed: (before, restarted) => changes.push(restarted),
  received: (message, named) => answers.push({ ...message, to: named })
});

beforeEach(() => {
  kernel = new FakeKernel();
  [changes, answers] = [[], []];
  timers = { waiting: new Set(), later: fn => { timers.waiting.add(fn); return fn; }, forget: fn => timers.waiting.delete(fn) };
});

test('it finds the comm on the control channel and sends hello on a subshell of its own', async () => {
  link = start();
  await settled();
  assert.deepEqual(kernel.asked, ['comm_info_request', 'kernel_info_request', 'create_subshell_request']);
  assert.deepEqual(kernel.sent, [[{ kind: 'hello', frame: -1 }, 's-p1']]);
  assert.equal(link.parts[0].known.live, false);
  kernel.frame(4, [row('a')], { full: true });
  assert.deepEqual([link.parts[0].known.live, link.parts[0].known.rows], [true, [row('a')]]);
  assert.equal(timers.waiting.size, 0);
});

test('a kernel without the package is asked one question and left in peace', async () => {
  kernel.comms = {};
  link = start();
  await settled();
  assert.deepEqual(kernel.asked, ['comm_info_request']);
  assert.deepEqual(kernel.sent, []);
  assert.deepEqual(changes, []);
});

test('a kernel of another language is asked nothing', async () => {
  kernel.spec = Promise.resolve({ language: 'R' });
  link = start();
  await settled();
  assert.deepEqual(kernel.asked, []);
});

test('where the language is known already, the server is not asked for it', async () => {
  Object.defineProperty(kernel, 'spec', { get: () => assert.fail('asked') });
  link = start({ languageOf: () => 'python' });
  await settled();
  assert.equal(kernel.sent.length, 1);
  link = start({ languageOf: () => 'julia' });
  await settled();
  assert.equal(kernel.sent.length, 1);
});

test('a package that is used later announces itself', async () => {
  kernel.comms = {};
  link = start();
  await settled();
  kernel.say({ kind: 'here' });
  await settled();
  assert.deepEqual(kernel.hellos, [-1]);
});

test('without subshells it sends on the main shell, and knows that the kernel is deaf', async () => {
  kernel.features = [];
  link = start();
  await settled();
  assert.deepEqual(kernel.sent, [[{ kind: 'hello', frame: -1 }, undefined]]);
  kernel.frame(1, [row('a')], { full: true, hears: false });
  assert.equal(link.parts[0].known.hears, false);
  link.parts[0].send({ kind: 'act', verb: 'cancel', id: 'a' });
  await settled();
  assert.deepEqual(kernel.sent.at(-1), [{ kind: 'act', verb: 'cancel', id: 'a' }, undefined]);
});

test('frames are folded; a missed one is asked for, once', async () => {
  link = start();
  await settled();
  kernel.frame(1, [row('a'), row('b')], { full: true });
  kernel.frame(2, [row('b', { fraction: 0.5 })], { gone: ['a'] });
  assert.deepEqual(link.parts[0].known.rows, [row('b', { fraction: 0.5 })]);
  kernel.frame(4, [row('c')]);
  kernel.frame(5, [row('c')]);
  await settled();
  assert.deepEqual(kernel.hellos, [-1, 2]);
  kernel.frame(6, [row('c')], { after: 2 });
  kernel.frame(7, [], { gone: ['b', 'c'] });
  await settled();
  assert.deepEqual([link.parts[0].known.rows, kernel.hellos.length], [[], 2]);
});

test('a frame for another window is not taken for all rows', async () => {
  kernel.comms = {};
  link = start();
  await settled();
  kernel.frame(9, [row('a')]);
  await settled();
  assert.equal(link.parts[0].known.live, false);
  assert.deepEqual(kernel.hellos, [-1]);
});

for (const status of ['restarting', 'autorestarting', 'dead', 'terminating']) {
  test(`${status}: nothing is left over, and the last messages of the old process are ignored`, async () => {
    link = start();
    await settled();
    kernel.frame(1, [row('a')], { full: true });
    kernel.statusChanged.emit(status);
    assert.equal(link.parts[0].known.live, false);
    kernel.frame(2, [row('a')], { full: true, ended: true });
    assert.equal(link.parts[0].known.live, false);
    kernel.process = 'p2';
    kernel.say({ kind: 'here' });
    await settled();
    assert.deepEqual(kernel.sent.at(-1), [{ kind: 'hello', frame: -1 }, 's-p2']);
    kernel.frame(1, [row('b')], { full: true });
    assert.deepEqual(link.parts[0].known.rows, [row('b')]);
    assert.deepEqual(changes, [false, true, false]);
  });
}

test('what the page holds back goes over a connection of its own, for as long as it must', async () => {
  const [helper, held] = [new FakeKernel(), []];
  let gone = 0;
  kernel.clone = () => Object.assign(helper, { connectionStatus: 'connecting', dispose: () => { gone += 1; } });
  kernel.sendControlMessage = ({ header }) => ({ done: new Promise(done => held.push([header.msg_type, done])), dispose: () => {} });
  link = start();
  await settled();
  for (const fn of [...timers.waiting]) if (fn.name === 'hurry') fn();
  helper.connectionStatus = 'connected';
  helper.connectionStatusChanged.emit('connected');
  await settled();
  assert.deepEqual(helper.sent, [[{ kind: 'hello', frame: -1 }, 's-p1']]);
  kernel.frame(1, [row('a')], { full: true });
  assert.equal(link.parts[0].known.live, true);
  held[0][1]({ content: { comms: kernel.comms } });
  await settled();
  assert.equal(gone, 1);
  link.parts[0].send({ kind: 'act', verb: 'cancel', id: 'a' });
  await settled();
  assert.deepEqual(kernel.sent.at(-1), [{ kind: 'act', verb: 'cancel', id: 'a' }, 's-p1']);
});

test('busy and idle change nothing', async () => {
  link = start();
  await settled();
  kernel.frame(1, [row('a')], { full: true });
  for (const status of ['busy', 'idle']) kernel.statusChanged.emit(status);
  assert.equal(link.parts[0].known.live, true);
});

test('a websocket that comes back catches up with what was missed', async () => {
  link = start();
  await settled();
  kernel.frame(1, [row('a')], { full: true });
  kernel.connectionStatusChanged.emit('connecting');
  kernel.connectionStatusChanged.emit('connected');
  await settled();
  assert.deepEqual(kernel.hellos, [-1, 1]);
});

test('a websocket that comes back to another process forgets what is gone', async () => {
  link = start();
  await settled();
  kernel.frame(1, [row('a')], { full: true });
  kernel.comms = {};
  kernel.connectionStatusChanged.emit('connected');
  await settled();
  assert.equal(link.parts[0].known.live, false);
});

test('a message during a restart is dropped', async () => {
  link = start();
  await settled();
  kernel.silent = true;
  kernel.statusChanged.emit('restarting');
  link.parts[0].send({ kind: 'act', verb: 'cancel', id: 'a' });
  kernel.statusChanged.emit('restarting');
  kernel.silent = false;
  await settled();
  assert.deepEqual(kernel.sent.filter(([data]) => data.kind === 'act'), []);
});

test('an answer and a log are handed on, a message of others is not', async () => {
  link = start();
  await settled();
  kernel.say({ kind: 'answer', id: 'a', verb: 'cancel', ok: true, why: '' });
  kernel.say({ kind: 'log', id: 'b' });
  kernel.iopubMessage.emit({ header: { msg_type: 'comm_msg' }, content: { comm_id: 'other', data: {} } });
  kernel.iopubMessage.emit({ header: { msg_type: 'stream' }, content: { text: '' } });
  assert.deepEqual(answers.map(answer => answer.id), ['a', 'b']);
});

test('each job system of a kernel is a part of its own', async () => {
  link = start();
  await settled();
  kernel.frame(1, [row('a')], { full: true, system: 's0' });
  kernel.say({ kind: 'systems', systems: ['films', 'books'] });
  await settled();
  const hellos = () => kernel.sent.map(([data]) => data).filter(data => data.kind === 'hello');
  assert.deepEqual(hellos().slice(1), [{ kind: 'hello', frame: -1, named: 'films' }, { kind: 'hello', frame: -1, named: 'books' }]);
  kernel.frame(2, [row('f')], { full: true, named: 'films', system: 's1' });
  kernel.frame(3, [row('b')], { full: true, named: 'books', system: 's2' });
  kernel.frame(4, [row('f'), row('g')], { named: 'films', after: 2 });
  const parts = () => link.parts.map(({ known }) => [known.named, known.system, known.rows.map(each => each.id).join()]);
  assert.deepEqual(parts(), [['', 's0', 'a'], ['films', 's1', 'f,g'], ['books', 's2', 'b']]);
  link.parts[1].send({ kind: 'act', verb: 'cancel', id: 'f' });
  await settled();
  assert.deepEqual(kernel.sent.at(-1)[0], { kind: 'act', verb: 'cancel', id: 'f', named: 'films' });
  kernel.say({ kind: 'answer', id: 'f', named: 'films' });
  assert.equal(answers.at(-1).to, 'films');
  // A connection that comes back asks for what each has missed, and drops what is served no more.
  kernel.connectionStatusChanged.emit('connected');
  await settled();
  assert.deepEqual(hellos().slice(-3).map(({ frame, named }) => [frame, named]), [[1, undefined], [4, 'films'], [3, 'books']]);
  kernel.say({ kind: 'systems', systems: ['books'] });
  assert.deepEqual(parts().map(([named]) => named), ['', 'books']);
  kernel.say({ kind: 'here', named: 'films' });
  await settled();
  assert.deepEqual(hellos().at(-1), { kind: 'hello', frame: -1, named: 'films' });
  kernel.statusChanged.emit('restarting');
  assert.deepEqual(link.parts.map(({ known }) => known.live), [false]);
});

test('a link that is let go listens no more and leaves no subshell behind', async () => {
  link = start();
  await settled();
  link.dispose();
  link.dispose();
  await settled();
  assert.equal(kernel.asked.at(-1), 'delete_subshell_request');
  assert.deepEqual(kernel.iopubMessage.slots, []);
  kernel.frame(1, [row('a')], { full: true });
  assert.equal(link.parts[0].known.live, false);
});
