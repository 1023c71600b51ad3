import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  addPhase, changePhase, createHistory, duplicatePhase, emptyDocument, movePhase, readDocument, removePhase,
  renamePhase, resultOf, withIds, withValue
} from '../../widgets/jobactors_widgets/static/builder/document.js';
import {
  alternativeOf, firstValue, kindOf, mayHold, numberOf, rangeOf, resolved
} from '../../widgets/jobactors_widgets/static/builder/schema.js';
import { createSession } from '../../widgets/jobactors_widgets/static/builder/session.js';
import { tablesOfChain } from '../../widgets/jobactors_widgets/static/builder/saved_chain.js';
import { fakeTimers } from './fake_dom.mjs';

const TYPE = { name: 'index', title: 'Index' };
const names = doc => doc.phases.map(phase => phase.name);
const three = () => ['A', 'B', 'C'].reduce((doc, title) => addPhase(doc, { name: title.toLowerCase(), title }), emptyDocument());

test('phases have names and ids of their own', () => {
  const doc = duplicatePhase(addPhase(addPhase(emptyDocument(), TYPE), TYPE), '');
  assert.deepEqual(names(doc), ['Index', 'Index 2']);
  const twin = duplicatePhase(doc, doc.phases[0].id);
  assert.deepEqual(names(twin), ['Index', 'Index 3', 'Index 2']);
  assert.equal(new Set(twin.phases.map(phase => phase.id)).size, 3);
  const same = withIds({ ...doc, phases: [doc.phases[0], doc.phases[0], { ...doc.phases[0], id: '' }] });
  assert.equal(new Set(same.phases.map(phase => phase.id)).size, 3);
});

test('a move stays within the list, and to the same place is none', () => {
  const doc = three();
  const [a, b, c] = doc.phases.map(phase => phase.id);
  assert.deepEqual(names(movePhase(doc, a, 1)), ['B', 'A', 'C']);
  assert.deepEqual(names(movePhase(doc, c, -5)), ['C', 'A', 'B']);
  assert.deepEqual(names(movePhase(doc, a, 99)), ['B', 'C', 'A']);
  assert.equal(movePhase(doc, b, 1), doc);
  assert.equal(movePhase(doc, 'nobody', 1), doc);
  assert.deepEqual(names(removePhase(doc, b)), ['A', 'C']);
});

test('a new name follows to where the old one stood', () => {
  const doc = three();
  const [a, b] = doc.phases.map(phase => phase.id);
  const linked = changePhase(doc, b, { after: ['A'], arguments: { pages: resultOf('A'), all: [{ x: resultOf('A') }], text: 'A' } });
  const { phases } = renamePhase(linked, a, 'First');
  assert.deepEqual(phases[1].after, ['First']);
  assert.deepEqual(phases[1].arguments, { pages: resultOf('First'), all: [{ x: resultOf('First') }], text: 'A' });
  assert.equal(phases[2], linked.phases[2]);
  const twins = changePhase(linked, phases[2].id, { name: 'A' });
  assert.deepEqual(renamePhase(twins, a, 'First').phases[1].after, ['A']);   // the other one is still called so
});

test('a value that is not set is no empty text', () => {
  assert.deepEqual(withValue({ a: 1, b: 2 }, 'a', ''), { a: '', b: 2 });
  assert.deepEqual(withValue({ a: 1, b: 2 }, 'a', undefined), { b: 2 });
  assert.deepEqual(Object.keys(withValue({ a: 1, b: 2 }, 'a', null)), ['a', 'b']);
});

test('fifty steps are taken back, and the letters of a word are one', () => {
  let at = 0;
  const history = createHistory(emptyDocument(), () => at);
  for (let i = 0; i < 60; i++) history.push({ ...emptyDocument(), name: String(i) });
  let steps = 0;
  for (; history.canUndo; steps++) history.undo();
  assert.equal(steps, 50);
  assert.equal(history.present.name, '9');
  history.redo();
  assert.equal(history.present.name, '10');
  history.push({ ...emptyDocument(), name: 'w' }, 'name');
  at += 300;
  history.push({ ...emptyDocument(), name: 'wo' }, 'name');
  at += 3000;
  history.push({ ...emptyDocument(), name: 'wor' }, 'name');
  assert.equal(history.canRedo, false);
  history.undo();
  assert.equal(history.present.name, 'wo');
  history.undo();
  assert.equal(history.present.name, '10');
});

