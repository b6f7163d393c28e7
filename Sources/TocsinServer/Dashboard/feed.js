// One WebSocket to the feed that comes back by itself: opening, watching, closing, waiting, resuming.

import { socketAddress } from "./address.js";
import { askHealth, whyRefused } from "./ask.js";
import { compareCursors, parseCursor, parseFrame } from "./wire.js";

export const limits = {
  historyCount: 100,
  historyCountMin: 5,
  // A browser says nothing of a message before its last byte. A first frame of 256 KiB takes 65 s at 32 kbit/s, and a
  // browser that was refused before (Firefox) holds a new socket back for up to 60 s.
  firstFrameMilliseconds: 120_000,
  // Meanwhile the server is asked over HTTP whether it is there; that is worth more than waiting longer or shorter.
  askEveryMilliseconds: 10_000,
  unansweredMax: 2,
  // Two heartbeats of 15 s and something for the road.
  silenceMilliseconds: 35_000,
  pongMilliseconds: 10_000,
  backoffFirstMilliseconds: 500,
  backoffMaxMilliseconds: 30_000,
  // A connection that lived this long was a good one: the next failure starts counting anew.
  settledMilliseconds: 5_000,
  // A replica that cannot follow the log says so right behind its first frame.
  outageDoubtMilliseconds: 2_000,
};

// For words only, since WebKit shows some of these as 1006, and lost lines may show as any: whatever ended the
// connection, the page comes back. The one exception is the range in which a server says that it must not.
const closeWords = new Map([
  [1001, "the server goes away"],
  [1012, "the replica restarts"],
  [1013, "the replica asks to come back later"],
]);
const isFinal = (code) => code >= 4500 && code <= 4999;

/** The wait before try number `failures` + 1, in milliseconds. `random` is in [0, 1). */
export function retryDelay(failures, random) {
  const doublings = Math.min(failures, 10);
  const ceiling = Math.min(limits.backoffMaxMilliseconds, limits.backoffFirstMilliseconds * 2 ** doublings);
  // Half fixed, half drawn: a herd of dashboards spreads out, and none of them retries at once.
  return ceiling / 2 + (random * ceiling) / 2;
}

/**
 * Keeps a connection to `ws` and hands over every frame once.
 *
 * `onState(state)` hears {phase, retryAt, since, reason, log}: phase is "connecting", "live", "reconnecting" or
 * "ended"; retryAt is the monotonic time of the next try, or null while one is under way; since (Date) is when the feed
 * last became live, or ceased to be; reason is why it is not live, in words; log is null, or {since} (Date) while the
 * replica says that it cannot follow the log.
 * `onFrame(frame, cursor, text)` hears frames parsed (wire.js) and as they came; cursor is the parsed `cursor` member,
 * or null.
 * Silence is measured by a clock that nobody sets (`performance.now()`).
 */
export class Feed {
  #onState;
  #onFrame;
  #socket = null;
  #openedAt = 0;
  #joinedAt = null;
  #heardAt = 0;
  #pongBy = null;
  #doubtUntil = null;
  #failures = 0;
  #retryTimer = null;
  // Counts tries, so that an answer to an earlier one's question is told from that to the present one's.
  #attempt = 0;
  #askAt = 0;
  #unanswered = 0;
  #historyCount = limits.historyCount;

  constructor({ onState, onFrame }) {
    this.#onState = onState;
    this.#onFrame = onFrame;
    /** The position to resume from, as parsed by `parseCursor`; null before the first frame. */
    this.cursor = null;
    this.state = { phase: "connecting", retryAt: null, since: new Date(), reason: "", log: null };
  }

