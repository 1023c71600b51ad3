// Changes elements where they differ: the DOM functions of all parts of the view.  Text is set as text
// only, never as HTML.

const SVG = 'http://www.w3.org/2000/svg';

export function append(parent, tag, className, attributes = {}) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  parent.appendChild(el);
  return el;
}

export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

// A look behind, not `.* · ` before it: that is tried from each place of a long text anew.
const ADDRESS = /(?<=^| · )(https?:\/\/\S+)$/;

/** Sets a text, and shows the address of the web at its end, if there is one, as a link behind it. */
export function setLinkedText(el, link, text) {
  const address = ADDRESS.exec(text)?.[1] || '';
  const words = address ? text.slice(0, -address.length) : text;
  setText(el, words);
  setHidden(el, !words);
  setHidden(link, !address);
  setText(link, address);
  setAttribute(link, 'href', address || null);
}

/** Sets an attribute where it differs; null removes it. */
export function setAttribute(el, key, value) {
  if (el.getAttribute(key) === value) return;
  if (value === null) el.removeAttribute(key);
  else el.setAttribute(key, value);
}

export function setStyle(el, key, value) {
  if (el.style[key] !== value) el.style[key] = value;
}

export function setHidden(el, hidden) {
  if (el.hidden !== hidden) el.hidden = hidden;
}

/**
 * Puts an element behind another one, or first, unless it is there: moving it would drop its focus, and lay it
 * out anew.  If one element alone stands between, it is that one that moves, to the end: for a list whose first
 * row has become its last, that is one move in place of all others.
 * @param {Element} parent @param {Element | null} before   null: first @param {Element} el
 */
export function putBehind(parent, before, el) {
  const place = before ? before.nextSibling : parent.firstChild;
  if (el === place) return el;
  if (place && place.nextSibling === el) parent.insertBefore(place, null);
  else parent.insertBefore(el, place);
  return el;
}

/** Adds a drawing in a 16 × 16 box with the current colour; returns its path, whose `d` may change. */
export function glyph(parent, className, d = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', className);
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  if (d) path.setAttribute('d', d);
  svg.appendChild(path);
  parent.appendChild(svg);
  return path;
}

export function pageTimers() {
  return {
    now: () => Date.now(),
    later: (fn, ms) => setTimeout(fn, ms),
    forget: timer => clearTimeout(timer)
  };
}
