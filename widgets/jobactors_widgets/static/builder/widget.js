// The anywidget module of a builder: one session a model, which all its views share.

import { pageTimers } from '../dom.js';
import { followKernelLife } from '../kernel_life.js';
import { fenceKeys, isForHost } from '../keys.js';
import { createBuilderView, isUndoKey } from './builder_view.js';
import { tablesOfChain } from './saved_chain.js';
import { createSession } from './session.js';

const HOST_FENCE = 'data-lm-suppress-shortcuts';
const sessions = new Map();   // model id -> session

/** Keeps the document in this tab: it outlives the kernel, and a reload of the page. */
function draftOf(model) {
  const key = `jobactors builder ${location.pathname} ${model.get('draft_key')}`;
  const guarded = fn => {
    try {
      return fn();
    } catch {   // storage is full, or not allowed: then there is no draft
      return null;
    }
  };
  return {
    read: () => model.get('is_new') ? guarded(() => JSON.parse(sessionStorage.getItem(key))) : null,
    write: doc => guarded(() => sessionStorage.setItem(key, JSON.stringify(doc))),
    drop: () => guarded(() => sessionStorage.removeItem(key))
  };
}

function initialize({ model }) {
  const session = createSession({
    send: message => model.send(message),
    document: () => model.get('document'),
    saveDocument: doc => model.set('document', doc)   // set, and never sent as a trait
  }, draftOf(model), pageTimers());
  sessions.set(model.get('self_id'), session);
  session.set({ types: model.get('types') || [], templates: model.get('templates') || [], hears: model.get('hears') });
  model.on('msg:custom', message => session.hear(message));
  const leave = followKernelLife(model, {
    live: alive => session.setAlive(alive, 'gone'),
    lost: () => session.setAlive(false, 'restarted'),
    tables: () => tablesOfChain(session.document)
  });
  session.hello();
  session.checkSoon();
  return () => {
    leave();
    session.dispose();
    sessions.delete(model.get('self_id'));
  };
}

function render({ model, el }) {
  const session = sessions.get(model.get('self_id'));
  const view = createBuilderView(el, session);
  el.addEventListener('keydown', event => { if (!isForHost(event) || isUndoKey(event)) event.stopPropagation(); });
  const endFence = fenceKeys(target => el.contains(target));
  // Behind the fence's own listener, which lets keys with Ctrl through.
  const fenceUndo = event => { if (el.contains(event.target) && isUndoKey(event)) event.target.setAttribute(HOST_FENCE, ''); };
  window.addEventListener('keydown', fenceUndo, true);
  return () => {
    endFence();
    window.removeEventListener('keydown', fenceUndo, true);
    view.dispose();
  };
}

export default { initialize, render };
