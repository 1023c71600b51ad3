// What a saved notebook shows of a chain: a list of its phases, as builder_document.py makes it.

import { isResult, phaseOfResult } from './document.js';

const MOST_PHASES = 100;
const LONGEST_VALUE = 120;
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' };

/** Returns the phases as HTML without script, and as text. @param {import('./document.js').ChainDocument} doc */
export function tablesOfChain(doc) {
  const inHtml = text => text.replace(/[&<>"']/g, c => ENTITIES[c]);
  const count = `${doc.phases.length} phase${doc.phases.length === 1 ? '' : 's'}`;
  const head = doc.name ? `Chain ${doc.name}: ${count}` : `Chain of ${count}`;
  const lines = doc.phases.slice(0, MOST_PHASES).map(lineOf);
  const items = lines.map(line => `<li>${inHtml(line)}</li>`).join('');
  return {
    'text/html': `<p>${inHtml(head)}</p><ol>${items}</ol>`,
    'text/plain': [head, ...lines.map((line, i) => `${i + 1}. ${line}`)].join('\n')
  };
}

function lineOf({ name, type, arguments: args, enabled }) {
  const title = name === type ? name : `${name} (${type})`;
  const given = Object.entries(args || {}).map(([key, value]) => `${key}=${valueText(value)}`).join(', ');
  return `${title}${given && `: ${given}`}${enabled === false ? ' · switched off' : ''}`;
}

function valueText(value) {
  const text = isResult(value) ? `the result of ${phaseOfResult(value)}` : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}
