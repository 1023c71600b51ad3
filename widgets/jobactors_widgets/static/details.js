// Draws what unfolds below a row: facts, error, result and log.  They are requested while it is open,
// never before and never after; the log comes in pieces, and only when the row reports more lines.

import { append, setAttribute, setHidden, setText } from './dom.js';
import { moment, plainText, priorityWords } from './format.js';

const AGAIN_MS = 300;
const MOST_LINES = 2000;
const LAST_LINES = 8;   // of a traceback: its end has the error
// The name of a runner -> where the job runs.
const RUNNERS = {
  trio: 'in the trio loop', thread: 'in a thread', process: 'in a process', asyncio: 'in the asyncio loop',
  block: 'in its caller', opened: 'elsewhere', dask: 'on a Dask cluster'
};

/**
 * @param {HTMLElement} body
 * @param {string} id
 * @param {(message: {kind: string, id: string}) => void} ask
 * @param {{later: Function, forget: Function}} timers
 */
export function createDetails(body, id, ask, timers) {
  const facts = append(body, 'dl', 'ja-facts');
  const error = createBlock(body, 'Error');
  const log = createLog(body);
  let row = null;
  let asked = '';        // the state of the row when its facts were requested
  let next = -1;         // the log's next line; -1 before the first piece
  let waiting = null;    // a piece is on its way, or soon will be
  let closed = false;

  function update(newRow) {
    row = newRow;
    const stand = `${row.state} ${row.attempt || 1} ${row.priority || 0} ${row.unread || ''}`;
    if (stand !== asked) {
      asked = stand;
      ask({ kind: 'details', id });
    }
    askForLog(0);
  }

  function askForLog(ms) {
    if (waiting !== null || closed || !row.lines || next >= row.lines) return;
    waiting = timers.later(() => ask({ kind: 'log', id, since: next }), ms);
  }

  function receive(message) {
    if (message.kind === 'details') showFacts(message);
    else if (message.kind === 'result') showResult(message);
    else if (message.kind === 'log') takeLog(message);
  }

  function takeLog(piece) {
    if (waiting !== null) timers.forget(waiting);
    waiting = null;
    // Another view of the same panel may have asked: lines we have are left out.
    const known = next < 0 ? 0 : Math.max(0, next - piece.first);
    const lines = piece.lines.slice(known);
    if (lines.length) log.add(lines, next < 0 ? piece.first : Math.max(0, piece.first - next));
    next = Math.max(next, piece.first + piece.lines.length);
    if (piece.more || (row && next < row.lines)) askForLog(piece.more ? 0 : AGAIN_MS);
  }

  let result = null;     // where the result's text goes

  function showFacts(f) {
    facts.replaceChildren();
    result = null;
    const add = (label, value) => { if (value) fact(facts, label, value); };
    add('About', f.description);
    if (f.result) showResultFact(f.result);
    add('Reason', f.reason);
    add('Job', f.id);
    add('Type', f.type);
    add('Tags', (f.tags || []).join(', '));
    add('Times', [
      f.submitted && `submitted ${moment(f.submitted)}`, f.started && `started ${moment(f.started)}`,
      f.finished && `ended ${moment(f.finished)}`
    ].filter(Boolean).join(' · '));
    add('Run', [f.runner && (RUNNERS[f.runner] || `by ${f.runner}`), f.where && `on ${f.where}`,
      f.attempt > 1 && `attempt ${f.attempt}`,
      priorityWords(f.priority)].filter(Boolean).join(' · '));
    add('Continues', f.continues);
    for (const [key, value] of f.metadata || []) add(key, value);
    error.set(f.traceback || f.error);
  }

  function showResultFact(type) {
    const dd = fact(facts, 'Result', type);
    const button = append(dd, 'button', 'ja-button', { type: 'button', 'aria-label': 'Show the result as text' });
    setText(button, 'Show');
    result = append(dd, 'div', 'ja-result', { dir: 'auto' });
    button.addEventListener('click', () => {
      setText(result, '…');
      ask({ kind: 'result', id });
    });
  }

  function showResult({ text, why }) {
    if (!result) return;
    setText(result, why || plainText(text));
    result.classList.toggle('ja-why', Boolean(why));
  }

  function close() {
    closed = true;
    if (waiting !== null) timers.forget(waiting);
    log.dispose();
    body.replaceChildren();
  }

  return { update, receive, close };

  function createLog(parent) {
    const block = append(parent, 'section', 'ja-block', { 'aria-label': 'Log' });
    const head = append(block, 'div', 'ja-block-head');
    setText(append(head, 'span', 'ja-block-name'), 'Log');
    const label = append(head, 'label', 'ja-follow');
    const follow = append(label, 'input', '', { type: 'checkbox' });
    follow.checked = true;
    setText(append(label, 'span', ''), 'follow');
    const copy = createCopy(head, () => lines.map(line => line.textContent).join('\n'));
    const pre = append(block, 'pre', 'ja-text', { tabindex: '0', role: 'log', 'aria-live': 'off', 'aria-label': 'Log' });
    const lines = [];
    block.hidden = true;
    follow.addEventListener('change', () => { if (follow.checked) pre.scrollTop = pre.scrollHeight; });
    pre.addEventListener('scroll', () => {
      const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 8;
      if (follow.checked !== atEnd) follow.checked = atEnd;
    });

    function add(pieces, gap) {
      setHidden(block, false);
      const followed = follow.checked;   // before the new lines move the end away
      if (gap > 0) addLine('', `… ${gap} earlier line${gap === 1 ? '' : 's'}: job.logs()`, 'ja-line ja-cut');
      for (const [source, text] of pieces) addLine(source, text, 'ja-line');
      while (lines.length > MOST_LINES) lines.shift().remove();
      if (followed) pre.scrollTop = pre.scrollHeight;
    }

    function addLine(source, text, className) {
      const line = append(pre, 'div', className, { dir: 'auto' });
      if (source && source !== 'out') line.dataset.source = source;
      setText(line, plainText(text));
      lines.push(line);
    }

    return { add, dispose: copy.dispose };
  }

  function createBlock(parent, label) {
    const block = append(parent, 'section', 'ja-block', { 'aria-label': label });
    const head = append(block, 'div', 'ja-block-head');
    setText(append(head, 'span', 'ja-block-name'), label);
    const all = append(head, 'button', 'ja-button', { type: 'button' });
    createCopy(head, () => whole);
    const pre = append(block, 'pre', 'ja-text', { tabindex: '0', role: 'group', 'aria-label': label, dir: 'auto' });
    let whole = '';
    let isWhole = false;
    block.hidden = true;
    all.addEventListener('click', () => {
      isWhole = !isWhole;
      draw();
    });

    /** Shows the end alone of a long text, until its user asks for all. */
    function draw() {
      const lines = whole.trimEnd().split('\n');
      const isLong = lines.length > LAST_LINES + 2;
      setHidden(all, !isLong);
      setText(all, isWhole ? `Show the last ${LAST_LINES} lines` : `Show all ${lines.length} lines`);
      setText(pre, isLong && !isWhole ? lines.slice(-LAST_LINES).join('\n') : whole);
    }

    return {
      set(text) {
        whole = plainText(text || '');
        setHidden(block, !whole);
        draw();
      }
    };
  }

  function createCopy(parent, text) {
    const button = append(parent, 'button', 'ja-button', { type: 'button' });
    let timer = null;
    setText(button, 'Copy');
    const show = word => {
      setText(button, word);
      timer = timers.later(() => { timer = null; setText(button, 'Copy'); }, 1500);
    };
    button.addEventListener('click', () => {
      if (timer !== null) return;
      // Without https there is no clipboard to write to.
      const written = navigator.clipboard ? navigator.clipboard.writeText(text()) : Promise.reject();
      written.then(() => show('Copied'), () => show('Select it to copy'));
    });
    return { dispose() { if (timer !== null) timers.forget(timer); } };
  }
}

function fact(list, label, value) {
  const dt = append(list, 'dt', '', { dir: 'auto' });
  setText(dt, plainText(label));
  setAttribute(dt, 'title', label);
  const dd = append(list, 'dd', '', { dir: 'auto' });
  setText(append(dd, 'bdi', ''), plainText(value));
  return dd;
}
