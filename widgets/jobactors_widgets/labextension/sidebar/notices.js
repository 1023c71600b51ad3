// Shows a notice of the jobs that ended while the page was hidden: one that counts them all.

import { noticeOf } from './model.js';

/**
 * @param {Object} options
 * @param {any} options.Notification               JupyterLab's; null where it has none
 * @param {() => boolean} options.inSight          whether the page can be seen
 * @param {() => {notify: boolean, browser: boolean}} options.wanted
 * @param {() => void} options.show                open the sidebar
 * @param {(text: string, tag: string, clicked: () => void) => void} [options.notifyDesktop]
 */
export function createNotices({ Notification, inSight, wanted, show, notifyDesktop = notifyBrowser }) {
  let gathered = [];   // {row, name} since the page was last in sight
  let id = null;       // of the notice about them

  /** @param {string} name the notebook's @param {import('./model.js').Row[]} rows */
  function ended(name, rows) {
    if (!rows.length || inSight()) return;
    gathered = [...gathered, ...rows.map(row => ({ row, name }))];
    const { text, type } = noticeOf(gathered);
    const { notify, browser } = wanted();
    if (notify) post(text, type);
    if (browser) notifyDesktop(text, `jobactors ${name}`, show);
  }

  function post(text, type) {
    if (!Notification) return;
    const actions = [{ label: 'Show', caption: 'Show the background jobs', callback: show }];
    if (id && Notification.manager?.has(id)) {
      Notification.update({ id, message: text, type, actions, autoClose: false });
    } else id = Notification.emit(text, type, { actions, autoClose: false });
  }

  /** Begins a new notice: the page is in sight again. */
  function seen() {
    gathered = [];
    id = null;
  }

  return { ended, seen };
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
