import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { createScheduled, headWords, instantWords, scheduleTicksIn, whenDue } from '../../widgets/jobactors_widgets/static/scheduled.js';
import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { dom, fakeDocument, fakeTimers } from './fake_dom.mjs';

const one = (name, more = {}) => ({ name, words: 'At 02:30 every day', rule: '30 2 * * *', label: 'index', standing: 'active', next: 250, ...more });
const plain = text => text.replace(/\u2009|\u202f/g, ' ');

test('how long it is until a schedule is due is computed where it is shown', () => {
  const cases = [
    [one('a'), 100, 'in 2:30'],
    [one('a'), 249.2, 'in 0:01'],
    [one('a'), 250, 'due now'],
    [one('a', { reason: 'the disk is full' }), 260, 'the disk is full'],
    [one('a', { next: 8000 }), 100, 'in 2 h 12 min'],
    [one('a', { standing: 'paused', next: undefined, reason: 'by hand' }), 0, 'paused: by hand'],
    [one('a', { standing: 'ended', next: undefined }), 0, 'has ended'],
    [one('a', { standing: 'resting', next: undefined }), 0, 'of an earlier kernel; rests until you resume it'],
    [one('a', { standing: 'resting', next: undefined, missed: 1 }), 0, 'missed 1 time while the kernel was down; rests until you resume it'],
    [one('a', { standing: 'resting', next: undefined, missed: 200 }), 0, 'missed 200 times or more while the kernel was down; rests until you resume it']
  ];
  for (const [schedule, now, words] of cases) assert.equal(plain(whenDue(schedule, now)), words);
});

test('the head names how many there are, the next one, and those at rest', () => {
  const all = [one('a', { next: 400 }), one('b'), one('c', { standing: 'resting', next: undefined })];
  assert.equal(headWords(all, 190), '3 scheduled · next in 1:00 · 1 at rest');
  assert.equal(headWords([], 0), '0 scheduled');
});

test('texts are written anew each second shortly before, and rarely long before', () => {
  assert.equal(scheduleTicksIn([one('a', { next: 5000 }), one('b', { next: 90_000 })], 4000), 1);
  assert.equal(scheduleTicksIn([one('a', { next: 90_000 })], 100), 20);
  assert.equal(scheduleTicksIn([one('a', { standing: 'paused' })], 100), Infinity);
});

test('an instant is given for here and for the zone of the schedule', () => {
  assert.match(instantWords(1_793_000_000, 'Asia/Tokyo'), / in Asia\/Tokyo, .* here$|\(Asia\/Tokyo\)$/);
  assert.doesNotMatch(instantWords(1_793_000_000, 'Atlantis/Sea'), /Atlantis/);
  assert.ok(instantWords(1_793_000_000).length > 5);
});

let root;
let timers;
let acts;

beforeEach(() => {
  root = fakeDocument();
  timers = fakeTimers();
  acts = [];
});

function section() {
  return createScheduled(root, { act: (verb, name) => acts.push(`${verb} ${name}`), now: () => timers.now() / 1000, timers });
}
const press = button => button.listeners.get('click')({});
const rowsOf = el => el.all('ja-scheduled-row');

test('each has Run now, and Pause or Resume; without a kernel neither can be pressed', () => {
  const drawn = section();
  drawn.draw([one('a', { next: 1e10 }), one('b', { standing: 'resting', next: undefined }), one('c', { standing: 'ended', next: undefined })], true);
  const buttons = rowsOf(root).map(row => row.all('ja-button').filter(b => !b.hidden));
  assert.deepEqual(buttons.map(all => all.map(b => b.textContent)), [['Run now', 'Pause'], ['Run now', 'Resume'], ['Run now']]);
  for (const all of buttons) all.forEach(press);
  assert.deepEqual(acts, ['run a', 'pause a', 'run b', 'resume b', 'run c']);
  drawn.draw([one('a', { next: 1e10 })], false);
  rowsOf(root)[0].all('ja-button').forEach(press);
  assert.equal(acts.length, 5);
});

test('without schedules there is no section, and rows that stay are not moved', () => {
  const drawn = section();
  drawn.draw([], true);
  assert.ok(root.firstChild.hidden);
  drawn.draw([one('a'), one('b')], true);
  const first = rowsOf(root)[0];
  const moves = first.moves;
  drawn.draw([one('a'), one('c')], true);
  assert.deepEqual(rowsOf(root).map(row => row.firstChild.textContent), ['a', 'c']);
  assert.equal(first.moves, moves);
  drawn.dispose();
  assert.equal(root.childNodes.length, 0);
});

test('names are text, whatever is in them', () => {
  const drawn = section();
  drawn.draw([one('<img src=x onerror=alert(1)>', { words: '<b>', reason: '<i>', memory: '<u>' })], true);
  assert.equal(rowsOf(root)[0].firstChild.textContent, '<img src=x onerror=alert(1)>');
});

test('a board shows them, and a single job does not', () => {
  const options = { act: () => {}, schedule: (verb, name) => acts.push(`${verb} ${name}`), timers };
  const board = createView(root, { ...options, board: true });
  board.show({ rows: [], schedules: [one('a', { next: 1e10 })] });
  assert.equal(rowsOf(root).length, 1);
  press(rowsOf(root)[0].all('ja-button')[0]);
  assert.deepEqual(acts, ['run a']);
  board.show({ rows: [], ended: true });
  press(rowsOf(root)[0].all('ja-button')[0]);
  assert.equal(acts.length, 1);
  board.dispose();
  const single = createView(root, { ...options, single: true });
  single.show({ rows: [], schedules: [one('a')] });
  assert.equal(root.all('ja-scheduled').length, 0);
  single.dispose();
  assert.ok(dom.changes > 0);
});
