/** What the pointer does in the rows of a tree and in the copies above them. */

export interface Hit {
  readonly id: string | undefined;
  readonly twisty: boolean;
  /** It is one of the rows that stay in sight at the top. */
  readonly isCopy: boolean;
}

export interface RowPointerActions {
  click(hit: Hit): void;
  /** Twice on the bar of a span. */
  zoomInto(spanId: string): void;
  /** Over a cell that has figures to tell. */
  over(spanId: string, cell: Element): void;
  /** The wheel was turned over the copies, which lie over what scrolls. */
  wheel(deltaPx: number): void;
}

export class RowPointer {
  /** The span whose row the pointer is over. */
  hovered: string | null = null;
  private pressed: Hit | null = null;

  constructor(area: HTMLElement, actions: RowPointerActions) {
    area.addEventListener("pointerdown", (event) => {
      this.pressed = hit(event.target);
    });
    area.addEventListener("click", (event) => {
      // Rows move while spans come: what counts is the row that was under the pointer when it went down.
      const found = this.pressed ?? hit(event.target);
      this.pressed = null;
      if (found.id) actions.click(found);
    });
    area.addEventListener("dblclick", (event) => {
      const { id } = hit(event.target);
      if (id && closest(event.target, ".cell-bar")) actions.zoomInto(id);
    });
    area.addEventListener("pointerover", (event) => {
      const { id } = hit(event.target);
      this.hovered = id ?? null;
      const cell = closest(event.target, ".cell-bar, .cell-duration");
      if (id && cell) actions.over(id, cell);
    });
    area.addEventListener("pointerleave", () => {
      this.hovered = null;
    });
    area.addEventListener("wheel", (event) => {
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && hit(event.target).isCopy) actions.wheel(event.deltaY);
    });
  }
}

function closest(target: EventTarget | null, selector: string): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>(selector) : null;
}

function hit(target: EventTarget | null): Hit {
  return {
    id: closest(target, "[data-span-id]")?.dataset.spanId,
    twisty: closest(target, ".twisty") !== null,
    isCopy: closest(target, ".trace-sticky") !== null,
  };
}
