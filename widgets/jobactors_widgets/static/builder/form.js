// Draws the arguments of a job type as a form: a row for each, with its default, its text, its problems,
// and, in a chain, the results of earlier phases as values.

import { append, putBehind, setAttribute, setHidden, setText } from '../dom.js';
import { createControl, newElementId } from './controls.js';
import { isResult, phaseOfResult, resultOf } from './document.js';
import { firstValue, kindOf, mayHold } from './schema.js';

// Controls in which "not set" can be chosen, or is all there is.
const SETS_ITSELF = new Set(['password', 'code', 'choice', 'union']);

/**
 * @typedef {Object} Problem
 * @property {'error' | 'warning'} severity
 * @property {string} text
 * @property {string} path      the argument, and the way inside it; '' for all of them
 * @property {number[]} places  of the phases that it is about
 *
 * @typedef {Object} Result
 * @property {string} name      of an earlier phase
 * @property {any} returns      the schema of what it returns, if that is known
 */

/**
 * @param {HTMLElement} root
 * @param {any} schema          of all arguments
 * @param {Object} host
 * @param {(name: string, value: any) => void} host.change           undefined: take it away
 * @param {(name: string, value: any) => void} host.changePrivate
 */
export function createForm(root, schema, { change, changePrivate }) {
  const el = append(root, 'div', 'ja-form');
  const defs = schema.$defs || {};
  const required = new Set(schema.required || []);
  const known = Object.entries(schema.properties || {});
  const rows = new Map(known.map(([name, given]) => [name, newRow(name, given)]));
  const others = append(el, 'div', 'ja-others');   // arguments that the type does not have any more
  if (!known.length && !schema.additionalProperties) append(el, 'p', 'ja-hint').textContent = 'It takes no arguments.';
  const foreign = new Map();   // name -> control
  const more = schema.additionalProperties ? newMore() : null;

  function newRow(name, given) {
    const kind = kindOf(given, defs);
    const row = append(el, 'div', 'ja-field', { 'data-argument': name });
    const id = newElementId('field');
    const label = append(row, 'label', 'ja-caption', { for: id });
    append(label, 'bdi', '').textContent = given.title || name;
    if (required.has(name)) append(label, 'span', 'ja-required', { 'aria-hidden': 'true' }).textContent = ' *';
    const body = append(row, 'div', 'ja-field-body');
    const source = append(body, 'select', 'ja-input ja-source', { 'aria-label': `${name}: where its value comes from` });
    const report = kind.kind === 'password' ? value => changePrivate(name, value) : value => change(name, value);
    const control = createControl(kind, { id, label: name, defs, change: report });
    body.append(control.el);
    const unset = required.has(name) || SETS_ITSELF.has(kind.kind) ? null : newUnset(body, name, kind);
    const notes = append(row, 'div', 'ja-field-notes', { id: `${id}-notes` });
    if (given.description) append(notes, 'span', 'ja-hint').textContent = given.description;
    const problems = append(notes, 'ul', 'ja-problems');
    if (control.focusable) {
      setAttribute(control.focusable, 'aria-describedby', `${id}-notes`);
      if (required.has(name)) setAttribute(control.focusable, 'aria-required', 'true');
    }
    source.addEventListener('change', () => change(name, source.value === '' ? undefined : resultOf(source.value.slice(1))));
    return { row, kind, control, source, unset, problems, offered: null };
  }

  /** Makes the box that takes a value away, so that the default holds: "" and 0 are values. */
  function newUnset(body, name, kind) {
    const label = append(body, 'label', 'ja-unset');
    const box = append(label, 'input', '', { type: 'checkbox', 'aria-label': `${name}: use the default` });
    append(label, 'span', '').textContent = 'default';
    box.addEventListener('change', () => {
      change(name, box.checked ? undefined : firstValue(kind));
    });
    return box;
  }

  function newMore() {
    const row = append(el, 'div', 'ja-field');
    const id = newElementId('field');
    append(row, 'label', 'ja-caption', { for: id }).textContent = 'another argument';
    const field = append(row, 'input', 'ja-input', { id, type: 'text', placeholder: 'its name: Enter' });
    field.addEventListener('keydown', event => {
      if (event.key !== 'Enter' || field.value.trim() === '') return;
      event.preventDefault();
      change(field.value.trim(), null);
      field.value = '';
    });
    return row;
  }

  /**
   * @param {Object<string, any>} values
   * @param {Object} [state]
   * @param {Object<string, any>} [state.privates]
   * @param {Problem[]} [state.problems]
   * @param {Result[]} [state.results]
   * @param {boolean} [state.locked]
   */
  function draw(values, { privates = {}, problems = [], results = [], locked = false } = {}) {
    for (const [name, row] of rows) {
      const value = row.kind.kind === 'password' ? privates[name] : values[name];
      drawSource(row, name, value, results);
      const isReference = isResult(value);
      setHidden(row.control.el, isReference);
      if (!isReference) row.control.set(value);
      if (row.unset) {
        row.unset.checked = value === undefined;
        setHidden(row.unset.parentElement, isReference);
      }
      row.row.classList.toggle('ja-is-unset', value === undefined && !required.has(name));
      const own = problems.filter(each => argumentOf(each) === name);
      drawProblems(row.problems, own);
      if (row.control.focusable) {
        setAttribute(row.control.focusable, 'aria-invalid', own.some(each => each.severity === 'error') ? 'true' : null);
      }
    }
    drawOthers(values);
    // An attribute, not `disabled` on each control: what has the focus would lose it.
    el.toggleAttribute('inert', locked);
    if (more) setHidden(more, locked);
  }

  function drawSource(row, name, value, results) {
    const fitting = results.filter(each => mayHold(schema.properties[name], each.returns, defs));
    const names = fitting.map(each => each.name);
    if (isResult(value) && !names.includes(phaseOfResult(value))) names.push(phaseOfResult(value));
    const cannot = row.kind.kind === 'password' || (row.kind.kind === 'code' && !names.length);
    setHidden(row.source, cannot || !names.length);
    const offered = JSON.stringify(names);
    if (row.offered !== offered) {
      row.offered = offered;
      drawOptions(row.source, names);
    }
    row.source.value = isResult(value) ? `:${phaseOfResult(value)}` : '';
  }

  /** Draws the arguments that the type does not have: they are shown with their error, never dropped. */
  function drawOthers(values) {
    const names = Object.keys(values).filter(name => !rows.has(name));
    if (names.join('\n') !== [...foreign.keys()].join('\n')) {
      others.replaceChildren();
      foreign.clear();
      for (const name of names) foreign.set(name, newForeign(name));
    }
    for (const [name, control] of foreign) control.set(values[name]);
  }

  function newForeign(name) {
    const row = append(others, 'div', 'ja-field', { 'data-argument': name });
    const id = newElementId('field');
    append(row, 'label', 'ja-caption', { for: id }).textContent = name;
    const body = append(row, 'div', 'ja-field-body');
    const control = createControl({ kind: 'json', schema: {} }, { id, label: name, defs, change: value => change(name, value ?? null) });
    body.append(control.el);
    const drop = append(body, 'button', 'ja-small-button', { type: 'button', 'aria-label': `Remove the argument ${name}` });
    drop.textContent = 'Remove';
    drop.addEventListener('click', () => change(name, undefined));
    return control;
  }

  /** Returns the problems that no row shows. @param {Problem[]} problems */
  function unplaced(problems) {
    return problems.filter(each => !rows.has(argumentOf(each)));
  }

  return { el, draw, unplaced, focus: () => rows.values().next().value?.control.focusable?.focus() };
}

