// Sends a sample threat and tells what came of it.

/** Returns {accepted, message}; a refusal's message is the problem detail (RFC 9457) of the answer. */
export async function sendSample(scenario) {
  let response;
  try {
    response = await fetch("/api/threats/trigger", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ scenario }),
      signal: AbortSignal.timeout(15_000),
    });
  } catch (error) {
    const why = error.name === "TimeoutError" ? "no answer within 15 seconds" : "the server cannot be reached";
    return { accepted: false, message: `The sample was not sent: ${why}.` };
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return { accepted: true, message: "Sample accepted." };
  return { accepted: false, message: `The sample was refused (${response.status}): ${problemText(response, answer)}` };
}

function problemText(response, problem) {
  const errors = Array.isArray(problem?.errors) ? problem.errors : [];
  const parts = [
    [problem?.title, problem?.detail].filter((part) => typeof part === "string" && part !== "").join(". "),
    ...errors.slice(0, 5).map((error) => `${error?.field}: ${error?.message}`),
  ].filter(Boolean);
  const retryAfter = response.headers.get("retry-after");
  if (retryAfter !== null) parts.push(`try again in ${retryAfter} s`);
  return (parts.join("; ") || response.statusText).slice(0, 600);
}
