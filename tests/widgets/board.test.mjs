import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { ACTIONS, askable } from '../../widgets/jobactors_widgets/static/actions.js';
import { arrange, filterRows } from '../../widgets/jobactors_widgets/static/board.js';
import { createView } from '../../widgets/jobactors_widgets/static/view.js';
import { visibleSpan } from '../../widgets/jobactors_widgets/static/visible_span.js';
import { dom, fakeDocument, fakeTimers } from './fake_dom.mjs';

const row = (id, more = {}) => ({ id, name: `job ${id}`, state: 'running', ...more });
const ids = rows => rows.map(r => r.id).join('');
const offered = r => ACTIONS.filter(a => a.offered(r)).map(a => `${a.verb}${a.why(r) ? ` (${a.why(r)})` : ''}`);

test('each button is offered where it can work, and shows the reason where it cannot', () => {
  const cases = [
    [{ state: 'running', pausable: true }, ['pause', 'cancel']],
    [{ state: 'running' }, ['pause (this job has no point where it can pause)', 'cancel']],
    [{ state: 'running', request: 'pause', pausable: true }, ['resume', 'cancel']],
    [{ state: 'running', request: 'cancel', pausable: true }, ['pause (it is being stopped)', 'cancel (it is being cancelled already)']],
    [{ state: 'paused' }, ['resume', 'cancel']],
    [{ state: 'paused', request: 'resume' }, ['resume (it goes on as soon as a slot is free)', 'cancel']],
    [{ state: 'queued', waiting: 'slot' }, ['hold', 'cancel']],
    [{ state: 'queued', waiting: 'hold' }, ['release', 'cancel']],
    [{ state: 'cancelling', stuck: true }, ['cancel (it is being cancelled already)']],
    [{ state: 'interrupted' }, ['resume', 'fresh', 'discard']],
    [{ state: 'failed' }, ['restart', 'dismiss']],
    [{ state: 'failed', obstacle: 'run that again' }, ['restart (run that again)', 'dismiss']]
  ];
  for (const [r, verbs] of cases) assert.deepEqual(offered(r), verbs);
  assert.equal(ids(askable(ACTIONS[0], [row('a'), row('b', { pausable: true })])), 'b');
});

test('rows are found by state, type, subject, tag and text', () => {
  const rows = [
    row('a', { type: 'train', subject: 'wiki', tags: ['gpu'] }),
    row('b', { state: 'failed', error: 'ValueError: no Date', unread: true }),
    row('c', { state: 'queued', message: 'page 7' }),
    row('d', { state: 'interrupted' }), row('e', { state: 'paused' })
  ];
  const cases = [
    [{}, 'abcde'], [{ text: 'WIKI' }, 'a'], [{ text: 'job date' }, 'b'], [{ text: 'nothing' }, ''],
    [{ state: 'unfinished' }, 'acde'], [{ state: 'interrupted' }, 'd'], [{ state: 'paused' }, 'e'],
    [{ state: 'unread' }, 'b'], [{ type: 'train' }, 'a'], [{ type: 'job c' }, 'c'],
    [{ subject: 'wiki' }, 'a'], [{ tag: 'gpu' }, 'a'], [{ tag: 'gpu', state: 'failed' }, ''], [{ state: 'no such state' }, 'abcde']
  ];
  for (const [wanted, found] of cases) assert.equal(ids(filterRows(rows, wanted)), found);
});

test('what is unfinished comes first; what has ended is newest first; an order applies to both', () => {
  const rows = [
    row('a', { state: 'failed', stopped: 5 }), row('b', { fraction: 0.1 }), row('c', { state: 'succeeded', stopped: 9 }),
    row('d', { fraction: 0.7 })
  ];
  const both = order => { const { open, ended } = arrange(rows, { order }, 10); return `${ids(open)} ${ids(ended)}`; };
  assert.deepEqual(['', 'name', 'progress'].map(both), ['bd ca', 'bd ac', 'db ca']);
  const worked = [row('a', { began: 5, state: 'paused', stopped: 9 }), row('b', { began: 3 }), row('c', { began: 5 })];
  const longest = now => ids(arrange(worked, { order: 'time at work' }, now).open);
  assert.deepEqual([7, 10].map(longest), ['abc', 'bca']);
  assert.equal(ids(arrange(rows, { order: 'name', reverse: true }, 10).open), 'db');
});

