import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as format from '../../widgets/jobactors_widgets/static/format.js';

const golden = JSON.parse(readFileSync(new URL('./golden_rows.json', import.meta.url), 'utf8'));

for (const { case: name, row, shown } of golden) {
  test(`a row is put into words: ${name}`, () => {
    assert.deepEqual({
      word: format.stateWord(row),
      says: format.detail(row),
      far: format.howFar(row),
      full: format.howFarInFull(row),
      rate: format.speed(row),
      left: format.timeLeft(row),
      time: format.clock(format.elapsedNow(row, 0))
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
  assert.equal(format.elapsedNow({ state: 'running', elapsed: 5 }, 2500), 7.5);
  assert.equal(format.elapsedNow({ state: 'running', elapsed: 5 }, -1000), 5);
  assert.equal(format.elapsedNow({ state: 'paused', elapsed: 5 }, 2500), 5);
  assert.equal(format.elapsedNow({ state: 'queued' }, 2500), undefined);
});

test('the summary counts each kind once', () => {
  const rows = ['running', 'queued', 'running', 'succeeded', 'cancelled', 'failed'].map(state => ({ state }));
  assert.equal(format.summary(rows), '2 running · 1 queued · 1 failed · 2 ended');
  assert.equal(format.summary([{ state: 'succeeded' }]), '1 job, ended');
});

test('when there are too many rows, what is unfinished is shown first', () => {
  const states = ['running', 'succeeded', 'queued', 'failed', 'running', 'succeeded'];
  const rows = states.map((state, i) => ({ id: String(i), state }));
  const ids = most => format.choose(rows, most).map(r => r.id).join('');
  assert.deepEqual([6, 4, 3, 2].map(ids), ['012345', '0245', '024', '04']);
});
