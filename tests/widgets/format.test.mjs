import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { batchLine, isBatch } from '../../widgets/jobactors_widgets/static/batches.js';
import * as format from '../../widgets/jobactors_widgets/static/format.js';
import { summary } from '../../widgets/jobactors_widgets/static/summary.js';

const golden = JSON.parse(readFileSync(new URL('./golden_rows.json', import.meta.url), 'utf8'));

const NOW = 1_000_000;   // that of test_wire.py

for (const { case: name, row, shown } of golden) {
  test(`a row is put into words: ${name}`, () => {
    assert.deepEqual({
      word: format.stateWord(row),
      says: isBatch(row) ? batchLine(row) : format.detail(row, NOW),
      far: format.howFar(row),
      full: format.howFarInFull(row),
      rate: format.speed(row),
      left: format.ago(row, NOW) || format.timeLeft(row, NOW),
      time: format.clock(format.timeAtWork(row, NOW))
    }, shown);
  });
}

const plain = text => text.replaceAll('\u202f', ' ');

test('amounts have two or three figures', () => {
  const cases = [
    [0, '', '0'], [9999, '', '9999'], [12345, '', '12.3k'], [999999, '', '1M'], [0.25, '', '0.25'],
    [34.56, 'rows', '34.6 rows'], [999.6, 'B', '1 kB'], [1234567, 'bytes', '1.2 MB'], [5e12, 'rows', '5T rows']
  ];
  for (const [n, unit, text] of cases) assert.equal(plain(format.amount(n, unit)), text);
});

test('lengths of time are rough and clocks are exact', () => {
  assert.deepEqual([0, 59.6, 125, 3599, 3661, 36000, 90000, 400000].map(s => plain(format.span(s))),
    ['0 s', '1 min', '2 min', '1 h', '1 h 1 min', '10 h', '25 h', '5 d']);
  assert.deepEqual([0, 7.9, 3600, 90000].map(s => plain(format.clock(s))), ['0:00', '0:07', '1:00:00', '1 d 1 h']);
});

test('slow work is counted by the minute and by the hour', () => {
  const at = rate => plain(format.speed({ state: 'running', rate, unit: 'docs' }));
  assert.deepEqual([0.05, 0.001].map(at), ['3 docs/min', '3.6 docs/h']);
  assert.equal(format.speed({ state: 'paused', rate: 5 }), '');
});

test('100 % means done', () => {
  assert.equal(plain(format.howFar({ fraction: 0.9999 })), '99 %');
});

test('time at work goes on only while a job works, and never backwards', () => {
  assert.equal(format.timeAtWork({ state: 'running', began: 100 }, 107.5), 7.5);
  assert.equal(format.timeAtWork({ state: 'running', began: 100 }, 99), 0);
  assert.equal(format.timeAtWork({ state: 'paused', began: 100, stopped: 105 }, 107.5), 5);
  assert.equal(format.timeAtWork({ state: 'queued' }, 107.5), undefined);
});

test('what is said of a time goes on with the time', () => {
  const rest = now => plain(format.ago({ state: 'interrupted', stopped: 100 }, now));
  assert.deepEqual([99, 100.5, 115, 700].map(rest), ['just now', 'just now', '15 s ago', '10 min ago']);
  const retry = now => plain(format.detail({ state: 'queued', waiting: 'retry delay', due: 100 }, now));
  assert.deepEqual([90, 99, 100].map(retry), ['tries again in 10 s', 'tries again in 1 s', 'tries again']);
  const left = now => plain(format.timeLeft({ state: 'running', eta: 100 }, now));
  assert.deepEqual([90, 100, 101].map(left), ['10 s left', '0 s left', '']);
});

const summaries = JSON.parse(readFileSync(new URL('./summaries.json', import.meta.url), 'utf8'));

test('a summary has the total and each kind once, failures first, as in Python', () => {
  for (const { jobs, summary: words } of summaries) {
    const rows = Object.entries(jobs).flatMap(([kind, n]) =>
      Array.from({ length: n }, () => kind === 'stuck' ? { state: 'cancelling', stuck: true } : { state: kind }));
    assert.equal(summary(rows), words);
  }
});

test('a job that waits for its turn at a rate shows when it comes', () => {
  const row = { id: 'a', name: 'fetch', state: 'queued', waiting: 'rate', waits_for: ['api'], due: 103 };
  assert.equal(format.detail(row, 100).replace(/\u202f/g, ' '), 'waits for its turn at api: 3 s');
  assert.equal(format.detail(row, 104), 'waits for its turn at api');
  assert.equal(format.ticksIn(row, 100), 1);
});
