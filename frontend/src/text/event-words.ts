/** What an event is called on the page. Pure. */

const KINDS: Readonly<Record<string, string>> = {
  operation: "operation",
  pipeline: "pipeline",
  layer: "layer",
  phase: "phase",
  subphase: "subphase",
  llm_call: "LLM call",
  llm_group: "LLM chain",
  tool: "tool",
  retrieval: "retrieval",
  queue: "queue",
  span: "span",
};

const CHANGES: Readonly<Record<string, string>> = {
  start: "started",
  update: "goes on",
  complete: "done",
  error: "failed",
  skip: "skipped",
  cancelled: "cancelled",
  abandoned: "abandoned",
  revived: "heard of again",
  fallback: "fell back",
};

const OTHERS: Readonly<Record<string, string>> = {
  decision_point: "decision",
  validation_result: "validation",
  exception: "exception",
};

/** "llm_call" → "LLM call". One that an application made up stays as it is. */
export function kindWords(kind: string): string {
  return Object.hasOwn(KINDS, kind) ? (KINDS[kind] ?? kind) : kind;
}

const CHANGE = /^(.+)_([a-z]+)$/;

/** "llm_call_start" → "LLM call started". A name that an application gave stays as it is. */
export function eventWords(event: string): string {
  const [, kind = "", change = ""] = CHANGE.exec(event) ?? [];
  const words = Object.hasOwn(KINDS, kind) && Object.hasOwn(CHANGES, change);
  if (words) return `${KINDS[kind]} ${CHANGES[change]}`;
  return Object.hasOwn(OTHERS, event) ? (OTHERS[event] ?? event) : event;
}
