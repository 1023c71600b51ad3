// Notices of jobs that ended while nobody looked: one that counts, however many there are.

import { noticeOf } from './model.js';

/**
 * @param {Object} options
 * @param {any} options.Notification               JupyterLab's; null where it has none
 * @param {() => boolean} options.inSight          whether the page can be seen
 * @param {() => {notify: boolean, browser: boolean}} options.wanted
 * @param {() => void} options.show                open the sidebar
 * @param {(text: string, tag: string, clicked: () => void) => void} [options.tellDesktop]
 */
export function createNotices({ Notification, inSight, wanted, show, tellDesktop = tellBrowser }) {
  let gathered = [];   // {row, name} since the page was last in sight
  let id = null;       // of the notice that says so

  /** @param {string} name the notebook's @param {import('./model.js').Row[]} rows */
  function ended(name, rows) {
    if (!rows.length || inSight()) return;
    gathered = [...gathered, ...rows.map(row => ({ row, name }))];
    const { text, type } = noticeOf(gathered);
    const { notify, browser } = wanted();
    if (notify) post(text, type);
    if (browser) tellDesktop(text, `jobactors ${name}`, show);
  }

  function post(text, type) {
    if (!Notification) return;
    const actions = [{ label: 'Show', caption: 'Show the background jobs', callback: show }];
    if (id && Notification.manager?.has(id)) {
      Notification.update({ id, message: text, type, actions, autoClose: false });
    } else id = Notification.emit(text, type, { actions, autoClose: false });
  }

  /** The page is looked at again: what ends from now on begins a new notice. */
  function seen() {
    gathered = [];
    id = null;
  }

  return { ended, seen };
}

/** Whether the browser lets us; `ask` it if it has not been asked yet. */
export async function mayTellBrowser(ask = false) {
  const Native = window.Notification;
  if (!Native) return false;
  if (ask && Native.permission === 'default') await Native.requestPermission();
  return Native.permission === 'granted';
}

/** The same tag in two windows makes one notification. */
function tellBrowser(text, tag, clicked) {
  if (window.Notification?.permission !== 'granted') return;
  const native = new window.Notification('Background jobs', { body: text, tag });
  native.onclick = () => {
    window.focus();
    clicked();
    native.close();
  };
}