test('the rows in sight, and the room the others take', () => {
  const list = { count: 10000, height: 30, extra: new Map(), top: 3000, viewport: 300, spare: 5 };
  assert.deepEqual(visibleSpan(list), { first: 95, end: 116, before: 2850, after: (10000 - 116) * 30 });
  assert.deepEqual(visibleSpan({ ...list, top: 0 }), { first: 0, end: 16, before: 0, after: (10000 - 16) * 30 });
  const at = visibleSpan({ ...list, extra: new Map([[10, 400]]), top: 3400 });
  assert.deepEqual([at.first, at.before], [95, 95 * 30 + 400]);
  assert.equal(visibleSpan({ ...list, top: 1e9 }).end, 10000);
  assert.deepEqual(visibleSpan({ ...list, count: 0 }), { first: 0, end: 0, before: 0, after: 0 });
});

let root, timers, sent, asked, view;

beforeEach(() => {
  root = fakeDocument();
  timers = fakeTimers();
  [sent, asked] = [[], []];
  view = createView(root, {
    board: true, timers, act: (verb, id) => sent.push([verb, id]), actMany: (verb, all, states) => sent.push([verb, all, ...(states || [])]),
    ask: message => asked.push(message)
  });
});

const el = id => root.all('ja-row').find(r => r.dataset.job === id);
const change = (input, value) => { input.value = value; input.listeners.get(input.tag === 'select' ? 'change' : 'input')(); };
const many = n => Array.from({ length: n }, (_, i) => row(`j${i}`, { tags: [i % 2 ? 'odd' : 'even'] }));

test('ten thousand jobs: only the rows in sight are in the page, and the list is as long as all of them', () => {
  const list = root.one('ja-list');
  list.clientHeight = 580;
  view.show({ rows: many(10000) });
  assert.ok(root.all('ja-row').length < 50);
  assert.equal(el('j0').getAttribute('aria-setsize'), '10000');
  list.scrollTop = 29 * 5000;
  list.listeners.get('scroll')();
  assert.ok(el('j5000') && !el('j0'));
  assert.equal(el('j5000').getAttribute('aria-posinset'), '5001');
  const [above, below] = root.all('ja-space').map(s => parseFloat(s.style.height));
  assert.equal(above + below + root.all('ja-row').length * 29, 29 * 10000);
});

test('a frame of ten thousand jobs changes only the differences, and reads only the jobs that changed', () => {
  let reads = 0;
  const counted = each => new Proxy(each, { get: (target, key) => { reads += 1; return target[key]; } });
  const rows = many(10000).map(counted);
  root.one('ja-list').clientHeight = 580;
  view.show({ rows });
  [dom.changes, reads] = [0, 0];
  view.show({ rows: [...rows] });
  assert.equal(dom.changes, 0);
  assert.ok(reads < 2000, `${reads} reads`);   // of the rows in sight
  for (let i = 0; i < 3000; i++) rows[i] = counted({ ...rows[i], done: 1, fraction: 0.1 });   // they progress
  reads = 0;
  view.show({ rows: [...rows] });
  assert.ok(reads < 26 * 3000 + 14_000, `${reads} reads`);   // once, each job's place is looked up
  dom.changes = 0;
  rows[0] = counted({ ...rows[0], message: 'further on' });      // in sight
  rows[9000] = counted({ ...rows[9000], message: 'further on' });   // out of sight
  view.show({ rows: [...rows] });
  assert.ok(dom.changes > 0 && dom.changes < 10, `${dom.changes} changes`);
});

