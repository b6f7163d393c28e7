// What each frame of the feed means for what the page remembers, counts and shows.

import { makeEntry, makeMarker } from "./store.js";
import { missingWords, sentence } from "./words.js";
import { compareCursors, parseCursor } from "./wire.js";

/**
 * Takes frames in. `onNews(entry)` hears of each threat that is new to this page and came live; `tell(message)` is for
 * what the analyst must know.
 */
export class Intake {
  #store;
  #list;
  #tally;
  #onNews;
  #tell;

  constructor({ store, list, tally, onNews, tell }) {
    this.#store = store;
    this.#list = list;
    this.#tally = tally;
    this.#onNews = onNews;
    this.#tell = tell;
  }

  /** `cursor` is the frame's, `last` where the page stood before it, parsed or null; `text` is the frame as it came. */
  receive(frame, cursor, last, text) {
    switch (frame.type) {
      case "initial_batch": return this.#batch(frame, last);
      case "resumed": return undefined;
      case "reset": return this.#reset(frame);
      case "error":
        return this.#tell(`The server did not understand this page: ${sentence(frame.detail ?? frame.code)}`);
      default: return this.#onward(frame, cursor, last, text);
    }
  }

  #batch(frame, last) {
    const threats = (Array.isArray(frame.data) ? frame.data : [])
      .map((threat) => ({ threat, cursor: parseCursor(threat?.cursor) }))
      .filter(({ cursor }) => cursor !== null)
      .reverse();
    if (frame.recovered === false) {
      this.#store.breakOff();
      this.#tellOfLoss(frame, threats[0]?.cursor ?? parseCursor(frame.cursor), last);
    }
    for (const { threat, cursor } of threats) this.#take(threat, cursor, null);
    this.#tally.refresh();
  }

  /** The page asked to go on from `last` and could not; what it gets instead begins at `first`. */
  #tellOfLoss(frame, first, last) {
    const from = last?.text ?? "the last one seen";
    const isCountable = last !== null && first !== null && first.generation === last.generation;
    const missing = isCountable ? first.sequence - last.sequence - 1n : null;
    const message = missing !== null && missing > 0n
      ? missingWords(missing, `what followed ${from}`)
      : `Threats after ${from} may be missing here`;
    const why = sentence(frame.reason);
    this.#tell(`${message}. The server could not go on from there${why ? `: ${why}` : "."}`);
    this.#mark(message);
  }

  #reset(frame) {
    this.#tell(`The log was moved to a new generation. ${sentence(frame.reason)} Threats sent again are shown once.`);
    this.#mark(`New generation of the log after ${sentence(frame.from)}`);
    this.#tally.refresh();
  }

  /** An entry of the log, a heartbeat, or a type yet to come: whatever it is, its cursor must lead on without a gap. */
  #onward(frame, cursor, last, text) {
    const isEntry = frame.type === "new_threat";
    if (isEntry && cursor !== null && last !== null && compareCursors(cursor, last) <= 0) return;
    if (cursor !== null && last !== null) this.#checkContiguous(frame.type === "heartbeat" ? 0n : 1n, cursor, last);
    if (frame.type === "threat_updated") {
      const { id, triage } = frame.data ?? {};
      this.#list.update(id, triage, this.#store.find(id));
    } else if (isEntry) {
      const entry = this.#take(frame.data, cursor ?? parseCursor(frame.data?.cursor), text);
      if (entry === null) return;
      this.#tally.add(entry);
      this.#onNews(entry);
    }
  }

  /** The page takes the feed without a filter, so within a generation an entry is one `step`, a heartbeat none. */
  #checkContiguous(step, cursor, last) {
    const missing = cursor.sequence - last.sequence - step;
    if (cursor.generation !== last.generation || missing <= 0n) return;
    this.#store.breakOff();
    const message = missingWords(missing, `entries between ${last.text} and ${cursor.text} did not arrive`);
    this.#tell(`${message}.`);
    this.#mark(message);
    this.#tally.refresh();
  }

  /** Remembers and lists a threat. Returns its entry if this page had not seen it, else null. */
  #take(threat, cursor, text) {
    if (threat === null || typeof threat !== "object" || cursor === null) return null;
    const entry = makeEntry(threat, cursor, text);
    return this.#remember(entry) ? entry : null;
  }

  #mark(message) {
    this.#remember(makeMarker(message));
  }

  #remember(entry) {
    if (this.#store.add(entry) !== "new") return false;
    this.#list.add(entry);
    return true;
  }
}
