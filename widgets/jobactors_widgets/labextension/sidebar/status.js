// Draws the status item: "2 jobs running" and their common progress, and failures until they are read;
// hidden without either.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {HTMLElement} root
 * @param {() => void} pressed
 */
export function createStatus(root, pressed) {
  root.classList.add('ja-status');
  root.setAttribute('dir', 'ltr');   // its words are English
  const button = root.appendChild(document.createElement('button'));
  button.type = 'button';
  button.className = 'ja-status-button';
  button.addEventListener('click', pressed);
  const ring = button.appendChild(document.createElementNS(SVG, 'svg'));
  ring.setAttribute('class', 'ja-status-ring');
  ring.setAttribute('viewBox', '0 0 16 16');
  ring.setAttribute('aria-hidden', 'true');
  const [track, arc] = ['ja-status-track', 'ja-status-arc'].map(name => {
    const circle = ring.appendChild(document.createElementNS(SVG, 'circle'));
    for (const [key, value] of Object.entries({ class: name, cx: 8, cy: 8, r: 5.5 })) circle.setAttribute(key, String(value));
    circle.setAttribute('pathLength', '100');
    return circle;
  });
  track.setAttribute('class', 'ja-status-track');
  const news = button.appendChild(document.createElement('span'));
  news.className = 'ja-status-news';
  const words = button.appendChild(document.createElement('span'));
  const far = button.appendChild(document.createElement('span'));
  far.className = 'ja-status-far';
  root.hidden = true;

  /**
   * @param {{news: string, work: string}} text   as statusText returns it
   * @param {string} title
   * @param {number | null} fraction
   */
  function show(text, title, fraction) {
    const isEmpty = !text.news && !text.work;
    if (root.hidden !== isEmpty) root.hidden = isEmpty;
    if (isEmpty) return;
    const isUnknown = Boolean(text.work) && fraction === null;
    setText(news, text.news);
    setText(words, text.work);
    setText(far, !text.work || fraction === null ? '' : `${Math.floor(fraction * 100)}\u202f%`);
    root.classList.toggle('ja-status-failed', Boolean(text.news));
    root.classList.toggle('ja-status-unknown', isUnknown);
    arc.setAttribute('stroke-dasharray', isUnknown ? '30 70' : text.work ? `${(fraction * 100).toFixed(1)} 100` : '100 0');
    setTitle(`${title}\nShow the background jobs`);
  }

  function setTitle(title) {
    if (button.title !== title) button.title = title;
  }

  return { show };
}

function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}