test('a frame in which a job takes another place draws the list anew', () => {
  const rows = many(100);
  view.show({ rows });
  view.show({ rows: rows.map(each => each.id === 'j3' ? { ...each, state: 'failed', unread: true } : each) });
  assert.equal(root.all('ja-row')[0].dataset.job, 'j3');
  assert.equal(root.one('ja-counts').textContent, '100 jobs: 1 failed · 99 running');
  change(root.all('ja-choice').find(c => c.getAttribute('aria-label') === 'Order'), 'progress');
  const faster = rows.map(each => each.id === 'j7' ? { ...each, fraction: 0.5 } : each);
  view.show({ rows: faster });
  assert.equal(root.all('ja-row')[0].dataset.job, 'j7');
  change(root.one('ja-search'), 'further');
  assert.equal(root.all('ja-row').length, 0);
  view.show({ rows: faster.map(each => each.id === 'j5' ? { ...each, message: 'further on' } : each) });
  assert.equal(root.all('ja-row')[0].dataset.job, 'j5');
});

test('the tools narrow the list, and count the jobs shown', () => {
  view.show({ rows: many(8) });
  change(root.one('ja-search'), 'j3');
  assert.equal(root.all('ja-row').length, 1);
  assert.match(root.one('ja-counts').textContent, /8 jobs running · 1 job shown/);
  change(root.one('ja-search'), '');
  change(root.all('ja-choice').find(c => c.getAttribute('aria-label') === 'Filter by tag'), 'odd');
  assert.equal(root.all('ja-row').length, 4);
});

test('few jobs need no tools', () => {
  view.show({ rows: [row('a')] });
  assert.equal(root.one('ja-tools').hidden, true);
});

test('what ended is a section of its own that folds', () => {
  view.show({ rows: [row('a', { state: 'succeeded' }), row('b')] });
  assert.deepEqual(root.all('ja-row').map(r => r.dataset.job), ['b', 'a']);
  const fold = root.one('ja-fold');
  assert.equal(fold.textContent, '▾ 1 job succeeded');
  fold.click();
  assert.deepEqual(root.all('ja-row').map(r => r.dataset.job), ['b']);
  assert.equal(fold.getAttribute('aria-expanded'), 'false');
  assert.ok(root.one('ja-history'));
  fold.click();
  assert.equal(root.all('ja-row').length, 2);
});

test('a failure that nothing has read stays above all others, named in the head, until its details are opened', () => {
  const failed = row('f', { state: 'failed', unread: true, stopped: 3 });
  const rows = [row('r'), row('s', { state: 'succeeded', unread: true, stopped: 4 }), failed];
  view.show({ rows });
  const order = () => root.all('ja-row').map(r => r.dataset.job).join('');
  const news = root.one('ja-news');
  assert.equal(root.one('ja-counts').textContent, '3 jobs: 1 failed · 1 running · 1 succeeded');
  assert.equal(order(), 'frs');
  assert.deepEqual([news.hidden, news.textContent], [false, '1 failed unread']);
  root.one('ja-fold').click();
  assert.equal(order(), 'fr');
  change(root.one('ja-search'), 'job r');
  assert.equal(order(), 'r');
  news.click();
  assert.equal(order(), 'fr');
  assert.equal(document.activeElement, el('f'));
  el('f').one('ja-more').click();
  assert.deepEqual(sent, [['read', 'f']]);
  view.show({ rows: rows.map(each => each === failed ? { ...failed, unread: undefined } : each) });
  assert.equal(news.hidden, true);
});

test('a failure can be read where no kernel takes a note of it', () => {
  view.show({ rows: [row('f', { state: 'failed', unread: true })], alive: false });
  el('f').one('ja-more').click();
  assert.deepEqual(sent, []);
  assert.equal(root.one('ja-news').hidden, true);
});

test('a job that waits for its turn says so, and when that is', () => {
  view.show({ rows: [row('b', { state: 'queued', waiting: 'rate', waits_for: ['api'], due: 1e9 })] });
  const says = el('b').one('ja-says');
  assert.match(says.textContent, /^waits for its turn at api: \S/);
  assert.equal(says.attributes.get('title'), says.textContent);
});

