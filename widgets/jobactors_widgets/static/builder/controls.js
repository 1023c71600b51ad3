// Draws one control for a value by its JSON Schema.  A control never keeps a value of its own: it shows
// what it is given, and reports what the user makes of it; undefined means that it is not set.

import { append, setAttribute, setHidden, setText } from '../dom.js';
import { readJson, textOf } from './document.js';
import { alternativeOf, firstValue, kindOf, numberOf, rangeOf, shortText } from './schema.js';

/**
 * @typedef {Object} Control
 * @property {HTMLElement} el
 * @property {(value: any) => void} set      shows a value; undefined for "not set"
 * @property {HTMLElement} [focusable]       what a label names, and what is focused
 *
 * @typedef {Object} ControlHost
 * @property {string} id                     of the focusable element, for its label
 * @property {string} label
 * @property {Object<string, any>} defs
 * @property {(value: any) => void} change
 */

const LONG_TEXT = 60;
let lastId = 0;

/** Returns an id that no other element of this page has. @param {string} what */
export function newElementId(what) {
  lastId += 1;
  return `ja-${what}-${lastId}`;
}

/** @param {import('./schema.js').Kind} kind @param {ControlHost} host @returns {Control} */
export function createControl(kind, host) {
  switch (kind.kind) {
    case 'password': return passwordControl(kind, host);
    case 'integer': case 'number': return numberControl(kind, host);
    case 'bool': return boolControl(kind, host);
    case 'choice': return choiceControl(kind, host);
    case 'date': return dateControl(kind, host);
    case 'tags': return tagsControl(kind, host);
    case 'object': return objectControl(kind, host);
    case 'union': return unionControl(kind, host);
    case 'text': return textControl(kind, host);
    case 'none': return noneControl();
    case 'code': return codeControl(kind);
    default: return jsonControl(kind, host);
  }
}

function input(parent, type, { id, label }, attributes = {}) {
  const el = append(parent, 'input', `ja-input ja-input-${type}`, { type, id, 'aria-label': label, ...attributes });
  return el;
}

/** Sets the text of an element that is typed into, where that differs. */
function setTyped(el, text) {
  if (el.value !== text) el.value = text;
}

function textControl({ schema }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const area = append(el, 'textarea', 'ja-input ja-text-input', { rows: '1', id: host.id, 'aria-label': host.label, dir: 'auto', spellcheck: 'false' });
  if ('default' in schema) area.placeholder = shortText(schema.default);
  area.addEventListener('input', () => {
    fit();
    host.change(area.value);
  });
  const fit = () => { area.rows = Math.min(8, Math.max(area.value.split('\n').length, area.value.length > LONG_TEXT ? 2 : 1)); };
  return {
    el,
    focusable: area,
    set(value) {
      setTyped(area, typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));
      fit();
    }
  };
}

function passwordControl(_, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const field = input(el, 'password', host, { autocomplete: 'new-password', spellcheck: 'false' });
  append(el, 'span', 'ja-hint').textContent = 'private: never stored';
  field.addEventListener('input', () => host.change(field.value === '' ? undefined : field.value));
  return { el, focusable: field, set: value => setTyped(field, value === undefined ? '' : String(value)) };
}

function numberControl({ kind, schema }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control ja-numbers';
  const isInteger = kind === 'integer';
  const range = rangeOf(schema, isInteger);
  const slider = range && input(el, 'range', { id: `${host.id}-slider`, label: `${host.label}, slider` }, {
    min: String(range.min), max: String(range.max), step: String(range.step)
  });
  const field = input(el, 'text', host, { inputmode: isInteger ? 'numeric' : 'decimal', spellcheck: 'false', autocomplete: 'off' });
  field.classList.add('ja-number-input');
  if ('default' in schema) field.placeholder = shortText(schema.default);
  field.addEventListener('input', () => host.change(field.value.trim() === '' ? undefined : numberOf(field.value, isInteger)));
  slider?.addEventListener('input', () => host.change(Number(slider.value)));
  return {
    el,
    focusable: field,
    set(value) {
      // What means the same number is left as it is typed: "1." is on its way to "1.5".
      const same = document.activeElement === field && numberOf(field.value, isInteger) === value;
      if (!same) setTyped(field, value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));
      if (slider) slider.value = String(typeof value === 'number' ? value : schema.default ?? range.min);
    }
  };
}

