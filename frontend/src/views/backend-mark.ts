/**
 * The mark of who served a call. Colour has a meaning: the chain's first choice is green with a robot, a call that came
 * here because another backend failed is amber with a warning sign. Every other backend has a hue of its own, also where
 * the chain passed over another one as it is meant to.
 */
import { h, icon, setAttr, setIcon, setText } from "../browser/dom";
import { backendName, backendTitle, UNNAMED_BACKEND } from "../text/format";
import { isExpected, reasonWords } from "../text/reasons";

/** What is known of a call, as far as its mark tells it. */
export interface Served {
  readonly backend?: string;
  readonly fallback_from?: string;
  readonly fallback_reason?: string;
}

const FIRST_CHOICE = "claude_cli";
const HUES = 6;

/** `first`, `fallback`, `unnamed`, or one of a few hues that is always the same for a backend. */
export function markOf(served: Served): string {
  const { backend = "", fallback_from: from, fallback_reason: reason } = served;
  if (from !== undefined && !isExpected(reason)) return "fallback";
  if (backend === FIRST_CHOICE) return "first";
  if (backend === UNNAMED_BACKEND) return "unnamed";
  let hash = 0x811c9dc5; // FNV-1a
  for (let at = 0; at < backend.length; at++) hash = Math.imul(hash ^ backend.charCodeAt(at), 0x01000193);
  return `hue-${(hash >>> 8) % HUES}`;
}

export function markIcon(mark: string): string {
  return mark === "first" ? "robot" : mark === "fallback" ? "warning" : "chip";
}

export class BackendMark {
  readonly element = h("span", { class: "mark" });
  private readonly svg = icon("chip", "mark-icon");
  private readonly text = h("span");

  constructor(served?: Served) {
    this.element.append(this.svg, this.text);
    this.update(served);
  }

  update(served: Served | undefined): void {
    const backend = served?.backend;
    this.element.hidden = backend === undefined;
    if (served === undefined || backend === undefined) return;
    const mark = markOf(served);
    setIcon(this.svg, markIcon(mark));
    setAttr(this.element, "data-backend", backend);
    setAttr(this.element, "data-mark", mark);
    const { fallback_from: from, fallback_reason: reason = "failed" } = served;
    const after = from === undefined ? "" : `, after ${from}: ${reasonWords(reason)}`;
    setAttr(this.element, "title", `served by ${backendTitle(backend)}${after}`);
    setText(this.text, backendName(backend));
  }
}
