// Implements as much of a document as view.js uses, and counts its changes.  Setting HTML throws, so that
// the tests prove that it never happens.

/** Changes of all elements: moves, texts, attributes, classes, styles.  A test may set it to 0. */
export const dom = { changes: 0 };

/** Sets a property and counts it, if the value differs. */
function change(target, key, value) {
  if (target[key] !== value) dom.changes += 1;
  target[key] = value;
  return true;
}

class FakeElement {
  constructor(tag) {
    this.tag = tag;
    this.parentNode = null;
    this.childNodes = [];
    this.attributes = new Map();
    this.listeners = new Map();
    this.dataset = {};
    this.style = new Proxy({}, { set: change });
    this.ownText = '';
    this.isHidden = false;
    this.moves = 0;
    this.scrollTop = this.clientHeight = this.scrollHeight = 0;
    const classes = new Set();
    this.classList = {
      add: c => classes.add(c),
      contains: c => classes.has(c),
      toggle: (c, on) => {
        if (classes.has(c) !== on) dom.changes += 1;
        if (on) classes.add(c);
        else classes.delete(c);
      }
    };
    Object.defineProperty(this, 'className', {
      set: value => { classes.clear(); value.split(' ').forEach(c => classes.add(c)); },
      get: () => [...classes].join(' ')
    });
  }
  get firstElementChild() { return this.firstChild; }
  querySelector(selector) { return this.one(selector.slice(1)) || null; }   // of a class
  get firstChild() { return this.childNodes[0] || null; }
  get nextSibling() {
    const all = this.parentNode.childNodes;
    return all[all.indexOf(this) + 1] || null;
  }
  get textContent() { return this.ownText + this.childNodes.map(c => c.textContent).join(''); }
  set textContent(text) { dom.changes += 1; this.childNodes = []; this.ownText = text; }
  get hidden() { return this.isHidden; }
  set hidden(hidden) { change(this, 'isHidden', hidden); }
  set innerHTML(_) { throw new Error('HTML'); }
  set outerHTML(_) { throw new Error('HTML'); }
  insertAdjacentHTML() { throw new Error('HTML'); }
  appendChild(el) { return this.insertBefore(el, null); }
  insertBefore(el, before) {
    el.remove();
    el.parentNode = this;
    el.moves += 1;
    dom.changes += 1;
    this.childNodes.splice(before ? this.childNodes.indexOf(before) : this.childNodes.length, 0, el);
    return el;
  }
  remove() {
    if (this.parentNode) dom.changes += 1;
    if (this.parentNode) this.parentNode.childNodes = this.parentNode.childNodes.filter(c => c !== this);
    this.parentNode = null;
  }
  replaceChildren() { for (const c of [...this.childNodes]) c.remove(); }
  setAttribute(key, value) { dom.changes += 1; this.attributes.set(key, String(value)); }
  getAttribute(key) { return this.attributes.has(key) ? this.attributes.get(key) : null; }
  removeAttribute(key) { dom.changes += 1; this.attributes.delete(key); }
  addEventListener(kind, fn) {
    const earlier = this.listeners.get(kind);
    this.listeners.set(kind, earlier ? event => { earlier(event); fn(event); } : fn);
  }
  removeEventListener(kind) { this.listeners.delete(kind); }
  toggleAttribute(key, on) { if (on) this.setAttribute(key, ''); else this.removeAttribute(key); }
  contains(el) { return el === this || this.childNodes.some(c => c.contains(el)); }
  focus() { globalThis.document.activeElement = this; }
  click() { this.listeners.get('click')(); }
  /** Every element below with this class. */
  all(name) {
    return this.childNodes.flatMap(c => [...(c.classList.contains(name) ? [c] : []), ...c.all(name)]);
  }
  one(name) { return this.all(name)[0]; }
}

export function fakeDocument() {
  globalThis.document = {
    activeElement: null,
    createElement: tag => new FakeElement(tag),
    createElementNS: (_, tag) => new FakeElement(tag)
  };
  return document.createElement('div');
}

/** Timers that a test advances. */
export function fakeTimers() {
  const later = new Set();
  const timers = {
    time: 0,
    now: () => timers.time,
    later: (fn, ms) => { const t = { fn, at: timers.time + ms }; later.add(t); return t; },
    forget: t => later.delete(t),
    pass: ms => {
      timers.time += ms;
      for (const t of [...later]) if (t.at <= timers.time) { later.delete(t); t.fn(); }
    },
    get waiting() { return later.size; }
  };
  return timers;
}