function boolControl({ schema }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const box = input(el, 'checkbox', host);
  box.addEventListener('change', () => host.change(box.checked));
  return {
    el,
    focusable: box,
    set(value) {
      box.checked = Boolean(value === undefined ? schema.default : value);
      box.indeterminate = value === undefined && schema.default === undefined;
    }
  };
}

function choiceControl({ schema, choices }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const select = append(el, 'select', 'ja-input', { id: host.id, 'aria-label': host.label });
  const none = append(select, 'option', '', { value: '' });
  none.textContent = 'default' in schema ? `default: ${shortText(schema.default)}` : 'choose…';
  choices.forEach((choice, i) => { append(select, 'option', '', { value: String(i) }).textContent = shortText(choice); });
  const other = append(select, 'option', '', { value: 'other', hidden: '' });
  select.addEventListener('change', () => host.change(select.value === '' ? undefined : choices[Number(select.value)]));
  return {
    el,
    focusable: select,
    set(value) {
      const i = choices.findIndex(choice => choice === value);
      const isOther = value !== undefined && i < 0;   // one that is no choice any more is shown, not dropped
      setHidden(other, !isOther);
      if (isOther) setText(other, shortText(value));
      select.value = value === undefined ? '' : isOther ? 'other' : String(i);
    }
  };
}

function dateControl({ schema }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const field = input(el, 'date', host);
  field.addEventListener('change', () => host.change(field.value === '' ? undefined : field.value));
  const hint = append(el, 'span', 'ja-hint');
  return {
    el,
    focusable: field,
    set(value) {
      setTyped(field, typeof value === 'string' ? value : '');
      const unreadable = value !== undefined && field.value !== value;
      setText(hint, unreadable ? shortText(value) : value === undefined && typeof schema.default === 'string' ? schema.default : '');
    }
  };
}

function tagsControl({ item }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control ja-tags';
  const list = append(el, 'span', 'ja-tag-list', { role: 'list', 'aria-label': `${host.label}, entries` });
  let present = [];
  const field = item.kind === 'choice'
    ? append(el, 'select', 'ja-input', { id: host.id, 'aria-label': `${host.label}, add` })
    : input(el, 'text', { ...host, label: `${host.label}, add: Enter` }, { dir: 'auto', placeholder: 'add: Enter', autocomplete: 'off' });
  if (item.kind === 'choice') {
    append(field, 'option', '', { value: '' }).textContent = 'add…';
    item.choices.forEach((choice, i) => { append(field, 'option', '', { value: String(i) }).textContent = shortText(choice); });
    field.addEventListener('change', () => field.value !== '' && add(item.choices[Number(field.value)]));
  } else {
    field.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        take();
      } else if (event.key === 'Backspace' && field.value === '' && present.length) host.change(present.slice(0, -1));
    });
    field.addEventListener('blur', () => field.value !== '' && take());
  }

  function take() {
    const text = field.value;
    add(item.kind === 'integer' || item.kind === 'number' ? numberOf(text, item.kind === 'integer') : text);
  }

  function add(value) {
    field.value = '';
    host.change([...present, value]);
  }

  function set(value) {
    present = Array.isArray(value) ? value : [];
    list.replaceChildren();
    present.forEach((each, i) => {
      const tag = append(list, 'span', 'ja-tag', { role: 'listitem' });
      append(tag, 'bdi', '').textContent = shortText(each);
      const drop = append(tag, 'button', 'ja-tag-drop', { type: 'button', 'aria-label': `Remove ${shortText(each)}` });
      drop.textContent = '×';
      drop.addEventListener('click', () => {
        host.change(present.toSpliced(i, 1));
        field.focus();
      });
    });
    setHidden(list, !present.length);
  }
  return { el, focusable: field, set };
}

