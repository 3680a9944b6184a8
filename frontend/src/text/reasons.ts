/** Why a backend was not asked, or gave no answer. Pure. */

/** Reasons without a failure: nothing was asked of the backend that was left. The service counts them apart. */
const EXPECTED: ReadonlySet<string> = new Set(["budget", "circuit_open", "not_installed"]);

/** Where the word alone would not be understood. */
const WORDS: Readonly<Record<string, string>> = {
  auth: "not signed in",
  budget: "over budget",
  circuit_open: "failed lately, skipped for a while",
  exit_code: "ended with an error code",
  timeout: "took too long",
};

/** Status codes of HTTP, which the conventions write as the type of an error. */
const HTTP_STATUS: Readonly<Record<string, string>> = {
  "400": "Bad Request",
  "401": "Unauthorized",
  "403": "Forbidden",
  "404": "Not Found",
  "408": "Request Timeout",
  "409": "Conflict",
  "413": "Content Too Large",
  "422": "Unprocessable Content",
  "429": "Too Many Requests",
  "500": "Internal Server Error",
  "502": "Bad Gateway",
  "503": "Service Unavailable",
  "504": "Gateway Timeout",
  "529": "Overloaded",
};

/** "500" → "HTTP 500 Internal Server Error". What is no status code stays as it is. */
export function errorType(type: string): string {
  return /^[45]\d\d$/.test(type) ? `HTTP ${type} ${HTTP_STATUS[type] ?? ""}`.trim() : type;
}

export function isExpected(reason: string | undefined): boolean {
  return reason !== undefined && EXPECTED.has(reason);
}

/** Whether a call was made because another backend had failed: what the figure *fallbacks* counts. */
export function fellBack(call: {
  readonly fallback_from?: string;
  readonly fallback_reason?: string;
}): boolean {
  const { fallback_from: from, fallback_reason: reason } = call;
  return (from !== undefined || reason !== undefined) && !isExpected(reason);
}

/** "not_installed" → "not installed". What is no such word stays as it is. */
export function reasonWords(reason: string): string {
  return WORDS[reason] ?? (/^[a-z]+(_[a-z]+)*$/.test(reason) ? reason.replaceAll("_", " ") : reason);
}
