import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { answerWithSidebar, showInAnother } from '../../widgets/jobactors_widgets/static/other_views.js';
import { DEAF, SILENT } from '../../widgets/jobactors_widgets/static/pending_actions.js';
import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { fakeDocument, fakeTimers } from './fake_dom.mjs';

let root, timers, sent, view;

beforeEach(() => {
  root = fakeDocument();
  timers = fakeTimers();
  sent = [];
  view = createView(root, { act: (verb, id) => sent.push([verb, id]), timers });
});

const running = (id, more = {}) => ({ id, name: `job ${id}`, state: 'running', began: 0, ...more });
const row = id => root.all('ja-row').find(el => el.dataset.job === id);
const button = (id, verb) => row(id).all('ja-button').find(b => b.dataset.verb === verb);
const cancel = id => button(id, 'cancel');
const word = id => row(id).one('ja-word').textContent;
const says = id => row(id).one('ja-says').textContent;
const order = () => root.all('ja-row').map(el => el.dataset.job).join('');

test('what a job calls itself is text', () => {
  const name = '<img src=x onerror=alert(1)>';
  view.show({ rows: [running('a', { name, message: name, subject: name, icon: name })] });
  assert.ok(row('a').one('ja-name').textContent.includes(name));
  assert.equal(says('a'), name);
});

test('a row retains its elements, its place and its focus over redraws', () => {
  view.show({ rows: [running('a'), running('b')] });
  const [el, pressed] = [row('b'), cancel('b')];
  pressed.focus();
  for (let i = 0; i < 5; i++) view.show({ rows: [running('a'), running('b', { fraction: i / 10 })] });
  assert.equal(row('b'), el);
  assert.equal(cancel('b'), pressed);
  assert.equal(document.activeElement, pressed);
  assert.equal(el.moves, 1);
});

test('a row that has become the last one moves alone: the others hold their focus', () => {
  const rows = ['a', 'b', 'c', 'd'].map(id => running(id));
  view.show({ rows });
  view.show({ rows: [...rows.slice(1), rows[0]] });
  assert.equal(order(), 'bcda');
  assert.deepEqual(['b', 'c', 'd'].map(id => row(id).moves), [1, 1, 1]);
  view.show({ rows: [rows[3], ...rows.slice(1, 3)] });
  assert.equal(order(), 'dbc');
  assert.deepEqual(['b', 'c'].map(id => row(id).moves), [1, 1]);
});

test('rows come, go and stand in the order of the list', () => {
  view.show({ rows: [running('a'), running('b')] });
  view.show({ rows: [running('b'), running('c')] });
  assert.equal(order(), 'bc');
  view.show({ rows: [] });
  assert.equal(order(), '');
  assert.match(root.one('ja-counts').textContent, /^No jobs yet/);
});

test('the bar speaks to a screen reader', () => {
  view.show({ rows: [running('a', { fraction: 0.456 })] });
  const bar = row('a').one('ja-bar');
  assert.equal(bar.getAttribute('role'), 'progressbar');
  assert.equal(bar.getAttribute('aria-valuenow'), '45');
  assert.equal(bar.one('ja-fill').style.transform, 'translateX(-54.40%)');
  view.show({ rows: [running('a')] });
  assert.equal(bar.getAttribute('aria-valuenow'), null);
  assert.ok(bar.classList.contains('ja-unknown'));
  assert.equal(bar.getAttribute('aria-valuetext'), 'running');
});

test('the second click of a double one is not meant for the button that took the place', () => {
  view.show({ rows: [running('a')] });
  cancel('a').listeners.get('click')({ detail: 2 });
  assert.deepEqual(sent, []);
  cancel('a').listeners.get('click')({ detail: 1 });
  assert.deepEqual(sent, [['cancel', 'a']]);
});

test('Cancel shows it at once, is sent once, and the row settles it', () => {
  view.show({ rows: [running('a', { rate: 5, eta: 9 })] });
  assert.equal(row('a').one('ja-rate').textContent, '5/s');
  cancel('a').click();
  cancel('a').click();
  assert.equal(row('a').one('ja-rate').textContent + row('a').one('ja-left').textContent, '');
  assert.deepEqual(sent, [['cancel', 'a']]);
  assert.equal(word('a'), 'cancelling…');
  assert.equal(row('a').getAttribute('data-state'), 'cancelling');
  view.show({ rows: [running('a', { fraction: 0.5 })] });
  assert.equal(word('a'), 'cancelling…');
  view.show({ rows: [running('a', { state: 'cancelled' })] });
  assert.equal(word('a'), 'cancelled');
  timers.pass(1000);   // what a screen reader announces
  assert.equal(root.one('ja-said').textContent, 'job a: cancelled');
  assert.equal(timers.waiting, 0);
});

test('a finished job offers no button, and the focus stays in its row', () => {
  view.show({ rows: [running('a')] });
  cancel('a').focus();
  view.show({ rows: [running('a', { state: 'succeeded' })] });
  assert.equal(cancel('a').hidden, true);
  assert.equal(document.activeElement, row('a'));
});

test('a kernel that cannot handle it is named after a second', () => {
  view.show({ rows: [running('a')], hears: false });
  cancel('a').click();
  timers.pass(999);
  assert.equal(says('a'), '');
  timers.pass(1);
  assert.equal(says('a'), DEAF);
  view.answered({ id: 'a', verb: 'cancel', ok: true, why: '' });
  assert.equal(says('a'), '');
});

test('a kernel that could handle it, and does not answer, is given five seconds', () => {
  view.show({ rows: [running('a')], hears: true });
  cancel('a').click();
  timers.pass(1000);
  assert.equal(says('a'), '');
  timers.pass(4000);
  assert.equal(says('a'), SILENT);
});

