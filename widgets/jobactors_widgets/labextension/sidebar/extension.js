// Assembles the plugin: a sidebar for the jobs of all running kernels; a status item, commands and
// notices for those of the open notebooks.
//
// Every module but the application's own is optional, so that the same files serve JupyterLab and
// Notebook 7, whose pages share less.

import { fenceKeys } from '../../static/keys.js';
import { createNotices, mayNotifyBrowser } from './notices.js';
import { createBurst, endedBetween, groupsOf, isUnfinished, keyOf, statusText, statusTitle, titleOf, withoutRead } from './model.js';
import { followElsewhere } from './elsewhere.js';
import { isNews } from '../../static/format.js';
import { answerWithSidebar } from '../../static/other_views.js';
import { createSidebar } from './sidebar.js';
import { createOutputs } from './output.js';
import { createStatus } from './status.js';
import { followNotebooks } from './notebooks.js';

const ID = 'jobactors:plugin';
const SHOW = 'jobactors:show';
const CANCEL_ALL = 'jobactors:cancel-all';
const NOTIFY_DESKTOP = 'jobactors:tell-desktop';

const ICON = '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">'
  + '<g class="jp-icon3" fill="#616161"><rect x="3" y="5" width="18" height="3" rx="1.5"/>'
  + '<rect x="3" y="10.5" width="11" height="3" rx="1.5"/><rect x="3" y="16" width="15" height="3" rx="1.5"/></g></svg>';

/** @param {(name: string) => Promise<any>} shared  a module of JupyterLab's, or null */
export async function makePlugins(shared) {
  const names = ['application', 'notebook', 'services', 'statusbar', 'ui-components', 'apputils', 'settingregistry'];
  const [application, notebook, services, statusbar, ui, apputils, settings] =
    await Promise.all(names.map(name => shared(`@jupyterlab/${name}`)));
  const widgets = await shared('@lumino/widgets');
  if (!application || !notebook || !services || !widgets) return [];   // no page with notebooks
  const tokens = {
    tracker: notebook.INotebookTracker,
    labShell: application.ILabShell,
    restorer: application.ILayoutRestorer,
    statusBar: statusbar?.IStatusBar,
    palette: apputils?.ICommandPalette,
    registry: settings?.ISettingRegistry
  };
  const present = Object.keys(tokens).filter(key => tokens[key]);
  return [{
    id: ID,
    description: 'The background jobs of running kernels.',
    autoStart: true,
    optional: present.map(key => tokens[key]),
    activate: (app, ...found) => {
      const given = Object.fromEntries(present.map((key, i) => [key, found[i]]));
      if (given.tracker) activate(app, given, { services, ui, apputils, widgets });
    }
  }];
}

