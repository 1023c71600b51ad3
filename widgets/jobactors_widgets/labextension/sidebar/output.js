// Shows the jobs of a cell's output where there is no widget for them: in a notebook that was opened again,
// after a restart of the kernel, or while a cell is busy after a reload.
//
// An output names its job system and its job (JOBS_TYPE in saved_outputs.py).  It is shown by its widget as
// long as that lives; else by the rows that the kernel sends to the sidebar, if they are of the same job
// system; else by the table that was saved, with a line on how to see the jobs now.

import { isBatch } from '../../static/batches.js';
import { writeTablesOnSave, tablesOf } from '../../static/saved_state.js';
import { createView } from '../../static/view.js';

const JOBS = 'application/vnd.jobactors.jobs+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
const TABLE = 'text/html';
const RANK = -100;       // before widgets, which have -10
const WIDGET_MS = 500;   // a widget may take so long to come
const MOST_ASKED = 20;   // times that a drawing is asked for
const HOW = 'These jobs are live again when the cell that starts them has run: jobs = ja.start().';
const NEVER = 'Without a store, these jobs ended with their kernel.';
const AGAIN = 'This drawing is as it was saved. Run its cell for the present one.';
const OTHERS = 'The kernel has other jobs now.';

/**
 * @param {Object} options
 * @param {any} options.tracker   an INotebookTracker
 * @param {any} options.widgets   @lumino/widgets
 * @param {(panel: any) => ReturnType<import('./link.js').createLink> | undefined} options.linkIn
 *   the link of a notebook's kernel
 */
export function createOutputs({ tracker, widgets, linkIn }) {
  const shown = new Set();   // what createOutput returns, of every output in the page

  function register(panel) {
    const { rendermime } = panel.content;
    rendermime.addFactory({
      safe: true,
      mimeTypes: [JOBS],
      createRenderer: () => {
        const output = createOutput({ panel, rendermime, widgets, link: () => linkIn(panel), gone: () => shown.delete(output) });
        shown.add(output);
        return output.widget;
      }
    }, RANK);
  }

  tracker.widgetAdded.connect((_, panel) => register(panel));
  tracker.forEach(register);

  return {
    /** Draws what has changed in the links. */
    update() { for (const output of shown) output.update(); },
    received(kernelId, message, named) { for (const output of shown) output.received(kernelId, message, named); }
  };
}