test('a job that waits names the job it waits for, and a click goes to that row', () => {
  const slow = row('slow-1-x', { name: 'index', subject: 'wiki' });
  view.show({ rows: [slow, row('b', { state: 'queued', waiting: 'dependency', waits_for: ['slow-1-x', 'gone-2-y'], priority: 10 })] });
  assert.equal(el('b').one('ja-says').textContent, 'waits for index · wiki, gone-2-y · high priority');
  const [link, other] = el('b').all('ja-link');
  assert.deepEqual([link.disabled, other.disabled], [false, true]);
  change(root.one('ja-search'), 'job b');
  assert.ok(!el('slow-1-x'));
  link.click();
  assert.equal(document.activeElement, el('slow-1-x'));
  view.show({ rows: [slow, row('b')] });
  assert.equal(el('b').one('ja-says').textContent, '');
});

test('the heads of the columns sort, up, down, and no more', () => {
  view.show({ rows: [...many(5), row('z', { fraction: 0.5 })] });
  const head = root.all('ja-column').find(each => each.dataset.order === 'progress');
  const first = () => root.all('ja-row')[0].dataset.job;
  const seen = [0, 1, 2].map(() => {
    head.click();
    return [head.textContent, head.getAttribute('aria-pressed'), first()];
  });
  assert.deepEqual(seen, [['Progress▲', 'true', 'z'], ['Progress▼', 'true', 'j0'], ['Progress', 'false', 'j0']]);
});

test('of a long traceback the end is in sight, and all of it a click away', () => {
  view.show({ rows: [row('f', { state: 'failed', error: 'ValueError: no' })] });
  el('f').one('ja-more').click();
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  view.received({ kind: 'details', id: 'f', traceback: `${lines.join('\n')}\n` });
  const text = el('f').one('ja-text');
  assert.equal(text.textContent, lines.slice(-8).join('\n'));
  const all = el('f').all('ja-button').find(each => each.textContent === 'Show all 40 lines');
  all.click();
  assert.equal(text.textContent, `${lines.join('\n')}\n`);
});

test('one verb for many: it is sent for those that can, at once', () => {
  view.show({ rows: [...many(7), row('x', { state: 'failed' })] });
  const all = root.one('ja-tools').one('ja-check');
  all.checked = true;
  all.click();
  assert.equal(root.one('ja-many').hidden, false);
  const button = verb => root.one('ja-many').all('ja-button').find(b => b.dataset.many === verb);
  assert.equal(button('cancel').textContent, 'Cancel 7');
  assert.equal(button('pause').getAttribute('aria-disabled'), 'true');
  button('dismiss').click();
  timers.pass(5000);
  assert.deepEqual(sent, [['dismiss', 'x']]);
  assert.equal(root.one('ja-many').hidden, true);
  view.answered({ id: '', verb: 'dismiss', ok: false, why: '1 of 1 could not: it is needed' });
  assert.equal(root.one('ja-said').textContent, '1 of 1 could not: it is needed');
});

test('what removes something can be taken back for five seconds', () => {
  view.show({ rows: [row('a', { state: 'failed' }), row('b', { state: 'succeeded' }), row('c', { state: 'interrupted' })] });
  const button = (id, verb) => el(id).all('ja-button').find(each => each.dataset.verb === verb);
  const bar = root.one('ja-undo');
  button('a', 'dismiss').click();
  assert.equal(el('a').one('ja-word').textContent, 'dismissing…');
  button('a', 'dismiss').click();
  button('c', 'discard').click();
  assert.equal(bar.hidden, false);
  assert.match(bar.textContent, /^Dismiss 1 job, Discard 1 job/);
  bar.one('ja-button').click();
  assert.equal(bar.hidden, true);
  assert.equal(el('a').one('ja-word').textContent, 'failed');
  timers.pass(5000);
  assert.deepEqual(sent, []);
  button('b', 'dismiss').click();
  timers.pass(5000);
  button('a', 'dismiss').click();
  view.dispose();   // what was not taken back is not forgotten
  assert.deepEqual(sent, [['dismiss', 'b'], ['dismiss', 'a']]);
});

