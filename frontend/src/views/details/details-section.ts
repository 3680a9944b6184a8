/** What a section of the details is: what it shows, and how it is built. */
import type { ResultState } from "../../run/run-result";
import type { RunSession } from "../../run/session";
import { writeJson } from "../../service/json";
import type { SpanState } from "../../service/wire";

/** What came of the run. */
export interface Outcome {
  readonly state: ResultState;
  again(): void;
}

export interface Section {
  readonly key: string;
  /** What the section shows; it is built again only when this differs, so that a text selection survives. */
  readonly value: unknown;
  readonly build: () => HTMLElement;
}

/** What sections are made of. */
export interface DetailsContext {
  /** With its attributes, as soon as `isWhole`. */
  readonly span: SpanState;
  /** The service has answered with the whole span. */
  readonly isWhole: boolean;
  /** The service's answer; empty before that. */
  readonly text: string;
  /** Why the whole span is not here; empty where it is, or may still come. */
  readonly failed: string;
  readonly session: RunSession;
  readonly outcome: Outcome;
  /** The service's clock, µs. */
  readonly nowUs: number;
}

/** null where the span has nothing for the section. */
export type SectionBuilder = (context: DetailsContext) => Section | null;

/** Attributes may be large and are looked at ten times a second while a span runs. */
const texts = new WeakMap<object, string>();

/** The value as a text, written once per object. */
export function serialised(value: unknown): string {
  if (value === null || typeof value !== "object") return writeJson(value);
  let text = texts.get(value);
  if (text === undefined) {
    text = writeJson(value);
    texts.set(value, text);
  }
  return text;
}

/** The sections of the panel as elements: each is built again only when what it shows differs. */
export class SectionList {
  private readonly body: HTMLElement;
  private readonly built = new Map<string, { of: unknown; value: string; element: HTMLElement }>();

  constructor(body: HTMLElement) {
    this.body = body;
  }

  clear(): void {
    this.built.clear();
    this.body.replaceChildren();
  }

  put(sections: readonly Section[]): void {
    const wanted = new Set(sections.map((section) => section.key));
    for (const [key, { element }] of this.built) {
      if (wanted.has(key)) continue;
      element.remove();
      this.built.delete(key);
    }
    let previous: HTMLElement | null = null;
    for (const section of sections) {
      const element = this.element(section);
      const expected: Element | null = previous ? previous.nextElementSibling : this.body.firstElementChild;
      if (expected !== element) {
        if (previous) previous.after(element);
        else this.body.prepend(element);
      }
      previous = element;
    }
  }

  private element({ key, value, build }: Section): HTMLElement {
    const before = this.built.get(key);
    if (before && before.of === value && typeof value === "object") return before.element;
    const text = serialised(value);
    if (before?.value === text) return before.element;
    const element = build();
    before?.element.replaceWith(element);
    this.built.set(key, { of: value, value: text, element });
    return element;
  }
}
