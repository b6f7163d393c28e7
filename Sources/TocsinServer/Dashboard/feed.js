// One WebSocket to the feed that comes back by itself: opening, watching, closing, waiting, resuming.

import { compareCursors, parseCursor, parseFrame } from "./wire.js";

export const limits = {
  historyCount: 100,
  firstFrameMilliseconds: 10_000,
  // Two heartbeats of 15 s and something for the road.
  silenceMilliseconds: 35_000,
  probeMilliseconds: 5_000,
  backoffFirstMilliseconds: 500,
  backoffMaxMilliseconds: 30_000,
  promptMilliseconds: 400,
  // A connection that lived this long was a good one: the next failure starts counting anew.
  settledMilliseconds: 5_000,
};

const closeCode = { policy: 1008, restart: 1012, tooSlow: 4001 };

/** The wait before try number `failures` + 1, in milliseconds. `random` is in [0, 1). */
export function retryDelay(code, failures, random) {
  const expected = code === closeCode.restart || code === closeCode.tooSlow;
  if (expected && failures === 0) return random * limits.promptMilliseconds;
  const doublings = Math.min(failures, 10);
  const ceiling = Math.min(limits.backoffMaxMilliseconds, limits.backoffFirstMilliseconds * 2 ** doublings);
  // Half fixed, half drawn: a herd of dashboards spreads out, and none of them retries at once.
  return ceiling / 2 + (random * ceiling) / 2;
}

/**
 * Keeps a connection to `/ws` and hands over every frame once.
 *
 * `onState(state)` hears {phase, retryAt, since, reason}: phase is "connecting", "live", "reconnecting",
 * "offline" or "draining"; retryAt is the time of the next try in milliseconds, or null while one is under way;
 * since is when the feed last became live, or ceased to be.
 * `onFrame(frame, cursor)` hears parsed frames; cursor is the parsed `cursor` member, or null.
 */
export class Feed {
  #url;
  #onState;
  #onFrame;
  #socket = null;
  #openedAt = 0;
  #liveSince = null;
  #lastFrameAt = 0;
  #probeDeadline = null;
  #failures = 0;
  #retryTimer = null;

  constructor({ url, onState, onFrame }) {
    this.#url = url;
    this.#onState = onState;
    this.#onFrame = onFrame;
    /** The position to resume from, as parsed by `parseCursor`; null before the first frame. */
    this.cursor = null;
    this.state = { phase: "connecting", retryAt: null, since: Date.now(), reason: "" };
  }

  start() {
    setInterval(() => this.#watch(), 1_000);
    addEventListener("online", () => this.nudge());
    addEventListener("pageshow", (event) => event.persisted && this.nudge());
    addEventListener("offline", () => {
      this.#probe();
      this.#refreshPhase();
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.nudge());
    this.#connect();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    const address = new URL(this.#url);
    if (this.cursor === null) address.searchParams.set("history", String(limits.historyCount));
    else address.searchParams.set("after", this.cursor.text);
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#openedAt = this.#lastFrameAt = Date.now();
    this.#liveSince = this.#probeDeadline = null;
    this.#enter(this.state.phase, null, this.state.reason);
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
  }

  #received(text) {
    this.#lastFrameAt = Date.now();
    this.#probeDeadline = null;
    const frame = parseFrame(text);
    if (frame === null) return;
    const cursor = parseCursor(frame.cursor);
    if (this.#liveSince === null && (frame.type === "initial_batch" || frame.type === "resumed")) {
      this.#liveSince = Date.now();
      this.#enter("live", null, "");
    }
    try {
      this.#onFrame(frame, cursor);
    } catch (error) {
      // The cursor still moves on: the same frame would come back after every resume.
      console.error("A frame could not be shown", error);
    }
    this.#advance(frame, cursor);
  }

  #advance(frame, cursor) {
    // These two say where the log stands, and may lead back; an entry only ever leads on.
    if (frame.type === "initial_batch" && cursor) this.cursor = cursor;
    else if (frame.type === "reset") this.cursor = parseCursor(frame.to) ?? this.cursor;
    else if (cursor && (this.cursor === null || compareCursors(cursor, this.cursor) > 0)) this.cursor = cursor;
  }

  #closed(code, reason) {
    const lived = this.#liveSince === null ? 0 : Date.now() - this.#liveSince;
    if (lived >= limits.settledMilliseconds) this.#failures = 0;
    if (code === closeCode.policy) this.#failures = Math.max(this.#failures, 5);
    this.#socket = null;
    this.#liveSince = null;
    const delay = retryDelay(code, this.#failures, Math.random());
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
    this.#enter(code === closeCode.restart ? "draining" : "reconnecting", Date.now() + delay, reason);
  }

  /** Leaves a socket that no longer answers; its closing handshake would never end. */
  #abandon(reason) {
    const socket = this.#socket;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#closed(1006, reason);
  }

  #watch() {
    if (this.#socket === null) return;
    const now = Date.now();
    if (this.#liveSince === null) {
      if (now - this.#openedAt > limits.firstFrameMilliseconds) this.#abandon("no answer from the server");
    } else if (this.#probeDeadline !== null && now > this.#probeDeadline) {
      this.#abandon("the connection no longer answers");
    } else if (now - this.#lastFrameAt > limits.silenceMilliseconds) {
      this.#abandon("nothing heard for 35 seconds");
    }
  }

  /** Tries at once, or makes sure that the connection still lives: for when the world may have got better. */
  nudge() {
    if (this.#socket === null) {
      this.#failures = 0;
      this.#connect();
    } else {
      this.#watch();
      this.#probe();
    }
    this.#refreshPhase();
  }

  #probe() {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#liveSince === null) return;
    this.#socket.send('{"type":"ping"}');
    this.#probeDeadline ??= Date.now() + limits.probeMilliseconds;
  }

  #refreshPhase() {
    if (this.state.phase === "live") return;
    const phase = this.state.phase === "offline" ? "reconnecting" : this.state.phase;
    this.#enter(phase, this.state.retryAt, this.state.reason);
  }

  #enter(phase, retryAt, reason) {
    // A loopback replica can be reached without a network, so "offline" names the likely cause and tries go on.
    const shown = phase !== "live" && navigator.onLine === false ? "offline" : phase;
    const turned = (shown === "live") !== (this.state.phase === "live");
    const since = turned ? Date.now() : this.state.since;
    this.state = { phase: shown, retryAt, since, reason };
    this.#onState(this.state);
  }
}