test('rows keep their places while their user is in the list', () => {
  const shown = () => root.all('ja-row').map(each => each.dataset.job).join('');
  const list = root.one('ja-list');
  const jobs = (states) => Object.entries(states).map(([id, state]) => row(id, { state }));
  view.show({ rows: jobs({ a: 'running', b: 'running', c: 'running', x: 'succeeded' }) });
  list.listeners.get('pointerenter')();
  view.show({ rows: jobs({ b: 'cancelled', c: 'running', x: 'succeeded', d: 'running' }) });
  assert.equal(shown(), 'abcxd');
  assert.equal(el('a').one('ja-word').textContent, 'removed');
  assert.ok(el('a').all('ja-button').every(each => each.hidden));
  list.listeners.get('pointerleave')();
  timers.pass(299);
  assert.equal(shown(), 'abcxd');
  timers.pass(1);
  assert.equal(shown(), 'cdxb');
  list.listeners.get('focusin')({ target: { matches: () => true } });
  view.show({ rows: jobs({ c: 'failed', d: 'running' }) });
  assert.equal(shown(), 'cdxb');
  list.listeners.get('focusout')({ relatedTarget: null });
  timers.pass(300);
  assert.equal(shown(), 'dc');
});

test('no other button comes under the mouse when a job ends', () => {
  view.show({ rows: [row('a')] });
  const verbs = () => el('a').all('ja-button').filter(each => !each.hidden).map(each => each.dataset.verb);
  const box = el('a').one('ja-buttons');
  box.listeners.get('pointerenter')({ pointerType: 'mouse' });
  view.show({ rows: [row('a', { state: 'cancelled' })] });
  assert.deepEqual(verbs(), ['pause', 'cancel']);
  el('a').all('ja-button').forEach(each => each.click());
  assert.deepEqual(sent, []);
  box.listeners.get('pointerleave')();
  assert.deepEqual(verbs(), ['restart', 'dismiss']);
});

test('an order that the user asks for is not held back', () => {
  view.show({ rows: [row('b'), row('a'), row('x', { state: 'failed' })] });
  root.one('ja-list').listeners.get('pointerenter')();
  change(root.one('ja-tools').all('ja-choice').find(each => each.getAttribute('aria-label') === 'Order'), 'name');
  assert.deepEqual(root.all('ja-row').map(each => each.dataset.job), ['a', 'b', 'x']);
  root.one('ja-fold').click();
  assert.deepEqual(root.all('ja-row').map(each => each.dataset.job), ['a', 'b']);
});

test('what no longer passes the filter is still selected, and is not commanded', () => {
  const waiting = many(7).map(each => ({ ...each, state: 'queued' }));
  view.show({ rows: waiting });
  change(root.one('ja-tools').all('ja-choice').find(each => each.getAttribute('aria-label') === 'Filter by state'), 'queued');
  const all = root.one('ja-tools').one('ja-check');
  all.checked = true;
  all.click();
  view.show({ rows: waiting.map((each, i) => i < 3 ? { ...each, state: 'running' } : each) });
  const counts = root.one('ja-many').one('ja-counts');
  const button = verb => root.one('ja-many').all('ja-button').find(each => each.dataset.many === verb);
  assert.equal(counts.textContent, '7 selected, 3 no longer match');
  assert.equal(button('cancel').textContent, 'Cancel 4');
  button('cancel').click();
  assert.deepEqual(sent, [['cancel', ['j3', 'j4', 'j5', 'j6'], 'queued']]);
});

test('a row that is gone is no longer selected', () => {
  view.show({ rows: many(7) });
  const check = el('j3').one('ja-check');
  check.checked = true;
  check.click();
  assert.equal(root.one('ja-many').one('ja-counts').textContent, '1 selected');
  view.show({ rows: many(3) });
  assert.equal(root.one('ja-many').hidden, true);
});

