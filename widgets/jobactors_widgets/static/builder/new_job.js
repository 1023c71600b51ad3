// Starts one job of a registered type from a board or the sidebar: a button, and a form that unfolds.
//
// The kernel is asked for the types when the form is opened, checks what is typed, and starts the job.
// Private values are in these messages and in the form's fields alone.

import { append, setAttribute, setHidden, setText } from '../dom.js';
import { createCatalogue } from './catalogue.js';
import { newElementId } from './controls.js';
import { withValue } from './document.js';
import { createForm, drawProblems } from './form.js';

const CHECK_NEW_MS = 150;
const ANSWERS = new Set(['types', 'checked_new', 'started_new']);
const QUESTIONS = new Set(['types', 'check_new', 'start_new']);

/** Returns whether a message is one of this form's, for a host that may refuse it. */
export function isOfForm({ kind }) {
  return QUESTIONS.has(kind);
}

/** Returns the answer to a message that was refused. @param {string} why */
export function refusalOfForm({ kind, by, revision }, why) {
  return kind === 'types' ? { kind, by, types: [], why } : { kind: 'checked_new', by, revision, problems: [], why };
}

/**
 * @param {HTMLElement} head     gets the button
 * @param {HTMLElement} root     gets the form, behind its head
 * @param {Object} host
 * @param {(message: Object) => void} host.ask
 * @param {(text: string) => void} host.announce
 * @param {{later: Function, forget: Function}} host.timers
 */
export function createNewJob(head, root, host) {
  const button = append(head, 'button', 'ja-button ja-new-button', { type: 'button', 'aria-expanded': 'false' });
  setText(button, 'New job');
  let form = null;   // made when it is opened first: most boards never need it
  button.addEventListener('click', () => {
    form ??= createNewJobForm(root, head, button, host);
    form.toggle();
  });
  return {
    /** Takes an answer of the kernel; returns whether it was one of these. */
    receive: message => ANSWERS.has(message.kind) && (form?.receive(message), true),
    /** Shows the button only where a kernel can start something. @param {boolean} able */
    offer(able) {
      setHidden(button, !able);
      if (!able) form?.close();
    },
    dispose: () => form?.dispose()
  };
}

function createNewJobForm(root, head, button, { ask, announce, timers }) {
  const me = Math.random().toString(36).slice(2);
  const el = document.createElement('section');
  el.className = 'ja-new';
  setAttribute(el, 'aria-label', 'New job');
  root.insertBefore(el, head.nextSibling);
  let open = false;
  let type = null;
  let form = null;
  let values = {};
  let privates = {};
  let problems = [];
  let revision = 0;
  let timer = null;

  const catalogue = createCatalogue(el, { label: 'Job types', pick: choose });
  const filled = append(el, 'div', 'ja-new-form');
  const title = append(filled, 'div', 'ja-strip');
  const name = append(title, 'bdi', 'ja-card-title');
  const about = append(title, 'bdi', 'ja-hint');
  const formPlace = append(filled, 'div', '');
  const subjectId = newElementId('subject');
  const subjectRow = append(filled, 'div', 'ja-field');
  append(subjectRow, 'label', 'ja-caption', { for: subjectId }).textContent = 'subject of the job';
  const subject = append(subjectRow, 'input', 'ja-input', { id: subjectId, type: 'text', dir: 'auto' });
  const others = append(filled, 'ul', 'ja-problems');
  const foot = append(filled, 'div', 'ja-strip');
  const start = small(foot, 'Start', () => ask({ kind: 'start_new', ...request(), subject: subject.value }));
  start.classList.add('ja-primary');
  small(foot, 'Other type', () => choose(null));
  const status = append(foot, 'span', 'ja-outcome', { role: 'status' });
  small(append(el, 'div', 'ja-strip'), 'Close', close);
  el.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close();
  });
  setHidden(el, true);

  function small(parent, label, fn) {
    const made = append(parent, 'button', 'ja-small-button', { type: 'button' });
    setText(made, label);
    made.addEventListener('click', () => { if (made.getAttribute('aria-disabled') !== 'true') fn(); });
    return made;
  }

  function show() {
    open = true;
    setHidden(el, false);
    setAttribute(button, 'aria-expanded', 'true');
    choose(null);
    ask({ kind: 'types', by: me });
    catalogue.focus();
  }

  function close() {
    if (!open) return;
    open = false;
    choose(null);
    setHidden(el, true);
    setAttribute(button, 'aria-expanded', 'false');
    button.focus();
  }

  /** Begins the form of a type; null goes back to the list. */
  function choose(chosen) {
    type = chosen;
    values = { ...type?.arguments };   // of a template: those that it fills in
    privates = {};
    problems = [];
    subject.value = type?.subject || '';
    setText(status, '');
    formPlace.replaceChildren();
    form = null;
    setHidden(catalogue.el, Boolean(type));
    setHidden(filled, !type);
    if (!type) {
      if (open) catalogue.focus();
      return;
    }
    setText(name, type.title);
    setText(about, type.description);
    form = createForm(formPlace, type.schema, {
      change: (key, value) => {
        values = withValue(values, key, value);
        changed();
      },
      changePrivate: (key, value) => {
        privates = withValue(privates, key, value);
        changed();
      }
    });
    changed();
    form.focus();
  }

  const request = () => ({ by: me, revision, type: type.name, template: type.template, arguments: values, private: privates });

  function changed() {
    revision += 1;
    draw();
    if (timer !== null) timers.forget(timer);
    timer = timers.later(() => {
      timer = null;
      if (type) ask({ kind: 'check_new', ...request() });
    }, CHECK_NEW_MS);
  }

  function draw() {
    if (!form) return;
    form.draw(values, { privates, problems });
    drawProblems(others, form.unplaced(problems));
  }

  function receive(message) {
    if (message.by !== me) return;
    if (message.kind === 'types') catalogue.show(message.types, message.why);
    else if (message.kind === 'started_new' && message.id) {
      announce(`${type ? type.title : 'The job'} was started.`);
      close();
    } else if (message.revision === revision) {
      problems = message.problems;
      const errors = problems.filter(each => each.severity === 'error').length;
      setAttribute(start, 'aria-disabled', errors ? 'true' : null);
      setText(status, message.why || '');
      draw();
    }
  }

  return {
    receive,
    close,
    toggle: () => open ? close() : show(),
    dispose() { if (timer !== null) timers.forget(timer); }
  };
}
