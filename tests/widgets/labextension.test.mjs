// Tests the pure functions behind the sidebar, the status item and the notices.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  createBurst, distinctNames, endedBetween, groupsOf, isUnfinished, noticeOf, statusText, statusTitle, withoutRead
} from '../../widgets/jobactors_widgets/labextension/sidebar/model.js';
import { NOTHING } from '../../widgets/jobactors_widgets/labextension/sidebar/link.js';
import { createNotices } from '../../widgets/jobactors_widgets/labextension/sidebar/notices.js';
import { createSidebar } from '../../widgets/jobactors_widgets/labextension/sidebar/sidebar.js';
import { STATE_CHOICES } from '../../widgets/jobactors_widgets/static/board.js';
import { fakeDocument, fakeTimers } from './fake_dom.mjs';

let made = 0;
const row = (state, more = {}) => ({ id: `j${made += 1}`, name: 'train', state, ...more });
const link = (kernelId, path, rows, more = {}) =>
  ({ kernelId, path, current: false, known: { ...NOTHING, live: true, rows }, ...more });
const bare = text => text.replace(/[\u2068\u2069]/g, '');

test('the notebook in front stands first, even without jobs; others only with some', () => {
  const groups = groupsOf([
    link('k1', 'b.ipynb', [row('running')]),
    link('k2', 'empty.ipynb', []),
    link('k3', 'a.ipynb', [row('failed')]),
    link('k4', 'front.ipynb', [], { current: true }),
    { kernelId: 'k5', path: 'plain.ipynb', current: false, known: NOTHING }
  ]);
  assert.deepEqual(groups.map(g => g.name), ['front.ipynb', 'a.ipynb', 'b.ipynb']);
});

test('a kernel without the package has no section, in front either', () => {
  assert.deepEqual(groupsOf([{ kernelId: 'k', path: 'a.ipynb', current: true, known: NOTHING }]), []);
});

test('two notebooks on one kernel are one section, with the name of the one in front', () => {
  const rows = [row('running')];
  const groups = groupsOf([link('k', 'a.ipynb', rows), link('k', 'b.ipynb', rows, { current: true })]);
  assert.deepEqual(groups.map(g => g.name), ['b.ipynb']);
});

test('two job systems of a kernel are two sections, the second with its name', () => {
  const named = (name, rows) => ({ ...link('k', 'a.ipynb', rows, { current: true }), known: { ...NOTHING, live: true, rows, named: name } });
  const groups = groupsOf([named('films', [row('failed')]), named('', [row('running')])]);
  assert.deepEqual(groups.map(g => [g.key, g.name]), [['k', 'a.ipynb'], ['k films', 'a.ipynb · films']]);
  const root = fakeDocument();
  const sent = [];
  const sidebar = createSidebar(root, { send: (key, message) => sent.push([key, message.id]), cancelAll: key => sent.push([key]), open: () => {} });
  sidebar.show(groups);
  assert.deepEqual(root.all('ja-section-name').map(each => each.childNodes[0].textContent), ['a.ipynb', 'a.ipynb · films']);
  sidebar.show(groups.slice(0, 1));
  assert.equal(root.all('ja-section').length, 1);
});

test('a notebook that is open here stands for its kernel, not the same one elsewhere', () => {
  const rows = [row('running')];
  const elsewhere = link('k', 'a.ipynb', rows, { elsewhere: true });
  const here = link('k', 'a.ipynb', rows);
  for (const links of [[here, elsewhere], [elsewhere, here]]) {
    assert.deepEqual(groupsOf(links).map(g => Boolean(g.elsewhere)), [false]);
  }
});

test('notebooks of one name are distinguished by their folders', () => {
  assert.deepEqual(distinctNames(['a/x.ipynb', 'b/x.ipynb', 'x.ipynb', 'y/z.ipynb']),
    ['a/x.ipynb', 'b/x.ipynb', 'x.ipynb', 'z.ipynb']);
  assert.deepEqual(distinctNames(['q/a/x.ipynb', 'p/a/x.ipynb']), ['q/a/x.ipynb', 'p/a/x.ipynb']);
});

