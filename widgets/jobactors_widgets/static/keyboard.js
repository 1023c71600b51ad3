// Works the rows of a list by the keyboard: arrows, Home and End move, Enter unfolds, Escape folds, Space
// selects.  Delete asks whether the job shall be given up, and a second one does it.

import { ACTIONS, askable } from './actions.js';

const TO_END = ['cancel', 'discard', 'dismiss'].map(verb => ACTIONS.find(action => action.verb === verb));

/**
 * @param {HTMLElement} list
 * @param {Object} host
 * @param {(id: string) => ReturnType<import('./row.js').createRow> | undefined} host.drawn
 * @param {(id: string, open: boolean) => void} host.unfold
 * @param {(index: number) => void} host.goTo
 * @param {(id: string | null, by: number) => number} host.step   the index of a row so many further on
 * @param {() => number} host.last                                the index of the last row
 * @param {((id: string, range: boolean) => void) | null} host.pick   null if rows cannot be selected
 * @param {(id: string) => boolean} host.mayPress
 * @param {(action: import('./actions.js').Action, id: string) => void} host.press
 * @param {(id: string) => void} host.redraw
 * @param {(text: string) => void} host.say   to a screen reader
 * @param {boolean} host.single
 */
export function createKeyboard(list, { drawn, unfold, goTo, step, last, pick, mayPress, press, redraw, say, single }) {
  let asked = null;   // {id, action}: what a first Delete was pressed for

  function noteOf(row) {
    return asked && asked.id === row.id ? `${asked.action.label} this job? Delete: yes. Escape: no.` : '';
  }

  function askToEnd(id) {
    const { row } = drawn(id);
    const action = TO_END.find(each => askable(each, [row]).length);
    if (!action || !mayPress(id)) return;
    const again = asked && asked.id === id && asked.action === action;
    leave();
    if (again) {
      press(action, id);
      return;
    }
    asked = { id, action };
    redraw(id);
    say(noteOf(row));
  }

  function leave() {
    if (!asked) return;
    const { id } = asked;
    asked = null;
    redraw(id);
  }

  function onKey(event) {
    const { key, target } = event;
    if (/^(INPUT|SELECT|PRE)$/.test(target.tagName) && target.type !== 'checkbox') return;
    const el = target.closest && target.closest('.ja-row');
    const id = el ? el.dataset.job : null;
    const by = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (by && !single) goTo(step(id, by));
    else if (key === 'Home' && !single) goTo(0);
    else if (key === 'End' && !single) goTo(last());
    else if (!el || !onRowKey(event, el, id)) return;
    event.preventDefault();
    event.stopPropagation();   // the notebook would take the arrows for its own
  }

  /** Returns whether the key means something for this row. */
  function onRowKey({ key, target, shiftKey }, el, id) {
    if (key === 'Delete') askToEnd(id);
    else if (key === 'Escape' && asked) leave();
    else if (key === 'Escape' && drawn(id).isOpen) {
      unfold(id, false);
      el.focus();
    } else if (target !== el) return false;
    else if (key === 'Enter') unfold(id, !drawn(id).isOpen);
    else if (key === ' ' && pick) pick(id, shiftKey);
    else return false;
    return true;
  }

  list.addEventListener('keydown', onKey);
  list.addEventListener('focusout', leave);
  return { noteOf };
}
