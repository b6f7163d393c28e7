// What the page says of itself. Every text follows from the state (state.js) and the time, and from nothing else.

const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

/** A time span as people say it: "42 s", "1 min 5 s", "3 h 20 min". */
export function span(milliseconds) {
  const seconds = Math.floor(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${number.format(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** Text from the server as a sentence of its own, or "". */
export function sentence(value) {
  return typeof value === "string" && value !== "" ? `${value.slice(0, 300).replace(/\.$/, "")}.` : "";
}

export const missingWords = (count, why) => `${number.format(count)} not shown: ${why}`;

/**
 * How things stand: {phase, text, detail, offersRetry}. "live" means that what is accepted is on this page a moment
 * later, so it is the last to be said. `now` is monotonic; `isOnline` is what the browser thinks of the network.
 */
export function standing({ feed, lag, list }, now, isOnline) {
  switch (feed.phase) {
    case "connecting":
      return { phase: "connecting", text: "Connecting…", detail: feed.reason, offersRetry: false };
    case "reconnecting":
      return reconnecting(feed, now, isOnline);
    case "ended":
      return { phase: "ended", text: "Ended", detail: endedWords(feed), offersRetry: true };
    default:
      return connected(feed, lag, list);
  }
}

function reconnecting({ retryAt, since, reason }, now, isOnline) {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1_000);
  // A loopback replica can be reached without a network, so "offline" names the likely cause and tries go on.
  const phase = isOnline ? "reconnecting" : "offline";
  const verb = isOnline ? "Reconnecting" : seconds > 0 ? "Offline, trying again" : "Offline, trying";
  return {
    phase, offersRetry: seconds > 0,
    text: seconds > 0 ? `${verb} in ${seconds} s` : `${verb}…`,
    detail: `not live since ${clock.format(since)}${reason === "" ? "" : `: ${reason}`}`,
  };
}

const endedWords = ({ since, reason }) =>
  `the server ended this page's access at ${clock.format(since)} and asks it not to come back: ${reason}`;

function connected({ log }, lag, { failure }) {
  if (failure !== "") {
    const detail = `connected, but threats cannot be drawn (${failure}); trying again`;
    return { phase: "failing", text: "Not drawn", detail, offersRetry: false };
  }
  if (log !== null) {
    const since = clock.format(log.since);
    const detail = `connected, but this replica cannot follow the log since ${since}: threats may be missing`;
    return { phase: "blind", text: "Log unreachable", detail, offersRetry: false };
  }
  if (lag !== null) return { phase: "behind", text: "Behind", detail: lagWords(lag), offersRetry: false };
  return { phase: "live", text: "Live", detail: "", offersRetry: false };
}

function lagWords({ count, ageMilliseconds }) {
  const behind = count === null ? "behind the log" : `${number.format(count)} behind`;
  return `${behind}${ageMilliseconds === null ? "" : `, newest ${span(ageMilliseconds)} old`}`;
}

/** What is spoken when how things stand has changed; a countdown beside it is for the eye. */
export function announcement({ phase, text, detail }) {
  const isCounting = phase === "reconnecting" || phase === "offline";
  const said = isCounting ? (phase === "offline" ? "Offline" : "Reconnecting") : text;
  return phase === "blind" || phase === "ended" ? `Feed: ${said}, ${detail}` : `Feed: ${said}`;
}

/** The title of the window, which is all that is seen of a page in the background. */
export function title({ phase, text }, { waiting }) {
  if (phase !== "live") return `Tocsin (${text})`;
  return waiting > 0 ? `(${number.format(waiting)}) Tocsin` : "Tocsin";
}

/** The button that shows what waits; "" where nothing does. */
export function waitingWords({ waiting, waitingCriticals, hold }) {
  if (waiting === 0 || hold === null) return "";
  const critical = waitingCriticals > 0 ? `, ${number.format(waitingCriticals)} critical` : "";
  return `${number.format(waiting)} new${critical} · show`;
}

/** The line below the list: how much of what there is it holds. */
export function shownWords({ count, isFull, hold }, fill) {
  const held = { paused: ", paused", reading: ", held while you read" }[hold] ?? "";
  if (count === 0) return `Nothing shown${held}`;
  const bound = isFull ? `The newest ${number.format(count)} are shown` : `${number.format(count)} shown`;
  return `${bound}${held}${olderWords(fill)}`;
}

function olderWords({ phase, reason }) {
  if (phase === "asking") return ", looking for older ones";
  if (phase === "failed") return `, older ones could not be asked for (${reason})`;
  return reason === "" ? "" : `; ${reason}`;
}

/** What stands in place of rows: {title, text, hasCommand}. */
export function emptyWords({ feed, list, fill, counts }, isFiltered) {
  if (list.waiting > 0) return { title: "Held", text: "New threats wait to be shown.", hasCommand: false };
  if (isFiltered && feed.phase !== "connecting") return { ...unmatchedWords(fill, counts), hasCommand: false };
  if (feed.phase !== "live") {
    return { title: "Waiting for the feed", text: "The list fills as soon as a replica answers.", hasCommand: false };
  }
  if (feed.log !== null) {
    const text = "This replica cannot follow the log: there may be threats that it does not know of.";
    return { title: "Nothing known", text, hasCommand: false };
  }
  const text =
    "Threats appear here the moment a replica accepts them. Send a sample with the button above, or post one:";
  return { title: "All quiet", text, hasCommand: true };
}

function unmatchedWords(fill, counts) {
  switch (fill.phase) {
    case "done": {
      const text = `Threats that match appear here as they come${fill.reason === "" ? "" : `; ${fill.reason}`}.`;
      return { title: "Nothing matches the filter", text };
    }
    case "failed": {
      const text = `The server could not be asked for older threats (${fill.reason}); it will be asked again.`;
      return { title: "Nothing known matches the filter", text };
    }
    default:
      return { title: "Looking for what matches", text: counts.problem === "" ? "" : sentence(counts.problem) };
  }
}
