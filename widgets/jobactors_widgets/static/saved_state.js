// Writes the present state into a notebook when JupyterLab saves it: the tables of static_table.py,
// in the outputs of a panel.  They go into the document alone: nothing is drawn anew.

import { batchLine, isBatch, nameOf, topsOf } from './batches.js';
import { clock, moment, timeAtWork, waitsFor } from './format.js';
import { summary } from './summary.js';

const VIEW_TYPE = 'application/vnd.jupyter.widget-view+json';
const MOST_SAVED = 50;
const HEADINGS = ['job', 'state', 'progress', 'elapsed', 'message'];
const STEERS = /[\u202a-\u202e\u2066-\u2069]/g;   // reorders the text around it
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' };

/**
 * Returns the newest fifty rows as HTML without script and as aligned text.  Of an error it holds the
 * type alone: the message may be private, and notebooks are published.
 * @param {import('./format.js').Row[]} rows @param {number} now   in seconds since the epoch
 */
export function tablesOf(rows, now) {
  const at = moment(now);
  const tops = topsOf(rows);
  const shown = tops.slice(-MOST_SAVED).map(row => cellsOf(row, now));
  const caption = `${summary(rows) || 'No jobs'}, at ${at}`
    + (shown.length < tops.length ? `, the newest ${shown.length} shown` : '');
  const escaped = text => text.replace(/[&<>"']/g, c => ESCAPES[c]);
  const head = HEADINGS.map(heading => `<th style="text-align:left">${heading}</th>`).join('');
  const body = shown.map(cells => `<tr>${cells.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`).join('');
  const lines = [HEADINGS, ...shown.map(cells => cells.map(cell => cell.split(/\s+/).filter(Boolean).join(' ')))];
  const width = cell => cell.replace(STEERS, '').length;
  const widths = HEADINGS.map((_, i) => Math.max(...lines.map(line => width(line[i]))));
  const text = lines.map(line => line.map((cell, i) => cell + ' '.repeat(widths[i] - width(cell))).join('  ').trimEnd());
  return {
    'text/html': `<table><caption>${escaped(caption)}</caption><tr>${head}</tr>${body}</table>`,
    'text/plain': [caption, ...text].join('\n')
  };
}

function cellsOf(row, now) {
  const word = row.stuck ? 'stuck' : row.state;
  const awaited = row.waits_for && `${waitsFor(row)}${isolated(row.waits_for.join(', '))}`;
  const why = row.error ? isolated(row.error.split(':')[0]) : awaited || row.waiting;
  return [
    [nameOf({ ...row, item: '' }), row.subject].filter(Boolean).map(isolated).join(' · '),
    why ? `${word} (${why})` : word,
    row.fraction === undefined ? '' : `${Math.floor(row.fraction * 100)} %`,
    clock(timeAtWork(row, now)),
    isolated(isBatch(row) ? batchLine({ ...row, error: '' }) : row.message || '')
  ];
}

/** Returns a text of a job, of either direction, so that the text around it stays in order. */
function isolated(text) {
  const plain = text.replace(STEERS, '\ufffd');
  return RIGHT_TO_LEFT.test(plain) ? `\u2068${plain}\u2069` : plain;
}

/**
 * Writes the tables into the notebook whenever it is saved; returns a function that stops it.  Without
 * a document in the front end, it does nothing.
 * @param {any} manager   the widget manager of JupyterLab or Notebook
 * @param {string} modelId
 * @param {() => Object} tables
 */
export function writeTablesOnSave(manager, modelId, tables) {
  const context = manager?.context;
  if (!context?.saveState?.connect || !context.model?.cells) return () => {};
  const write = (_, state) => {
    if (state !== 'started') return;
    try {
      writeInto(context.model.cells, modelId, tables());
    } catch (error) {
      console.debug('jobactors: the saved tables are left as they were', error);
    }
  };
  context.saveState.connect(write);
  return () => context.saveState.disconnect(write);
}

function writeInto(cells, modelId, tables) {
  for (let i = 0; i < cells.length; i++) {
    const { outputs, sharedModel } = cells.get(i);
    for (let at = 0; outputs && at < outputs.length; at++) {
      if (outputs.get(at).data[VIEW_TYPE]?.model_id !== modelId) continue;
      const output = sharedModel.getOutputs()[at];
      const changed = { ...output, data: { ...output.data, ...tables } };
      sharedModel.updateOutputs(at, at + 1, [changed], 'silent-change');
    }
  }
}