function createOutput({ panel, rendermime, widgets, link, gone }) {
  const { Panel, Widget } = widgets;
  const widget = new Panel();
  const live = new Widget();
  const line = new Widget();
  const text = line.node.appendChild(document.createElement('span'));
  const button = line.node.appendChild(document.createElement('button'));
  widget.addClass('ja-output');
  line.addClass('ja-output-line');
  line.addClass('ja-controls');   // plain keys are kept from the notebook
  button.type = 'button';
  button.textContent = 'Show the jobs now';
  button.addEventListener('click', showPresent);
  let named = { system: '', job: null };
  let own = null;       // the renderer of the widget
  let table = null;     // the renderer of the saved table
  let view = null;      // of the rows of the link
  let isOther = false;  // the user wants the present jobs instead
  let isLate = false;   // the widget has had its time
  let timer = null;
  let rows = [];        // as last shown by the view
  let endTables = () => {};

  const coming = new MutationObserver(() => update());   // of a widget: its manager may be restored late

  const part = (mimeType, model) => {
    const made = rendermime.createRenderer(mimeType);
    return { made, done: made.renderModel(model) };
  };

  widget.renderModel = async model => {
    named = model.data[JOBS];
    isOther = false;
    isLate = !model.data[WIDGET] || !model.trusted;
    drop();
    if (model.data[TABLE]) table = part(TABLE, model).made;
    endTables = writeTablesOnSave(panel, model.data[WIDGET]?.model_id, () => view ? tablesOf(rows, nowThere()) : {});
    if (!isLate) {
      askWidget(model);
      timer = setTimeout(() => beLate(model, named.drawing ? MOST_ASKED : 0), WIDGET_MS);
    }
    update();
  };

  function askWidget(model) {
    const { made, done } = part(WIDGET, model);
    own = made;
    coming.observe(own.node, { childList: true });
    done.then(update, update);
  }

  /** A renderer that is made before its widget manager never hears of it: a drawing, which no rows of the
   *  link can stand for, is asked for again. */
  function beLate(model, times) {
    isLate = true;
    if (times > 0 && own && !own.node.firstElementChild) {
      own.dispose();
      askWidget(model);
      timer = setTimeout(() => beLate(model, times - 1), 2 * WIDGET_MS);
    }
    update();
  }

  const dispose = widget.dispose.bind(widget);
  widget.dispose = () => {
    if (widget.isDisposed) return;
    drop();
    gone();
    dispose();
  };

  function drop() {
    clearTimeout(timer);
    coming.disconnect();
    endTables();
    hideView();
    for (const made of [own, table]) made?.dispose();
    [own, table] = [null, null];
  }

  /** Returns the part of the link that has the job system of this output; undefined if the kernel lacks it. */
  const there = () => link()?.parts.find(({ known }) => known.live && known.system === named.system);
  const nowThere = () => there()?.now() ?? Date.now() / 1000;

  /** Returns whether the widget is shown and its kernel lives. */
  function ownLives() {
    return Boolean(own && own.node.firstElementChild && !own.node.querySelector('.ja-gone'));
  }

  /** Returns the rows of this output's jobs in the kernel; null if it has others, or none. */
  function present() {
    const known = there()?.known;
    if (!known || named.drawing) return null;
    if (named.job === null) return known.rows;
    const found = known.rows.filter(each => each.id === named.job || each.batch === named.job);
    return found.length ? found : null;
  }

  function update() {
    if (widget.isDisposed) return;
    const found = present();
    // Once shown by the link, it stays so: the widget would begin anew, with everything folded.
    const isOwn = !view && own && !isOther && (ownLives() || !isLate || (!found && own.node.firstElementChild));
    if (isOwn) only(own.node.querySelector('.ja-gone') ? [own, line] : [own]);
    else if (found || view) {
      only(found ? [live] : [live, line]);
      showView(found);
    } else only(table ? [table, line] : [line]);
    drawLine();
  }

  /** Leaves these parts alone in the page, in this order. */
  function only(parts) {
    if (parts.length === widget.widgets.length && parts.every((each, i) => widget.widgets[i] === each)) return;
    for (const each of [...widget.widgets]) if (!parts.includes(each)) each.parent = null;
    parts.forEach((each, i) => widget.insertWidget(i, each));
  }

  function drawLine() {
    const has = Boolean(link()?.parts[0].known.live);
    const words = has ? named.drawing ? AGAIN : OTHERS : named.system.startsWith('memory-') ? NEVER : HOW;
    if (text.textContent !== words) text.textContent = words;
    button.hidden = !has || Boolean(named.drawing);
  }

  function showPresent() {
    const known = link()?.parts[0].known;
    if (!known?.live) return;
    named = { system: known.system, job: null };
    isOther = true;
    hideView();
    update();
  }

  function showView(found) {
    const single = named.job !== null;
    view ??= createView(live.node, {
      single,
      board: !single || Boolean(found?.some(isBatch)),
      now: nowThere,
      act: (verb, id) => there()?.send({ kind: 'act', verb, id }),
      actMany: (verb, ids, states) => there()?.send({ kind: 'act', verb, ids, ...(states && { states }) }),
      sees: (place, ids) => there()?.send({ kind: 'sight', place, ids }),
      ask: message => there()?.send(message),
      schedule: (verb, name) => there()?.send({ kind: 'schedule', verb, name })
    });
    const known = there()?.known;
    if (!found || !known) {
      view.show({ alive: false, lost: link()?.parts[0].known.live ? 'stopped' : 'restarted' });
      return;
    }
    rows = found;
    view.show({ rows, hears: known.hears, ended: known.ended, notice: single ? '' : known.notice, schedules: known.schedules, alive: true });
  }

  function hideView() {
    view?.dispose();
    view = null;
  }

  function received(kernelId, message, name) {
    if (!view || link()?.kernelId !== kernelId || there()?.named !== name) return;
    if (message.kind === 'answer') view.answered(message);
    else view.received(message);
  }

  return { widget, update, received };
}
