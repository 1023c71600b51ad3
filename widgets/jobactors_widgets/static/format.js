// Formats a row as words and numbers.  Pure: no DOM, no clock.
//
// The times of a row are instants, in seconds since the epoch; what depends on the present takes `now`,
// by the same clock.
//
// The keys of a row are those of wire.py; tests/widgets/golden_rows.json holds both to them.

/**
 * @typedef {Object} Row
 * @property {string} id
 * @property {number} [number]   by which frames address it
 * @property {string} name
 * @property {string} state
 * @property {string} [subject]
 * @property {string} [icon]
 * @property {string} [waiting]
 * @property {string[]} [waits_for]  jobs or resources
 * @property {number} [due]       when the next attempt may start
 * @property {string} [request]
 * @property {boolean} [stuck]
 * @property {number} [attempt]
 * @property {string} [where]     the worker of a cluster
 * @property {string} [goes_on]   the job from whose checkpoint it goes on
 * @property {number} [fraction]  0 to 1
 * @property {number} [done]
 * @property {number} [total]
 * @property {string} [unit]
 * @property {number} [rate]      units a second
 * @property {number} [eta]       when it ends at the present speed
 * @property {number} [began]     when its time at work began
 * @property {number} [stopped]   when its time at work stopped
 * @property {string} [message]
 * @property {string} [stages]
 * @property {Record<string, number>} [counters]
 * @property {string} [error]
 * @property {string} [reason]
 * @property {string} [type]      where it is not the name
 * @property {string[]} [tags]
 * @property {number} [priority]
 * @property {boolean} [pausable]
 * @property {number} [lines]     lines of its log
 * @property {boolean | number} [unread]   of a batch the number of its failures
 * @property {string} [cut_off]   of a batch: what of its input was lost with its process
 * @property {string} [obstacle]  why it cannot go on, or start again
 * @property {boolean} [changed]  its source has changed
 * @property {boolean} [removed]  it is there no longer; set here, never by the kernel
 */

/** States that no event leads out of. */
export const TERMINAL = new Set(['succeeded', 'failed', 'cancelled']);
/** States in which an attempt exists. */
export const ACTIVE = new Set(['running', 'paused', 'cancelling']);
/** Returns whether a job has failed and nothing has read that yet. @param {Row} row */
export function isNews(row) {
  return row.state === 'failed' && Boolean(row.unread);
}

const AT_WORK = new Set(['running', 'cancelling']);

const REQUESTS = {
  cancel: 'cancelling…',
  pause: 'pausing…',
  resume: 'resuming…',
  'time out': 'timing out…',
  interrupt: 'stopping…'
};

const WAITS = {
  slot: 'waits for a free slot',
  resource: 'waits for a resource',
  rate: 'waits for its turn',
  dependency: 'waits for other jobs',
  'retry delay': 'tries again',
  hold: 'held',
  'start time': 'waits for its start time',
  'store': 'waits for the store, which cannot be written',
  cluster: 'waits for the cluster'
};

const THIN = '\u202f';   // narrow no-break space, between a number and its unit

/** Returns the one word of a row's state. @param {Row} row */
export function stateWord(row) {
  if (row.removed) return 'removed';
  if (row.stuck) return 'stuck';
  if (TERMINAL.has(row.state) || row.state === 'interrupted') return row.state;
  if (row.state === 'cancelling') return REQUESTS.cancel;
  return (row.request && REQUESTS[row.request]) || row.state;
}

/**
 * Returns the seconds after which some text of a row changes with the time alone; Infinity if none does.
 * @param {Row} row @param {number} now
 */
export function ticksIn(row, now) {
  if (row.removed) return Infinity;
  if (isAtRest(row)) {
    if (row.stopped === undefined) return Infinity;
    const rest = now - row.stopped;
    return rest < 60 ? 1 : rest < 36_000 ? 60 - rest % 60 : 1800;
  }
  const worksOn = row.began !== undefined && row.stopped === undefined;
  return row.due > now || worksOn ? 1 : Infinity;
}

