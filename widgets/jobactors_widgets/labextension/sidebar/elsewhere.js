// Follows the running kernels that no notebook of this page has: those of notebooks that are not open,
// or that were started by another program.

import { createLink } from './link.js';

/**
 * Follows them from `start()` on: each costs a connection, so not before the sidebar is opened.
 *
 * @param {Object} options
 * @param {any} options.serviceManager   of @jupyterlab/services
 * @param {any} options.KernelMessage    of the same
 * @param {(kernelId: string, path: string | undefined) => boolean} options.isOpen   in this page
 * @param {(name: string) => string | undefined} options.languageOf   of a kernel's name, where known
 * @param {() => void} options.changed   something is to be drawn
 * @param {(kernelId: string, message: Object, named: string) => void} options.received
 */
export function followElsewhere({ serviceManager, KernelMessage, isOpen, languageOf, changed, received }) {
  const { kernels, sessions } = serviceManager;
  const followed = new Map();   // kernel id -> {kernel, link, session}
  let started = false;

  function start() {
    if (started) return;
    started = true;
    kernels.runningChanged.connect(look);
    sessions.runningChanged.connect(look);
    look();
  }

  /** Updates the links: a kernel came or went, or a notebook was opened or closed. */
  function look() {
    if (!started) return;
    const bySession = new Map([...sessions.running()].map(session => [session.kernel?.id, session]));
    const wanted = new Map();
    for (const model of kernels.running()) {
      const session = bySession.get(model.id);
      if (!isOpen(model.id, session?.path)) wanted.set(model.id, { model, session });
    }
    for (const id of [...followed.keys()]) if (!wanted.has(id)) drop(id);
    for (const { model, session } of wanted.values()) {
      const there = followed.get(model.id);
      if (there) there.session = session;   // its name may have changed
      else follow(model, session);
    }
    changed();
  }

  function follow(model, session) {
    // Its comms belong to the notebook, wherever that is: none is to be refused or closed here.
    const kernel = kernels.connectTo({ model, handleComms: false });
    const link = createLink({
      KernelMessage, kernel, languageOf, changed, received: (message, named) => received(model.id, message, named)
    });
    followed.set(model.id, { kernel, link, session });
  }

  function drop(id) {
    const { kernel, link } = followed.get(id);
    followed.delete(id);
    link.dispose();
    kernel.dispose();   // the connection only
  }

  window.addEventListener('pagehide', () => followed.forEach(({ link }) => link.leave()));

  return {
    start,
    look,
    /** What `groupsOf` makes groups of. */
    links: () => [...followed].flatMap(([kernelId, { kernel, link, session }]) => link.parts.map(part => ({
      kernelId,
      path: session?.path || `${kernel.name} ${kernelId.slice(0, 8)}`,
      current: false,
      elsewhere: true,
      known: part.known,
      now: part.now,
      send: part.send
    }))),
    /** The notebook it belongs to, if it does. */
    notebook: kernelId => {
      const session = followed.get(kernelId)?.session;
      return session?.type === 'notebook' ? session.path : undefined;
    }
  };
}
