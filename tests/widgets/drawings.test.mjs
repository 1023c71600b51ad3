// The pure half of timelines and graphs: ranges, axes, places, and what a key leads to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeAfterKey, placeNodes } from '../../widgets/jobactors_widgets/static/drawings/graph_view.js';
import { barAfterKey, barAt, barInWords, placeBars, wholeRange } from '../../widgets/jobactors_widgets/static/drawings/placed_bars.js';
import { axisMarks, lengthOf, movedRange, rangeWith, zoomedRange } from '../../widgets/jobactors_widgets/static/drawings/time_range.js';

const ALL = { from: 100, to: 200 };

test('zooming leaves the moment under the mouse where it is, and ends at the whole', () => {
  assert.deepEqual(zoomedRange(ALL, .5, 120, ALL), { from: 110, to: 160 });
  assert.deepEqual(zoomedRange({ from: 110, to: 160 }, 10, 120, ALL), ALL);
  const least = zoomedRange(ALL, 1e-9, 150, ALL);
  assert.ok(Math.abs(least.to - least.from - .01) < 1e-9);
});

test('a range moves up to the ends, and as little as a bar needs', () => {
  assert.deepEqual(movedRange({ from: 110, to: 120 }, 500, ALL), { from: 190, to: 200 });
  assert.deepEqual(rangeWith({ from: 110, to: 120 }, 115, ALL), { from: 110, to: 120 });
  assert.deepEqual(rangeWith({ from: 110, to: 120 }, 150, ALL), { from: 141, to: 151 });
});

test('an axis has few marks, on whole steps, from milliseconds to years', () => {
  for (const length of [.01, .3, 2, 50, 4000, 90000, 4e7]) {
    const marks = axisMarks({ from: 1.7e9, to: 1.7e9 + length }, 8);
    assert.ok(marks.length >= 1 && marks.length <= 16, `${length}: ${marks.length}`);
    assert.ok(marks.every(({ at }) => at >= 1.7e9 - 1e-3 && at <= 1.7e9 + length + 1e-3));
  }
  assert.deepEqual([.25, 4.2, 61, 3661].map(lengthOf), ['250 ms', '4.2 s', '1:01', '1:01:01']);
});

const PICTURE = {
  base: 100, lanes: [['a', 2], ['b', 1]], critical: ['one', 'three'],
  words: ['one', '', 'succeeded', 'queued', 'running', 'slot', 'two', 'three', 'read'],
  bars: [
    ['one', 0, 1, 2, 0, 0, [[0, 1000, 3, 5], [1000, 5000, 4]], [[1000, 2000, 8]], []],
    ['two', 6, 1, 4, 0, 1, [[2000, 6000, 4]], [], []],
    ['three', 7, 1, 4, 1, 0, [[5000, 6000, 4]], [], ['one']]
  ]
};

test('bars know their row, their end while they go on, and their words', () => {
  const placed = placeBars(PICTURE);
  assert.deepEqual(placed.bars.map(bar => bar.y), [0, 1, 2]);
  assert.deepEqual(wholeRange(placed, 110), { from: 100, to: 110 });
  assert.equal(barAt(placed, 1, 108, 0, 110).id, 'two');   // it goes on
  assert.equal(barAt(placed, 0, 108, 0, 110), null);
  assert.equal(barAt(placed, 0, 105.5, 1, 110).id, 'one');   // next to it
  assert.equal(
    barInWords(placed, placed.bars[0], 110),
    'one: succeeded; queued for slot 1.0 s, running 4.0 s; stages: read 1.0 s; on the critical path'
  );
  assert.match(barInWords(placed, placed.bars[2], 110), /running 5.0 s; after one; on the critical path/);
});

test('keys lead along rows and between them, and stop at the ends', () => {
  const placed = placeBars(PICTURE);
  const [one, two, three] = placed.bars;
  const led = (bar, key) => barAfterKey(placed, bar, key)?.id;
  assert.equal(led(null, 'ArrowRight'), 'one');
  assert.equal(led(one, 'ArrowRight'), 'two');
  assert.equal(led(two, 'ArrowLeft'), 'one');
  assert.equal(led(one, 'ArrowUp'), 'one');
  assert.equal(led(three, 'Home'), 'one');
  assert.equal(led(one, 'End'), 'three');
  assert.equal(barAfterKey(placeBars({ ...PICTURE, bars: [] }), null, 'End'), null);
});

test('boxes lie in layers, and keys lead along lines', () => {
  const nodes = new Map([['a', []], ['b', ['a']], ['c', ['a']]].map(([id, after]) => [id, { id, after }]));
  const graph = { nodes, layers: [['a'], ['b', 'c']] };
  const { corners, width } = placeNodes(graph.layers);
  assert.ok(corners.get('b')[0] > corners.get('a')[0] + 150);
  assert.ok(corners.get('c')[1] > corners.get('b')[1] && width > 300);
  assert.equal(nodeAfterKey(graph, null, 'ArrowRight'), 'a');
  assert.equal(nodeAfterKey(graph, 'a', 'ArrowRight'), 'b');
  assert.equal(nodeAfterKey(graph, 'b', 'ArrowDown'), 'c');
  assert.equal(nodeAfterKey(graph, 'c', 'ArrowLeft'), 'a');
  assert.equal(nodeAfterKey(graph, 'c', 'ArrowDown'), 'c');
});