test('the status counts what is not finished, and failures until they are read', () => {
  const text = (...rows) => { const { news, work } = statusText(rows); return [news, work].filter(Boolean).join(' | '); };
  assert.equal(text(), '');
  assert.equal(text(row('succeeded'), row('failed'), row('cancelled'), row('interrupted')), '');
  assert.equal(text(row('running')), '1 job running');
  assert.equal(text(row('running'), row('cancelling'), row('queued'), row('succeeded')),
    '1 job running · 1 cancelling · 1 queued');
  assert.equal(text(row('queued'), row('queued')), '2 jobs queued');
  assert.equal(text(row('paused'), row('queued')), '1 job paused · 1 queued');
  const unread = row('failed', { unread: true });
  assert.equal(text(unread, row('running'), row('running'), row('failed')), '1 job failed unread | 2 running');
  assert.equal(text(unread, row('succeeded', { unread: true })), '1 job failed unread');
  assert.equal(text(...withoutRead([unread], id => id === unread.id)), '');
});

test('the status counts no job that has ended, also of a batch that is under way', () => {
  const batch = counts => ({ ...row('running'), counts });
  const of = counts => statusText([batch(counts), row('succeeded')]).work;
  assert.equal(of({ running: 1, queued: 3, succeeded: 11, failed: 2, interrupted: 1 }), '1 job running · 3 queued');
  assert.equal(of({ succeeded: 11, failed: 2 }), 'more jobs to come');
});

test('the title names the notebooks that work', () => {
  const groups = groupsOf([link('k1', 'a.ipynb', [row('running'), row('succeeded')]), link('k2', 'b.ipynb', [row('failed')])]);
  assert.equal(statusTitle(groups, { done: 0, all: 1 }), 'a.ipynb: 2 jobs: 1 running · 1 succeeded');
  assert.equal(statusTitle(groups, { done: 3, all: 4 }), 'a.ipynb: 2 jobs: 1 running · 1 succeeded\n3 of the last 4 jobs have ended');
});

test('what has ended in a burst counts as done, until there is nothing left to do', () => {
  const burst = createBurst();
  const [a, b] = [row('running', { fraction: 0.5 }), row('queued')];
  const at = (ended, ...rows) => burst.advance([{ kernelId: 'k', rows, burst: ended }]).fraction;
  assert.equal(at(0, row('succeeded'), a, b), 0.25);
  assert.equal(at(1, { ...a, state: 'succeeded', fraction: 1 }, { ...b, state: 'running', fraction: 0 }), 0.5);
  assert.equal(at(2, { ...a, state: 'succeeded' }, { ...b, state: 'failed' }), null);
  assert.equal(at(0, { ...a, state: 'succeeded' }, row('running', { fraction: 0.1 })), 0.1);
});

test('a page that is loaded again shows the same, though ended jobs are no longer here', () => {
  const rows = [row('running', { fraction: 0.5 })];
  const before = createBurst();
  before.advance([{ kernelId: 'k', rows: [row('running'), ...rows], burst: 2 }]);
  assert.deepEqual(before.advance([{ kernelId: 'k', rows, burst: 3 }]), { fraction: 0.875, done: 3, all: 4 });
  assert.deepEqual(createBurst().advance([{ kernelId: 'k', rows, burst: 3 }]), { fraction: 0.875, done: 3, all: 4 });
});

test('a batch counts with all its jobs', () => {
  const batch = row('running', { counts: { running: 4, succeeded: 66 }, done: 66, total: 200, fraction: 0.33, id: 'map' });
  const rows = [batch, row('running', { batch: 'map' }), row('queued')];
  const { fraction, done, all } = createBurst().advance([{ kernelId: 'k', rows, burst: 67 }]);
  assert.deepEqual([fraction, done, all], [67 / 202, 67, 202]);
});

test('a job of unknown length makes the whole unknown only while it is alone', () => {
  const burst = createBurst();
  const a = row('running');
  const at = (...kernels) => burst.advance(kernels.map(([kernelId, ended, ...rows]) => ({ kernelId, rows, burst: ended })));
  assert.deepEqual(at(['k', 0, a]), { fraction: null, done: 0, all: 1 });
  assert.deepEqual(at(['k', 0, a], ['l', 0, { ...a, fraction: 0.5 }]), { fraction: 0.25, done: 0, all: 2 });
  assert.deepEqual(at(['k', 1, { ...a, state: 'failed' }], ['l', 0, { ...a, fraction: 0.5 }]), { fraction: 0.75, done: 1, all: 2 });
  assert.deepEqual(at(['l', 0, { ...a, fraction: 3 }]), { fraction: 1, done: 0, all: 1 });
});

