// Follows whether the kernel behind a widget's model lives.
//
// A panel is not notified: anywidget removes the view's own listener, and ipywidgets overlooks a kernel that
// died.  So this observes the model behind the proxy and the kernel, where a front end gives access to them.

import { writeTablesOnSave } from './saved_state.js';

// A status of the kernel in which its jobs are lost -> what has happened to it.
const LOSSES = { restarting: 'restarted', autorestarting: 'died', dead: 'died', terminating: 'ended' };

/**
 * Follows the kernel of a model until the returned function is called.
 *
 * @param {any} model   the proxy that anywidget gives
 * @param {Object} host
 * @param {(alive: boolean) => void} host.live   the model has a comm, or no longer
 * @param {(how: string) => void} host.lost      the kernel was "restarted", "died" or "ended"
 * @param {() => Object} host.tables             what a saved notebook shows, by its media type
 * @returns {() => void}
 */
export function followKernelLife(model, { live, lost, tables }) {
  const manager = model.widget_manager;
  let real = null;
  let unsaved = () => {};
  const look = () => live(real ? real.comm_live !== false : false);
  Promise.resolve(manager?.get_model?.(model.get('self_id'))).then(found => {
    real = found;
    if (real) look();
    unsaved = writeTablesOnSave(real?.widget_manager, model.get('self_id'), tables);
  }).catch(() => {});
  model.on('comm_live_update', look);
  const changed = (_, status) => { if (LOSSES[status]) lost(LOSSES[status]); };
  const statuses = manager?.kernel?.statusChanged;
  statuses?.connect(changed);
  return () => {
    statuses?.disconnect(changed);
    unsaved();
  };
}
