// What one builder holds, for all its views: the document with its history, private values, problems,
// the run.  No DOM; it speaks with the kernel through a link.
//
// The kernel has the document too, as `builder.value`: each edit is sent there, ten times a second at
// most, and is answered with the problems.  Private values travel with it, and are kept in this page's
// memory alone: not in the model, which is saved with a notebook, and not in the draft.

import {
  addPhase, changePhase, createHistory, duplicatePhase, emptyDocument, movePhase, placeOf, readDocument, removePhase,
  renamePhase, withIds
} from './document.js';

const CHECK_MS = 100;
const NO_PROBLEMS = [];

/**
 * @param {Object} link
 * @param {(message: Object) => void} link.send
 * @param {() => import('./document.js').ChainDocument | null} link.document   of the model
 * @param {(doc: import('./document.js').ChainDocument) => void} link.saveDocument
 * @param {{read: () => any, write: (doc: any) => void, drop: () => void}} [draft]   outlives the kernel
 * @param {{now: () => number, later: Function, forget: Function}} timers
 */
export function createSession({ send, document, saveDocument }, draft, timers) {
  const me = Math.random().toString(36).slice(2);
  const history = createHistory(withIds(document() || emptyDocument()), timers.now);
  const views = new Set();
  let privates = {};       // phase id -> argument -> value
  let revision = 0;
  let inFlight = false;
  let unsent = false;
  let timer = null;
  const state = {
    types: [], templates: [], problems: NO_PROBLEMS, checked: false, alive: true, lost: '', hears: true,
    job: null, question: null, plan: null, note: null, shownText: null, offered: null
  };

  const saved = draft?.read();
  if (saved && JSON.stringify(saved) !== JSON.stringify(history.present)) state.offered = saved;

  function tell() {
    for (const view of views) view();
  }

  function set(changes) {
    Object.assign(state, changes);
    tell();
  }

  function edit(doc, key = '') {
    if (isLocked() || doc === history.present) return;
    history.push(doc, key);
    changed();
  }

  function changed() {
    Object.assign(state, { plan: null, question: null, note: null });
    saveDocument(history.present);
    draft?.write(history.present);
    revision += 1;
    checkSoon();
    tell();
  }

  function checkSoon() {
    unsent = true;
    if (timer === null && !inFlight) timer = timers.later(check, CHECK_MS);
  }

  function check() {
    timer = null;
    if (!unsent || !state.alive) return;
    unsent = false;
    inFlight = true;
    send({ kind: 'edit', by: me, revision, document: history.present, private: privatesNow() });
  }

  /** Returns the private values of the phases that are there. */
  function privatesNow() {
    const ids = new Set(history.present.phases.map(phase => phase.id));
    return Object.fromEntries(Object.entries(privates).filter(([id]) => ids.has(id)));
  }

  function isLocked() {
    return Boolean(state.job && !state.job.ended);
  }

  function hear(message) {
    const isMine = message.by === me;
    switch (message.kind) {
      case 'checked':
        if (isMine) {
          inFlight = false;
          if (unsent) checkSoon();
        } else if (message.document && !isLocked()) {
          history.push(withIds(message.document));
          saveDocument(history.present);
        }
        if (isMine && message.revision !== revision) break;
        set({ problems: message.problems, checked: true });
        break;
      case 'types':
        set({ types: message.types });
        checkSoon();
        break;
      case 'templates':
        set({ templates: message.templates });
        break;
      case 'document':   // set in Python
        history.push(withIds(message.document));
        changed();
        break;
      case 'job':
        set({ job: message.job, question: null });
        break;
      case 'ran':
        if (isMine) set({ question: message.question || null, note: message.why ? { text: message.why, bad: true } : null });
        break;
      case 'plan':
        if (isMine) set({ plan: message.steps, problems: message.problems, checked: true });
        break;
      case 'python':
        if (isMine) set(message.text ? { shownText: { title: 'Python', text: message.text, copied: true } } : {});
        break;
      case 'said':
        if (isMine) set({ note: { text: message.text, bad: message.bad } });
        break;
      default:
    }
  }

  const ask = (kind, more = {}) => send({ kind, by: me, document: history.present, ...more });

  return {
    state,
    get document() { return history.present; },
    get privates() { return privates; },
    get canUndo() { return history.canUndo && !isLocked(); },
    get canRedo() { return history.canRedo && !isLocked(); },
    isLocked,
    hear,
    set,
    subscribe(view) {
      views.add(view);
      return () => views.delete(view);
    },
    /** @returns {string} the id of the new phase */
    add(type, at) {
      edit(addPhase(history.present, type, at));
      return history.present.phases[at ?? history.present.phases.length - 1]?.id;
    },
    move: (id, to) => edit(movePhase(history.present, id, to)),
    change: (id, changes, key) => edit(changePhase(history.present, id, changes), key),
    rename: (id, name) => edit(renamePhase(history.present, id, name), `${id} name`),
    changeDocument: (changes, key) => edit({ ...history.present, ...changes }, key),
    act(verb, id) {
      const doc = history.present;
      if (verb === 'duplicate') edit(duplicatePhase(doc, id));
      else if (verb === 'remove') edit(removePhase(doc, id));
      else edit(movePhase(doc, id, verb === 'top' ? 0 : doc.phases.length - 1));
    },
    placeOf: id => placeOf(history.present, id),
    changePrivate(id, name, value) {
      if (isLocked()) return;
      const { [name]: _, ...others } = privates[id] || {};
      privates = { ...privates, [id]: value === undefined ? others : { ...others, [name]: value } };
      revision += 1;
      checkSoon();
      tell();
    },
    undo() {
      if (isLocked() || !history.canUndo) return;
      history.undo();
      changed();
    },
    redo() {
      if (isLocked() || !history.canRedo) return;
      history.redo();
      changed();
    },
    /** Takes JSON; throws a SyntaxError if it is none. @param {string} text @param {string} [key] */
    take(text, key) { edit(readDocument(text), key); },
    takeOffered(isWanted) {
      const offered = state.offered;
      state.offered = null;
      if (isWanted && offered) edit(withIds(offered));
      else draft?.drop();
      tell();
    },
    run: how => {
      set({ note: null, plan: null, question: null });
      ask('run', { how, private: privatesNow() });
    },
    dryRun: () => ask('plan', { private: privatesNow() }),
    cancel: () => ask('cancel'),
    askPython: () => ask('python'),
    saveTemplate: name => ask('save_template', { name }),
    dropTemplate: name => ask('drop_template', { name }),
    loadTemplate(name) {
      const found = state.templates.find(each => each.name === name);
      if (found) edit(withIds(found.document));
    },
    hello: () => send({ kind: 'hello', by: me }),
    /** @param {boolean} alive @param {string} [how]   what has happened; the first to say so is right */
    setAlive(alive, how = '') {
      const lost = alive ? '' : state.alive || how === 'restarted' ? how : state.lost;
      if (alive === state.alive && lost === state.lost) return;
      inFlight = false;
      set({ alive, lost, job: alive ? state.job : null });
      if (alive) checkSoon();
    },
    checkSoon,
    dispose() { if (timer !== null) timers.forget(timer); }
  };
}
