/** The layer strip. Pure. */
import { Kept } from "../../../browser/kept";
import type { LayerSpan } from "../../../run/layer-spans";
import type { LayerInfo, RunSummary } from "../../../service/wire";
import { length, money, ticking } from "../../../text/format";
import { visible } from "../../../text/visible";
import { LAYER_ICONS } from "../../status";

export interface LayerItem {
  name: string;
  status: string;
  icon: string;
  progress: string;
  time: string;
  cost: string;
  title: string;
  /** Its span; empty where the page does not have it. */
  spanId: string;
}

/** Names that are kept: whoever has more operations sees the strip come with the oldest of them. */
const MOST = 50;

/**
 * Whether the strip has a place, also while it is empty: what is below it stays where it is when the layers come. The
 * operations of the service say that they have layers; of others it is what earlier runs of that name had, in this
 * browser.
 */
export class LayerPlace {
  private readonly kept: Kept;
  private layered: Set<string> | null = null;

  constructor(kept = new Kept("spantail.layered")) {
    this.kept = kept;
  }

  keeps(
    run: Pick<RunSummary, "operation" | "name"> | null,
    layers: readonly LayerInfo[],
    /** More may be known of the run later. */
    isOpen: boolean,
    operations: readonly { readonly name: string; readonly isLayered: boolean }[],
  ): boolean {
    const of = run?.operation || run?.name || "";
    if (layers.length > 0) {
      if (of && !this.known.has(of)) this.remember(of);
      return true;
    }
    return (
      isOpen && (this.known.has(of) || operations.some(({ name, isLayered }) => name === of && isLayered))
    );
  }

  private get known(): Set<string> {
    this.layered ??= this.read();
    return this.layered;
  }

  private read(): Set<string> {
    try {
      const names: unknown = JSON.parse(this.kept.text ?? "[]");
      return new Set(Array.isArray(names) ? names.filter((name) => typeof name === "string") : []);
    } catch {
      return new Set(); // Something else is kept.
    }
  }

  private remember(name: string): void {
    this.known.add(name);
    this.kept.keep(JSON.stringify([...this.known].slice(-MOST)));
  }
}

export function layerItems(
  layers: readonly LayerInfo[],
  spans: ReadonlyMap<string, LayerSpan> = new Map(),
  nowUs = 0,
): LayerItem[] {
  return layers.map((layer) => {
    const { done, total } = layer;
    const progress = done == null ? "" : total == null ? String(done) : `${done}/${total}`;
    const span = spans.get(layer.name);
    const name = visible(layer.name);
    const time = timeOf(span, layer.status === "running", nowUs);
    const cost = span?.nano ? money(span.nano) : "";
    return {
      name,
      status: layer.status,
      icon: `#i-${LAYER_ICONS[layer.status] ?? "pending"}`,
      progress,
      time,
      cost,
      title: [name, layer.status, progress, time, cost].filter(Boolean).join(" · "),
      spanId: span?.spanId ?? "",
    };
  });
}

function timeOf(span: LayerSpan | undefined, running: boolean, nowUs: number): string {
  if (span?.start === undefined) return "";
  if (running) return ticking(nowUs - span.start);
  return span.end === undefined ? "" : length(span.end - span.start);
}