test('pasted text is a chain, or an error in words', () => {
  const doc = readDocument('{"phases": [{"type": "index", "after": "A", "arguments": {"n": 1e21}}]}');
  assert.deepEqual({ ...doc.phases[0], id: '' }, {
    id: '', type: 'index', name: 'index', weight: 50, arguments: { n: 1e21 }, after: ['A'], enabled: true
  });
  for (const text of ['', '[]', 'null', '{"phases": {}}', '{"phases": [3]}', '{"phases": [{"name": "x"}]}']) {
    assert.throws(() => readDocument(text), SyntaxError, text);
  }
  assert.throws(() => readDocument('{"phases": [{"type": "a", "weight": 12345678901234567890}]}'), /cannot hold/);
  assert.ok(readDocument('{"phases": [{"type": "12345678901234567890"}]}'));
});

test('each schema has its control', () => {
  const defs = { Node: { type: 'object', properties: { next: { $ref: '#/$defs/Node' } } }, Mode: { enum: ['a'], title: 'Mode' } };
  const kind = schema => kindOf(schema, defs).kind;
  assert.equal(kind({ type: 'string' }), 'text');
  assert.equal(kind({ type: 'string', writeOnly: true }), 'password');
  assert.equal(kind({ type: 'string', format: 'date' }), 'date');
  assert.equal(kind({ type: 'integer' }), 'integer');
  assert.equal(kind({ type: 'boolean', default: false }), 'bool');
  assert.equal(kind({ $ref: '#/$defs/Mode', default: 'a' }), 'choice');
  assert.equal(kind({ $ref: '#/$defs/Node' }), 'object');
  assert.equal(kind({ type: 'array', items: { type: 'string' } }), 'tags');
  assert.equal(kind({ type: 'array', items: { $ref: '#/$defs/Node' } }), 'json');
  assert.equal(kind({ anyOf: [{ type: 'string' }, { type: 'null' }] }), 'union');
  assert.equal(kind({ 'x-needs-code': true }), 'code');
  assert.equal(kind({ type: 'object', additionalProperties: { type: 'integer' } }), 'json');
  assert.equal(kind({}), 'json');
  assert.equal(kind({ $ref: '#/$defs/Gone' }), 'json');
  assert.equal(resolved({ $ref: '#/$defs/Mode', default: 'a' }, defs).default, 'a');
  const loop = { A: { $ref: '#/$defs/A' } };
  assert.equal(kindOf({ $ref: '#/$defs/A' }, loop).kind, 'json');
});

test('of a union, the alternative of a value is found', () => {
  const union = kindOf({ anyOf: [{ type: 'string', format: 'date' }, { type: 'integer' }, { type: 'null' }, { type: 'boolean' }] });
  assert.deepEqual([null, false, 0, '2026-11-28', ''].map(value => alternativeOf(union, value)), [2, 3, 1, 0, 0]);
  assert.deepEqual(union.alternatives.map(({ kind }) => firstValue(kind)), ['', 0, null, false]);
});

test('numbers are numbers, and other texts stay what they are', () => {
  assert.deepEqual(['0', '-7', ' 12 ', '1e3', 'x', '', '12345678901234567890'].map(text => numberOf(text, true)),
    [0, -7, 12, '1e3', 'x', '', '12345678901234567890']);
  assert.deepEqual(['1e21', '-0.5', '.5', '1.', '1e999', 'NaN'].map(text => numberOf(text, false)), [1e21, -0.5, .5, 1, '1e999', 'NaN']);
  assert.deepEqual(rangeOf({ minimum: 1, maximum: 1000 }, true), { min: 1, max: 1000, step: 1 });
  assert.deepEqual(rangeOf({ exclusiveMinimum: 0, maximum: 3 }, true), { min: 1, max: 3, step: 1 });
  assert.equal(rangeOf({ minimum: 1 }, true), null);
  assert.equal(rangeOf({ exclusiveMinimum: 0, maximum: 3 }, false), null);
});

test('a result is offered where it may fit', () => {
  const defs = {};
  assert.equal(mayHold({ type: 'integer' }, { type: 'string' }, defs), false);
  assert.equal(mayHold({ type: 'number' }, { type: 'integer' }, defs), true);
  assert.equal(mayHold({ anyOf: [{ type: 'array' }, { type: 'null' }] }, { type: 'array' }, defs), true);
  assert.equal(mayHold({ enum: ['fast'] }, { type: 'array' }, defs), false);
  assert.equal(mayHold({}, { type: 'array' }, defs), true);
  assert.equal(mayHold({ type: 'integer' }, null, defs), true);
});

function sessionWith(first = three()) {
  const sent = [];
  const model = { document: first };
  const stored = [];
  const draft = { saved: null, read: () => draft.saved, write: doc => { draft.saved = doc; stored.push(doc); }, drop: () => { draft.saved = null; } };
  const timers = fakeTimers();
  const make = () => createSession({
    send: message => sent.push(structuredClone(message)),
    document: () => model.document,
    saveDocument: doc => { model.document = doc; }
  }, draft, timers);
  return { session: make(), make, sent, model, stored, draft, timers };
}
const edits = sent => sent.filter(message => message.kind === 'edit');

