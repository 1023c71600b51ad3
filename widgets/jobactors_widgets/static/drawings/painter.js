// Paints a timeline on a canvas: thousands of bars, sixty times a second.  Colours are those of the
// host's theme, read off hidden elements, as a canvas knows no variables.

import { append } from '../dom.js';
import { endOf } from './placed_bars.js';
import { axisMarks } from './time_range.js';

export const ROW = 20;
export const HEAD = 22;
const BAR = 14;
const STAGE = 5;
const PAD = 8;
const COLOURS = ['text', 'soft', 'line', 'back', 'run', 'good', 'bad', 'warn', 'calm', 'brand', 'on'];
const SIGNS = { succeeded: '✓', failed: '✗', cancelled: '–', interrupted: '!', paused: '‖' };

/** Returns the width of the labels of lanes, for a drawing of this width. */
export const labelsIn = width => Math.round(Math.min(150, width * .25));

/** @param {HTMLElement} root   holds the swatches @param {HTMLCanvasElement} canvas */
export function createPainter(root, canvas) {
  const swatches = append(root, 'div', 'ja-swatches', { 'aria-hidden': 'true' });
  const marks = COLOURS.map(name => append(swatches, 'i', `ja-colour-${name}`));
  const context = canvas.getContext('2d');
  let colours = {};
  let hatch = null;

  function readColours() {
    const found = Object.fromEntries(COLOURS.map((name, i) => [name, getComputedStyle(marks[i]).color]));
    if (found.soft === colours.soft && found.back === colours.back) return;
    colours = found;
    const tile = document.createElement('canvas');
    tile.width = tile.height = 6;
    const on = tile.getContext('2d');
    on.strokeStyle = found.soft;
    on.lineWidth = 1.5;
    on.beginPath();
    for (const shift of [-6, 0, 6]) {
      on.moveTo(shift - 1, 7);
      on.lineTo(shift + 7, -1);
    }
    on.stroke();
    hatch = context.createPattern(tile, 'repeat');
  }

  const fills = bar => ({ succeeded: colours.good, failed: colours.bad, cancelled: colours.calm }[bar.state] ?? colours.run);

  function fillOf(bar, state, waiting) {
    if (state === 'queued' || waiting) return hatch;
    if (state === 'paused') return colours.warn;
    if (state === 'cancelling') return colours.calm;
    return state === 'interrupted' ? null : fills(bar);
  }

  /**
   * @param {any} placed   of placed_bars.js
   * @param {{width: number, height: number, scroll: number, range: any, now: number, at: any, fast: boolean}} view
   */
  function paint(placed, view) {
    const { width, height, scroll, range, now } = view;
    const ratio = globalThis.devicePixelRatio || 1;
    if (!view.fast) readColours();
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    const left = labelsIn(width);
    const perSecond = (width - left - PAD) / (range.to - range.from);
    const x = at => left + (at - range.from) * perSecond;
    const first = Math.max(0, Math.floor((scroll - HEAD) / ROW));
    const last = Math.min(placed.rows - 1, Math.ceil((scroll + height) / ROW));
    const top = y => HEAD + y * ROW - scroll;

    context.save();
    context.beginPath();
    context.rect(left, HEAD, width - left, height - HEAD);
    context.clip();
    paintAxis(range, x, left, width, height, false);
    for (let y = first; y <= last; y++) {
      for (const bar of placed.byRow[y]) {
        if (bar.start <= range.to && endOf(bar, now) >= range.from) paintBar(bar, x, top(y) + 3, now, left, width);
      }
    }
    paintPaths(placed, view, x, top);
    if (now <= range.to && placed.bars.some(bar => bar.isOpen)) {
      context.fillStyle = colours.brand;
      context.fillRect(x(now) - .5, HEAD, 1, height);
    }
    context.restore();
    paintLanes(placed, first, last, left, width, top);
    context.fillStyle = colours.back;
    context.fillRect(0, 0, width, HEAD);
    paintAxis(range, x, left, width, height, true);
  }

  function paintAxis(range, x, left, width, height, withTexts) {
    context.textAlign = 'center';
    for (const { at, text } of axisMarks(range, Math.max(2, Math.floor((width - left) / 90)))) {
      context.fillStyle = withTexts ? colours.soft : colours.line;
      if (withTexts) context.fillText(text, Math.min(Math.max(x(at), left + 24), width - 24), HEAD / 2);
      else context.fillRect(Math.round(x(at)), HEAD, 1, height);
    }
  }

  function paintBar(bar, x, y, now, left, width) {
    const count = bar.spans.length;
    for (let i = 0; i < count; i++) {
      const [from, to, state, waiting] = bar.spans[i];
      const until = i === count - 1 && bar.isOpen ? Math.max(to, now) : to;
      const begin = Math.max(x(from), left - 2), end = Math.min(x(until), width + 2);
      if (end < left || begin > width) continue;
      const fill = fillOf(bar, state, waiting);
      if (fill) {
        context.fillStyle = fill;
        context.fillRect(begin, y, Math.max(1, end - begin), BAR);
      }
      if (!fill || fill === hatch) {
        context.strokeStyle = fill ? colours.soft : colours.warn;
        context.lineWidth = 1;
        context.strokeRect(begin + .5, y + .5, Math.max(0, end - begin - 1), BAR - 1);
      }
    }
    for (let i = 0; i < bar.stages.length; i++) {
      const [from, to] = bar.stages[i];
      context.fillStyle = i % 2 ? 'rgba(0, 0, 0, .24)' : 'rgba(0, 0, 0, .5)';
      context.fillRect(x(from), y + BAR - STAGE, Math.max(.5, x(to) - x(from)), STAGE);
    }
    const work = bar.spans.find(([, , state]) => state !== 'queued');
    if (work) paintWords(bar, Math.max(x(work[0]), left), Math.min(x(endOf(bar, now)), width), y);
  }

  function paintWords(bar, begin, end, y) {
    if (end - begin < 18) return;
    const last = bar.spans[bar.spans.length - 1];
    const worked = bar.spans.some(([, , state]) => state === 'running') && last[2] !== 'queued';
    const text = `${SIGNS[bar.state] ?? ''} ${end - begin > 60 ? bar.name : ''}`.trim();
    if (!text || !worked) return;
    context.save();
    context.beginPath();
    context.rect(begin, y, end - begin - 3, BAR);
    context.clip();
    context.textAlign = 'left';
    context.fillStyle = colours.on;
    context.fillText(text, begin + 4, y + BAR / 2 + .5);
    context.restore();
  }

  function paintPaths(placed, view, x, top) {
    context.strokeStyle = colours.text;
    const { critical, byId } = placed;
    const corner = bar => [x(bar.start), top(bar.y) + 3, x(endOf(bar, view.now)) - x(bar.start)];
    const arrow = (one, other) => {
      const [, y] = corner(one), [, toY] = corner(other);
      const work = other.spans.find(([, , state]) => state !== 'queued');
      if (!work) return;   // it has not begun: nobody knows when
      const begin = x(endOf(one, view.now)), end = x(work[0]);
      const bend = Math.min(14, Math.max(0, end - begin) / 2);
      context.beginPath();
      context.moveTo(begin, y + BAR / 2);
      context.bezierCurveTo(begin + bend, y + BAR / 2, end - bend, toY + BAR / 2, end, toY + BAR / 2);
      context.stroke();
    };
    context.lineWidth = 2;
    critical.forEach((id, i) => {
      const bar = byId.get(id), next = byId.get(critical[i + 1]);
      if (!bar) return;
      const [begin, y, wide] = corner(bar);
      context.strokeRect(begin, y, Math.max(2, wide), BAR);
      if (next) arrow(bar, next);
    });
    const { at } = view;
    if (!at) return;
    context.lineWidth = 1;
    for (const id of at.after) if (byId.has(id)) arrow(byId.get(id), at);
    for (const bar of placed.bars) if (bar.after.includes(at.id)) arrow(at, bar);
    const [begin, y, wide] = corner(at);
    context.strokeStyle = colours.brand;
    context.lineWidth = 2;
    context.strokeRect(begin - 2, y - 2, Math.max(2, wide) + 4, BAR + 4);
  }

  function paintLanes(placed, first, last, left, width, top) {
    context.textAlign = 'left';
    placed.lanes.forEach(([label, rows], lane) => {
      const y = placed.tops[lane];
      if (y > last || y + rows <= first) return;
      context.fillStyle = colours.line;
      context.fillRect(0, top(y + rows), width, 1);
      context.save();
      context.beginPath();
      context.rect(0, HEAD, left - 4, 1e5);
      context.clip();
      context.fillStyle = colours.text;
      context.fillText(label || '(none)', 4, Math.max(top(y), HEAD) + ROW / 2);
      context.restore();
    });
  }

  return { paint };
}
