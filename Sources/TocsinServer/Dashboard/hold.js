// Why the list stands still: the analyst has paused it, does not look, or reads what would be pushed away.

// Who neither moves nor types for so long no longer reads.
export const readingMilliseconds = 180_000;
// A scroll so soon after a wheel, a key or a finger is the analyst's own; others come of rows that move.
const ownScrollMilliseconds = 1_000;

/**
 * Knows whether the list is held, and since when. `isOnScreen(entry)` tells of an open row whether it can be seen:
 * one that cannot holds nothing. Times are monotonic milliseconds.
 */
export class Hold {
  #isOnScreen;
  #isPaused = false;
  #reading = new Set();
  #isAway = false;
  #isAwayIgnored = false;
  #touchedAt = 0;

  constructor({ isOnScreen }) {
    this.#isOnScreen = isOnScreen;
    /** Since when the list is held: {reason, at (Date), since}; null while it is not. */
    this.period = null;
  }

  get isPaused() {
    return this.#isPaused;
  }

  /** "paused", "hidden", "reading" (a row is open, or the list is scrolled away), or null. Begins the period. */
  reason(now) {
    if (now - this.#touchedAt > readingMilliseconds) this.#stopReading();
    const isReading = (this.#isAway && !this.#isAwayIgnored) || [...this.#reading].some(this.#isOnScreen);
    const isHidden = document.visibilityState === "hidden";
    const reason = this.#isPaused ? "paused" : isHidden ? "hidden" : isReading ? "reading" : null;
    // Whoever leaves while reading has left.
    const isNew = this.period === null || (this.period.reason === "reading" && reason !== "reading");
    if (reason !== null && isNew) this.period = { reason, at: new Date(), since: now };
    return reason;
  }

  pause(isPaused) {
    this.#isPaused = isPaused;
  }

  opened(entry, now) {
    this.#touchedAt = now;
    this.#reading.add(entry);
  }

  closed(entry) {
    this.#reading.delete(entry);
  }

  scrolled(isAway, now) {
    this.#isAway = isAway;
    if (!isAway || now - this.#touchedAt < ownScrollMilliseconds) this.#isAwayIgnored = false;
  }

  /** The analyst did something on the page. */
  touched(now) {
    if (now - this.#touchedAt > readingMilliseconds) this.#stopReading();
    this.#touchedAt = now;
  }

  /** The analyst wants to see what waits: neither a pause nor rows that are open hold the list any longer. */
  release() {
    this.#isPaused = false;
    this.#stopReading();
  }

  #stopReading() {
    this.#reading.clear();
    this.#isAwayIgnored = true;
  }
}
