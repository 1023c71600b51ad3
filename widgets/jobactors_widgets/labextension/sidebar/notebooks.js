// Which notebooks are open, which kernels they have, and which of them is in front.

import { createLink } from './link.js';

/**
 * Follows every notebook of a tracker, so that none of its jobs is missed.
 *
 * @param {Object} options
 * @param {any} options.tracker         an INotebookTracker
 * @param {any} options.KernelMessage   of @jupyterlab/services
 * @param {(name: string) => string | undefined} options.languageOf   of a kernel's name, where known
 * @param {() => void} options.changed  something is to be drawn
 * @param {() => void} options.switched   a notebook has another kernel, was opened or closed
 * @param {(kernelId: string, path: string, before: import('./link.js').Known, now: import('./link.js').Known) => void} options.moved
 * @param {(kernelId: string, message: Object, named: string) => void} options.received
 */
export function followNotebooks({ tracker, KernelMessage, languageOf, changed, switched, moved, received }) {
  // A notebook may be open in several views; they have one session context.
  const followed = new Map();   // session context -> {context, link}

  function follow({ sessionContext: context }) {
    if (followed.has(context)) return;
    const entry = { context, link: null };
    followed.set(context, entry);
    const attach = kernel => {
      entry.link?.dispose();
      entry.link = kernel ? linkTo(kernel, entry) : null;
      switched();
      changed();
    };
    const kernelChanged = (_, { newValue }) => attach(newValue);
    context.kernelChanged.connect(kernelChanged);
    context.propertyChanged?.connect(changed);   // its name has changed
    if (context.session?.kernel) attach(context.session.kernel);
    context.disposed.connect(() => {
      followed.delete(context);
      attach(null);
    });
  }

  function linkTo(kernel, entry) {
    return createLink({
      KernelMessage,
      kernel,
      languageOf,
      changed: (before, restarted, now) => {
        if (!restarted && entry.link) moved(kernel.id, pathOf(entry), before, now);
        changed();
      },
      received: (message, named) => received(kernel.id, message, named)
    });
  }

  tracker.widgetAdded.connect((_, panel) => follow(panel));
  tracker.forEach(follow);
  tracker.currentChanged.connect(changed);
  window.addEventListener('pagehide', () => followed.forEach(({ link }) => link?.leave()));

  const entryOf = kernelId => [...followed.values()].find(({ link }) => link?.kernelId === kernelId);
  const front = () => followed.get(tracker.currentWidget?.sessionContext) || null;

  return {
    /** What `groupsOf` makes groups of. */
    links: () => [...followed.values()].filter(({ link }) => link).flatMap(entry => entry.link.parts.map(part => ({
      kernelId: entry.link.kernelId,
      path: pathOf(entry),
      current: entry === front(),
      known: part.known,
      now: part.now,
      send: part.send
    }))),
    /** The link of a notebook's kernel, if it has one. */
    linkIn: ({ sessionContext }) => followed.get(sessionContext)?.link,
    /** Whether a notebook of this page has this kernel, or is about to. */
    isOpen: (kernelId, path) => [...followed.values()].some(entry =>
      entry.context.session?.kernel?.id === kernelId || (path !== undefined && pathOf(entry) === path)),
    panel: kernelId => tracker.find(panel => panel.sessionContext === entryOf(kernelId)?.context)
  };
}

/** Below the server's root; a drive of its own, as for working together, is left out. */
function pathOf({ context }) {
  return context.path.replace(/^[A-Za-z]+:/, '');
}
