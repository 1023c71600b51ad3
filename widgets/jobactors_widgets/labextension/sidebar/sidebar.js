// Draws the sidebar: one section a notebook, each by the view that the panels in cells use.

import { createView } from '../../static/view.js';
import { isUnfinished } from './model.js';

const NONE = 'No jobs here yet.';
const HOW = 'jobs = ja.start() in a notebook, then jobs.submit(function).';

/**
 * @param {HTMLElement} root
 * @param {Object} options
 * @param {(kernelId: string, message: Object) => void} options.send    send it to the kernel
 * @param {(kernelId: string) => void} options.cancelAll
 * @param {(kernelId: string) => void} options.open              bring the notebook to the front
 */
export function createSidebar(root, { send, cancelAll, open }) {
  const sections = new Map();   // kernel id -> what newSection returns
  root.classList.add('ja-sidebar');
  const empty = append(root, 'div', 'ja-empty');
  append(empty, 'p', 'ja-empty-what').textContent = NONE;
  append(empty, 'p', 'ja-empty-how').textContent = HOW;

  /** @param {import('./model.js').Group[]} groups */
  function show(groups) {
    const there = new Set(groups.map(group => group.kernelId));
    for (const [id, section] of sections) {
      if (there.has(id)) continue;
      section.dispose();
      sections.delete(id);
    }
    empty.hidden = groups.length > 0;
    let before = empty;
    for (const group of groups) {
      const section = sections.get(group.kernelId) || newSection(group.kernelId);
      if (before.nextSibling !== section.el) root.insertBefore(section.el, before.nextSibling);
      before = section.el;
      section.draw(group);
    }
  }

  function newSection(kernelId) {
    const el = document.createElement('section');
    el.className = 'ja-section';
    const head = append(el, 'h3', 'ja-section-head');
    const fold = append(head, 'button', 'ja-section-fold');
    fold.type = 'button';
    const name = append(head, 'button', 'ja-section-name');
    name.type = 'button';
    name.addEventListener('click', () => open(kernelId));
    const title = append(name, 'bdi', '');
    const where = append(name, 'span', 'ja-section-where');
    const all = append(head, 'button', 'ja-section-all');
    all.type = 'button';
    all.textContent = 'Cancel all';
    all.addEventListener('click', () => cancelAll(kernelId));
    const body = append(el, 'div', 'ja-section-body');
    let now = () => Date.now() / 1000;   // until the kernel's clock is known
    const view = createView(body, {
      board: true,
      act: (verb, id) => send(kernelId, { kind: 'act', verb, id }),
      ask: message => send(kernelId, message),
      schedule: (verb, name) => send(kernelId, { kind: 'schedule', verb, name }),
      now: () => now()
    });
    let drawn = null;
    setFolded(false);
    fold.addEventListener('click', () => setFolded(!body.hidden));

    function setFolded(folded) {
      body.hidden = folded;
      fold.setAttribute('aria-expanded', String(!folded));
      if (!folded && drawn) view.show(drawn);
    }

    function draw(group) {
      now = group.now || now;
      if (title.textContent !== group.name) title.textContent = group.name;
      name.title = group.path;
      where.textContent = group.elsewhere ? ' not open' : '';
      fold.setAttribute('aria-label', `Jobs of ${group.name}`);
      all.setAttribute('aria-label', `Cancel all jobs of ${group.name}`);
      el.classList.toggle('ja-current', group.current);
      all.hidden = group.known.ended || group.known.rows.filter(isUnfinished).length < 2;
      const { rows, hears, ended, notice, schedules } = group.known;
      const present = { rows, hears, ended, notice, schedules, alive: true };
      if (drawn && Object.keys(present).every(key => drawn[key] === present[key])) return;
      drawn = present;
      if (!body.hidden) view.show(drawn);
    }

    function dispose() {
      view.dispose();
      el.remove();
    }

    const received = message => message.kind === 'answer' ? view.answered(message) : view.received(message);
    const section = { el, draw, dispose, received };
    sections.set(kernelId, section);
    return section;
  }

  return {
    show,
    received: (kernelId, message) => sections.get(kernelId)?.received(message)
  };
}

function append(parent, tag, className) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  return parent.appendChild(el);
}