/**
 * Returns the line beside the state.
 * @param {Row} row @param {number} now
 * @param {boolean} [named]   whether it names what the job waits for; else that is shown beside it
 */
export function detail(row, now, named = true) {
  const place = row.where ? `on ${row.where}` : '';
  if (row.stuck) return ['does not answer; it keeps its slot until it ends', place].filter(Boolean).join(' · ');
  if (row.state === 'queued') return waitingFor(row, now, named);
  if (row.error && row.state === 'failed') return row.error;
  if (row.state === 'interrupted') return atRest(row);
  if (row.reason && !ACTIVE.has(row.state)) return withoutWord(row.reason, row.state);
  const attempt = row.attempt ? `attempt ${row.attempt}` : '';
  const where = [row.stages, row.message].filter(Boolean).join(': ');
  const counted = row.total !== undefined && row.total > 1 && row.unit !== '%' ? howFarInFull(row) : '';
  const counters = Object.entries(row.counters || {}).map(([name, n]) => `${name} ${amount(n)}`);
  const waits = named ? reasonToWait(row) : '';
  return [attempt, goesOn(row), waits, where, counted, ...counters, place].filter(Boolean).join(' · ');
}

/** Returns a text that stands beside a word without that word at its begin. */
function withoutWord(text, word) {
  return text.startsWith(`${word} `) ? text.slice(word.length + 1) : text;
}

/** @param {Row} row */
function atRest(row) {
  const changed = row.changed ? 'its source has changed since' : '';
  return [row.obstacle, changed, row.reason && withoutWord(row.reason, row.state)].filter(Boolean).join(' · ');
}

/** Returns how long ago a job has ended, or came to rest. @param {Row} row @param {number} now */
export function ago(row, now) {
  if (!isAtRest(row) || row.stopped === undefined) return '';
  return now - row.stopped < 1 ? 'just now' : `${span(now - row.stopped)} ago`;
}

function isAtRest(row) {
  return TERMINAL.has(row.state) || row.state === 'interrupted';
}

/** @param {Row} row */
function goesOn(row) {
  return row.goes_on ? `goes on from ${row.goes_on}` : '';
}

/** @param {Row} row @param {number} now */
function waitingFor(row, now, named) {
  const why = named || !row.waits_for ? reasonToWait(row) : '';
  const when = row.due > now ? `${why}${row.waiting === 'rate' ? ':' : why ? ' in' : 'in'} ${span(row.due - now)}` : why;
  return [when, priorityWords(row.priority), goesOn(row), row.error].filter(Boolean).join(' · ');
}

const PRIORITIES = new Map([[10, 'high'], [-10, 'low']]);   // those of model/options.py that have names

/** Formats "high priority", "priority 7"; nothing for the normal one. @param {number} [priority] */
export function priorityWords(priority) {
  if (!priority) return '';
  return PRIORITIES.has(priority) ? `${PRIORITIES.get(priority)} priority` : `priority ${priority}`;
}

/** Returns the words in front of what a job waits for. @param {Row} row */
export function waitsFor(row) {
  return row.waiting === 'rate' ? 'waits for its turn at ' : 'waits for ';
}

/** @param {Row} row */
function reasonToWait(row) {
  if (row.waits_for) return `${waitsFor(row)}${row.waits_for.join(', ')}`;
  const words = (row.waiting && WAITS[row.waiting]) || '';
  return row.waiting === 'cluster' && row.reason && !row.request ? `${words}: ${row.reason}` : words;
}

/** Returns how far a job is: percent if known, else the units done so far. @param {Row} row */
export function howFar(row) {
  if (row.fraction !== undefined) return `${Math.floor(row.fraction * 100)}${THIN}%`;
  if (!row.done) return '';
  return amount(row.done, isBytes(row.unit) ? 'B' : '');   // the speed beside it names the unit
}

