// The document that a builder edits, and its history: pure functions, no DOM.
//
// A document is never changed: each edit makes another one that shares what is the same, so that a
// phase which is the same object needs no drawing.  `jobactors/model/chain_document.py` reads it.

/**
 * @typedef {Object} Phase
 * @property {string} id
 * @property {string} type
 * @property {string} name
 * @property {number} weight
 * @property {Object<string, any>} arguments
 * @property {string[]} after
 * @property {boolean} enabled
 *
 * @typedef {Object} ChainDocument
 * @property {number} version
 * @property {string} name
 * @property {Phase[]} phases
 * @property {Object<string, any>} options
 */

const REFERENCE = '$result_of';
const MOST_STEPS = 50;
const VERSION = 1;
// Digits that a number of a browser may not hold: sixteen of them, outside of texts.
const LONG_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** @returns {ChainDocument} */
export function emptyDocument() {
  return { version: VERSION, name: '', phases: [], options: {} };
}

/** Returns a name that no phase has yet. @param {ChainDocument} doc @param {string} wanted */
export function freeName(doc, wanted) {
  const taken = new Set(doc.phases.map(phase => phase.name));
  let name = wanted;
  for (let n = 2; taken.has(name); n += 1) name = `${wanted} ${n}`;
  return name;
}

function freeId(doc) {
  const taken = new Set(doc.phases.map(phase => phase.id));
  let id;
  do id = Math.random().toString(36).slice(2, 10); while (!id || taken.has(id));
  return id;
}

/** Gives each phase an id that no other one has. @param {ChainDocument} doc */
export function withIds(doc) {
  let made = { ...doc, phases: [] };
  for (const phase of doc.phases) {
    const known = phase.id && !made.phases.some(other => other.id === phase.id);
    made = { ...made, phases: [...made.phases, known ? phase : { ...phase, id: freeId(made) }] };
  }
  return made;
}

/** @param {ChainDocument} doc @param {{name: string, title: string}} type @param {number} [at] */
export function addPhase(doc, type, at = doc.phases.length) {
  const phase = {
    id: freeId(doc), type: type.name, name: freeName(doc, type.title), weight: 50,
    arguments: {}, after: [], enabled: true
  };
  return { ...doc, phases: doc.phases.toSpliced(at, 0, phase) };
}

export function placeOf(doc, id) {
  return doc.phases.findIndex(phase => phase.id === id);
}

export function movePhase(doc, id, to) {
  const from = placeOf(doc, id);
  const place = Math.max(0, Math.min(doc.phases.length - 1, to));
  if (from < 0 || from === place) return doc;
  return { ...doc, phases: doc.phases.toSpliced(from, 1).toSpliced(place, 0, doc.phases[from]) };
}

export function removePhase(doc, id) {
  return { ...doc, phases: doc.phases.filter(phase => phase.id !== id) };
}

export function duplicatePhase(doc, id) {
  const at = placeOf(doc, id);
  if (at < 0) return doc;
  const phase = doc.phases[at];
  const twin = { ...structuredClone(phase), id: freeId(doc), name: freeName(doc, phase.name) };
  return { ...doc, phases: doc.phases.toSpliced(at + 1, 0, twin) };
}

export function changePhase(doc, id, changes) {
  return { ...doc, phases: doc.phases.map(phase => phase.id === id ? { ...phase, ...changes } : phase) };
}

/** Renames a phase, and what refers to it, unless another phase has the old name as well. */
export function renamePhase(doc, id, name) {
  const old = doc.phases[placeOf(doc, id)]?.name;
  const renamed = changePhase(doc, id, { name });
  if (old === undefined || old === name || renamed.phases.some(phase => phase.name === old)) return renamed;
  const phases = renamed.phases.map(phase => {
    const args = renamedIn(phase.arguments, old, name);
    const after = phase.after.includes(old) ? phase.after.map(each => each === old ? name : each) : phase.after;
    return args === phase.arguments && after === phase.after ? phase : { ...phase, arguments: args, after };
  });
  return { ...renamed, phases };
}

function renamedIn(value, old, name) {
  if (isResult(value)) return value[REFERENCE] === old ? resultOf(name) : value;
  if (Array.isArray(value)) {
    const parts = value.map(each => renamedIn(each, old, name));
    return parts.some((each, i) => each !== value[i]) ? parts : value;
  }
  if (!value || typeof value !== 'object') return value;
  const parts = Object.entries(value).map(([key, each]) => [key, renamedIn(each, old, name)]);
  return parts.some(([key, each]) => each !== value[key]) ? Object.fromEntries(parts) : value;
}

/** Sets one key; undefined takes it away. @param {Object<string, any>} values */
export function withValue(values, key, value) {
  const { [key]: _, ...others } = values;
  if (value === undefined) return others;
  return key in values ? Object.fromEntries(Object.entries(values).map(([k, v]) => [k, k === key ? value : v]))
    : { ...values, [key]: value };
}

export function resultOf(name) {
  return { [REFERENCE]: name };
}

/** Returns whether a value stands for the result of a phase. */
export function isResult(value) {
  return Boolean(value) && typeof value === 'object' && !Array.isArray(value)
    && Object.keys(value).length === 1 && typeof value[REFERENCE] === 'string';
}

export function phaseOfResult(value) {
  return value[REFERENCE];
}

/** Returns JSON as a person reads it. */
export function textOf(value) {
  return JSON.stringify(value, null, 2);
}

/**
 * Reads JSON; throws a SyntaxError also for numbers that would lose digits here.
 * @param {string} text
 */
export function readJson(text) {
  for (const [token] of text.matchAll(LONG_NUMBER)) {
    if (token[0] !== '"' && !Number.isSafeInteger(Number(token))) {
      throw new SyntaxError(`a browser cannot hold ${token} exactly: set it in Python`);
    }
  }
  return JSON.parse(text);
}

/** Reads a document; throws a SyntaxError for anything else. @param {string} text @returns {ChainDocument} */
export function readDocument(text) {
  const read = readJson(text);
  if (!read || typeof read !== 'object' || !Array.isArray(read.phases)) {
    throw new SyntaxError('a chain is {"phases": [{"type": …}, …]}');
  }
  const phases = read.phases.map((phase, i) => {
    if (!phase || typeof phase !== 'object' || typeof phase.type !== 'string') {
      throw new SyntaxError(`phase ${i + 1} has no "type"`);
    }
    return { id: '', name: phase.type, weight: 50, arguments: {}, enabled: true, ...phase, after: [phase.after ?? []].flat() };
  });
  return withIds({ ...emptyDocument(), ...read, phases });
}

/**
 * Remembers the last fifty steps.  Edits with the same key within a second are one step: the letters of
 * a word are taken back together.
 * @param {ChainDocument} first @param {() => number} [now]
 */
export function createHistory(first, now = () => Date.now()) {
  let past = [];
  let future = [];
  let present = first;
  let last = { key: '', at: 0 };

  return {
    get present() { return present; },
    get canUndo() { return past.length > 0; },
    get canRedo() { return future.length > 0; },
    push(doc, key = '') {
      if (doc === present) return;
      const at = now();
      const goesOn = key && key === last.key && at - last.at < 1000;
      if (!goesOn) past = [...past, present].slice(-MOST_STEPS);
      last = { key, at };
      future = [];
      present = doc;
    },
    undo() {
      if (!past.length) return;
      future = [present, ...future];
      present = past.at(-1);
      past = past.slice(0, -1);
      last = { key: '', at: 0 };
    },
    redo() {
      if (!future.length) return;
      past = [...past, present];
      [present, ...future] = future;
      last = { key: '', at: 0 };
    }
  };
}
