// The anywidget module of a timeline or a graph: shows what the kernel sends, and tells it while somebody
// can see it, so that nothing is drawn for nobody.

import { pageTimers } from '../dom.js';
import { fenceKeys } from '../keys.js';
import { writeTablesOnSave } from '../saved_state.js';
import { createGraphView } from './graph_view.js';
import { createTimelineView } from './timeline_view.js';

const LOOK_MS = 20_000;

function initialize({ model }) {
  let still = null;   // the drawing for a saved notebook
  model.on('msg:custom', message => {
    if (message.kind === 'picture') model.set('picture', message.picture);   // set, and never sent as a trait
    if (message.kind === 'still') still = message.html;
  });
  let unsaved = () => {};
  Promise.resolve(model.widget_manager?.get_model?.(model.get('self_id'))).then(real => {
    unsaved = writeTablesOnSave(real?.widget_manager, model.get('self_id'), () => still ? { 'text/html': still } : {});
  }).catch(() => {});
  return () => unsaved();
}

function render({ model, el }) {
  const timers = pageTimers();
  const ahead = () => Date.now() / 1000 - model.get('picture').now;
  let since = ahead();   // how far this clock was ahead of the kernel's when the picture came
  const now = () => Date.now() / 1000 - since;
  const view = model.get('picture').kind === 'graph' ? createGraphView(el, now) : createTimelineView(el, now);
  const show = () => {
    since = ahead();
    view.show(model.get('picture'));
  };
  show();
  model.on('change:picture', show);
  const endFence = fenceKeys(target => el.contains(target));
  el.addEventListener('keydown', stopPlain);
  let timer = null;
  const look = () => {
    if (!document.hidden && el.isConnected) model.send({ kind: 'look' });
    timer = timers.later(look, LOOK_MS);
  };
  timer = timers.later(look, 0);
  document.addEventListener('visibilitychange', lookNow);

  function lookNow() {
    timers.forget(timer);
    look();
  }

  return () => {
    timers.forget(timer);
    document.removeEventListener('visibilitychange', lookNow);
    el.removeEventListener('keydown', stopPlain);
    endFence();
    model.off('change:picture', show);
    view.dispose();
  };
}

function stopPlain(event) {
  if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== 'Escape' && event.key !== 'Tab') event.stopPropagation();
}

export default { initialize, render };
