// Lists the commands that a row offers, and the reasons why one cannot be given.  Pure.

import { RESTART_FAILED, forBatches } from './batches.js';
import { TERMINAL } from './format.js';

/**
 * @typedef {Object} Action
 * @property {string} verb      a key of VERBS in button_commands.py
 * @property {string} label
 * @property {string} pressed   the row's word until the kernel has answered
 * @property {string} as        the row's look until then
 * @property {string} icon      a drawing for dom.js; without one the button shows its label
 * @property {boolean} [removes]   it removes something, and can be taken back for some seconds
 * @property {(row: import('./format.js').Row) => boolean} [worded]   it shows its label beside it
 * @property {(row: import('./format.js').Row) => boolean} offered
 * @property {(row: import('./format.js').Row) => string} why   the reason why it cannot now; '' if it can
 */

const pausing = row => row.state === 'running' && row.request === 'pause';
const always = () => '';
const AGAIN = 'M12.8 6.2A5.2 5.2 0 1 0 13.2 9M13.2 3v3.4h-3.4';
const CROSS = 'M4.5 4.5l7 7M11.5 4.5l-7 7';

/** The buttons of a row, in their order.  @type {Action[]} */
export const ACTIONS = [
  {
    verb: 'pause', label: 'Pause', pressed: 'pausing…', as: 'running', icon: 'M5.5 4v8M10.5 4v8',
    offered: row => row.state === 'running' && !pausing(row) && !row.stuck,
    why: row => row.request ? 'it is being stopped'
      : row.pausable ? '' : 'this job has no point where it can pause'
  },
  {
    verb: 'resume', label: 'Resume', pressed: 'resuming…', as: 'paused', icon: 'M5.5 3.8l6.5 4.2l-6.5 4.2z',
    offered: row => row.state === 'paused' || row.state === 'interrupted' || pausing(row),
    worded: row => row.state === 'interrupted',
    why: row => row.request === 'resume' ? 'it goes on as soon as a slot is free'
      : row.state === 'interrupted' ? row.obstacle || '' : ''
  },
  {
    verb: 'fresh', label: 'Start fresh', pressed: 'starting again…', as: '', icon: AGAIN,
    offered: row => row.state === 'interrupted', why: row => row.obstacle || ''
  },
  {
    verb: 'hold', label: 'Hold', pressed: 'holding…', as: 'queued', icon: 'M5.5 4v8M10.5 4v8',
    offered: row => row.state === 'queued' && row.waiting !== 'hold' && row.waiting !== 'cluster', why: always
  },
  {
    verb: 'release', label: 'Release', pressed: 'releasing…', as: 'queued', icon: 'M5.5 3.8l6.5 4.2l-6.5 4.2z',
    offered: row => row.state === 'queued' && row.waiting === 'hold', why: always
  },
  {
    verb: 'cancel', label: 'Cancel', pressed: 'cancelling…', as: 'cancelling', icon: '',
    offered: row => !TERMINAL.has(row.state) && row.state !== 'interrupted',
    why: row => row.state === 'cancelling' || row.request === 'cancel' ? 'it is being cancelled already' : ''
  },
  {
    verb: 'restart', label: 'Restart', pressed: 'starting again…', as: '',
    icon: AGAIN,
    offered: row => TERMINAL.has(row.state), why: row => row.obstacle || ''
  },
  RESTART_FAILED,
  {
    verb: 'discard', label: 'Discard', removes: true, pressed: 'discarding…', as: '', icon: CROSS,
    offered: row => row.state === 'interrupted', why: always
  },
  {
    verb: 'dismiss', label: 'Dismiss', removes: true, pressed: 'dismissing…', as: '', icon: CROSS,
    offered: row => TERMINAL.has(row.state), why: always
  }
].map(forBatches);

/** The commands for many jobs at once, in the order of their buttons. */
export const FOR_MANY = ['cancel', 'pause', 'resume', 'discard', 'dismiss'].map(verb => ACTIONS.find(a => a.verb === verb));

/** Returns those of `rows` that can be given a command. @param {Action} action */
export function askable(action, rows) {
  return rows.filter(row => !row.removed && action.offered(row) && !action.why(row));
}
