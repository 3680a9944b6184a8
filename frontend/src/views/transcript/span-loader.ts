/** Whole spans for what is in sight: the page's own copies lack attributes. A few requests at a time, the newest wish first. */
import type { Api } from "../../service/api";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { merge } from "../details/span-sections";

const AT_ONCE = 6;
const KEPT = 400;

interface Held {
  /** null: the service does not hold it. */
  span: SpanState | null;
  /** What the page knew of the span when it was asked for. */
  asked: SpanState | undefined;
  /** Both together, for what the page knows now: the same object then means that nothing has changed. */
  joined?: { known: SpanState | undefined; span: SpanState | undefined };
}

export class SpanLoader {
  private readonly api: Api;
  private readonly changed: () => void;
  private runId = "";
  private store: RunStore | null = null;
  private abort = new AbortController();
  private readonly held = new Map<string, Held>();
  private wanted: string[] = [];
  private readonly under = new Set<string>();

  /** `changed` is called when a span has come. */
  constructor(api: Api, changed: () => void) {
    this.api = api;
    this.changed = changed;
  }

  open(runId: string, store: RunStore): void {
    this.close();
    this.runId = runId;
    this.store = store;
  }

  close(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.held.clear();
    this.under.clear();
    this.wanted = [];
    this.store = null;
  }

  /** The span with its attributes, as soon as they are here: until then what the page has of it. */
  get(id: string): { span: SpanState | undefined; isWhole: boolean } {
    const known = this.store?.spans.get(id);
    // While it runs, its attributes come with its changes.
    if (known?.status === "running" && known.attributes) return { span: known, isWhole: true };
    const held = this.held.get(id);
    if (held) {
      this.held.delete(id);
      this.held.set(id, held);
    }
    if (!held || (held.asked !== known && held.asked?.status !== known?.status)) this.ask(id);
    if (!held) return { span: known, isWhole: false };
    if (held.joined?.known !== known || !held.joined) {
      held.joined = { known, span: merge(held.span, known) ?? undefined };
    }
    return { span: held.joined.span, isWhole: true };
  }

  private ask(id: string): void {
    if (this.under.has(id)) return;
    const at = this.wanted.indexOf(id);
    if (at >= 0) this.wanted.splice(at, 1);
    this.wanted.push(id);
    if (this.wanted.length > KEPT) this.wanted.shift();
    this.next();
  }

  private next(): void {
    while (this.under.size < AT_ONCE) {
      const id = this.wanted.pop();
      if (id === undefined) return;
      this.under.add(id);
      void this.fetch(id);
    }
  }

  private async fetch(id: string): Promise<void> {
    const { abort, store } = this;
    const asked = store?.spans.get(id);
    let span: SpanState | null = null;
    try {
      span = (await this.api.span(this.runId, id, abort.signal)).span;
    } catch {
      // It has expired, or the service is away: what the page has of it is shown.
    }
    if (abort.signal.aborted) return;
    this.under.delete(id);
    this.held.set(id, { span, asked });
    for (const old of this.held.keys()) {
      if (this.held.size <= KEPT) break;
      this.held.delete(old);
    }
    this.changed();
    this.next();
  }
}
