// Questions to the server over HTTP, and what an answer that is none means.

import { parseJSON } from "./wire.js";

// An answer may be large and the line slow: what counts is that bytes come, not when the last one has come.
const silenceMilliseconds = 20_000;
const probeMilliseconds = 10_000;

/** Why a question got no useful answer, in words for the analyst. `status` is 0 where no answer came at all. */
export class Refusal extends Error {
  constructor(message, status = 0, problem = null, retryAfter = null) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/**
 * Asks for a JSON document at a path relative to the page. `options` are those of `fetch`; `signal` ends the
 * question. Returns {body, date, sentAt}: `date` is the server's clock (ms since 1970, or NaN) when it answered, `sentAt`
 * the monotonic time at which it was asked. Throws a Refusal.
 */
export async function ask(path, { signal, ...options } = {}) {
  const silence = new AbortController();
  let timer = null;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), silenceMilliseconds);
  };
  wait();
  try {
    const sentAt = performance.now();
    const response = await fetch(path, {
      ...options,
      headers: { accept: "application/json", ...options.headers },
      signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
    });
    const body = parseJSON(await readText(response, wait));
    if (!response.ok) {
      const retryAfter = response.headers.get("retry-after");
      throw new Refusal(refusalWords(response.status, body), response.status, body, retryAfter);
    }
    if (body === undefined) throw new Refusal("the answer is not JSON", response.status);
    return { body, date: Date.parse(response.headers.get("date") ?? ""), sentAt };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(silence.signal.aborted ? "the server does not answer" : unreachable(), 0);
  } finally {
    clearTimeout(timer);
  }
}

async function readText(response, onBytes) {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    onBytes();
    text += decoder.decode(value, { stream: true });
  }
}

const unreachable = () =>
  navigator.onLine === false ? "this computer is offline" : "the server cannot be reached";

/** A part of a sentence: without the full stop of a replica's own. */
function refusalWords(status, problem) {
  const detail = typeof problem?.detail === "string" && problem.detail !== "" ? problem.detail : problem?.title;
  if (typeof detail !== "string" || detail === "") return `status ${status}`;
  return `${status}: ${detail.slice(0, 300).replace(/\.$/, "")}`;
}

/**
 * Asks whether a server is there at all. Returns {isThere, reason}: who is not there need not be tried, and the reason
 * says in words what is in the way, or is "".
 */
export async function askHealth() {
  let answer;
  try {
    // A redirection leads to a page to log in at, of another origin as a rule.
    answer = await fetch("health", {
      cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(probeMilliseconds),
    });
  } catch (error) {
    return { isThere: false, reason: error.name === "TimeoutError" ? "the server does not answer" : unreachable() };
  }
  if (answer.ok) return { isThere: true, reason: "" };
  if (answer.type === "opaqueredirect") {
    return { isThere: true, reason: "the server sends this page elsewhere, perhaps to log in: load it again" };
  }
  if (answer.status >= 500) {
    return { isThere: false, reason: `no replica serves: the answer is ${answer.status}` };
  }
  const hint = answer.status === 401 || answer.status === 403 ? ": load this page again to log in" : "";
  return { isThere: true, reason: `the server answers ${answer.status}${hint}` };
}

/**
 * Says why no WebSocket came about, which browsers tell nobody (WebSockets Living Standard, "fail the WebSocket
 * connection").
 */
export async function whyRefused() {
  const { reason } = await askHealth();
  if (reason !== "") return reason;
  try {
    await ask("ready");
  } catch (refusal) {
    const why = refusal.problem?.reason;
    if (typeof why === "string" && why !== "") return `the replica is not ready: ${why.slice(0, 300)}`;
  }
  return "the server answers, but not to a WebSocket: what stands between may not let it through";
}
