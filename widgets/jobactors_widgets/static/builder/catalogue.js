// Lists the job types by category, with a search.  A click or Enter picks one; arrows move between them.

import { append, setHidden, setText } from '../dom.js';

/**
 * @typedef {Object} JobType
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {string} icon
 * @property {string} category
 * @property {any} schema
 * @property {any} returns         the schema of its result; null if it is not known
 * @property {string[]} needs
 * @property {string} obstacle     why no form can make it; '' if one can
 * @property {string} [template]   the name of a template of it
 * @property {Object<string, any>} [arguments]   that a form begins with
 * @property {string} [subject]    the same
 */

const NONE = 'No job type is registered yet: @ja.job("name") above a function makes one.';
const NO_MATCH = 'No job type matches.';
const OTHERS = 'Other job types';

/**
 * @param {HTMLElement} root
 * @param {Object} host
 * @param {string} host.label                        of the list
 * @param {(type: JobType) => void} host.pick
 */
export function createCatalogue(root, { label, pick }) {
  const el = append(root, 'div', 'ja-catalogue');
  const search = append(el, 'input', 'ja-input ja-find', { type: 'search', placeholder: 'Find a job type', 'aria-label': 'Find a job type', dir: 'auto' });
  const list = append(el, 'div', 'ja-types', { role: 'group', 'aria-label': label });
  const empty = append(el, 'p', 'ja-hint', { role: 'status' });
  let types = [];
  let none = '';
  let isEarly = false;   // Enter was pressed before the types were here: it picks when they come
  search.addEventListener('input', () => {
    isEarly = false;
    draw();
  });
  el.addEventListener('keydown', event => {
    const buttons = [...list.querySelectorAll('.ja-type')];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'Enter' && event.target === search && !(types.length || none)) isEarly = true;
    else if (event.key === 'Enter' && event.target === search && buttons.length) buttons[0].click();
    else if (to === undefined || (event.target === search && event.key !== 'ArrowDown')) return;
    else if (to < 0) search.focus();
    else buttons[Math.min(to, buttons.length - 1)]?.focus();
    event.preventDefault();
  });

  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = types.filter(type => {
      const all = `${type.title} ${type.name} ${type.category} ${type.description}`.toLowerCase();
      return words.every(word => all.includes(word));
    });
    const byCategory = new Map();
    for (const type of found) byCategory.set(type.category, [...(byCategory.get(type.category) || []), type]);
    list.replaceChildren();
    for (const [category, members] of byCategory) {
      if (byCategory.size > 1 || category) {
        append(list, 'div', 'ja-category').textContent = category || OTHERS;
      }
      for (const type of members) list.append(buttonOf(type));
    }
    setHidden(list, !found.length);
    setText(empty, found.length ? '' : types.length ? NO_MATCH : none);
    setHidden(empty, found.length > 0);
  }

  function buttonOf(type) {
    const button = document.createElement('button');
    button.className = 'ja-type';
    button.type = 'button';
    button.dataset.type = type.name;
    append(button, 'span', 'ja-type-icon', { 'aria-hidden': 'true' }).textContent = type.icon || '▪';
    append(button, 'bdi', 'ja-type-title').textContent = type.title;
    const about = type.obstacle ? `needs code: ${type.obstacle}` : type.description;
    if (about) append(button, 'span', 'ja-type-about').textContent = about;
    if (type.obstacle) button.setAttribute('aria-disabled', 'true');
    button.addEventListener('click', () => { if (!type.obstacle) pick(type); });
    return button;
  }

  return {
    el,
    /** @param {JobType[]} given @param {string} [why]   why there are none */
    show(given, why = NONE) {
      if (given === types) return;
      types = given;
      none = why;
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.type : null;
      draw();
      if (focused !== null) [...list.querySelectorAll('.ja-type')].find(each => each.dataset.type === focused)?.focus();
      if (isEarly && document.activeElement === search) list.querySelector('.ja-type')?.click();
      isEarly = false;
    },
    focus: () => search.focus()
  };
}
