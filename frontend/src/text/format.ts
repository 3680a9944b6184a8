/** Numbers as people read them. Pure; widths stay steady so that tabular figures line up. */

const NANO = 1_000_000_000;

/** Microseconds → "412 µs", "12.3 ms", "1.20 s", "2 m 05 s", "1 h 02 m". Never negative. */
export function duration(us: number): string {
  const value = Math.max(0, us);
  if (value < 1_000) return `${Math.round(value)} µs`;
  if (value < 99_950) return `${(value / 1_000).toFixed(1)} ms`;
  if (value < 999_500) return `${Math.round(value / 1_000)} ms`;
  if (value < 9_995_000) return `${(value / 1_000_000).toFixed(2)} s`;
  if (value < 59_950_000) return `${(value / 1_000_000).toFixed(1)} s`;
  return clock(value);
}

/** A length that may be wrong: one below zero has its sign. */
export function length(us: number): string {
  return us < 0 ? `−${duration(-us)}` : duration(us);
}

/** How much later than something else, with its sign: "+412 µs", "−1.20 s". */
export function offset(us: number): string {
  return us < 0 ? `−${duration(-us)}` : `+${duration(us)}`;
}

/** A running duration: tenths only, because finer digits would flicker without saying anything. */
export function ticking(us: number): string {
  const value = Math.max(0, us);
  if (value < 59_950_000) return `${(value / 1_000_000).toFixed(1)} s`;
  return clock(value);
}

function clock(us: number): string {
  const seconds = Math.round(us / 1_000_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  return `${Math.floor(minutes / 1_440)} d ${pad(Math.floor(minutes / 60) % 24)} h`;
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

/**
 * Integer nano-USD → "$0.0123". Four decimals, so that a column of costs lines up; more for a small one, which
 * must never read as nothing.
 */
export function money(nano: number): string {
  if (nano === 0) return "$0";
  const usd = Math.abs(nano) / NANO;
  const sign = nano < 0 ? "−" : "";
  if (usd >= 100) return `${sign}$${grouped(usd.toFixed(2))}`;
  if (usd >= 0.0001) return `${sign}$${usd.toFixed(4)}`;
  if (usd >= 0.000001) return `${sign}$${usd.toFixed(6)}`;
  return `${sign}<$0.000001`;
}

/** A limit or a sum, as people write money: "$5.00", "$0.50"; a small one as a cost, "$0.0123". */
export function amount(nano: number): string {
  const isCents = nano !== 0 && nano % 10_000_000 === 0;
  if (!isCents && Math.abs(nano) < NANO) return money(nano);
  return `${nano < 0 ? "−" : ""}$${grouped((Math.abs(nano) / NANO).toFixed(2))}`;
}

/** Integer nano-USD with every digit, for titles and the details panel. */
export function moneyExact(nano: number): string {
  const whole = Math.trunc(Math.abs(nano) / NANO);
  const rest = pad(Math.abs(nano) % NANO, 9).replace(/0{1,7}$/, "");
  return `${nano < 0 ? "−" : ""}$${grouped(String(whole))}.${rest}`;
}

/** The cost of a state in nano-USD, or undefined where nothing is known. */
export function costNano(state: { cost_nano?: number | null; cost_usd?: number | null }): number | undefined {
  if (typeof state.cost_nano === "number") return state.cost_nano;
  if (typeof state.cost_usd === "number") return Math.round(state.cost_usd * NANO);
  return undefined;
}

/** 12345 → "12,345". */
export function count(value: number): string {
  return grouped(String(Math.round(value)));
}

/** "12345.67" → "12,345.67". */
export function grouped(digits: string): string {
  const [whole = "", rest] = digits.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? spaced : `${spaced}.${rest}`;
}

/** Token counts: exact below ten thousand, then "12.3k", "1.2M". */
export function tokens(value: number): string {
  return value < 10_000 ? String(value) : shortCount(value);
}

/** "12.3k", "1.2M". */
export function shortCount(value: number): string {
  if (value < 999_500) return `${trim((value / 1_000).toFixed(1))}k`;
  return `${trim((value / 1_000_000).toFixed(1))}M`;
}

function trim(value: string): string {
  return value.replace(/\.0$/, "");
}

/** 12345 → "12.3 kB". */
export function bytes(value: number): string {
  if (value < 1_000) return plural(value, "byte");
  if (value < 999_500) return `${trim((value / 1_000).toFixed(value < 99_950 ? 1 : 0))} kB`;
  return `${trim((value / 1_000_000).toFixed(1))} MB`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Local time of day of a microsecond time stamp: "12:04:07.412". */
export function timeOfDay(us: number): string {
  const date = new Date(us / 1_000);
  const clockPart = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${clockPart}.${pad(date.getMilliseconds(), 3)}`;
}

/** "2026-01-14 12:04:07.412" in local time. */
export function dateTime(us: number): string {
  const date = new Date(us / 1_000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${timeOfDay(us)}`;
}

/** How long ago, roughly: "now", "12 s ago", "5 m ago", "3 h ago", "2 d ago". */
export function ago(us: number, nowUs: number): string {
  const seconds = Math.max(0, Math.floor((nowUs - us) / 1_000_000));
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

const ACRONYMS: Record<string, string> = {
  cli: "CLI",
  llm: "LLM",
  api: "API",
  openai: "OpenAI",
  langchain: "LangChain",
};

/** What the service's sums call the backend of calls whose library names none. */
export const UNNAMED_BACKEND = "unknown";

/** As it is written in a mark and in a list. */
export function backendName(backend: string): string {
  return backend === UNNAMED_BACKEND ? "not named" : backend;
}

/** "claude_cli" → "Claude CLI", for headings and titles. */
export function backendTitle(backend: string): string {
  if (backend === UNNAMED_BACKEND) return "a backend that is not named";
  return backend
    .split(/[_-]/)
    .map((word) => ACRONYMS[word] ?? word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}