function activate(app, { tracker, labShell, restorer, statusBar, palette, registry }, { services, ui, apputils, widgets }) {
  const { Widget } = widgets;
  loadStyles();
  fenceKeys(target => Boolean(target.closest?.('.ja-controls')));   // made by ipywidgets, which fences nothing
  const wanted = { side: 'left', notify: true, browser: false };
  const burst = createBurst();

  const widget = new Widget();
  widget.id = 'jobactors-sidebar';
  widget.title.caption = 'Background jobs';
  if (ui) widget.title.icon = new ui.LabIcon({ name: 'jobactors:jobs', svgstr: ICON });
  else widget.title.label = 'Jobs';
  const sidebar = createSidebar(widget.node, {
    send: (key, message) => {
      if (message.verb === 'read') noteRead(key, message.id);
      groupOf(key)?.send(message);
    },
    cancelAll: key => void cancelAll([groupOf(key)]),
    open: key => open(groupOf(key)?.kernelId)
  });

  const item = new Widget();
  item.id = 'jobactors-status';
  const status = createStatus(item.node, () => void app.commands.execute(SHOW));
  if (statusBar) statusBar.registerStatusItem(item.id, { item, align: 'left', rank: 900 });
  else app.shell.add(item, 'menu', { rank: 900 });   // Notebook 7

  const notices = createNotices({
    Notification: apputils?.Notification,
    inSight: () => !document.hidden,
    listed: () => widget.isVisible,
    isUnread: (key, id) => Boolean(groupOf(key)?.rows.some(row => row.id === id && isNews(row))),
    wanted: () => wanted,
    show: () => void app.commands.execute(SHOW)
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) notices.seen();
    soon();
  });

  let groups = [];
  const groupOf = key => groups.find(group => group.key === key);
  let wantedJob = '';   // is to be brought in sight when the sidebar is open
  let asked = 0;
  const soon = () => {
    // A hidden page draws no frames; the notices, which it must not miss, do not wait for one.
    asked ||= requestAnimationFrame(() => { asked = 0; draw(); });
  };
  const languageOf = name => app.serviceManager.kernelspecs?.specs?.kernelspecs[name]?.language;
  let elsewhere = null;
  const notebooks = followNotebooks({
    tracker,
    KernelMessage: services.KernelMessage,
    languageOf,
    changed: soon,
    switched: () => elsewhere?.look(),
    moved: (kernelId, path, before, now) => {
      if (!before.live || before.system !== now.system) return;
      const name = titleOf(path.split('/').pop(), now.named);
      notices.ended(keyOf(kernelId, now.named), name, endedBetween(before.rows, now.rows));
    },
    received: (kernelId, message, named) => {
      sidebar.received(keyOf(kernelId, named), message);
      outputs.received(kernelId, message, named);
    }
  });
  const outputs = createOutputs({ tracker, widgets, linkIn: notebooks.linkIn });
  elsewhere = followElsewhere({
    serviceManager: app.serviceManager,
    KernelMessage: services.KernelMessage,
    isOpen: notebooks.isOpen,
    languageOf,
    changed: soon,
    received: (kernelId, message, named) => sidebar.received(keyOf(kernelId, named), message)
  });

  // Key of a group -> ids of failures that were read in this page: a system that has stopped takes no note.
  const readHere = new Map();

  function noteRead(key, id) {
    readHere.set(key, (readHere.get(key) || new Set()).add(id));
    soon();
  }

  function withRows(group) {
    const read = readHere.get(group.key);
    return { ...group, rows: read ? withoutRead(group.known.rows, id => read.has(id)) : group.known.rows };
  }

  function open(kernelId) {
    const panel = notebooks.panel(kernelId);
    const path = elsewhere.notebook(kernelId);
    if (panel) app.shell.activateById(panel.id);
    else if (path) void app.commands.execute('docmanager:open', { path });
  }

  function draw() {
    groups = groupsOf([...notebooks.links(), ...elsewhere.links()]).map(withRows);
    const here = groups.filter(group => !group.elsewhere);
    const rows = here.flatMap(group => group.rows);
    const whole = burst.advance(here.map(({ key, known }) => ({ kernelId: key, rows: known.rows, burst: known.burst })));
    status.show(statusText(rows), statusTitle(here, whole), whole.fraction);
    if (widget.isVisible) {
      sidebar.show(groups);
      if (wantedJob && sidebar.goToJob(wantedJob)) wantedJob = '';
    }
    notices.update();
    outputs.update();
    app.commands.notifyCommandChanged?.(CANCEL_ALL);
  }
  // The shell sends no signal when a sidebar is opened; the widget itself is called.
  const shown = widget.onAfterShow.bind(widget);
  widget.onAfterShow = message => {
    shown(message);
    elsewhere.start();
    soon();
  };

  answerWithSidebar(id => {
    if (!groups.some(group => group.rows.some(row => row.id === id))) return false;
    wantedJob = id;
    void app.commands.execute(SHOW);
    soon();
    return true;
  });

  /** @param {(import('./model.js').Group | undefined)[]} chosen */
  async function cancelAll(chosen) {
    // These, and not those that are submitted while the question is open.
    const there = chosen.filter(Boolean).map(({ key, name, known }) =>
      ({ key, name, ids: known.rows.filter(isUnfinished).map(row => row.id) })).filter(({ ids }) => ids.length);
    const open = there.reduce((sum, { ids }) => sum + ids.length, 0);
    if (!open || !apputils) return;
    const { button } = await apputils.showDialog({
      title: open === 1 ? 'Cancel the job of this notebook?' : `Cancel all ${open} jobs of this notebook?`,
      body: `${there.map(({ name }) => name).join(', ')}: what runs is stopped, what waits will not start.`,
      buttons: [
        apputils.Dialog.cancelButton({ label: 'Keep them' }),
        apputils.Dialog.warnButton({ label: open === 1 ? 'Cancel the job' : 'Cancel all jobs' })
      ],
      defaultButton: 0
    });
    if (button.accept) for (const { key, ids } of there) groupOf(key)?.send({ kind: 'act', verb: 'cancel', ids });
  }

  const inFront = () => groups.filter(group => group.current);

  function place() {
    widget.parent = null;
    app.shell.add(widget, wanted.side, { rank: 900, type: 'Jobs' });
  }
  place();
  restorer?.add(widget, widget.id);

  addCommands();
  if (registry) void followSettings(registry);
  soon();

  function addCommands() {
    app.commands.addCommand(SHOW, {
      label: 'Show Background Jobs',
      caption: 'List the jobs of all running kernels',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        // Notebook 7 opens a side only on request.
        if (!labShell) app.shell[wanted.side === 'left' ? 'expandLeft' : 'expandRight']?.(widget.id);
        app.shell.activateById(widget.id);
      }
    });
    app.commands.addCommand(CANCEL_ALL, {
      label: 'Cancel All Jobs of This Notebook…',
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => inFront().some(group => group.known.rows.some(isUnfinished)),
      execute: () => cancelAll(inFront())
    });
    app.commands.addCommand(NOTIFY_DESKTOP, {
      label: 'Notify on the Desktop When Jobs End',
      caption: 'Through the browser’s own notifications, while this page is not in sight',
      describedBy: { args: { type: 'object', properties: {} } },
      isToggleable: true,
      isToggled: () => wanted.browser,
      execute: async () => {
        const on = !wanted.browser && await mayNotifyBrowser(true);
        const refused = !wanted.browser && !on;
        if (refused) apputils?.Notification?.warning('This browser does not let the page notify you.', { autoClose: 5000 });
        wanted.browser = on;
        await registry?.set(ID, 'browserNotifications', on);
        app.commands.notifyCommandChanged(NOTIFY_DESKTOP);
      }
    });
    for (const command of [SHOW, CANCEL_ALL, NOTIFY_DESKTOP]) palette?.addItem({ command, category: 'Background Jobs' });
  }

  async function followSettings(registry) {
    try {
      const settings = await registry.load(ID);
      const apply = () => {
        wanted.notify = settings.get('notify').composite !== false;
        wanted.browser = settings.get('browserNotifications').composite === true;
      };
      const move = () => {
        const side = settings.get('side').composite === 'right' ? 'right' : 'left';
        if (side === wanted.side) return;
        wanted.side = side;
        const open = widget.isVisible;
        place();
        if (open) void app.commands.execute(SHOW);
      };
      settings.changed.connect(apply);
      apply();
      await app.restored;   // it puts the sidebar where it was
      settings.changed.connect(move);
      move();
    } catch (error) {
      console.debug('jobactors: the settings have their defaults', error);
    }
  }
}

function loadStyles() {
  for (const path of ['../../static/panel.css', '../../static/builder/builder.css', './style.css']) {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = new URL(path, import.meta.url).href;
    document.head.appendChild(link);
  }
}
