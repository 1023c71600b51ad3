// Reads the JSON Schema of a job type's arguments: which control each one has.  Pure, no DOM.

/**
 * @typedef {Object} Kind
 * @property {'text' | 'password' | 'integer' | 'number' | 'bool' | 'choice' | 'date' | 'tags' | 'object' | 'union' | 'json' | 'code' | 'none'} kind
 * @property {any} schema            with $ref resolved
 * @property {any[]} [choices]       of a choice
 * @property {Kind} [item]           of tags
 * @property {{label: string, kind: Kind}[]} [alternatives]   of a union
 */

const SCALARS = new Set(['text', 'integer', 'number', 'choice', 'date']);
const KIND_WORDS = {
  text: 'text', password: 'text', integer: 'whole number', number: 'number', bool: 'yes or no', choice: 'choice',
  date: 'date', tags: 'list', object: 'fields', union: 'one of several', json: 'JSON', code: 'code', none: 'none'
};

/** Follows a $ref into $defs; what is there may have texts of its own. @param {any} schema @param {Object<string, any>} defs */
export function resolved(schema, defs) {
  let found = schema && typeof schema === 'object' ? schema : {};
  for (let depth = 0; found.$ref && depth < 20; depth += 1) {
    const { $ref, ...own } = found;
    found = { ...(defs[$ref.split('/').pop()] || {}), ...own };
  }
  return found;
}

/** Returns what control a schema has. @param {any} given @param {Object<string, any>} defs @returns {Kind} */
export function kindOf(given, defs = {}) {
  const schema = resolved(given, defs);
  if (schema['x-needs-code']) return { kind: 'code', schema };
  if (schema.writeOnly) return { kind: 'password', schema };
  if (schema.enum) return { kind: 'choice', schema, choices: schema.enum };
  if ('const' in schema) return { kind: 'choice', schema, choices: [schema.const] };
  const several = schema.anyOf || schema.oneOf
    || (Array.isArray(schema.type) && schema.type.map(type => ({ ...schema, type, description: undefined, default: undefined })));
  if (several) return { kind: 'union', schema, alternatives: several.map(each => alternative(each, defs)) };
  if (schema.type === 'string') return { kind: schema.format === 'date' ? 'date' : 'text', schema };
  if (schema.type === 'integer') return { kind: 'integer', schema };
  if (schema.type === 'number') return { kind: 'number', schema };
  if (schema.type === 'boolean') return { kind: 'bool', schema };
  if (schema.type === 'null') return { kind: 'none', schema };
  if (schema.type === 'object' && schema.properties && !schema.additionalProperties) return { kind: 'object', schema };
  if (schema.type === 'array' && schema.items && !schema.prefixItems) {
    const item = kindOf(schema.items, defs);
    if (SCALARS.has(item.kind)) return { kind: 'tags', schema, item };
  }
  return { kind: 'json', schema };
}

function alternative(given, defs) {
  const schema = resolved(given, defs);
  const kind = kindOf(given, defs);
  const word = schema.title || (kind.kind === 'choice' && kind.choices.length === 1 ? String(kind.choices[0]) : KIND_WORDS[kind.kind]);
  return { label: word, kind };
}

/** Returns the alternative of a union that a value is of. @param {Kind} union @param {any} value */
export function alternativeOf(union, value) {
  const fits = union.alternatives.findIndex(({ kind }) => isOf(kind, value));
  return Math.max(0, fits);
}

function isOf({ kind, choices, schema }, value) {
  switch (kind) {
    case 'none': return value === null;
    case 'bool': return typeof value === 'boolean';
    case 'integer': return Number.isInteger(value);
    case 'number': return typeof value === 'number';
    case 'choice': return choices.includes(value);
    case 'tags': return Array.isArray(value);
    case 'date': return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
    case 'text': return typeof value === 'string';
    case 'object': return Boolean(value) && typeof value === 'object' && !Array.isArray(value)
      && Object.keys(value).every(key => key in schema.properties);
    default: return value !== null && typeof value === 'object';
  }
}

/** Returns the value with which a control begins when it is chosen. @param {Kind} kind */
export function firstValue({ kind, choices, schema, alternatives }) {
  if (schema && 'default' in schema && schema.default !== undefined) return schema.default;
  switch (kind) {
    case 'none': return null;
    case 'bool': return false;
    case 'integer': case 'number': return Math.max(0, schema.minimum ?? 0);
    case 'choice': return choices[0];
    case 'tags': return [];
    case 'object': return {};
    case 'union': return firstValue(alternatives[0].kind);
    case 'json': return null;
    default: return '';
  }
}

/** Reads the text of a number's control; a text that is no number stays one, and Python says what is wrong. */
export function numberOf(text, isInteger) {
  const trimmed = text.trim();
  const form = isInteger ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  if (!form.test(trimmed)) return text;
  const value = Number(trimmed);
  return Number.isFinite(value) && (!isInteger || Number.isSafeInteger(value)) ? value : text;
}

/** Returns the limits of a number if there are two: it has a slider. @param {any} schema @param {boolean} isInteger */
export function rangeOf(schema, isInteger) {
  const step = isInteger ? 1 : null;
  const min = schema.minimum ?? (schema.exclusiveMinimum !== undefined && step ? schema.exclusiveMinimum + step : undefined);
  const max = schema.maximum ?? (schema.exclusiveMaximum !== undefined && step ? schema.exclusiveMaximum - step : undefined);
  if (!Number.isFinite(min) || !Number.isFinite(max) || max <= min) return null;
  return { min, max, step: step ?? (max - min) / 100 };
}

/** Returns whether the result of a phase may be a value for an argument, as far as both are known. */
export function mayHold(schema, returns, defs) {
  if (!returns || !returns.type) return true;
  const types = typesOf(resolved(schema, defs), defs);
  return !types.size || types.has(returns.type) || (types.has('number') && returns.type === 'integer');
}

function typesOf(schema, defs) {
  if (schema.anyOf) {
    const all = schema.anyOf.map(each => typesOf(resolved(each, defs), defs));
    return all.some(types => !types.size) ? new Set() : new Set(all.flatMap(types => [...types]));
  }
  if (schema.enum) return new Set(schema.enum.map(typeOfValue));
  if ('const' in schema) return new Set([typeOfValue(schema.const)]);
  return new Set([schema.type].flat().filter(Boolean));
}

function typeOfValue(value) {
  return value === null ? 'null' : Number.isInteger(value) ? 'integer' : typeof value;
}

/** Returns a value as a short text, for a default. */
export function shortText(value) {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
