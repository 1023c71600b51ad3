// Ticks with each second of the kernel's clock, and only while some text in the page changes with it.

/**
 * @param {Object} host
 * @param {() => number} host.exactly   the kernel's clock, in seconds
 * @param {() => number} host.due       seconds until some text changes; Infinity for never
 * @param {() => void} host.tick
 * @param {{later: Function, forget: Function}} host.timers
 */
export function createSeconds({ exactly, due, tick, timers }) {
  let ticker = null;   // {at, timer}

  function follow() {
    const at = Math.floor(exactly());
    const wait = due();
    if (ticker && ticker.at <= at + wait && wait < Infinity) return;
    stop();
    if (wait === Infinity) return;
    const timer = timers.later(() => {
      ticker = null;
      tick();
      follow();
    }, (at + wait - exactly()) * 1000);
    ticker = { at: at + wait, timer };
  }

  function stop() {
    if (ticker !== null) timers.forget(ticker.timer);
    ticker = null;
  }

  return { follow, stop };
}
