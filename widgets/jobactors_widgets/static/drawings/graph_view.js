// A graph of jobs in a page: boxes and lines (SVG), with wheel, pointer and keys.

import { append, setStyle } from '../dom.js';
import { createDrawingFrame } from './drawing_frame.js';
import { lengthOf } from './time_range.js';

const GRAPH_HELP = 'Click, then zoom with the wheel, or with + and −; 0 shows all. Arrow keys go along the lines.';
const SVG_SPACE = 'http://www.w3.org/2000/svg';
const BOX = { width: 150, height: 34 };
const GAP = { x: 56, y: 14 };
const MARGIN = 8;
const LONGEST = 22;
const GRAPH_TALLEST = 460;
const GRAPH_STEP = 1.3;
const MOST_ZOOM = 4;
const GRAPH_SIGNS = {
  queued: '○', running: '▶', paused: '‖', cancelling: '…', interrupted: '!', succeeded: '✓', failed: '✗', cancelled: '–'
};

/** Returns the corners of all boxes, in layers from left to right, and the size of the whole. */
export function placeNodes(layers) {
  const tallest = Math.max(1, ...layers.map(layer => layer.length));
  const height = tallest * (BOX.height + GAP.y);
  const corners = new Map();
  layers.forEach((layer, column) => layer.forEach((id, row) => {
    const step = height / layer.length;
    corners.set(id, [MARGIN + column * (BOX.width + GAP.x), MARGIN + row * step + (step - BOX.height) / 2]);
  }));
  return { corners, width: Math.max(1, layers.length) * (BOX.width + GAP.x) - GAP.x + 2 * MARGIN, height: height + 2 * MARGIN };
}

/** Returns the job to which an arrow key leads: along a line, or up and down in a layer. */
export function nodeAfterKey(graph, id, key) {
  const { layers, nodes } = graph;
  if (id === null || !nodes.has(id) || key === 'Home') return layers[0]?.[0] ?? null;
  if (key === 'ArrowLeft') return nodes.get(id).after.find(each => nodes.has(each)) ?? id;
  if (key === 'ArrowRight') return [...nodes.values()].find(node => node.after.includes(id))?.id ?? id;
  const layer = layers.find(each => each.includes(id));
  return layer[layer.indexOf(id) + (key === 'ArrowUp' ? -1 : 1)] ?? id;
}

const COUNTS_ON = new Set(['running', 'cancelling']);