test('an end is news once, and a requested one is none', () => {
  const a = row('running');
  const after = state => [{ ...a, state }];
  assert.equal(endedBetween([a], after('failed')).length, 1);
  assert.equal(endedBetween([a], after('paused')).length, 0);
  assert.equal(endedBetween(after('failed'), after('failed')).length, 0);
  assert.equal(endedBetween([], after('succeeded')).length, 1);   // it was quick
  assert.equal(endedBetween([a], [{ ...a, state: 'cancelled', reason: 'by hand' }]).length, 0);
  assert.equal(endedBetween([a], [{ ...a, state: 'cancelled', reason: 'train failed' }]).length, 1);
  assert.ok(isUnfinished(a));
});

test('a notice names one job and counts many', () => {
  const say = (...states) => noticeOf(states.map(state => ({ row: row(state), name: 'a.ipynb' })));
  assert.deepEqual([bare(say('succeeded').text), say('succeeded').type], ['train succeeded (a.ipynb)', 'success']);
  assert.equal(bare(say('succeeded', 'succeeded').text), '2 jobs succeeded (a.ipynb)');
  assert.deepEqual([bare(say('succeeded', 'failed', 'failed').text), say('succeeded', 'failed').type],
    ['3 jobs: 2 failed · 1 succeeded (a.ipynb)', 'error']);
  const failed = noticeOf([{ row: row('failed', { error: 'ValueError: no\nsuch row', subject: 'wiki' }), name: 'a.ipynb' }]);
  assert.equal(bare(failed.text), 'train · wiki failed: ValueError: no such row (a.ipynb)');
});

test('what a job calls itself cannot turn a notice around, and is cut', () => {
  const { text } = noticeOf([{ row: row('failed', { name: `\u202e${'😀'.repeat(100)}`, error: '<b>' }), name: 'a.ipynb' }]);
  assert.ok(!text.includes('\u202e'));
  assert.ok(text.includes('😀…\u2069 failed: \u2068<b>\u2069'));
});

/** Stands in for JupyterLab's Notification, and records its calls. */
function recorder() {
  const said = [];
  return {
    said,
    manager: { has: () => true },
    emit: (text, type, options) => { said.push(['emit', bare(text), type, options]); return 'id'; },
    dismiss: id => { said.push(['dismiss', id]); },
    update: options => { said.push(['update', bare(options.message), options.type, options]); }
  };
}

test('a page in sight is not disturbed by a success; one out of sight has one notice that counts', () => {
  const Notification = recorder();
  const [desktop, shown] = [[], []];
  let inSight = true;
  const wanted = { notify: true, browser: false };
  const notices = createNotices({
    Notification,
    inSight: () => inSight,
    listed: () => false,
    isUnread: () => true,
    wanted: () => wanted,
    show: () => shown.push('here'),
    notifyDesktop: text => desktop.push(bare(text))
  });
  notices.ended('k', 'a.ipynb', [row('succeeded')]);
  assert.deepEqual(Notification.said, []);
  inSight = false;
  notices.ended('k', 'a.ipynb', []);
  notices.ended('k', 'a.ipynb', [row('succeeded')]);
  notices.ended('k', 'b.ipynb', [row('succeeded')]);
  assert.deepEqual(Notification.said.map(each => each.slice(0, 3)), [
    ['emit', 'train succeeded (a.ipynb)', 'success'],
    ['update', '2 jobs succeeded', 'success']
  ]);
  assert.equal(Notification.said[0][3].autoClose, false);
  Notification.said[0][3].actions[0].callback();
  assert.deepEqual(shown, ['here']);
  notices.seen();
  wanted.notify = false;
  wanted.browser = true;
  notices.ended('k', 'a.ipynb', [row('failed')]);
  assert.equal(Notification.said.length, 2);
  assert.deepEqual(desktop, ['train failed (a.ipynb)']);
});

