// The numbers beside the feed: counts over what is retained, and the rate at which threats come in.

import { ask } from "./ask.js";
import { compareCursors, parseCursor } from "./wire.js";

const refreshEveryMilliseconds = 30_000;
// An answer that does not say where it stands in the log is asked for again once things are calmer.
const unplacedRetryMilliseconds = 5_000;
const retryMaxMilliseconds = 60_000;
// Only the answer knows how many customers are affected; a name new to this page asks for it soon.
const newCustomerMilliseconds = 2_000;
const customersMax = 1_000;
const inFlightMax = 5_000;
const typesMax = 1_000;
export const rateSeconds = 60;

function countsOf(object) {
  const counts = new Map();
  if (object === null || typeof object !== "object") return counts;
  for (const [name, count] of Object.entries(object)) {
    if (Number.isFinite(count) && count > 0 && counts.size < typesMax) counts.set(name, count);
  }
  return counts;
}

/**
 * Counts from `/api/analytics`, kept true by the feed between two answers.
 * Retention takes threats away without a frame, so the answer is fetched again now and then. `onChange()` hears of each
 * figure that changed; `onAnswer({head, date, askedAt})` where the log ended by an answer: a cursor or null, the
 * server's clock (ms since 1970), and when it was asked (monotonic). A question that failed is null.
 */
export class Tally {
  #onChange;
  #onAnswer;
  #inFlight = null;
  #again = false;
  #failures = 0;
  #timer = null;
  #timerAt = 0;
  #knownCustomers = new Set();
  #upTo = null;
  #buckets = new Array(rateSeconds).fill(0);
  #bucketSecond = 0;

  constructor({ onChange, onAnswer }) {
    this.#onChange = onChange;
    this.#onAnswer = onAnswer;
    this.bySeverity = new Map();
    this.byType = new Map();
    this.total = 0;
    this.customers = 0;
    this.ready = false;
    /** When the counts were last asked for with success (Date, or null), and why not since, in words, or "". */
    this.answeredAt = null;
    this.problem = "";
  }

  /** Counts one accepted threat that came by the live feed. */
  add(entry) {
    this.#buckets[this.#second() % rateSeconds] += 1;
    if (this.#inFlight !== null && this.#inFlight.length < inFlightMax) this.#inFlight.push(entry);
    this.#count(entry);
    const isNewCustomer = entry.customer !== "" && !this.#knownCustomers.has(entry.customer);
    if (isNewCustomer && this.#knownCustomers.size < customersMax) {
      this.#knownCustomers.add(entry.customer);
      if (this.#inFlight !== null) this.#again = true;
      else if (this.#timerAt > performance.now() + newCustomerMilliseconds) this.#schedule(newCustomerMilliseconds);
    }
    this.#onChange();
  }

  #count(entry) {
    // A backlog may still be on its way that the answer has counted already.
    if (this.#upTo !== null && compareCursors(entry.cursor, this.#upTo) <= 0) return;
    this.total += 1;
    this.bySeverity.set(entry.severity, (this.bySeverity.get(entry.severity) ?? 0) + 1);
    if (this.byType.has(entry.type) || this.byType.size < typesMax) {
      this.byType.set(entry.type, (this.byType.get(entry.type) ?? 0) + 1);
    }
  }

  /** Fetches the counts; one request at a time, and one more if asked meanwhile. */
  async refresh() {
    if (this.#inFlight !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#inFlight = [];
    let wait = refreshEveryMilliseconds;
    try {
      const { body, date, sentAt } = await ask("api/analytics");
      this.#take(body ?? {});
      this.#failures = 0;
      this.problem = "";
      this.answeredAt = new Date();
      if (this.#upTo === null && this.#inFlight.length > 0) wait = unplacedRetryMilliseconds;
      this.#onAnswer({ head: this.#upTo, date, askedAt: sentAt });
    } catch (refusal) {
      this.#failures += 1;
      this.problem = refusal.message;
      wait = Math.min(retryMaxMilliseconds, 2_000 * 2 ** Math.min(this.#failures, 6));
      this.#onAnswer(null);
    }
    this.#inFlight = null;
    if (this.#again) wait = 1_000;
    this.#again = false;
    this.#schedule(wait);
  }

  #schedule(wait) {
    clearTimeout(this.#timer);
    const delay = wait * (0.75 + Math.random() / 2);
    this.#timerAt = performance.now() + delay;
    this.#timer = setTimeout(() => this.refresh(), delay);
  }

  #take(answer) {
    this.total = Number(answer.total_threats) || 0;
    this.customers = Number(answer.customers_affected) || 0;
    this.bySeverity = countsOf(answer.threats_by_severity);
    this.byType = countsOf(answer.threats_by_type);
    this.ready = true;
    // What came while the question was under way is in the answer up to the cursor the answer names.
    this.#upTo = parseCursor(answer.cursor);
    if (this.#upTo !== null) this.#inFlight.forEach((entry) => this.#count(entry));
    this.#onChange();
  }

  #second() {
    const second = Math.floor(performance.now() / 1_000);
    const passed = Math.min(second - this.#bucketSecond, rateSeconds);
    for (let step = 1; step <= passed; step += 1) this.#buckets[(this.#bucketSecond + step) % rateSeconds] = 0;
    if (passed === rateSeconds) this.#buckets.fill(0);
    this.#bucketSecond = second;
    return second;
  }

  /** Threats that arrived in each of the last 60 seconds, oldest first; the last is the second under way. */
  arrivals() {
    const second = this.#second();
    return this.#buckets.map((_, index) => this.#buckets[(second + 1 + index) % rateSeconds]);
  }
}
