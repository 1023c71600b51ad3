// Links one kernel to the sidebar: receives its jobs, and sends commands for them.
//
// The kernel has one comm with a fixed id and never opens it, so that no front end can refuse or close
// it.  Its messages arrive on iopub.  Messages to it go on a subshell of this link, and the questions
// before them on the control channel: both are answered in the middle of a cell, when `kernel.info`
// and `requestCommInfo` are not.
//
// A kernel may have several job systems: its own, and those of ja.start(name=…), whose messages have the
// name as `named`.  Each has a part of its own in a link.

import { applyFrame, isMissing } from '../../static/frames.js';
import { createKernelClock } from '../../static/kernel_clock.js';
import { createSights } from '../../static/sight.js';

/** The comm's id and its target name, as in sidebar.py. */
export const COMM_ID = 'jobactors.sidebar';

/** A slow machine may take this long to start a kernel that then answers. */
const PATIENT_MS = 60_000;
/**
 * After this, a question goes over a connection of its own.  JupyterLab holds back what is sent while
 * a page is loaded until the main shell has answered, or for 3 s: in a busy kernel always the latter.
 */
const HURRY_MS = 250;
/** States in which the known state of the kernel is no longer true. */
const LOST = new Set(['restarting', 'autorestarting', 'dead', 'terminating']);

/**
 * The known state of one job system of a kernel.
 * @typedef {Object} Known
 * @property {string} named      its name; empty: it is the kernel's own
 * @property {boolean} live      whether its jobs are known at all
 * @property {boolean} hears     whether it handles a button while a cell runs
 * @property {boolean} ended     whether its job system has stopped
 * @property {string} notice     a warning about its store
 * @property {import('../../static/scheduled.js').Scheduled[]} schedules
 * @property {number} [burst]     jobs that have ended since it had last nothing to do
 * @property {string} system     the name of its job system, by which outputs find it
 * @property {import('../../static/format.js').Row[]} rows
 */

/** @type {Readonly<Known>} */
export const NOTHING = Object.freeze({ named: '', live: false, hears: true, ended: false, notice: '', schedules: [], system: '', rows: [] });

/**
 * Follows one kernel connection, through restarts and lost websockets, until `dispose()`.
 *
 * @param {Object} options
 * @param {any} options.KernelMessage               of @jupyterlab/services
 * @param {any} options.kernel                      an IKernelConnection
 * @param {(name: string) => string | undefined} [options.languageOf]   of a kernel's name, where known
 * @param {(before: Known, restarted: boolean, now: Known) => void} options.changed
 * @param {(message: {kind: string}, named: string) => void} options.received   an answer, or more of one job
 * @param {{later: Function, forget: Function}} [options.timers]
 */
