// The bars of a timeline in their rows: which lies under the mouse, which comes next for a key, and
// what each says in words.  Without a page.

import { lengthOf } from './time_range.js';

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);

/**
 * Returns the bars with their rows counted through all lanes.
 * @param {any} picture   as drawings.py sends it
 */
export function placeBars(picture) {
  const tops = [];
  let rows = 0;
  for (const [, count] of picture.lanes) {
    tops.push(rows);
    rows += count;
  }
  const word = number => number === undefined ? null : picture.words[number];
  const moment = at => picture.base + at / 1000;
  const bars = picture.bars.map(([id, name, subject, state, lane, row, spans, stages, after]) => ({
    id, lane, after,
    name: word(name),
    subject: word(subject),
    state: word(state),
    y: tops[lane] + row,
    spans: spans.map(([from, to, what, why]) => [moment(from), moment(to), word(what), word(why)]),
    stages: stages.map(([from, to, label]) => [moment(from), moment(to), word(label)]),
    start: moment(spans[0][0]),
    end: moment(spans[spans.length - 1][1]),
    isOpen: !ENDED.has(word(state))
  }));
  const byRow = Array.from({ length: rows }, () => []);
  for (const bar of bars) byRow[bar.y].push(bar);
  for (const row of byRow) row.sort((one, other) => one.start - other.start);
  const byId = new Map(bars.map(bar => [bar.id, bar]));
  return { bars, byRow, byId, tops, rows, lanes: picture.lanes, critical: picture.critical };
}

/** Returns the end of a bar, which moves while its job has not ended. */
export function endOf(bar, now) {
  return bar.isOpen ? Math.max(bar.end, now) : bar.end;
}

/** Returns the stretch of time of all bars. */
export function wholeRange(placed, now) {
  let [from, to] = [Infinity, -Infinity];
  for (const bar of placed.bars) {
    from = Math.min(from, bar.start);
    to = Math.max(to, endOf(bar, now));
  }
  if (from === Infinity) return { from: now - 1, to: now };
  return { from, to: Math.max(to, from + .01) };
}

/** Returns the bar at a moment of a row, or the next within `slack` seconds of it. */
export function barAt(placed, y, at, slack, now) {
  let best = null, nearest = slack;
  for (const bar of placed.byRow[y] ?? []) {
    const away = Math.max(bar.start - at, at - endOf(bar, now), 0);
    if (away <= nearest) [best, nearest] = [bar, away];
  }
  return best;
}

/**
 * Returns the bar to which a key leads: along a row, and at its ends on to the next; or to the bar of a
 * row above or below that is nearest in time.
 */
export function barAfterKey(placed, bar, key) {
  const rows = placed.byRow;
  const filled = rows.filter(row => row.length);
  if (!filled.length) return null;
  if (!bar || key === 'Home') return filled[0][0];
  if (key === 'End') return filled[filled.length - 1].at(-1);
  const row = rows[bar.y], place = row.findIndex(each => each.id === bar.id);
  const step = key === 'ArrowRight' || key === 'ArrowDown' ? 1 : -1;
  if ((key === 'ArrowRight' || key === 'ArrowLeft') && row[place + step]) return row[place + step];
  let y = bar.y + step;
  while (rows[y] && !rows[y].length) y += step;
  if (!rows[y]) return bar;
  if (key === 'ArrowRight') return rows[y][0];
  if (key === 'ArrowLeft') return rows[y].at(-1);
  const distance = other => Math.abs(other.start + other.end - bar.start - bar.end);
  return rows[y].reduce((one, other) => distance(other) < distance(one) ? other : one);
}

/** Returns the name of a bar's job. */
export function nameOfBar(bar) {
  return bar.subject ? `${bar.name} · ${bar.subject}` : bar.name;
}

/** Returns the spans of a bar in words, and its stages. */
export function spansInWords(bar, now) {
  const last = bar.spans.length - 1;
  const spans = bar.spans.map(([from, to, state, waiting], i) => {
    const until = i === last && bar.isOpen ? Math.max(to, now) : to;
    return `${waiting ? `${state} for ${waiting}` : state} ${lengthOf(until - from)}`;
  });
  const stages = bar.stages.map(([from, to, label]) => `${label} ${lengthOf(to - from)}`);
  return spans.join(', ') + (stages.length ? `; stages: ${stages.join(', ')}` : '');
}

/** Returns all that a bar says. */
export function barInWords(placed, bar, now) {
  const after = bar.after.map(id => placed.byId.get(id)).filter(Boolean).map(nameOfBar);
  return [
    `${nameOfBar(bar)}: ${bar.state}`,
    spansInWords(bar, now),
    after.length ? `after ${after.join(', ')}` : '',
    placed.critical.includes(bar.id) ? 'on the critical path' : ''
  ].filter(Boolean).join('; ');
}