/** @param {HTMLElement} el @param {() => number} now   the kernel's clock, in seconds */
export function createGraphView(el, now) {
  const frame = createDrawingFrame(el, {
    kind: 'graph', help: GRAPH_HELP, zoom: how => zoom(how), headings: ['job', 'state', 'comes after'], cells
  });
  const { area } = frame;
  let graph = { now: 0, nodes: new Map(), layers: [], critical: [] };
  let place = placeNodes([]);
  const tick = setInterval(() => { if (!document.hidden) for (const redraw of moving) redraw(); }, 1000);
  let moving = [];   // functions that set the texts of jobs at work, whose time goes on
  let drawn = null, scale = 1, isFitted = true, at = null, drag = null, last = '';

  const make = (parent, tag, attributes) => {
    const made = document.createElementNS(SVG_SPACE, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return parent.appendChild(made);
  };

  function stateOfNode(node) {
    if (!node.state) return 'not there any more';
    const seconds = node.seconds + (COUNTS_ON.has(node.state) ? Math.max(0, now() - graph.now) : 0);
    return seconds ? `${node.state} ${lengthOf(seconds)}` : node.state;
  }

  function rebuild() {
    drawn?.remove();
    moving = [];
    drawn = make(area, 'svg', { viewBox: `0 0 ${place.width} ${place.height}`, 'aria-hidden': 'true' });
    const thick = new Set(graph.critical.slice(1).map((id, i) => `${graph.critical[i]} ${id}`));
    for (const node of graph.nodes.values()) for (const id of node.after) if (place.corners.has(id)) {
      const [x, y] = place.corners.get(id), [toX, toY] = place.corners.get(node.id);
      const [from, middle] = [x + BOX.width, (x + BOX.width + toX) / 2];
      make(drawn, 'path', {
        class: thick.has(`${id} ${node.id}`) ? 'ja-line ja-critical' : 'ja-line',
        d: `M${from} ${y + BOX.height / 2} C${middle} ${y + BOX.height / 2} ${middle} ${toY + BOX.height / 2} ${toX} ${toY + BOX.height / 2}`
      });
    }
    for (const [id, [x, y]] of place.corners) {
      const node = graph.nodes.get(id);
      const group = make(drawn, 'g', { class: 'ja-node', 'data-id': id, 'data-state': node.state || 'gone' });
      group.classList.toggle('ja-critical', graph.critical.includes(id));
      const title = make(group, 'title', {});
      make(group, 'rect', { x, y, width: BOX.width, height: BOX.height, rx: 4 });
      const name = node.name.length > LONGEST ? `${node.name.slice(0, LONGEST - 1)}…` : node.name;
      make(group, 'text', { x: x + 8, y: y + 14 }).textContent = name;
      const state = make(group, 'text', { x: x + 8, y: y + 28, class: 'ja-state' });
      const redraw = () => {
        title.textContent = wordsOfNode(node);
        state.textContent = `${GRAPH_SIGNS[node.state] ?? ''} ${stateOfNode(node)}`;
      };
      redraw();
      if (COUNTS_ON.has(node.state)) moving.push(redraw);
    }
    mark();
    size();
  }

  function wordsOfNode(node) {
    const after = node.after.map(id => graph.nodes.get(id)?.name).filter(Boolean);
    return [
      `${node.name}: ${stateOfNode(node)}`,
      after.length ? `after ${after.join(', ')}` : '',
      graph.critical.includes(node.id) ? 'on the critical path' : ''
    ].filter(Boolean).join('; ');
  }

  function size() {
    if (isFitted) scale = Math.min(1, (area.clientWidth || 600) / place.width);
    setStyle(drawn, 'width', `${place.width * scale}px`);
    setStyle(drawn, 'height', `${place.height * scale}px`);
    setStyle(area, 'height', `${Math.min(GRAPH_TALLEST, place.height * scale + 6)}px`);
    frame.root.dataset.zoom = scale.toFixed(2);
  }

  function zoomTo(next, x = area.clientWidth / 2, y = area.clientHeight / 2) {
    const [left, top] = [(area.scrollLeft + x) / scale, (area.scrollTop + y) / scale];
    isFitted = false;
    scale = Math.min(MOST_ZOOM, Math.max(.1, next));
    size();
    area.scrollLeft = left * scale - x;
    area.scrollTop = top * scale - y;
  }

  function zoom(how) {
    isFitted = how === 'fit';
    if (isFitted) size();
    else zoomTo(how === 'in' ? scale * GRAPH_STEP : scale / GRAPH_STEP);
  }

  function mark() {
    for (const each of drawn?.querySelectorAll('.ja-node') ?? []) each.classList.toggle('ja-at', each.dataset.id === at);
  }

  function choose(id) {
    at = id;
    const node = graph.nodes.get(id);
    frame.say(node && wordsOfNode(node));
    mark();
    if (!node) return;
    const [x, y] = place.corners.get(id);
    const keep = (from, to, begin, room) => from < begin ? from - 8 : to > begin + room ? to + 8 - room : begin;
    area.scrollLeft = keep(x * scale, (x + BOX.width) * scale, area.scrollLeft, area.clientWidth);
    area.scrollTop = keep(y * scale, (y + BOX.height) * scale, area.scrollTop, area.clientHeight);
  }

  area.addEventListener('keydown', event => {
    const how = frame.zoomOf(event);
    if (how) zoom(how);
    else if (/^(Arrow|Home)/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) choose(nodeAfterKey(graph, at, event.key));
    else return;
    event.preventDefault();
  });
  area.addEventListener('wheel', event => {
    if (!event.ctrlKey && document.activeElement !== area) return;   // the page scrolls
    event.preventDefault();
    const box = area.getBoundingClientRect();
    zoomTo(scale * .9985 ** event.deltaY, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  area.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, left: area.scrollLeft, top: area.scrollTop, moved: false, on: event.target.closest?.('.ja-node') };
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener('pointermove', event => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
    if (drag.moved) [area.scrollLeft, area.scrollTop] = [drag.left - dx, drag.top - dy];
  });
  area.addEventListener('pointerup', () => {
    if (drag && !drag.moved) choose(drag.on?.dataset.id ?? null);
    drag = null;
  });
  area.addEventListener('pointercancel', () => { drag = null; });
  area.addEventListener('focus', () => { if (at === null && area.matches(':focus-visible')) choose(nodeAfterKey(graph, null, 'Home')); });
  const sizes = new ResizeObserver(() => { if (drawn) size(); });
  sizes.observe(area);

  function cells() {
    return [...graph.nodes.values()].map(node => [
      node.name, stateOfNode(node), node.after.map(id => graph.nodes.get(id)?.name).filter(Boolean).join(', ')
    ]);
  }

  return {
    show(picture) {
      const text = JSON.stringify([picture.nodes, picture.layers, picture.critical]);
      frame.title(picture.caption);
      if (text === last) return;
      last = text;
      graph = { ...picture, nodes: new Map(picture.nodes.map(node => [node.id, node])) };
      place = placeNodes(picture.layers);
      rebuild();
      if (at !== null && graph.nodes.has(at)) frame.say(wordsOfNode(graph.nodes.get(at)));
      frame.fill();
    },
    dispose() {
      sizes.disconnect();
      clearInterval(tick);
      frame.root.remove();
    }
  };
}
