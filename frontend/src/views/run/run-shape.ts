import type { View } from "../../browser/router";
import type { Finding } from "../../run/find/find";
import type { RunStore } from "../../store";

/** One shape in which a run can be read: its timeline, the same as a flame graph, its transcript. */
export interface RunShape {
  readonly view: View;
  /** What the strip calls it. */
  readonly title: string;
  /** Of the sprite in index.html. */
  readonly icon: string;
  /** Everything that it draws; hidden while another shape is shown. */
  readonly element: HTMLElement;
  /** What belongs to it at the right of the strip; hidden with it. */
  readonly tools?: HTMLElement;
  /** It is shown from now on, or another run is. */
  open(store: RunStore, spanId: string | null): void;
  /** The run has changed; cheap where nothing has. */
  draw(settled: boolean): void;
  /** Another span was chosen, or none. */
  select(spanId: string | null): void;
  /** Brings a span into sight. */
  show(spanId: string): void;
  /** Something else was found: it is marked. Cheap where it is the same list. */
  found?(finding: Finding): void;
  /** The keyboard goes here when the details are closed. */
  focus(): void;
  /** Another shape is shown, or another run: nothing moves any more. */
  close(): void;
}