test('a refusal is shown in the row until the row changes, and the button works again', () => {
  view.show({ rows: [running('a')] });
  cancel('a').click();
  view.answered({ id: 'a', verb: 'cancel', ok: false, why: 'no such job' });
  assert.equal(word('a'), 'running');
  assert.equal(says('a'), 'no such job');
  assert.equal(cancel('a').getAttribute('aria-disabled'), null);
  view.show({ rows: [running('a', { state: 'succeeded' })] });
  assert.equal(says('a'), '');
  view.answered({ id: 'long gone', verb: 'cancel', ok: true, why: '' });
});

test('time at work ticks here, and nothing ticks when nothing works', () => {
  view.show({ rows: [running('a', { began: -58 }), running('b', { state: 'paused', began: -5, stopped: 0 })] });
  timers.pass(3000);
  assert.equal(row('a').one('ja-time').textContent, '1:01');
  assert.equal(row('b').one('ja-time').textContent, '0:05');
  view.show({ rows: [running('a', { state: 'succeeded', began: -58, stopped: 4 })] });
  assert.equal(row('a').one('ja-time').textContent, '1:02');
  view.show({ rows: [running('a', { state: 'succeeded', began: -58 })] });
  timers.pass(1000);   // what a screen reader announces
  assert.equal(timers.waiting, 0);
});

test('what rests, waits or will end soon ticks without a message of the kernel', () => {
  const rests = running('a', { state: 'interrupted', stopped: 0 });
  const waits = running('b', { state: 'queued', began: undefined, waiting: 'retry delay', due: 30 });
  view.show({ rows: [rests, waits, running('c', { rate: 1, eta: 90 })] });
  const left = id => row(id).one('ja-left').textContent;
  const texts = () => [left('a'), says('b'), row('c').one('ja-left').textContent].map(text => text.replaceAll('\u202f', ' '));
  assert.deepEqual(texts(), ['just now', 'tries again in 30 s', '2 min left']);
  timers.pass(20_000);
  assert.deepEqual(texts(), ['20 s ago', 'tries again in 10 s', '1 min left']);
  timers.pass(60_000);   // at rest for more than a minute, it changes once a minute
  assert.equal(left('a').replaceAll('\u202f', ' '), '1 min ago');
  view.show({ rows: [{ ...waits, due: 90 }] });
  timers.pass(10_000);
  assert.equal(says('b'), 'tries again');
  assert.equal(timers.waiting, 0);
});

test('two views that were drawn at different moments show the same second', () => {
  const other = fakeDocument();
  const views = [[root, view], [other, createView(other, { act: () => {}, timers })]];
  const job = running('a', { began: -0.7 });
  for (const [, each] of views) {
    timers.pass(450);
    each.show({ rows: [job] });
  }
  const times = () => views.map(([el]) => el.one('ja-time').textContent);
  for (const expected of ['0:01', '0:02']) {
    timers.pass(1000 - timers.time % 1000);
    assert.deepEqual(times(), [expected, expected]);
    timers.pass(500);
    view.show({ rows: [{ ...job }] });
    assert.deepEqual(times(), [expected, expected]);
  }
});

test('a kernel that is gone: a notice, nothing ticks, nothing can be pressed', () => {
  view.show({ rows: [running('a')] });
  timers.pass(2000);
  view.show({ alive: false, lost: 'restarted' });
  assert.match(root.one('ja-notice').textContent, /kernel was restarted/);
  assert.equal(timers.waiting, 0);
  cancel('a').click();
  assert.deepEqual(sent, []);
});

test('the notice about the store is shown, until there is a worse one', () => {
  view.show({ rows: [running('a')], notice: 'nothing can be written' });
  assert.equal(root.one('ja-notice').textContent, 'nothing can be written');
  view.show({ notice: '' });
  assert.equal(root.one('ja-notice').textContent, '');
  view.show({ notice: 'nothing can be written', alive: false });
  assert.match(root.one('ja-notice').textContent, /No kernel runs these jobs any more/);
});

test('the whole text unfolds', () => {
  view.show({ rows: [running('a', { state: 'failed', error: 'ValueError: no' })] });
  const text = row('a').one('ja-words');
  text.click();
  assert.equal(text.getAttribute('aria-expanded'), 'true');
  assert.ok(row('a').classList.contains('ja-open'));
  assert.equal(row('a').one('ja-says').getAttribute('title'), 'ValueError: no');
});

test('disposing stops the clock and empties the place', () => {
  view.show({ rows: [running('a')] });
  cancel('a').click();
  view.dispose();
  assert.equal(timers.waiting, 0);
  assert.equal(root.childNodes.length, 0);
});

test('one job alone has no heading', () => {
  const one = fakeDocument();
  createView(one, { act: () => {}, single: true, timers }).show({ rows: [running('a')] });
  assert.equal(one.one('ja-head').hidden, true);
});

test('the name of a job leads to its row on a board of the page, or into the sidebar, or says that there is none', () => {
  globalThis.window = new EventTarget();
  try {
    const opened = [];
    const boardRoot = document.createElement('div');
    const board = createView(boardRoot, { act: () => {}, board: true, timers });
    board.show({ rows: [running('x'), running('a')] });
    view.show({ rows: [running('a')] });
    const name = row('a').one('ja-name');
    name.click();
    assert.equal(document.activeElement, boardRoot.all('ja-row')[1]);
    board.show({ rows: [running('x')] });
    const leave = answerWithSidebar(id => { opened.push(id); return true; });
    name.click();
    assert.deepEqual(opened, ['a']);
    leave();
    name.click();
    assert.match(root.one('ja-said').textContent, /^No board of this page shows this job/);
    board.dispose();
    assert.equal(showInAnother('x'), false);
  } finally {
    delete globalThis.window;
  }
});
