// Draws a builder: the job types, the phases as cards or as JSON, the options, and the run.

import { append, setAttribute, setHidden, setStyle, setText } from '../dom.js';
import { plural } from '../summary.js';
import { createCards } from './cards.js';
import { createCatalogue } from './catalogue.js';
import { newElementId } from './controls.js';
import { textOf, withValue } from './document.js';
import { createForm, drawProblems } from './form.js';
import { createReorder } from './reorder.js';

const LOST = {
  restarted: 'The kernel was restarted. Your edits are kept in this page: run the cell again, and take them over.',
  gone: 'No kernel answers. Your edits are kept in this page: run the cell again, and take them over.'
};
const EMPTY = 'Pick a job type to add the first phase.';
const OPTIONS = {
  type: 'object',
  properties: {
    subject: { type: 'string', description: 'what the job is about; its checkpoints are found by it' },
    priority: { anyOf: [{ enum: ['high', 'normal', 'low'], title: 'a word' }, { type: 'integer' }], default: 'normal' },
    tags: { type: 'array', items: { type: 'string' }, default: [] },
    description: { type: 'string', default: '' },
    resources: { description: 'names, or {"gpu": 1}', default: {} },
    timeout: { type: 'number', description: 'seconds', exclusiveMinimum: 0 }
  },
  required: [],
  additionalProperties: false
};