test('details are asked for when they unfold, the log in pieces, and nothing after they fold', () => {
  view.show({ rows: [row('a', { lines: 3 })] });
  assert.deepEqual(asked, []);
  el('a').one('ja-more').click();
  timers.pass(0);
  assert.deepEqual(asked, [{ kind: 'details', id: 'a' }, { kind: 'log', id: 'a', since: -1 }]);
  view.received({ kind: 'details', id: 'a', type: 'train', metadata: [['seed', '42']], tags: [], traceback: '' });
  assert.match(el('a').one('ja-facts').textContent, /seed42/);
  view.received({ kind: 'log', id: 'a', first: 1, lines: [['out', 'two'], ['err', 'three']], more: false });
  assert.match(el('a').one('ja-details').textContent, /1 earlier line.*twothree/);
  asked.length = 0;
  view.show({ rows: [row('a', { lines: 5 })] });
  timers.pass(0);
  assert.deepEqual(asked, [{ kind: 'log', id: 'a', since: 3 }]);
  view.received({ kind: 'log', id: 'a', first: 2, lines: [['out', 'three'], ['out', 'four'], ['out', 'five']], more: false });
  assert.equal(el('a').all('ja-line').map(l => l.textContent).slice(1).join(' '), 'two three four five');
  el('a').one('ja-more').click();
  asked.length = 0;
  view.show({ rows: [row('a', { lines: 9 })] });
  timers.pass(1000);
  assert.deepEqual(asked, []);
  view.received({ kind: 'log', id: 'a', first: 5, lines: [], more: false });
});

test('a result is put into words only when it is asked for', () => {
  view.show({ rows: [row('a', { state: 'succeeded', unread: true })] });
  el('a').one('ja-more').click();
  assert.deepEqual(sent, [['read', 'a']]);
  view.received({ kind: 'details', id: 'a', result: 'DataFrame' });
  const button = el('a').one('ja-facts').one('ja-button');
  asked.length = 0;
  button.click();
  assert.deepEqual(asked, [{ kind: 'result', id: 'a' }]);
  view.received({ kind: 'result', id: 'a', text: '   x\n0  1', why: '' });
  assert.equal(el('a').one('ja-result').textContent, '   x\n0  1');
});

test('a screen reader announces ends, gathered, and never progress', () => {
  view.show({ rows: many(20) });
  view.show({ rows: many(20).map(r => ({ ...r, fraction: 0.5 })) });
  timers.pass(1000);
  assert.equal(root.one('ja-said').textContent, '');
  view.show({ rows: many(20).map(r => ({ ...r, state: 'succeeded' })) });
  timers.pass(1000);
  assert.equal(root.one('ja-said').textContent, '20 jobs succeeded');
});

const press = (key, target) => root.one('ja-list').listeners.get('keydown')({
  key, target: Object.assign(target, { closest: () => (target.dataset.job ? target : null), tagName: 'DIV' }),
  preventDefault() {}, stopPropagation() {}
});

test('Space selects, Delete asks, and a second one does it', () => {
  view.show({ rows: [row('a'), row('b', { state: 'failed' })] });
  press(' ', el('a'));
  assert.equal(el('a').one('ja-check').checked, true);
  press('Delete', el('a'));
  assert.equal(el('a').one('ja-says').textContent, 'Cancel this job? Delete: yes. Escape: no.');
  press('Escape', el('a'));
  assert.equal(el('a').one('ja-says').textContent, '');
  press('Delete', el('a'));
  root.one('ja-list').listeners.get('focusout')();
  press('Delete', el('a'));
  assert.deepEqual(sent, []);
  press('Delete', el('a'));
  assert.deepEqual(sent, [['cancel', 'a']]);
  press('Delete', el('b'));
  assert.match(el('b').one('ja-says').textContent, /^Dismiss this job/);
});

test('arrows walk the rows, Enter unfolds, Escape folds', () => {
  view.show({ rows: [row('a'), row('b')] });
  press('ArrowDown', root.one('ja-list'));
  assert.equal(document.activeElement, el('a'));
  press('ArrowDown', el('a'));
  assert.equal(document.activeElement, el('b'));
  press('Enter', el('b'));
  assert.equal(el('b').one('ja-more').getAttribute('aria-expanded'), 'true');
  press('Escape', el('b'));
  assert.equal(el('b').one('ja-more').getAttribute('aria-expanded'), 'false');
  press('Home', el('b'));
  assert.equal(document.activeElement, el('a'));
});
