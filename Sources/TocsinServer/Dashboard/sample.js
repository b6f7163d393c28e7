// Sends a sample threat and tells what came of it.

import { ask } from "./ask.js";

/** Returns {accepted, message}; a refusal's message is the problem detail (RFC 9457) of the answer. */
export async function sendSample(scenario) {
  try {
    await ask("api/threats/trigger", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ scenario }),
    });
    return { accepted: true, message: "Sample accepted." };
  } catch (refusal) {
    if (!refusal.status) return { accepted: false, message: `The sample was not sent: ${refusal.message}.` };
    return { accepted: false, message: `The sample was refused (${refusal.status}): ${problemText(refusal)}` };
  }
}

function problemText({ problem, retryAfter, message }) {
  const errors = Array.isArray(problem?.errors) ? problem.errors : [];
  const parts = [
    [problem?.title, problem?.detail].filter((part) => typeof part === "string" && part !== "").join(". "),
    ...errors.slice(0, 5).map((error) => `${error?.field}: ${error?.message}`),
  ].filter(Boolean);
  if (retryAfter !== null) parts.push(`try again in ${retryAfter} s`);
  return (parts.join("; ") || message).slice(0, 600);
}
