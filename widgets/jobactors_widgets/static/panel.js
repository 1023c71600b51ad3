// The anywidget half of a panel: keeps the model's rows complete, and draws them.
//
// The kernel sends the first rows with the model itself, and then frames: custom messages with the
// rows that changed.  A frame is folded into the model's own `rows`, so that every view of the
// model, and a notebook saved with its widgets, holds the present state.  Frames are numbered; a
// panel that has missed one says which it has, and is told all.

import { moment } from './format.js';
import { keepSaved, tablesOf } from './saved.js';
import { createView } from './view.js';

/**
 * @typedef {Object} Frame
 * @property {'frame'} kind
 * @property {number} frame
 * @property {boolean} [full]    the rows are all there are
 * @property {import('./format.js').Row[]} rows
 * @property {string[]} [gone]   ids of jobs that were let go
 * @property {boolean} [ended]   the job system has stopped
 */

const received = new WeakMap();   // row -> when it came, in ms
const receivedAt = row => {
  if (!received.has(row)) received.set(row, Date.now());
  return received.get(row);
};

/** The rows after a frame: the changed ones in their old places, new ones at the end. */
export function applyFrame(rows, frame) {
  if (frame.full) return frame.rows;
  const changed = new Map(frame.rows.map(row => [row.id, row]));
  const gone = new Set(frame.gone || []);
  const kept = rows.filter(row => !gone.has(row.id)).map(row => {
    const now = changed.get(row.id) || row;
    changed.delete(row.id);
    return now;
  });
  return [...kept, ...changed.values()];
}

/** Say which frame we have; the kernel answers with all rows if that is not its last one. */
function hello(model) {
  model.send({ kind: 'hello', frame: model.get('frame') });
}

const LOST = new Set(['restarting', 'autorestarting', 'dead', 'terminating']);

/**
 * Keep the model's `alive` true for as long as its kernel lives; returns how to stop.
 *
 * Nobody tells a panel: anywidget takes the view's own listener away, and ipywidgets overlooks a
 * kernel that died.  So the model behind the proxy and the kernel are looked at, where a front end
 * lets us.
 */
function followLife(model) {
  const manager = model.widget_manager;
  const tables = () => tablesOf(model.get('rows'), moment(Date.now() / 1000));
  let real = null;
  let unsaved = () => {};
  const look = () => model.set('alive', real ? real.comm_live !== false : false);
  model.set('alive', true);
  Promise.resolve(manager?.get_model?.(model.get('self_id'))).then(found => {
    real = found;
    if (real) look();
    unsaved = keepSaved(real?.widget_manager, model.get('self_id'), tables);
  }).catch(() => {});
  model.on('comm_live_update', look);
  const changed = (_, status) => { if (LOST.has(status)) model.set('alive', false); };
  const statuses = manager?.kernel?.statusChanged;
  statuses?.connect(changed);
  return () => {
    statuses?.disconnect(changed);
    unsaved();
  };
}

function initialize({ model }) {
  let asking = false;
  const leave = followLife(model);
  model.get('rows').forEach(receivedAt);
  model.on('msg:custom', message => {
    if (message.kind !== 'frame') return;
    message.rows.forEach(receivedAt);
    const missed = !message.full && message.frame !== model.get('frame') + 1;
    // Only set, never saved: the kernel is the one who knows.
    model.set('alive', true);
    model.set('ended', Boolean(message.ended));
    model.set('rows', applyFrame(model.get('rows'), message));
    model.set('frame', missed ? -1 : message.frame);
    if (missed && !asking) hello(model);
    asking = missed;
  });
  const seen = () => { if (!document.hidden) hello(model); };
  document.addEventListener('visibilitychange', seen);
  hello(model);
  return () => {
    document.removeEventListener('visibilitychange', seen);
    leave();
  };
}

function render({ model, el }) {
  const single = model.get('single');
  const view = createView(el, {
    single,
    board: !single,
    receivedAt,
    act: (verb, id) => model.send({ kind: 'act', verb, id }),
    actMany: (verb, ids) => model.send({ kind: 'act', verb, ids }),
    ask: message => model.send(message)
  });
  const draw = () => view.show({
    rows: model.get('rows'),
    hears: model.get('hears'),
    ended: model.get('ended'),
    alive: model.get('alive') !== false
  });
  let asked = 0;
  const soon = () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };
  model.on('change:rows', soon);
  model.on('change:ended', soon);
  model.on('change:alive', soon);
  model.on('msg:custom', message => {
    if (message.kind === 'answer') view.answered(message);
    else if (message.kind !== 'frame') view.told(message);
  });
  draw();
  return () => {
    cancelAnimationFrame(asked);
    view.dispose();
  };
}

export default { initialize, render };
