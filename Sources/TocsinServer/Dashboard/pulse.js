// The page's sense of time: a beat each second, and the notice that time has passed without the page.

const beatMilliseconds = 1_000;
// A page that is shown beats each second; browsers slow a hidden one down to a beat a minute.
const lateMilliseconds = { visible: 10_000, hidden: 90_000 };

/**
 * Calls `onBeat(now)` each second, and `onWake(now)` before it when much more than a second has passed: the machine
 * slept, or the browser had frozen the page. `now` is monotonic, in milliseconds. What it measures may stand still
 * while the machine sleeps, depending on browser and system, so the wall clock is asked too; that one may be set, and
 * decides nothing but to make sure.
 */
export class Pulse {
  #onBeat;
  #onWake;
  #beatAt = performance.now();
  #wallClock = Date.now();

  constructor({ onBeat, onWake }) {
    this.#onBeat = onBeat;
    this.#onWake = onWake;
  }

  start() {
    setInterval(() => this.#beat(), beatMilliseconds);
  }

  #beat() {
    const now = performance.now();
    const wallClock = Date.now();
    const unseen = Math.max(now - this.#beatAt, wallClock - this.#wallClock);
    this.#beatAt = now;
    this.#wallClock = wallClock;
    if (unseen > lateMilliseconds[document.visibilityState === "hidden" ? "hidden" : "visible"]) this.#onWake(now);
    this.#onBeat(now);
  }
}