/** @param {HTMLElement} root @param {ReturnType<import('./session.js').createSession>} session */
export function createBuilderView(root, session) {
  root.classList.add('ja-builder');
  root.setAttribute('dir', 'ltr');   // its own words are English, also in a page from right to left
  let mode = 'form';
  let pasting = false;
  const announcer = append(root, 'div', 'ja-said', { 'aria-live': 'polite' });
  const announce = text => setText(announcer, text);

  // --- the head

  const head = append(root, 'div', 'ja-strip', { role: 'group', 'aria-label': 'Chain' });
  const nameId = newElementId('chain');
  append(head, 'label', 'ja-caption', { for: nameId }).textContent = 'Chain';
  const name = append(head, 'input', 'ja-input ja-chain-name', { id: nameId, type: 'text', dir: 'auto', placeholder: 'its name' });
  name.addEventListener('input', () => session.changeDocument({ name: name.value }, 'name'));
  const modes = append(head, 'span', 'ja-modes', { role: 'group', 'aria-label': 'Shown as' });
  const asForm = button(modes, 'Form', () => show('form'));
  const asJson = button(modes, 'JSON', () => show('json'));
  const undo = button(head, 'Undo', () => session.undo(), { title: 'Ctrl+Z' });
  const redo = button(head, 'Redo', () => session.redo(), { title: 'Ctrl+Shift+Z' });
  button(head, 'Copy Python', () => session.askPython());
  button(head, 'Copy JSON', () => session.set({ shownText: { title: 'JSON', text: textOf(session.document), copied: true } }));
  button(head, 'Paste JSON', () => {
    pasting = true;
    draw();
    pasted.focus();
  });

  // --- lines that come and go

  const offer = append(root, 'div', 'ja-message', { role: 'status' });
  append(offer, 'span', '').textContent = 'There are edits of before, which no kernel has.';
  button(offer, 'Take them over', () => session.takeOffered(true));
  button(offer, 'Drop them', () => session.takeOffered(false));
  const lost = append(root, 'div', 'ja-message ja-warning', { role: 'status' });

  const pasteBox = append(root, 'div', 'ja-box', { role: 'group', 'aria-label': 'Paste JSON' });
  const pasted = append(pasteBox, 'textarea', 'ja-input ja-json', { rows: '5', 'aria-label': 'JSON of a chain', spellcheck: 'false', placeholder: '{"phases": [{"type": …}]}' });
  const pasteWrong = append(pasteBox, 'span', 'ja-wrong', { role: 'status' });
  button(pasteBox, 'Use it', () => {
    try {
      session.take(pasted.value);
      closePaste();
      announce('The pasted chain is here.');
    } catch (error) {
      setText(pasteWrong, String(error.message));
    }
  });
  button(pasteBox, 'Close', () => closePaste());

  const textBox = append(root, 'div', 'ja-box', { role: 'group', 'aria-label': 'Copied text' });
  const textTitle = append(textBox, 'span', 'ja-hint', { role: 'status' });
  const text = append(textBox, 'textarea', 'ja-input ja-json', { rows: '8', readonly: '', spellcheck: 'false', 'aria-label': 'The text' });
  button(textBox, 'Close', () => session.set({ shownText: null }));
  let copied = null;

  // --- the middle

  const middle = append(root, 'div', 'ja-middle');
  const catalogue = createCatalogue(middle, {
    label: 'Job types',
    pick: type => {
      const id = session.add(type);
      if (!id) return;
      cards.open(id);
      cards.reveal(id);
      announce(`${type.title} added as phase ${session.document.phases.length}.`);
    }
  });
  const right = append(middle, 'div', 'ja-phases');
  const empty = append(right, 'p', 'ja-hint');
  setText(empty, EMPTY);
  const list = append(right, 'ol', 'ja-cards', { 'aria-label': 'Phases' });
  const cards = createCards(list, {
    change: session.change,
    rename: session.rename,
    changePrivate: session.changePrivate,
    act: (verb, id) => {
      const phase = session.document.phases[session.placeOf(id)];
      const place = session.placeOf(id);
      session.act(verb, id);
      if (verb === 'remove') {
        announce(`${phase.name} removed. Undo brings it back.`);
        const next = session.document.phases[Math.min(place, session.document.phases.length - 1)];
        if (next) cards.focusFold(next.id);
        else catalogue.focus();
      } else if (verb === 'duplicate') announce(`${phase.name} duplicated.`);
      else moved(id);
    }
  });
  const reorder = createReorder(list, {
    isLocked: session.isLocked,
    announce,
    move: (id, to) => {
      const before = session.placeOf(id);
      session.move(id, to);
      if (session.placeOf(id) === before) return;
      moved(id);
      cards.focusHandle(id);
    }
  });

  function moved(id) {
    const place = session.placeOf(id);
    announce(`${session.document.phases[place].name} moved to position ${place + 1} of ${session.document.phases.length}.`);
  }

  const json = append(root, 'div', 'ja-json-mode');
  const source = append(json, 'textarea', 'ja-input ja-json', { rows: '18', spellcheck: 'false', 'aria-label': 'The chain as JSON' });
  const wrong = append(json, 'span', 'ja-wrong', { role: 'status' });
  let typed = null;   // the document that the text means
  source.addEventListener('input', () => {
    try {
      session.take(source.value, 'json');
      typed = session.document;
      setText(wrong, '');
      setAttribute(source, 'aria-invalid', null);
    } catch (error) {
      setText(wrong, String(error.message));
      setAttribute(source, 'aria-invalid', 'true');
    }
  });

  // --- options and templates

  const optionsFold = button(root, 'Options', () => {
    setHidden(options, !options.hidden);
    setAttribute(optionsFold, 'aria-expanded', String(!options.hidden));
  }, { 'aria-expanded': 'false' });
  optionsFold.classList.add('ja-fold-options');
  const options = append(root, 'div', 'ja-options', { role: 'group', 'aria-label': 'Options of the job' });
  const optionsForm = createForm(options, OPTIONS, {
    change: (key, value) => session.changeDocument({ options: withValue(session.document.options, key, value) }, `option ${key}`),
    changePrivate() {}
  });
  setHidden(options, true);

  const templates = append(root, 'div', 'ja-strip', { role: 'group', 'aria-label': 'Templates' });
  const chosen = append(templates, 'select', 'ja-input', { 'aria-label': 'Open a template' });
  chosen.addEventListener('change', () => {
    if (chosen.value) session.loadTemplate(chosen.value.slice(1));
    templateName.value = chosen.value.slice(1);
    chosen.value = '';
  });
  const templateName = append(templates, 'input', 'ja-input', { type: 'text', 'aria-label': 'Name of the template', placeholder: 'name of a template', dir: 'auto' });
  const save = button(templates, 'Save as template', () => templateName.value.trim() && session.saveTemplate(templateName.value.trim()));
  const drop = button(templates, 'Delete template', () => session.dropTemplate(templateName.value.trim()));
  let offeredTemplates = '';

  // --- problems and the run

  const problems = append(root, 'ul', 'ja-problems ja-of-chain');
  const foot = append(root, 'div', 'ja-strip ja-foot', { role: 'group', 'aria-label': 'Run' });
  const run = button(foot, 'Run', () => session.run('ask'));
  run.classList.add('ja-primary');
  const dry = button(foot, 'Dry run', () => session.dryRun());
  const cancel = button(foot, 'Cancel', () => session.cancel());
  const progress = append(foot, 'span', 'ja-run-bar', { role: 'progressbar', 'aria-label': 'Progress of the chain', 'aria-valuemin': '0', 'aria-valuemax': '100' });
  const fill = append(progress, 'span', 'ja-card-fill');
  const status = append(foot, 'span', 'ja-outcome', { role: 'status', dir: 'auto' });
  const question = append(root, 'div', 'ja-message', { role: 'group', 'aria-label': 'An earlier run' });
  const asked = append(question, 'span', '', { role: 'status' });
  const resume = button(question, 'Resume', () => session.run('resume'));
  button(question, 'Start fresh', () => session.run('fresh'));
  button(question, 'Not now', () => session.set({ question: null }));
  const plan = append(root, 'div', 'ja-plan', { role: 'group', 'aria-label': 'Dry run' });
  let planned = null;

  function button(parent, label, fn, attributes = {}) {
    const made = append(parent, 'button', 'ja-small-button', { type: 'button', ...attributes });
    setText(made, label);
    made.addEventListener('click', () => { if (made.getAttribute('aria-disabled') !== 'true') fn(); });
    return made;
  }

  function closePaste() {
    pasting = false;
    pasted.value = '';
    setText(pasteWrong, '');
    draw();
  }

  function show(wanted) {
    mode = wanted;
    typed = null;
    setText(wrong, '');
    setAttribute(source, 'aria-invalid', null);
    draw();
  }

  // --- drawing

  function draw() {
    const { state, document: doc } = session;
    const locked = session.isLocked();
    const found = doc.phases.length ? state.problems : [];   // before the first phase, the hint is enough
    const errors = found.filter(each => each.severity === 'error').length;
    root.classList.toggle('ja-locked', locked);
    if (document.activeElement !== name && name.value !== doc.name) name.value = doc.name;
    setAttribute(name, 'readonly', locked ? '' : null);
    setAttribute(asForm, 'aria-pressed', String(mode === 'form'));
    setAttribute(asJson, 'aria-pressed', String(mode === 'json'));
    setAttribute(undo, 'aria-disabled', session.canUndo ? null : 'true');
    setAttribute(redo, 'aria-disabled', session.canRedo ? null : 'true');
    setHidden(offer, !state.offered || locked);
    setHidden(lost, state.alive);
    setText(lost, state.alive ? '' : LOST[state.lost] || LOST.gone);
    setHidden(pasteBox, !pasting);
    drawText(state.shownText);
    setHidden(middle, mode !== 'form');
    setHidden(json, mode !== 'json');
    if (mode === 'form') drawCards(state, doc, locked);
    else drawJson(doc, locked);
    optionsForm.draw(doc.options, { locked });
    drawTemplates(state);
    drawProblems(problems, found.filter(each => !each.places.length));
    drawRun(state, locked, errors, found.length - errors);
  }

  function drawCards(state, doc, locked) {
    catalogue.show(state.types);
    catalogue.el.toggleAttribute('inert', locked);
    setHidden(empty, doc.phases.length > 0);
    const running = locked && state.job.place >= 0 ? state.job : null;
    cards.draw({ document: doc, types: state.types, problems: state.problems, privates: session.privates, locked, running });
    reorder.update();
  }

  function drawJson(doc, locked) {
    setAttribute(source, 'readonly', locked ? '' : null);
    if (typed === doc || (document.activeElement === source && source.getAttribute('aria-invalid'))) return;
    typed = doc;
    source.value = textOf(doc);
  }

  function drawText(shown) {
    setHidden(textBox, !shown);
    if (!shown || shown === copied) return;
    copied = shown;
    text.value = shown.text;
    setText(textTitle, shown.title);
    Promise.resolve(navigator.clipboard?.writeText(shown.text)).then(
      () => setText(textTitle, navigator.clipboard ? `${shown.title}, copied` : shown.title),
      () => setText(textTitle, `${shown.title}: select and copy it`)
    );
    text.focus();
    text.select();
  }

  function drawTemplates({ templates: known, alive }) {
    const wanted = JSON.stringify(known.map(each => each.name));
    if (wanted !== offeredTemplates) {
      offeredTemplates = wanted;
      chosen.replaceChildren();
      append(chosen, 'option', '', { value: '' }).textContent = known.length ? 'Open a template…' : 'No templates yet';
      for (const each of known) append(chosen, 'option', '', { value: `:${each.name}` }).textContent = each.name;
    }
    setAttribute(save, 'aria-disabled', alive ? null : 'true');
    setAttribute(drop, 'aria-disabled', alive && known.some(each => each.name === templateName.value.trim()) ? null : 'true');
  }

  function drawRun(state, locked, errors, warnings) {
    const { job } = state;
    const isEmpty = !session.document.phases.length;
    const cannot = !state.alive ? 'no kernel answers' : locked ? 'it runs' : isEmpty ? 'add a phase first' : errors ? 'mend the errors first' : !state.checked ? (state.hears ? 'it is being checked' : 'it is checked when the running cell ends') : '';
    setAttribute(run, 'aria-disabled', cannot ? 'true' : null);
    setAttribute(run, 'title', cannot || null);
    setAttribute(dry, 'aria-disabled', state.alive && !locked && !isEmpty ? null : 'true');
    setHidden(cancel, !locked);
    const fraction = job && job.fraction !== null ? job.fraction : null;
    setHidden(progress, !locked || fraction === null);
    setStyle(fill, 'width', `${Math.round(100 * (fraction || 0))}%`);
    setAttribute(progress, 'aria-valuenow', fraction === null ? null : String(Math.round(100 * fraction)));
    const count = [errors && plural(errors, 'error'), warnings && plural(warnings, 'warning')].filter(Boolean).join(', ');
    setText(status, state.note?.text || (job ? job.text : count || (state.checked && !isEmpty ? 'No problems.' : '')));
    status.className = `ja-outcome ${(state.note ? state.note.bad : job?.bad) ? 'ja-error' : ''}`;
    setHidden(question, !state.question);
    if (state.question) {
      setText(asked, state.question.text);
      setAttribute(resume, 'aria-disabled', state.question.can_resume ? null : 'true');
    }
    drawPlan(state.plan);
  }

  function drawPlan(steps) {
    setHidden(plan, !steps);
    if (!steps || steps === planned) return;
    planned = steps;
    plan.replaceChildren();
    append(plan, 'p', 'ja-hint').textContent = 'Dry run: nothing is called. A run would do this:';
    const rows = append(plan, 'ol', 'ja-steps');
    for (const { name: title, share, text: said } of steps) {
      const row = append(rows, 'li', '');
      append(row, 'bdi', 'ja-card-title').textContent = title;
      append(row, 'span', 'ja-share').textContent = ` ${share} % `;
      append(row, 'bdi', 'ja-hint').textContent = said;
    }
  }

  root.addEventListener('paste', event => {
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    try {
      session.take(event.clipboardData.getData('text/plain'));
      announce('The pasted chain is here.');
    } catch {
      announce('What was pasted is no chain.');
    }
    event.preventDefault();
  });
  root.addEventListener('keydown', event => {
    if (!isUndoKey(event) || event.target === source || event.target === pasted) return;
    event.preventDefault();
    if (event.shiftKey || event.key.toLowerCase() === 'y') session.redo();
    else session.undo();
  });

  const leave = session.subscribe(draw);
  draw();
  return {
    dispose() {
      leave();
      reorder.dispose();
      root.replaceChildren();
    }
  };
}

/** Returns whether a key takes a step back or forth. @param {KeyboardEvent} event */
export function isUndoKey(event) {
  return (event.ctrlKey || event.metaKey) && !event.altKey && ['z', 'y'].includes(event.key.toLowerCase());
}
