// Draws the phases of a chain as cards: a head with handle, name and share, and a form that unfolds.

import { append, putBehind, setAttribute, setHidden, setStyle, setText } from '../dom.js';
import { newElementId } from './controls.js';
import { textOf, withValue } from './document.js';
import { createForm, drawProblems } from './form.js';
import { numberOf } from './schema.js';

/**
 * @param {HTMLElement} list
 * @param {Object} host
 * @param {(id: string, changes: Object, key: string) => void} host.change
 * @param {(id: string, name: string) => void} host.rename
 * @param {(id: string, name: string, value: any) => void} host.changePrivate
 * @param {(verb: 'duplicate' | 'remove' | 'top' | 'bottom', id: string) => void} host.act
 */
export function createCards(list, { change, rename, changePrivate, act }) {
  const cards = new Map();   // phase id -> card
  const opened = new Set();

  function newCard(id) {
    const el = document.createElement('li');
    el.className = 'ja-card';
    el.dataset.id = id;
    const head = append(el, 'div', 'ja-card-head');
    const handle = append(head, 'button', 'ja-handle', { type: 'button', title: 'Drag, or Alt with ↑ and ↓' });
    setText(handle, '⠿');
    const number = append(head, 'span', 'ja-place', { 'aria-hidden': 'true' });
    const fold = append(head, 'button', 'ja-fold-card', { type: 'button' });
    const icon = append(fold, 'span', 'ja-type-icon', { 'aria-hidden': 'true' });
    const title = append(fold, 'bdi', 'ja-card-title');
    const kind = append(fold, 'bdi', 'ja-card-kind');
    const count = append(head, 'span', 'ja-count');
    const share = append(head, 'span', 'ja-share');
    const bar = append(el, 'div', 'ja-card-bar', { 'aria-hidden': 'true' });
    const fill = append(bar, 'div', 'ja-card-fill');
    const problems = append(el, 'ul', 'ja-problems');
    const body = append(el, 'div', 'ja-card-body');
    const own = append(body, 'div', 'ja-card-own');
    const nameId = newElementId('name');
    append(own, 'label', 'ja-caption', { for: nameId }).textContent = 'Name';
    const name = append(own, 'input', 'ja-input', { id: nameId, type: 'text', dir: 'auto' });
    const weightId = newElementId('weight');
    append(own, 'label', 'ja-caption', { for: weightId }).textContent = 'Weight';
    const weight = append(own, 'input', 'ja-input ja-number-input', { id: weightId, type: 'text', inputmode: 'decimal' });
    const formPlace = append(body, 'div', 'ja-card-form');
    const actions = append(body, 'div', 'ja-card-actions');
    const button = (label, fn) => {
      const made = append(actions, 'button', 'ja-small-button', { type: 'button' });
      setText(made, label);
      made.addEventListener('click', fn);
      return made;
    };
    button('Duplicate', () => act('duplicate', id));
    const top = button('To the top', () => act('top', id));
    const bottom = button('To the bottom', () => act('bottom', id));
    const power = button('Switch off', () => change(id, { enabled: !card.phase.enabled }, ''));
    button('Remove', () => act('remove', id));
    const card = {
      el, handle, number, fold, icon, title, kind, count, share, bar, fill, problems, body, name, weight, formPlace,
      top, bottom, power, phase: null, type: undefined, form: null, raw: null, seen: ''
    };
    fold.addEventListener('click', () => {
      if (!opened.delete(id)) opened.add(id);
      card.seen = '';
      drawCard(card, card.state);
    });
    name.addEventListener('input', () => { if (name.value) rename(id, name.value); });
    name.addEventListener('blur', () => { name.value = card.phase.name; });
    weight.addEventListener('input', () => change(id, { weight: numberOf(weight.value, false) }, `${id} weight`));
    cards.set(id, card);
    return card;
  }

  /**
   * @param {Object} state
   * @param {import('./document.js').ChainDocument} state.document
   * @param {import('./catalogue.js').JobType[]} state.types
   * @param {import('./form.js').Problem[]} state.problems
   * @param {Object<string, Object<string, any>>} state.privates     phase id -> values
   * @param {boolean} state.locked
   * @param {{place: number, fraction: number | null} | null} state.running
   */
  function draw({ document: doc, types, problems, privates, locked, running }) {
    const byName = new Map(types.map(type => [type.name, type]));
    const total = doc.phases.reduce((sum, phase) => sum + (phase.enabled && typeof phase.weight === 'number' ? phase.weight : 0), 0);
    const there = new Set(doc.phases.map(phase => phase.id));
    for (const [id, card] of cards) {
      if (there.has(id)) continue;
      card.el.remove();
      cards.delete(id);
      opened.delete(id);
    }
    let before = null;
    const earlier = [];   // the results of phases, in order
    doc.phases.forEach((phase, i) => {
      const card = cards.get(phase.id) || newCard(phase.id);
      before = putBehind(list, before, card.el);
      const type = byName.get(phase.type);
      const share = phase.enabled && total ? Math.round(100 * phase.weight / total) : 0;
      const own = problems.filter(each => each.places.includes(i));
      const now = running && running.place === i ? running : null;
      const known = earlier.length;
      drawCard(card, {
        phase, type, types, i, count: doc.phases.length, share, problems: own, privates: privates[phase.id] || {},
        results: () => earlier.slice(0, known), locked, fraction: now ? now.fraction ?? 0 : running && i < running.place ? 1 : null
      });
      if (phase.enabled) earlier.push({ name: phase.name, returns: type?.returns });
    });
  }

  function drawCard(card, state) {
    const { phase, type, types, i, count, share, problems, privates, locked, fraction } = state;
    card.state = state;
    const open = opened.has(phase.id);
    const results = open ? state.results() : [];   // fifty folded cards need no lists of fifty
    const seen = JSON.stringify([i, count, share, problems, results.map(each => each.name), locked, open, privates]);
    setStyle(card.fill, 'width', `${Math.round(100 * (fraction ?? 0))}%`);
    setHidden(card.bar, fraction === null);
    if (card.phase === phase && card.types === types && card.seen === seen) return;
    const otherType = card.type !== type || card.phase?.type !== phase.type;
    Object.assign(card, { phase, type, types, seen });
    setText(card.number, String(i + 1));
    setAttribute(card.handle, 'aria-label', `Move ${phase.name}, position ${i + 1} of ${count}`);
    setAttribute(card.handle, 'aria-disabled', locked ? 'true' : null);
    setText(card.icon, type?.icon || '▪');
    setText(card.title, phase.name);
    setText(card.kind, phase.name === phase.type ? '' : phase.type);
    setAttribute(card.fold, 'aria-expanded', String(open));
    setText(card.share, phase.enabled ? `${share} %` : 'off');
    card.el.classList.toggle('ja-off', !phase.enabled);
    drawCount(card, problems);
    if (document.activeElement !== card.name && card.name.value !== phase.name) card.name.value = phase.name;
    const weight = String(phase.weight);
    if (document.activeElement !== card.weight && card.weight.value !== weight) card.weight.value = weight;
    setText(card.power, phase.enabled ? 'Switch off' : 'Switch on');
    setAttribute(card.top, 'aria-disabled', i === 0 ? 'true' : null);
    setAttribute(card.bottom, 'aria-disabled', i === count - 1 ? 'true' : null);
    setHidden(card.body, !open);
    card.body.toggleAttribute('inert', locked);
    if (open && (otherType || !card.form)) makeForm(card);
    const shown = open && card.form ? card.form.unplaced(problems) : problems;
    drawProblems(card.problems, shown.map(each => each.path && !open ? { ...each, text: `${each.path}: ${each.text}` } : each));
    if (open) card.form?.draw(phase.arguments, { privates, problems, results, locked });
    if (open && card.raw) setText(card.raw, textOf(phase.arguments));
  }

  function drawCount(card, problems) {
    const errors = problems.filter(each => each.severity === 'error').length;
    const warnings = problems.length - errors;
    const words = [errors && `${errors} error${errors > 1 ? 's' : ''}`, warnings && `${warnings} warning${warnings > 1 ? 's' : ''}`];
    setText(card.count, words.filter(Boolean).join(', '));
    card.count.className = `ja-count ${errors ? 'ja-error' : 'ja-warning'}`;
    setHidden(card.count, !problems.length);
    card.el.classList.toggle('ja-bad', errors > 0);
  }

  function makeForm(card) {
    const { id } = card.phase;
    card.formPlace.replaceChildren();
    card.raw = null;
    if (card.type) {
      card.form = createForm(card.formPlace, card.type.schema, {
        change: (name, value) => change(id, { arguments: withValue(card.phase.arguments, name, value) }, `${id} ${name}`),
        changePrivate: (name, value) => changePrivate(id, name, value)
      });
    } else {   // no such type here: what it would be called with is shown, and is not lost
      card.form = null;
      card.raw = append(card.formPlace, 'pre', 'ja-raw');
    }
  }

  return {
    draw,
    /** Unfolds a card. @param {string} id */
    open(id) {
      opened.add(id);
      const card = cards.get(id);
      if (!card) return;
      card.seen = '';
      drawCard(card, card.state);
    },
    reveal: id => cards.get(id)?.el.scrollIntoView({ block: 'nearest' }),
    focusHandle: id => cards.get(id)?.handle.focus(),
    focusFold: id => cards.get(id)?.fold.focus()
  };
}
