import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { writeTablesOnSave, tablesOf } from '../../widgets/jobactors_widgets/static/saved_state.js';

const strings = JSON.parse(readFileSync(new URL('./hostile.json', import.meta.url), 'utf8'));
const AT = new Date(2026, 0, 1, 10).getTime() / 1000;
const VIEW = 'application/vnd.jupyter.widget-view+json';

test('the tables are those of static_table.py', () => {
  const rows = [
    { name: 'download', subject: 'llama', state: 'running', fraction: 0.456, began: AT - 38.9, message: 'pulling layers' },
    { name: 'clean', state: 'failed', error: 'ValueError: SECRET', fraction: 1 / 3, began: AT - 60, stopped: AT - 59.8, message: 'row 2' }
  ];
  const tables = tablesOf(rows, AT);
  assert.deepEqual(tables['text/plain'].split('\n'), [
    '2 jobs: 1 failed · 1 running, at 2026-01-01 10:00:00',
    'job               state                progress  elapsed  message',
    'download · llama  running              45 %      0:38     pulling layers',
    'clean             failed (ValueError)  33 %      0:00     row 2'
  ]);
  assert.ok(!JSON.stringify(tables).includes('SECRET'));
});

test('a job that waits for a rate waits for its turn, as in static_table.py', () => {
  const rows = [{ name: 'a', state: 'queued', waiting: 'rate', waits_for: ['api'] }];
  assert.ok(tablesOf(rows, AT)['text/plain'].includes('queued (waits for its turn at api)'));
});

test('every text of a job is text in a cell', () => {
  for (const text of strings) {
    const html = tablesOf([{ name: text, subject: text, state: 'running', waiting: text, message: text }], AT)['text/html'];
    const tags = html.match(/<[^>]*>/g).map(tag => tag.replace(/[<>/]| .*/g, ''));
    assert.deepEqual(new Set(tags), new Set(['table', 'caption', 'tr', 'th', 'td']));
  }
});

test('a name from right to left leaves the others in their order, as in static_table.py', () => {
  const arabic = '\u0641\u0647\u0631\u0633\u0629';
  const rows = [{ name: `${arabic}\u2069`, subject: 'wiki', state: 'running' }, { name: 'a\u202eb', state: 'running' }];
  const tables = tablesOf(rows, AT);
  for (const table of Object.values(tables)) {
    assert.ok(table.includes(`\u2068${arabic}\ufffd\u2069 · wiki`));
    assert.ok(table.includes('a\ufffdb'));
  }
  const [, , isolated, plain] = tables['text/plain'].split('\n');
  assert.equal(isolated.replace(/[\u2068\u2069]/g, '').indexOf('running'), plain.indexOf('running'));
});

test('only the newest fifty, and the caption shows that', () => {
  const rows = Array.from({ length: 120 }, (_, i) => ({ name: `j${i}`, state: 'queued' }));
  const [caption, ...lines] = tablesOf(rows, AT)['text/plain'].split('\n');
  assert.equal(caption, '120 jobs queued, at 2026-01-01 10:00:00, the newest 50 shown');
  assert.equal(lines.length, 51);
});

test('a save writes them into our own outputs, silently', () => {
  const written = [];
  const cell = id => ({
    outputs: { length: 1, get: () => ({ data: { [VIEW]: { model_id: id } } }) },
    sharedModel: {
      getOutputs: () => [{ output_type: 'execute_result', data: { [VIEW]: { model_id: id }, 'text/plain': 'old' } }],
      updateOutputs: (...args) => written.push([id, ...args])
    }
  });
  const cells = [cell('mine'), cell('other'), { sharedModel: {} }];
  const saveState = { connect: fn => { saveState.fn = fn; }, disconnect: () => { saveState.fn = null; } };
  const manager = { context: { saveState, model: { cells: { length: 3, get: i => cells[i] } } } };
  const stop = writeTablesOnSave(manager, 'mine', () => ({ 'text/plain': 'new' }));
  saveState.fn(null, 'completed');
  assert.equal(written.length, 0);
  saveState.fn(null, 'started');
  assert.equal(written.length, 1);
  assert.equal(written[0][3][0].data['text/plain'], 'new');
  assert.equal(written[0][4], 'silent-change');
  stop();
  assert.equal(saveState.fn, null);
  writeTablesOnSave(undefined, 'mine', () => ({}))();
});
