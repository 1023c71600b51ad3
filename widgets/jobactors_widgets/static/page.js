// The board as a page of its own: rows arrive as server-sent events, commands go as requests.
//
// A browser opens six connections to a server of HTTP/1.1 at most, over all its tabs.  So one tab
// holds the stream (it has a lock of the browser's), and the others hear it over a channel.

import { isOfForm, refusalOfForm } from './builder/new_job.js';
import { createKernelClock } from './kernel_clock.js';
import { createView } from './view.js';

const LOCK = `jobactors ${new URL('.', location.href).href}`;
const LOST = 'stopped';

/** Folds one event into the rows. @param {Map<string, Object>} rows */
export function fold(rows, kind, data) {
  if (kind === 'state') rows.clear();
  for (const row of data.jobs || []) rows.set(row.id, row);
  for (const id of data.removed || []) rows.delete(id);
}

function start(root) {
  const rows = new Map();
  const clock = createKernelClock();
  const channel = new BroadcastChannel(LOCK);
  let ended = false;
  let alive = true;
  let notice = '';
  let holds = false;

  const view = createView(root, {
    board: true,
    now: () => clock.now(),
    act: (verb, id) => send({ kind: 'act', verb, id }),
    actMany: (verb, ids, states) => send({ kind: 'act', verb, ids, ...(states && { states }) }),
    ask: send
  });

  let asked = 0;
  function draw() {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      view.show({ rows: [...rows.values()], hears: true, ended, notice, alive, lost: LOST });
    });
  }

  function take({ kind, data }) {
    if (kind === 'lost') {
      alive = false;
      return draw();
    }
    fold(rows, kind, data);
    clock.hear(data.now);
    alive = true;
    ended = kind === 'end';
    notice = data.notice || '';
    draw();
  }

  function pass(event) {
    take(event);
    channel.postMessage(event);
  }

  function listen() {
    return new Promise(done => {
      const source = new EventSource('board/events');
      for (const kind of ['state', 'jobs', 'end']) {
        source.addEventListener(kind, event => {
          pass({ kind, data: JSON.parse(event.data) });
          if (kind === 'end') { source.close(); done(); }
        });
      }
      source.onerror = () => {
        pass({ kind: 'lost' });
        if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
      };
    });
  }

  async function send(message) {
    try {
      const answer = await fetch('board/message', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message)
      });
      const told = await answer.json();
      if (!answer.ok) refuse(message, told.detail);
      else if (told && told.kind === 'answer') view.answered(told);
      else if (told) view.received(told);
    } catch {
      refuse(message, 'the server does not answer');
    }
  }

  function refuse(message, why) {
    if (isOfForm(message)) view.received(refusalOfForm(message, why));
    if (message.kind !== 'act') return;
    view.answered({ kind: 'answer', id: message.id || '', verb: message.verb, ok: false, why });
  }

  // A tab that has just come asks for the state; the one with the stream sends all that it knows.
  channel.onmessage = ({ data: event }) => {
    if (event.kind !== 'hello') take(event);
    else if (holds && rows.size) {
      channel.postMessage({
        kind: ended ? 'end' : 'state', data: { jobs: [...rows.values()], now: clock.now(), notice }
      });
    }
  };
  channel.postMessage({ kind: 'hello' });
  draw();
  if (navigator.locks) void navigator.locks.request(LOCK, () => { holds = true; return listen(); });
  else void listen();   // an address that is not this machine's, without TLS
}

const root = document.getElementById('jobs');
if (root) start(root);