test('a failure in sight has a notice, until it is read; none if a cell reads it at once, or it is listed', () => {
  const Notification = recorder();
  const timers = fakeTimers();
  const unread = new Set();
  let listed = false;
  const notices = createNotices({
    Notification, timers, inSight: () => true, listed: () => listed, isUnread: (_, id) => unread.has(id),
    wanted: () => ({ notify: true, browser: false }), show: () => {}
  });
  const fail = isUnread => {
    const failed = row('failed');
    if (isUnread) unread.add(failed.id);
    notices.ended('k', 'a.ipynb', [row('succeeded'), failed]);
    timers.pass(1500);
    timers.pass(500);
  };
  fail(false);
  listed = true;
  fail(true);
  assert.deepEqual(Notification.said, []);
  listed = false;
  fail(true);
  assert.deepEqual(Notification.said.map(each => each.slice(0, 3)), [['emit', '2 jobs failed (a.ipynb)', 'error']]);
  notices.update();
  assert.equal(Notification.said.length, 1);
  unread.clear();
  notices.update();
  assert.deepEqual(Notification.said.at(-1), ['dismiss', 'id']);
});

test('failures that come in several frames are told of in one notice, which is not changed at once', () => {
  const Notification = recorder();
  const timers = fakeTimers();
  const notices = createNotices({
    Notification, timers, inSight: () => true, listed: () => false, isUnread: () => true,
    wanted: () => ({ notify: true, browser: false }), show: () => {}
  });
  for (const _ of '123') notices.ended('k', 'a.ipynb', [row('failed')]);
  timers.pass(1500);
  assert.deepEqual(Notification.said, []);
  timers.pass(500);
  assert.deepEqual(Notification.said.map(each => each.slice(0, 3)), [['emit', '3 jobs failed (a.ipynb)', 'error']]);
});

test('a section of the sidebar shows the jobs of its kernel, by the clock of that kernel', () => {
  const root = fakeDocument();
  const sidebar = createSidebar(root, { send: () => {}, cancelAll: () => {}, open: () => {} });
  const known = { live: true, hears: true, ended: false, notice: '', rows: [{ ...row('succeeded'), began: 40, stopped: 100 }] };
  const group = { key: 'k', kernelId: 'k', path: 'a.ipynb', name: 'a.ipynb', current: true, known, now: () => 100 };
  sidebar.show([group]);
  assert.equal(root.one('ja-section-name').textContent, 'a.ipynb');
  assert.equal(root.one('ja-time').textContent, '1:00');
  sidebar.show([]);
  assert.equal(root.one('ja-section'), undefined);
});

test('a kernel whose jobs have all ended is one line, unless it is in front, or its user unfolds it', () => {
  const root = fakeDocument();
  const sidebar = createSidebar(root, { send: () => {}, cancelAll: () => {}, open: () => {} });
  const group = (kernelId, rows, more = {}) =>
    ({ key: kernelId, kernelId, path: `${kernelId}.ipynb`, name: `${kernelId}.ipynb`, current: false, known: { ...NOTHING, live: true, rows }, rows, ...more });
  const groups = [
    group('front', [row('succeeded')], { current: true }), group('busy', [row('running'), row('failed')]),
    group('done', [row('failed', { unread: true }), row('succeeded')])
  ];
  sidebar.show(groups);
  const sections = root.all('ja-section');
  const folded = () => sections.map(section => section.one('ja-section-body').hidden);
  assert.deepEqual(folded(), [false, false, true]);
  assert.equal(sections[2].one('ja-section-counts').textContent, '2 jobs: 1 failed · 1 succeeded');
  assert.ok(sections[2].classList.contains('ja-section-failed'));
  sections[2].one('ja-section-fold').click();
  sidebar.show(groups.map(each => ({ ...each })));
  assert.deepEqual(folded(), [false, false, false]);
});

test('one filter narrows all sections of the sidebar', () => {
  const root = fakeDocument();
  const sidebar = createSidebar(root, { send: () => {}, cancelAll: () => {}, open: () => {} });
  const groups = ['a', 'b'].map(name => ({
    key: name, kernelId: name, path: name, name, current: false,
    known: { ...NOTHING, live: true, rows: [1, 2, 3].map(n => row('running', { name: `${name} ${n}` })) }
  }));
  sidebar.show(groups);
  const search = root.one('ja-filter').childNodes[0];
  search.value = '2';
  search.listeners.get('input')();
  assert.deepEqual(root.all('ja-row').map(each => each.one('ja-name').textContent), ['a 2', 'b 2']);
  const states = root.one('ja-filter').childNodes[1].childNodes.map(({ textContent }) => textContent);
  assert.deepEqual(states, ['any', ...STATE_CHOICES]);
  for (const state of ['interrupted', 'unread']) assert.ok(states.includes(state));
});
