// Fills a list from the server: what matches a filter may be older than what the page remembers.

import { ask } from "./ask.js";
import { makeEntry, severities } from "./store.js";
import { parseCursor } from "./wire.js";

export const limits = {
  pageCount: 100,
  pagesMax: 10,
  // Of the server: a filter with more names is refused.
  typesMax: 64,
  retryFirstMilliseconds: 2_000,
  retryMaxMilliseconds: 30_000,
  typingMilliseconds: 300,
};
const typePattern = /^[a-z0-9][a-z0-9_.-]{0,63}$/;

/**
 * The types to ask the server for: it knows whole names, and the page's filter parts of names. `known` are the names
 * there are. Null stands for all types, where there are too many to name: then the page chooses from the answers.
 */
export function typesToAsk(parts, known) {
  const names = new Set(parts.filter((part) => typePattern.test(part)));
  for (const name of known) if (parts.some((part) => name.toLowerCase().includes(part))) names.add(name);
  return parts.length === 0 || names.size > limits.typesMax ? null : [...names];
}

/**
 * Asks for older threats, page by page and newest first, until enough are found or there are no more, and again after
 * a failure for as long as nobody wants something else.
 * `onFound(entries)` hears entries, newest first; `onState({phase, reason})` hears "idle", "asking", "done" or
 * "failed".
 */
export class Fill {
  #onFound;
  #onState;
  #timer = null;
  #question = null;
  #failures = 0;

  constructor({ onFound, onState }) {
    this.#onFound = onFound;
    this.#onState = onState;
  }

  /**
   * Looks for `wanted` threats before `before` (a cursor's text, or null) that match the filter; what was looked for
   * until now is dropped. `types` are names, or null for all.
   */
  look({ filter, types, before, wanted, isTyped }) {
    this.stop();
    if (wanted <= 0 || types?.length === 0) return this.#onState({ phase: "done", reason: "" });
    this.#question = { filter, types, before, wanted, ending: new AbortController() };
    this.#failures = 0;
    this.#onState({ phase: "asking", reason: "" });
    // Each letter of a filter would be a question of its own.
    this.#later(isTyped ? limits.typingMilliseconds : 0);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#question?.ending.abort();
    this.#question = null;
    this.#onState({ phase: "idle", reason: "" });
  }

  #later(delay) {
    this.#timer = setTimeout(() => this.#run(this.#question), delay);
  }

  async #run(question) {
    try {
      for (let page = 0; page < limits.pagesMax; page += 1) {
        const entries = await this.#askPage(question);
        if (question !== this.#question) return;
        const found = entries.filter(question.filter.matches).slice(0, question.wanted);
        question.wanted -= found.length;
        if (found.length > 0) this.#onFound(found);
        if (entries.length < limits.pageCount || question.wanted === 0) {
          return this.#onState({ phase: "done", reason: "" });
        }
      }
      const looked = limits.pagesMax * limits.pageCount;
      this.#onState({ phase: "done", reason: `of older threats only the next ${looked} were looked through` });
    } catch (refusal) {
      if (question !== this.#question) return;
      const { retryFirstMilliseconds, retryMaxMilliseconds } = limits;
      const wait = Math.min(retryMaxMilliseconds, retryFirstMilliseconds * 2 ** Math.min(this.#failures, 10));
      this.#failures += 1;
      this.#onState({ phase: "failed", reason: refusal.message });
      this.#later(wait * (0.75 + Math.random() / 2));
    }
  }

  /** One page of entries, newest first; the question goes on behind its last. */
  async #askPage(question) {
    const query = new URLSearchParams({ limit: String(limits.pageCount) });
    const { filter, types, before, ending } = question;
    if (filter.minSeverity !== severities[0]) query.set("min_severity", filter.minSeverity);
    if (types !== null) query.set("threat_type", types.join(","));
    if (before !== null) query.set("before", before);
    let answer;
    try {
      answer = await ask(`api/threats?${query}`, { signal: ending.signal });
    } catch (refusal) {
      // The cursor is none of this log's any more, so everything that is there may be missing here.
      if (refusal.status !== 410 || before === null) throw refusal;
      question.before = null;
      return this.#askPage(question);
    }
    const threats = Array.isArray(answer.body) ? answer.body : [];
    const entries = threats.flatMap((threat) => {
      const cursor = parseCursor(threat?.cursor);
      return cursor === null ? [] : [makeEntry(threat, cursor)];
    });
    question.before = entries.at(-1)?.cursor.text ?? question.before;
    return entries;
  }
}
