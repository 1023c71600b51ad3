// Completes the rows of a panel's model with each frame, and draws them: the anywidget module.
//
// The kernel sends the first rows with the model itself, and then frames: custom messages with what
// changed.  A frame is folded into the model's own `rows`, so that every view of the model, and a
// notebook saved with its widgets, holds the present state.  Frames are numbered; a panel that has
// missed one sends the number of its last, and receives the changes since.

import { isBatch } from './batches.js';
import { applyFrame, isMissing } from './frames.js';
import { createKernelClock } from './kernel_clock.js';
import { followKernelLife } from './kernel_life.js';
import { createSights } from './sight.js';
import { tablesOf } from './saved_state.js';
import { createView } from './view.js';

/** Sends the number of the last frame; the kernel answers with the changes since. */
function hello(model) {
  model.send({ kind: 'hello', frame: model.get('frame') });
  sightsOf(model).again();
}

const sights = new Map();   // model id -> what its views have in sight

function sightsOf(model) {
  const id = model.get('self_id');
  if (!sights.has(id)) sights.set(id, createSights(message => {
    if (model.get('alive') !== false) model.send(message);
  }));
  return sights.get(id);
}

const clocks = new Map();   // model id -> the clock of its kernel

/** Returns the clock of a model's kernel, the same for all its views. */
function clockOf(model) {
  const id = model.get('self_id');
  if (!clocks.has(id)) clocks.set(id, createKernelClock(model.get('now')));
  return clocks.get(id);
}

/** Returns the time by which the rows are shown: when the kernel was lost, it stands still. */
function timeOf(model) {
  return model.get('alive') === false ? model.get('now') : clockOf(model).now();
}

/** Sets whether the kernel lives, and what the time was. */
function setAlive(model, alive) {
  model.set('now', timeOf(model));
  model.set('alive', alive);
}

/** Sets the model's `alive` to whether its kernel lives; returns a function that stops it. */
function followLife(model) {
  model.set('alive', true);
  return followKernelLife(model, {
    live: alive => setAlive(model, alive),
    lost: how => {
      model.set('lost', how);
      setAlive(model, false);
    },
    tables: () => {
      model.set('now', timeOf(model));   // for widgets that are saved with the notebook
      return tablesOf(model.get('rows'), model.get('now'));
    }
  });
}

function initialize({ model }) {
  let asking = false;
  const leave = followLife(model);
  model.on('msg:custom', (message, buffers) => {
    if (message.kind !== 'frame') return;
    const missed = isMissing(message, model.get('frame'));
    clockOf(model).hear(message.now);
    // Set but never saved: these values come from the kernel.
    model.set('alive', true);
    model.set('ended', Boolean(message.ended));
    model.set('rows', applyFrame(model.get('rows'), message, buffers));
    if (!missed) model.set('frame', message.frame);
    if (message.notice !== undefined) model.set('notice', message.notice);
    if (message.schedules !== undefined) model.set('schedules', message.schedules);
    if (missed && !asking) hello(model);
    asking = missed;
  });
  if (model.get('hears')) sightsOf(model).count(model.get('rows').length);
  const seen = () => { if (!document.hidden) hello(model); };
  document.addEventListener('visibilitychange', seen);
  hello(model);
  // As the page was left, some batch may have been unfolded; no view of this one has it so.
  const unfolded = new Set(model.get('rows').map(row => row.batch));
  for (const { id } of model.get('rows')) if (unfolded.has(id)) model.send({ kind: 'unfold', id, open: false });
  return () => {
    document.removeEventListener('visibilitychange', seen);
    leave();
    clocks.delete(model.get('self_id'));
    sights.delete(model.get('self_id'));
  };
}

function render({ model, el }) {
  const single = model.get('single');
  const view = createView(el, {
    single,
    board: !single || model.get('rows').some(isBatch),
    now: () => timeOf(model),
    act: (verb, id) => model.send({ kind: 'act', verb, id }),
    sees: (place, ids) => sightsOf(model).note(place, ids),
    actMany: (verb, ids, states) => model.send({ kind: 'act', verb, ids, ...(states && { states }) }),
    ask: message => model.send(message),
    schedule: (verb, name) => model.send({ kind: 'schedule', verb, name })
  });
  const draw = () => view.show({
    rows: model.get('rows'),
    hears: model.get('hears'),
    ended: model.get('ended'),
    notice: model.get('notice'),
    schedules: model.get('schedules') || [],
    alive: model.get('alive') !== false,
    lost: model.get('lost')
  });
  let asked = 0;
  const soon = () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };
  model.on('change:rows', soon);
  model.on('change:ended', soon);
  model.on('change:notice', soon);
  model.on('change:schedules', soon);
  model.on('change:alive', soon);
  model.on('change:lost', soon);
  model.on('msg:custom', message => {
    if (message.kind === 'answer') view.answered(message);
    else if (message.kind !== 'frame') view.received(message);
  });
  draw();
  return () => {
    cancelAnimationFrame(asked);
    view.dispose();
  };
}

export default { initialize, render };