/**
 * Offers the results of these phases.  A card that was moved changes the list of each other one by a name: only
 * that option is made, or taken away.
 * @param {HTMLSelectElement} select @param {string[]} names
 */
function drawOptions(select, names) {
  if (!select.firstChild) append(select, 'option', '', { value: '' }).textContent = 'a value';
  const wanted = new Set(names.map(name => `:${name}`));
  const there = new Map();
  for (const option of [...select.children].slice(1)) {
    if (wanted.has(option.value)) there.set(option.value, option);
    else option.remove();
  }
  let last = select.firstChild;
  for (const name of names) {
    const option = there.get(`:${name}`) || append(select, 'option', '', { value: `:${name}` });
    setText(option, `result of ${name}`);
    last = putBehind(select, last, option);
  }
}

/** @param {HTMLElement} list @param {Problem[]} problems */
export function drawProblems(list, problems) {
  const wanted = JSON.stringify(problems.map(each => [each.severity, each.text]));
  if (list.dataset.drawn === wanted) return;
  list.dataset.drawn = wanted;
  list.replaceChildren();
  for (const each of problems) {
    const item = append(list, 'li', `ja-problem ja-${each.severity}`);
    append(item, 'span', 'ja-severity').textContent = each.severity === 'error' ? 'Error: ' : 'Warning: ';
    append(item, 'bdi', '').textContent = each.text;
  }
  setHidden(list, !problems.length);
}

function argumentOf({ path }) {
  return path.split(/[.[]/, 1)[0];
}