  start() {
    addEventListener("online", () => this.nudge());
    addEventListener("offline", () => {
      this.#ping();
      this.#change({});
    });
    addEventListener("pageshow", (event) => event.persisted && this.nudge());
    document.addEventListener("resume", () => this.nudge());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.nudge());
    this.#try();
  }

  /** Tries at once, or makes sure that the connection still lives: for when the world may have changed. */
  nudge() {
    if (this.#retryTimer !== null) this.#try();
    else if (this.#joinedAt !== null) this.#ping();
    else this.#askAt = 0;
    this.#change({});
  }

  /** The analyst wants it: also after an end that is final. */
  retry() {
    if (this.state.phase === "ended") this.#change({ phase: "reconnecting" });
    if (this.#socket === null) this.#try();
    else this.nudge();
  }

  /** Once a second. */
  beat(now) {
    if (this.#doubtUntil !== null && now > this.#doubtUntil) this.#settleLog(null);
    if (this.#socket === null) return;
    if (this.#joinedAt === null) this.#watchFirst(now);
    else if (this.#pongBy !== null) {
      if (now > this.#pongBy) this.#abandon("the connection no longer answers");
    } else if (now - this.#heardAt > limits.silenceMilliseconds) {
      this.#abandon(`nothing was heard for ${limits.silenceMilliseconds / 1_000} seconds`);
    }
  }

  /** Time passed unseen. What came meanwhile waits behind this moment, so silence is no verdict yet. */
  woke(now) {
    this.#heardAt = this.#openedAt = now;
    this.#pongBy = null;
    this.nudge();
  }

  // --- Trying ---

  async #try() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    const attempt = (this.#attempt += 1);
    this.#change({ retryAt: null });
    // Each socket that fails makes browsers hold the next ones back, and says nothing of why. A question does neither.
    if (this.#failures > 1) {
      const { isThere, reason } = await askHealth();
      if (attempt !== this.#attempt) return;
      if (!isThere) return this.#wait(reason);
      if (reason !== "") this.#change({ reason });
    }
    this.#open();
  }

  #open() {
    const address = socketAddress("ws");
    if (this.cursor === null) address.searchParams.set("history", String(this.#historyCount));
    else address.searchParams.set("after", this.cursor.text);
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#openedAt = this.#heardAt = performance.now();
    this.#askAt = this.#openedAt + limits.askEveryMilliseconds;
    this.#unanswered = 0;
    this.#joinedAt = this.#pongBy = this.#doubtUntil = null;
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
  }

  #watchFirst(now) {
    if (now - this.#openedAt > limits.firstFrameMilliseconds) {
      const isOpen = this.#socket.readyState === WebSocket.OPEN;
      if (isOpen) this.#historyCount = Math.max(limits.historyCountMin, Math.floor(this.#historyCount / 4));
      this.#abandon(isOpen ? "no threats came on a connection that stands" : "no WebSocket came about");
    } else if (now >= this.#askAt) {
      this.#askWhatIsWrong();
    }
  }

  /** Nothing has come yet: held back, on its way, or never to come. */
  async #askWhatIsWrong() {
    this.#askAt = Infinity;
    const attempt = this.#attempt;
    const { isThere, reason } = await askHealth();
    if (attempt !== this.#attempt || this.#socket === null || this.#joinedAt !== null) return;
    this.#askAt = performance.now() + limits.askEveryMilliseconds;
    const isOpen = this.#socket.readyState === WebSocket.OPEN;
    if (isThere) {
      this.#unanswered = 0;
      const held = "the server answers; the browser, or what stands between, holds the connection back";
      this.#change({ reason: reason || (isOpen ? "connected, waiting for the first threats" : held) });
      return;
    }
    this.#unanswered += 1;
    // On a line that is full of threats already the question itself may be late.
    if (!isOpen || this.#unanswered >= limits.unansweredMax) this.#abandon(reason);
  }

  // --- Listening ---

  #received(text) {
    const now = performance.now();
    this.#heardAt = now;
    this.#pongBy = null;
    const frame = parseFrame(text);
    if (frame === null) return;
    const cursor = parseCursor(frame.cursor);
    if (this.#joinedAt === null && (frame.type === "initial_batch" || frame.type === "resumed")) this.#joined(now);
    if (frame.type === "heartbeat") this.#learnOfLog(frame);
    try {
      this.#onFrame(frame, cursor, text);
    } catch (error) {
      // The cursor still moves on: the same frame would come back after every resume.
      console.error("A frame could not be shown", error);
    }
    this.#advance(frame, cursor);
  }

  #joined(now) {
    this.#joinedAt = now;
    if (this.state.log !== null) this.#doubtUntil = now + limits.outageDoubtMilliseconds;
    this.#change({ phase: "live", reason: "" });
  }

  /** Heartbeats alone say whether the replica follows the log; what is behind in its memory it sends all the same. */
  #learnOfLog(frame) {
    if (frame.log !== "unreachable") return this.#settleLog(null);
    const since = new Date(frame.since);
    this.#settleLog({ since: Number.isNaN(since.getTime()) ? (this.state.log?.since ?? new Date()) : since });
  }

  #settleLog(log) {
    this.#doubtUntil = null;
    if (log?.since.getTime() !== this.state.log?.since.getTime()) this.#change({ log });
  }

  #advance(frame, cursor) {
    // These two say where the log stands, and may lead back; an entry only ever leads on.
    if (frame.type === "initial_batch" && cursor) this.cursor = cursor;
    else if (frame.type === "reset") this.cursor = parseCursor(frame.to) ?? this.cursor;
    else if (cursor && (this.cursor === null || compareCursors(cursor, this.cursor) > 0)) this.cursor = cursor;
  }

  #ping() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send('{"type":"ping"}');
    this.#pongBy ??= performance.now() + limits.pongMilliseconds;
  }

  // --- Ending ---

  #closed(code, reason) {
    const now = performance.now();
    const wasJoined = this.#joinedAt !== null;
    const isSettled = wasJoined && now - this.#joinedAt >= limits.settledMilliseconds;
    // One that could only say that it is blind was no good connection, however long it stood.
    if (isSettled && this.state.log === null) this.#failures = 0;
    this.#leave();
    if (isFinal(code)) {
      this.#attempt += 1;
      this.#change({ phase: "ended", retryAt: null, reason: reason || `code ${code}` });
      return;
    }
    this.#wait(reason || closeWords.get(code) || (wasJoined ? "the connection was cut" : "no WebSocket came about"));
    if (!wasJoined) this.#explain();
  }

  /** Leaves a socket that no longer answers; its closing handshake would never end. */
  #abandon(reason) {
    const socket = this.#socket;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#leave();
    this.#wait(reason);
  }

  #leave() {
    this.#socket = null;
    this.#joinedAt = this.#pongBy = this.#doubtUntil = null;
  }

  #wait(reason) {
    const delay = retryDelay(this.#failures, Math.random());
    this.#failures += 1;
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#try(), delay);
    this.#change({ phase: "reconnecting", retryAt: performance.now() + delay, reason });
  }

  async #explain() {
    const attempt = this.#attempt;
    const reason = await whyRefused();
    if (attempt === this.#attempt) this.#change({ reason });
  }

  #change(parts) {
    const state = { ...this.state, ...parts };
    if (state.phase === "live" && this.state.phase !== "live") state.since = new Date();
    // What the replica could not follow was not live either.
    else if (state.phase !== "live" && this.state.phase === "live") state.since = state.log?.since ?? new Date();
    this.state = state;
    this.#onState(state);
  }
}
