// How far the page is behind the log: a socket that delivers may still deliver late, or not all there is.

import { compareCursors } from "./wire.js";

export const limits = {
  // What the feed delivers in time is younger. Clocks of replicas differ by less, or time is all they agree on.
  suspiciousMilliseconds: 10_000,
  // An answer over HTTP may overtake the frame of the same threat by this much.
  graceMilliseconds: 5_000,
  askFirstMilliseconds: 5_000,
  askMaxMilliseconds: 60_000,
  // A clock that was learnt on a slow way is not worth having.
  clockWayMilliseconds: 5_000,
};

/**
 * Compares where the page stands with the head of the log, which it is told now and then. The age of what arrives is
 * a reason to ask and never a verdict, because it rests on the clocks of replicas. Cursors are parsed ones or null,
 * times are monotonic milliseconds.
 */
export class Lag {
  #head = null;
  #headAt = 0;
  #isBehind = false;
  // When the newest entry was received by its replica, and how old it was when it came here.
  #newestAt = NaN;
  #newestAge = 0;
  // The server's clock at the monotonic time 0, in milliseconds since 1970.
  #clockAtZero = NaN;
  #askAt = 0;
  #askWait = limits.askFirstMilliseconds;

  /** An entry came that a replica had received at this time (RFC 3339). */
  received(receivedAt, now) {
    this.#newestAt = Date.parse(receivedAt);
    this.#newestAge = this.#clockAtZero + now - this.#newestAt;
  }

  /** A first frame brought what there is: the age of its entries is no sign of anything. */
  joined() {
    this.#newestAge = 0;
  }

  /**
   * The log ended at `head` (null if unknown) when somebody answered between `askedAt` and `now`, by whose clock it was
   * `date` (ms since 1970, or NaN); the page stands at `cursor`.
   */
  told({ head, date, askedAt }, cursor, now) {
    // `Date` counts whole seconds (RFC 9110 §5.6.7): on average half a second has passed since.
    if (now - askedAt <= limits.clockWayMilliseconds) this.#clockAtZero = date + 500 - (askedAt + now) / 2;
    if (head === null) return;
    this.#head = head;
    this.#headAt = now;
    if (!this.#isAheadOf(cursor)) this.#isBehind = false;
    // Entries that are old and yet the newest: a clock is wrong, and asking on would not mend it.
    const isFalseAlarm = this.#isSuspicious && !this.#isAheadOf(cursor);
    this.#askWait = isFalseAlarm
      ? Math.min(limits.askMaxMilliseconds, 2 * this.#askWait)
      : limits.askFirstMilliseconds;
    this.#askAt = now + this.#askWait;
  }

  /** Time passed unseen, perhaps by a clock that stood still: what was learnt of the server's is void. */
  forgetClock() {
    this.#clockAtZero = NaN;
    this.#newestAge = 0;
  }

  /** The head is being asked for: not again before an answer might have come, be it a refusal. */
  asked(now) {
    this.#askAt = now + this.#askWait;
    this.#askWait = Math.min(limits.askMaxMilliseconds, 2 * this.#askWait);
  }

  /** Whether the head should be asked for. */
  isHeadWanted(now) {
    return (this.#isSuspicious || this.#isBehind) && now >= this.#askAt;
  }

  /**
   * Null, or {count, ageMilliseconds} while the page, at `cursor`, is behind: `count` entries of the log have not come
   * (null if that cannot be told), and the newest that has come is so old (null if the server's clock is not known).
   */
  report(cursor, now) {
    const isAhead = this.#isAheadOf(cursor);
    const grace = this.#isSuspicious ? 0 : limits.graceMilliseconds;
    if (isAhead && now - this.#headAt >= grace) this.#isBehind = true;
    else if (!isAhead && !this.#isSuspicious) this.#isBehind = false;
    if (!this.#isBehind) return null;
    const isCountable = isAhead && this.#head.generation === cursor.generation;
    const age = this.#clockAtZero + now - this.#newestAt;
    return {
      count: isCountable ? this.#head.sequence - cursor.sequence : null,
      ageMilliseconds: age > 0 ? age : null,
    };
  }

  get #isSuspicious() {
    return this.#newestAge > limits.suspiciousMilliseconds;
  }

  #isAheadOf(cursor) {
    return this.#head !== null && cursor !== null && compareCursors(this.#head, cursor) > 0;
  }
}