function objectControl({ schema }, host) {
  const el = document.createElement('fieldset');
  el.className = 'ja-control ja-fields';
  append(el, 'legend', 'ja-legend').textContent = schema.title || host.label;
  const required = new Set(schema.required || []);
  const set = append(el, 'button', 'ja-small-button', { type: 'button' });
  setText(set, `Set ${host.label}`);
  set.addEventListener('click', () => host.change({}));
  let present;
  let fields = null;   // made when the object is set: a class may hold itself

  function make() {
    return Object.entries(schema.properties).map(([name, given]) => {
      const kind = kindOf(given, host.defs);
      const row = append(el, 'div', 'ja-field');
      const id = newElementId('field');
      const label = append(row, 'label', 'ja-caption', { for: id });
      setText(label, name + (required.has(name) ? ' *' : ''));
      const control = createControl(kind, {
        id, label: name, defs: host.defs,
        change: value => {
          const { [name]: _, ...others } = present || {};
          host.change(value === undefined ? others : { ...present, [name]: value });
        }
      });
      row.append(control.el);
      return { name, control };
    });
  }

  return {
    el,
    focusable: set,
    set(value) {
      present = value && typeof value === 'object' ? value : undefined;
      setHidden(set, present !== undefined);
      if (present) fields ??= make();
      for (const { name, control } of fields || []) {
        setHidden(control.el.parentElement, !present);
        control.set(present?.[name]);
      }
    }
  };
}

function unionControl({ schema, alternatives }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control ja-union';
  const select = append(el, 'select', 'ja-input', { id: host.id, 'aria-label': `${host.label}, kind` });
  const none = append(select, 'option', '', { value: '' });
  none.textContent = 'default' in schema ? `default: ${shortText(schema.default)}` : 'choose…';
  alternatives.forEach(({ label }, i) => { append(select, 'option', '', { value: String(i) }).textContent = label; });
  let chosen = -1;
  let inner = null;
  select.addEventListener('change', () => {
    if (select.value === '') host.change(undefined);
    else {
      show(Number(select.value));
      host.change(firstValue(alternatives[chosen].kind));
    }
  });

  function show(i) {
    if (i === chosen) return;
    inner?.el.remove();
    chosen = i;
    inner = i < 0 ? null : createControl(alternatives[i].kind, { ...host, id: newElementId('field') });
    if (inner) el.append(inner.el);
  }

  return {
    el,
    focusable: select,
    set(value) {
      if (value === undefined) show(-1);
      // The chosen alternative stays while it is typed into: "" is a text and no date yet.
      else if (chosen < 0 || !el.contains(document.activeElement)) show(alternativeOf({ kind: 'union', schema, alternatives }, value));
      select.value = chosen < 0 ? '' : String(chosen);
      inner?.set(value);
    }
  };
}

function jsonControl({ schema }, host) {
  const el = document.createElement('div');
  el.className = 'ja-control';
  const area = append(el, 'textarea', 'ja-input ja-json', { rows: '2', id: host.id, 'aria-label': `${host.label}, as JSON`, spellcheck: 'false' });
  const wrong = append(el, 'span', 'ja-wrong', { role: 'status' });
  let shown;   // the value that the text means
  if ('default' in schema) area.placeholder = shortText(schema.default);
  else area.placeholder = 'JSON';
  area.addEventListener('input', () => {
    setAttribute(area, 'aria-invalid', null);
    setText(wrong, '');
    if (area.value.trim() === '') {
      host.change(shown = undefined);
      return;
    }
    try {
      shown = readJson(area.value);
      host.change(shown);
    } catch (error) {
      setAttribute(area, 'aria-invalid', 'true');
      setText(wrong, String(error.message));
    }
  });
  return {
    el,
    focusable: area,
    set(value) {
      if (JSON.stringify(value) === JSON.stringify(shown) && (document.activeElement === area || value !== undefined)) return;
      shown = value;
      setTyped(area, value === undefined ? '' : textOf(value));
      area.rows = Math.min(10, area.value.split('\n').length + 1);
    }
  };
}

function noneControl() {
  const el = document.createElement('span');
  el.className = 'ja-control ja-hint';
  setText(el, 'none');
  return { el, set() {} };
}

function codeControl({ schema }) {
  const el = document.createElement('span');
  el.className = 'ja-control ja-hint';
  setText(el, schema.$comment ? `set in Python: ${schema.$comment}` : 'set in Python: JSON cannot hold it');
  return { el, set() {} };
}
