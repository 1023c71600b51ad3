// Shows one notice of the jobs that ended while the page was hidden, which counts them all; and while it
// is in sight, one of the failures, unless something reads them at once or they are listed already.

import { pageTimers } from '../../static/dom.js';
import { noticeOf } from './model.js';

const GRACE_MS = 1500;    // a cell that waits for its job reads the failure itself
const GATHER_MS = 500;    // JupyterLab loses a change of a notice that has only just appeared
const FAILED_MS = 15_000;   // then the status item alone shows it

/**
 * @param {Object} options
 * @param {any} options.Notification               JupyterLab's; null where it has none
 * @param {() => boolean} options.inSight          whether the page can be seen
 * @param {() => boolean} options.listed           whether the sidebar lists the jobs
 * @param {(kernelId: string, id: string) => boolean} options.isUnread   whether a failure is still unread
 * @param {() => {notify: boolean, browser: boolean}} options.wanted
 * @param {() => void} options.show                open the sidebar
 * @param {(text: string, tag: string, clicked: () => void) => void} [options.notifyDesktop]
 * @param {{later: Function, forget: Function}} [options.timers]
 */
export function createNotices({ Notification, inSight, listed, isUnread, wanted, show, notifyDesktop = notifyBrowser, timers = pageTimers() }) {
  let gathered = [];   // {row, name, kernelId} since the page was last in sight
  let failed = [];     // those that failed in sight, of the present notice
  let id = null;       // of the notice about what was gathered
  let failedId = null;   // of the notice about failures
  let gathering = null;  // the timer after which that notice tells of all failures of a burst

  /** @param {string} kernelId @param {string} name the notebook's @param {import('./model.js').Row[]} rows */
  function ended(kernelId, name, rows) {
    if (!rows.length) return;
    const news = rows.map(row => ({ row, name, kernelId }));
    if (inSight()) {
      const bad = news.filter(({ row }) => row.state === 'failed');
      if (bad.length) timers.later(() => addFailed(bad), GRACE_MS);
      return;
    }
    gathered = [...gathered, ...news];
    const { text, type } = noticeOf(gathered);
    const { notify, browser } = wanted();
    if (notify) id = post(id, text, type, false);
    if (browser) notifyDesktop(text, `jobactors ${name}`, show);
  }

  const unread = all => all.filter(({ kernelId, row }) => isUnread(kernelId, row.id));

  function addFailed(news) {
    failed = unread([...failed, ...news]);
    if (failed.length) gathering ??= timers.later(showFailed, GATHER_MS);
  }

  function showFailed() {
    gathering = null;
    failed = unread(failed);
    if (!failed.length || listed() || !wanted().notify) return;
    const { text, type } = noticeOf(failed);
    failedId = post(failedId, text, type, FAILED_MS);
  }

  /** Takes the notice of failures away as soon as all of them are read. */
  function update() {
    if (!failed.length) return;
    failed = unread(failed);
    if (failed.length) return;
    if (failedId && Notification?.manager?.has(failedId)) Notification.dismiss(failedId);
    failedId = null;
  }

  /** Posts a notice, or changes the one that is there; returns its id. */
  function post(there, text, type, autoClose) {
    if (!Notification) return null;
    const actions = [{ label: 'Show', caption: 'Show the background jobs', callback: show }];
    if (!there || !Notification.manager?.has(there)) return Notification.emit(text, type, { actions, autoClose });
    Notification.update({ id: there, message: text, type, actions, autoClose });
    return there;
  }

  /** Begins a new notice: the page is in sight again. */
  function seen() {
    gathered = [];
    id = null;
  }

  return { ended, seen, update };
}

/** Returns whether the browser permits it; with `ask`, it is asked once. */
export async function mayNotifyBrowser(ask = false) {
  const Native = window.Notification;
  if (!Native) return false;
  if (ask && Native.permission === 'default') await Native.requestPermission();
  return Native.permission === 'granted';
}

/** Shows a notification; the same tag in two windows makes one. */
function notifyBrowser(text, tag, clicked) {
  if (window.Notification?.permission !== 'granted') return;
  const native = new window.Notification('Background jobs', { body: text, tag });
  native.onclick = () => {
    window.focus();
    clicked();
    native.close();
  };
}
