// A timeline in a page: a canvas in an area that scrolls, with wheel, pointer and keys.

import { append, setStyle } from '../dom.js';
import { createDrawingFrame } from './drawing_frame.js';
import { barAfterKey, barAt, barInWords, nameOfBar, placeBars, spansInWords, wholeRange } from './placed_bars.js';
import { createPainter, HEAD, labelsIn, ROW } from './painter.js';
import { movedRange, rangeWith, zoomedRange } from './time_range.js';

const HELP = 'Click, then zoom with the wheel, or with + and −; 0 shows all. Arrow keys go along the bars.';
const ARROWS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End']);
const TALLEST = 420;
const STEP = 1.6;
const SECOND = 1000;

/** @param {HTMLElement} el @param {() => number} now   the kernel's clock, in seconds */
export function createTimelineView(el, now) {
  const frame = createDrawingFrame(el, {
    kind: 'timeline', help: HELP, zoom: how => zoom(how), headings: ['lane', 'job', 'state', 'from', 'spans'], cells
  });
  const { area } = frame;
  const space = append(area, 'div', 'ja-drawing-space');
  const canvas = append(space, 'canvas', '', { 'aria-hidden': 'true' });
  const painter = createPainter(frame.root, canvas);
  let placed = placeBars({ lanes: [], bars: [], critical: [], words: [], base: 0 });
  let range = null;        // null: all there is
  let at = null;           // the bar that has the focus
  let over = null;         // the one under the mouse
  let drag = null;
  let asked = 0;

  const all = () => wholeRange(placed, now());
  const shown = () => range ?? all();
  const width = () => area.clientWidth;
  const secondsPerPixel = () => (shown().to - shown().from) / Math.max(1, width() - labelsIn(width()) - 8);
  const momentAt = x => shown().from + (x - labelsIn(width())) * secondsPerPixel();

  function draw(fast = false) {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      const begun = performance.now();
      const view = { width: width(), height: area.clientHeight, scroll: area.scrollTop, range: shown(), now: now(), at: over ?? at, fast };
      if (!view.width || !view.height) return;
      setStyle(canvas, 'width', `${view.width}px`);
      setStyle(canvas, 'height', `${view.height}px`);
      painter.paint(placed, view);
      frame.root.dataset.ms = (performance.now() - begun).toFixed(1);
    });
  }

  function setRange(next) {
    const whole = all();
    range = next && next.to - next.from < (whole.to - whole.from) * .9999 ? next : null;
    frame.root.dataset.zoom = range ? ((whole.to - whole.from) / (range.to - range.from)).toFixed(2) : '1';
    draw(true);
  }

  function zoom(how, moment = at ? Math.max(at.start, shown().from) : (shown().from + shown().to) / 2) {
    setRange(how === 'fit' ? null : zoomedRange(shown(), how === 'in' ? 1 / STEP : STEP, moment, all()));
  }

  function choose(bar) {
    at = bar;
    frame.say(bar && barInWords(placed, bar, now()));
    if (!bar) return draw();
    if (range) setRange(rangeWith(range, bar.start, all()));
    const top = HEAD + bar.y * ROW;
    if (top - HEAD < area.scrollTop) area.scrollTop = top - HEAD;
    else if (top + ROW > area.scrollTop + area.clientHeight) area.scrollTop = top + ROW - area.clientHeight;
    draw();
  }

  function barUnder(event) {
    const box = area.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (y < HEAD || x < labelsIn(width())) return null;
    return barAt(placed, Math.floor((y + area.scrollTop - HEAD) / ROW), momentAt(x), 3 * secondsPerPixel(), now());
  }

  area.addEventListener('keydown', event => {
    const how = frame.zoomOf(event);
    if (how) zoom(how);
    else if (event.shiftKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) {
      const part = (shown().to - shown().from) * (event.key === 'ArrowLeft' ? -.25 : .25);
      setRange(movedRange(shown(), part, all()));
    } else if (ARROWS.has(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) choose(barAfterKey(placed, at, event.key));
    else return;
    event.preventDefault();
  });
  area.addEventListener('wheel', event => {
    const isOurs = event.ctrlKey || document.activeElement === area || area.contains(document.activeElement);
    if (!isOurs) return;   // the page scrolls, until somebody has clicked here
    event.preventDefault();
    const x = event.clientX - area.getBoundingClientRect().left;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      setRange(movedRange(shown(), (event.deltaX || event.deltaY) * secondsPerPixel(), all()));
    } else setRange(zoomedRange(shown(), 1.0015 ** event.deltaY, momentAt(x), all()));
  }, { passive: false });
  area.addEventListener('pointerdown', event => {
    if (event.button !== 0 || event.offsetX > area.clientWidth) return;
    drag = { x: event.clientX, y: event.clientY, range: shown(), scroll: area.scrollTop, moved: false };
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener('pointermove', event => {
    if (!drag) {
      over = barUnder(event);
      area.title = over ? barInWords(placed, over, now()) : '';
      draw(true);
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
    if (!drag.moved) return;
    area.scrollTop = drag.scroll - dy;
    if (range) setRange(movedRange(drag.range, -dx * secondsPerPixel(), all()));
  });
  area.addEventListener('pointerup', event => {
    const had = drag;
    drag = null;
    if (had && !had.moved) choose(barUnder(event));
  });
  area.addEventListener('pointercancel', () => { drag = null; });
  area.addEventListener('pointerleave', () => { over = null; draw(); });
  area.addEventListener('scroll', () => draw(true));
  area.addEventListener('focus', () => { if (!at && placed.bars.length && area.matches(':focus-visible')) choose(barAfterKey(placed, null, 'Home')); });
  const sizes = new ResizeObserver(() => draw());
  sizes.observe(area);
  const tick = setInterval(() => { if (placed.bars.some(bar => bar.isOpen) && !document.hidden) draw(); }, SECOND);

  function cells() {
    const moment = now();
    return placed.bars.map(bar => [
      placed.lanes[bar.lane][0], nameOfBar(bar), bar.state, new Date(bar.start * 1000).toLocaleString(), spansInWords(bar, moment)
    ]);
  }

  return {
    show(picture) {
      placed = placeBars(picture);
      at = at && (placed.byId.get(at.id) ?? null);
      over = null;
      setStyle(space, 'height', `${HEAD + placed.rows * ROW + 2}px`);
      setStyle(area, 'height', `${Math.min(TALLEST, HEAD + placed.rows * ROW + 4)}px`);
      frame.title(picture.caption);
      if (at) frame.say(barInWords(placed, at, now()));
      frame.fill();
      draw();
    },
    dispose() {
      sizes.disconnect();
      clearInterval(tick);
      cancelAnimationFrame(asked);
      frame.root.remove();
    }
  };
}