test('one check is under way at a time, and the last edit is always checked', () => {
  const { session, sent, timers } = sessionWith();
  for (const name of ['a', 'ab', 'abc']) session.changeDocument({ name }, 'name');
  assert.equal(edits(sent).length, 0);
  timers.pass(100);
  assert.deepEqual(edits(sent).map(message => message.document.name), ['abc']);
  session.changeDocument({ name: 'abcd' }, 'name');
  timers.pass(1000);
  assert.equal(edits(sent).length, 1);
  const { by, revision } = edits(sent)[0];
  session.hear({ kind: 'checked', by, revision, problems: [{ text: 'old' }] });
  assert.deepEqual(session.state.problems, []);   // they are those of an older document
  timers.pass(100);
  assert.equal(edits(sent)[1].document.name, 'abcd');
  session.hear({ kind: 'checked', by, revision: edits(sent)[1].revision, problems: [{ text: 'new' }] });
  assert.equal(session.state.problems[0].text, 'new');
});

test('private values are sent, and are in no document and no draft', () => {
  const { session, sent, model, stored, timers } = sessionWith();
  const [a] = session.document.phases.map(phase => phase.id);
  session.changePrivate(a, 'token', 's3cret');
  session.changeDocument({ name: 'x' });
  timers.pass(100);
  assert.deepEqual(edits(sent)[0].private, { [a]: { token: 's3cret' } });
  session.run('ask');
  assert.deepEqual(sent.at(-1).private, { [a]: { token: 's3cret' } });
  session.askPython();
  session.saveTemplate('t');
  assert.ok(sent.slice(-2).every(message => !JSON.stringify(message).includes('s3cret')));
  assert.ok(!JSON.stringify([model, stored]).includes('s3cret'));
  session.act('remove', a);
  timers.pass(1000);
  session.run('ask');
  assert.deepEqual(sent.at(-1).private, {});
});

test('while it runs, nothing can be changed', () => {
  const { session } = sessionWith();
  session.hear({ kind: 'job', job: { id: 'j', ended: false, place: 0 } });
  const before = session.document;
  session.add(TYPE);
  session.undo();
  session.changePrivate(before.phases[0].id, 'token', 'x');
  assert.equal(session.document, before);
  assert.deepEqual(session.privates, {});
  session.hear({ kind: 'job', job: { id: 'j', ended: true, place: -1 } });
  session.add(TYPE);
  assert.equal(session.document.phases.length, 4);
});

test('an undo goes back across a check, and another window is followed', () => {
  const { session, sent, timers } = sessionWith();
  const [first] = session.document.phases;
  session.change(first.id, { weight: 0 }, 'weight');
  timers.pass(100);
  session.hear({ kind: 'checked', by: edits(sent)[0].by, revision: 1, problems: [{ text: 'above 0', places: [0] }] });
  session.undo();
  assert.equal(session.document.phases[0], first);
  session.hear({ kind: 'checked', by: 'another page', revision: 7, problems: [], document: { ...three(), name: 'theirs' } });
  assert.equal(session.document.name, 'theirs');
  session.undo();
  assert.equal(session.document.name, '');
});

test('edits that no kernel has are offered to a new builder', () => {
  const { session, make, model, draft } = sessionWith();
  session.changeDocument({ name: 'unsaved' });
  session.setAlive(false, 'restarted');
  session.changeDocument({ name: 'after the end' });   // the page goes on without the kernel
  model.document = emptyDocument();
  const next = make();
  assert.equal(next.state.offered.name, 'after the end');
  next.takeOffered(true);
  assert.equal(next.document.name, 'after the end');
  assert.equal(next.state.offered, null);
  const other = make();
  assert.equal(other.state.offered, null);   // it has them
  model.document = emptyDocument();
  const third = make();
  third.takeOffered(false);
  assert.equal(third.document.phases.length, 0);
  assert.equal(draft.saved, null);
});

test('a saved notebook shows the phases as text', () => {
  const doc = changePhase(three(), three().phases[0].id, {});
  doc.phases[0].arguments = { text: '<b>', pages: resultOf('A & B') };
  doc.phases[1].enabled = false;
  const { 'text/html': html, 'text/plain': text } = tablesOfChain({ ...doc, name: '<i>' });
  assert.ok(html.startsWith('<p>Chain &lt;i&gt;: 3 phases</p><ol><li>A (a): text=&quot;&lt;b&gt;&quot;, pages=the result of A &amp; B</li>'));
  assert.ok(text.includes('2. B (b) · switched off'));
});