export function createLink({ KernelMessage, kernel, languageOf, changed, received, timers = pageTimers() }) {
  const own = newPart('');
  let parts = new Map([['', own]]);   // by the names of job systems
  let subshell = null;     // the promise of its id
  let session = null;      // of the kernel process that sends
  let former = null;       // of the process before: its last messages may come late
  let via = kernel;        // the connection that questions and messages take
  let helper = null;       // that connection, where it is another than the notebook's
  let disposed = false;

  /** One job system of the kernel. @param {string} named */
  function newPart(named) {
    /** @type {Known} */
    let known = NOTHING;
    let clock = createKernelClock();
    const give = message => void send(named ? { ...message, named } : message);
    const sights = createSights(give);
    let frame = -1;          // the number of the last one without a gap before it
    let asking = false;      // whether the missing changes are on their way

    function learn(news) {
      const before = known;
      known = Object.freeze({ ...known, ...news });
      changed(before, false, known);
    }

    function forget() {
      [frame, asking] = [-1, false];
      clock = createKernelClock();
      if (known === NOTHING) return;
      const before = known;
      known = NOTHING;
      changed(before, true, known);
    }

    function hello() {
      if (asking) return;
      asking = true;
      part.send({ kind: 'hello', frame });
      sights.again();
    }

    function take(data, buffers) {
      if (!data.full && !known.live) return hello();   // changes without the rows before
      const missed = isMissing(data, frame);
      clock.hear(data.now);
      if (!missed) [frame, asking] = [data.frame, false];
      learn({
        named,
        live: true,
        hears: Boolean(data.hears ?? known.hears),
        ended: Boolean(data.ended),
        notice: data.notice ?? known.notice,
        schedules: data.schedules ?? known.schedules,
        burst: data.burst || 0,
        system: data.system ?? known.system,
        rows: applyFrame(known.rows, data, buffers)
      });
      if (known.hears) sights.count(known.rows.length);
      if (missed) hello();
    }

    const part = {
      named,
      get known() { return known; },
      /** Returns the kernel's time, in seconds since the epoch. */
      now: () => clock.now(),
      /** Sends a message of view.js: an `act`, what it has in sight, or a request about one job. */
      send: message => message.kind === 'sight' ? sights.note(message.place, message.ids) : give(message),
      hello,
      take,
      forget,
      /** Asks anew for what it may have missed, or for all rows. */
      again: whole => {
        asking = false;
        if (whole) frame = -1;
        hello();
      }
    };
    return part;
  }

  function partOf(named) {
    if (!parts.has(named)) parts.set(named, newPart(named));
    return parts.get(named);
  }

  /** Drops the parts of all other named systems. @param {string[]} names */
  function only(names) {
    for (const name of [...parts.keys()]) {
      if (!name || names.includes(name)) continue;
      const gone = parts.get(name);
      parts.delete(name);
      gone.forget();
    }
    for (const name of names) if (!partOf(name).known.live) partOf(name).hello();
  }

  function forget() {
    endHurry();
    subshell = null;
    [former, session] = [session || former, null];
    const all = [...parts.values()];
    parts = new Map([['', own]]);
    for (const part of all) part.forget();
  }

  const isLive = () => [...parts.values()].some(part => part.known.live);
  const askAgain = () => { for (const part of [...parts.values()]) part.again(false); };

  /** Asks a question on the control channel. */
  async function ask(msgType, content = {}) {
    const message = KernelMessage.createMessage({
      msgType, content, channel: 'control', username: via.username, session: via.clientId
    });
    const future = via.sendControlMessage(message, true, true);
    let timer = null;
    const late = new Promise((_, fail) => {
      timer = timers.later(() => { future.dispose(); fail(new Error(`${msgType}: no answer`)); }, PATIENT_MS);
    });
    try {
      return (await Promise.race([future.done, late])).content;
    } finally {
      timers.forget(timer);
    }
  }

  /** Returns the id of the own subshell; undefined where the kernel has none. */
  function ownSubshell() {
    const asked = via;
    subshell ??= ask('kernel_info_request')
      .then(info => asked === via && (info.supported_features || []).includes('kernel subshells') ? ask('create_subshell_request') : null)
      .then(made => made && made.status === 'ok' ? made.subshell_id : undefined)
      .catch(() => undefined);
    return subshell;
  }

  async function send(data) {
    const mine = subshell = ownSubshell();
    const subshellId = await mine;
    if (mine !== subshell || disposed || kernel.isDisposed) return;   // another kernel by now
    const message = KernelMessage.createMessage({
      msgType: 'comm_msg', channel: 'shell', username: via.username, session: via.clientId,
      content: { comm_id: COMM_ID, data }
    });
    if (subshellId) message.header.subshell_id = subshellId;
    via.sendShellMessage(message, false, true);
  }

  /** Finds out whether this kernel has jobs; one without the package is sent nothing more. */
  async function discover() {
    try {
      // `kernel.spec` asks the server anew, which takes its time while a page is loaded.
      const language = languageOf?.(kernel.name) ?? (await kernel.spec)?.language ?? 'python';
      if (language.toLowerCase() !== 'python') return;
      const process = former;
      const late = timers.later(hurry, HURRY_MS);
      const { comms } = await ask('comm_info_request', { target_name: COMM_ID });
      timers.forget(late);
      endHurry();
      if (disposed || process !== former) return;
      if (comms && comms[COMM_ID]) askAgain();   // an earlier question may be lost with the connection
      else if (isLive()) forget();
    } catch {
      // No answer: a kernel sends `here` when it has a job system.
    }
  }

  function hurry() {
    if (disposed || helper || !kernel.clone || kernel.isDisposed) return;
    const mine = helper = kernel.clone({ handleComms: false });
    const go = async () => {
      if (helper !== mine || via === mine || mine.connectionStatus !== 'connected') return;
      [via, subshell] = [mine, null];
      const { comms } = await ask('comm_info_request', { target_name: COMM_ID });
      if (helper === mine && comms && comms[COMM_ID]) askAgain();
    };
    const tryIt = () => void go().catch(() => {});
    mine.connectionStatusChanged.connect(tryIt);
    tryIt();
  }

  function endHurry() {
    via = kernel;
    helper?.dispose();
    helper = null;
  }

  function receive(_, message) {
    if (message.header.msg_type !== 'comm_msg' || message.content.comm_id !== COMM_ID) return;
    if (message.header.session === former) return;
    session = message.header.session;
    const data = message.content.data;
    const named = data.named || '';
    if (data.kind === 'here') partOf(named).again(true);
    else if (data.kind === 'systems') only(data.systems);
    else if (data.kind === 'frame') partOf(named).take(data, message.buffers);
    else received(data, named);
  }

  function noteStatus(_, status) { if (LOST.has(status)) forget(); }
  function noteConnection(_, status) { if (status === 'connected') void discover(); }

  kernel.iopubMessage.connect(receive);
  kernel.statusChanged.connect(noteStatus);
  kernel.connectionStatusChanged.connect(noteConnection);
  if (kernel.connectionStatus === 'connected') void discover();

  /** Deletes the subshell; also when the page is closed, as far as a page then still can. */
  function leave() {
    const made = subshell;
    subshell = null;
    made?.then(id => {
      if (id && !kernel.isDisposed) ask('delete_subshell_request', { subshell_id: id }).catch(() => {});
    });
  }

  function dispose() {
    if (disposed) return;
    disposed = true;
    if (!kernel.isDisposed) {
      kernel.iopubMessage.disconnect(receive);
      kernel.statusChanged.disconnect(noteStatus);
      kernel.connectionStatusChanged.disconnect(noteConnection);
    }
    leave();
    forget();
  }

  return {
    get kernelId() { return kernel.id; },
    /** The parts of the job systems that are known; that of the kernel's own, if none is. */
    get parts() {
      const live = [...parts.values()].filter(part => part.known.live);
      return live.length ? live : [own];
    },
    leave,
    dispose
  };
}

function pageTimers() {
  return { later: (fn, ms) => setTimeout(fn, ms), forget: timer => clearTimeout(timer) };
}