/** Returns the same in full, for a title and for a screen reader. @param {Row} row */
export function howFarInFull(row) {
  const done = row.done || 0;
  if (row.unit === '%') return howFar(row);   // a count of percents is no other number
  if (row.total !== undefined) return `${amount(done, isBytes(row.unit) ? 'B' : '')} of ${amount(row.total, row.unit)}`;
  return done ? amount(done, row.unit) : howFar(row);
}

/** @param {Row} row */
export function speed(row) {
  if (!AT_WORK.has(row.state) || row.rate === undefined || row.rate <= 0) return '';
  const [value, per] = row.rate >= 0.1 ? [row.rate, 's']
    : row.rate * 60 >= 1 ? [row.rate * 60, 'min'] : [row.rate * 3600, 'h'];
  return `${amount(value, row.unit)}/${per}`;
}

/** Returns the time left; nothing once that is over. @param {Row} row @param {number} now */
export function timeLeft(row, now) {
  return row.state === 'running' && row.eta >= now ? `${span(row.eta - now)} left` : '';
}

/** Returns the seconds at work until now. @param {Row} row @param {number} now */
export function timeAtWork(row, now) {
  return row.began === undefined ? undefined : Math.max(0, (row.stopped ?? now) - row.began);
}

/** Formats a clock: 0:07, 12:05, 3:00:00, 2 d 4 h. @param {number | undefined} seconds */
export function clock(seconds) {
  if (seconds === undefined) return '';
  const s = Math.floor(seconds);
  if (s >= 86400) return `${Math.floor(s / 86400)}${THIN}d ${Math.floor(s % 86400 / 3600)}${THIN}h`;
  const two = n => String(n).padStart(2, '0');
  const [h, m] = [Math.floor(s / 3600), Math.floor(s % 3600 / 60)];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** Formats a rough length of time: 8 s, 5 min, 2 h 10 min, 3 d. @param {number} seconds */
export function span(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s}${THIN}s`;
  const min = Math.round(s / 60);
  if (min < 60) return `${min}${THIN}min`;
  const h = Math.floor(min / 60);
  if (h < 10 && min % 60) return `${h}${THIN}h ${min % 60}${THIN}min`;
  return h < 48 ? `${Math.round(min / 60)}${THIN}h` : `${Math.round(min / 1440)}${THIN}d`;
}

/** Formats a count with its unit: 1.2k rows, 3.4 MB. @param {number} value @param {string} [unit] */
export function amount(value, unit) {
  const bytes = isBytes(unit);
  const steps = bytes ? ['', 'k', 'M', 'G', 'T', 'P'] : ['', 'k', 'M', 'G', 'T'];
  const limit = i => bytes || i ? 1000 : 10000;   // 9800 reads better than 9.8k
  let [n, i] = [value, 0];
  while (i < steps.length - 1 && Number(digits(n)) >= limit(i)) {
    n /= 1000;
    i += 1;
  }
  if (bytes) return `${digits(n)}${THIN}${steps[i]}B`;
  const number = `${digits(n)}${steps[i]}`;
  return unit ? `${number} ${unit}` : number;
}

function isBytes(unit) {
  return unit === 'B' || unit === 'bytes';
}

/** Formats two or three figures: 0.25, 3.4, 34.6, 340; a whole number as it is. @param {number} n */
function digits(n) {
  const size = Math.abs(n);
  if (Number.isInteger(n) || size >= 100) return String(Math.round(n));
  return String(Number(n.toPrecision(size < 1 ? 2 : size < 10 ? 2 : 3)));
}

/** Formats a point in time, in this page's own time zone. @param {number} seconds since the epoch */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return '';
  const two = n => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/**
 * Returns a text with visible control characters, so that none can hide or reorder other text; line
 * ends and tabs stay.
 * @param {unknown} text
 */
export function plainText(text) {
  return String(text ?? '').replace(/[\u0000-\u0008\u000b-\u001f]/g, c => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f]/g, '\ufffd').replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
