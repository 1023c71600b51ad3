// The stretch of time that a timeline shows, and the marks on its axis: numbers alone, without a page.

/** @typedef {{from: number, to: number}} TimeRange   seconds since the epoch */

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
const DAY = 86400;
const LEAST = 0.01;   // seconds: closer than this, nothing is told apart

/** Returns the range at another scale, with the moment `at` where it is; never more than `all`. */
export function zoomedRange(range, factor, at, all) {
  const length = Math.min(all.to - all.from, Math.max(LEAST, (range.to - range.from) * factor));
  const part = (at - range.from) / (range.to - range.from);
  return keptWithin({ from: at - part * length, to: at - part * length + length }, all);
}

/** Returns the range moved by so many seconds, within `all`. */
export function movedRange(range, seconds, all) {
  return keptWithin({ from: range.from + seconds, to: range.to + seconds }, all);
}

/** Returns the range moved as little as possible, so that a bar's beginning can be seen. */
export function rangeWith(range, start, all) {
  const margin = (range.to - range.from) * .1;
  if (start < range.from) return movedRange(range, start - margin - range.from, all);
  if (start > range.to) return movedRange(range, start + margin - range.to, all);
  return range;
}

function keptWithin({ from, to }, all) {
  const length = Math.min(to - from, all.to - all.from);
  const begin = Math.min(Math.max(from, all.from), all.to - length);
  return { from: begin, to: begin + length };
}

/** Returns the moments of the axis, on whole local seconds, minutes or hours, with their texts. */
export function axisMarks(range, most) {
  const length = range.to - range.from;
  let step = STEPS.find(each => length / each <= most) ?? DAY * Math.max(1, Math.round(length / DAY / most));
  if (length < most / 2) step = 10 ** Math.ceil(Math.log10(length / most));
  const shift = new Date(range.from * 1000).getTimezoneOffset() * -60;
  const marks = [];
  for (let n = Math.ceil((range.from + shift) / step); n * step - shift <= range.to && marks.length <= 2 * most; n++) {
    marks.push({ at: n * step - shift, text: markText(n * step - shift, length, step) });
  }
  return marks;
}

function markText(at, length, step) {
  const local = new Date(at * 1000);
  const two = number => String(number).padStart(2, '0');
  if (length > 2 * DAY) return local.toLocaleDateString([], { day: '2-digit', month: 'short' });
  const minutes = `${two(local.getHours())}:${two(local.getMinutes())}`;
  if (length >= 600) return minutes;
  const seconds = `${minutes}:${two(local.getSeconds())}`;
  return step < 1 ? `${seconds}.${String(Math.round(local.getMilliseconds())).padStart(3, '0')}` : seconds;
}

/** Returns a length of time in words: as exact as a person wants it. */
export function lengthOf(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = number => String(number).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
