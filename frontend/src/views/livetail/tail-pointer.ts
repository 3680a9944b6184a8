/** What is clicked in the livetail: an event, or the span whose name stands in it. */

export interface TailClicks {
  /** An event was clicked; false where the span of that id is not to be gone to. */
  span(spanId: string): boolean;
  event(seq: number): void;
}

interface Target {
  readonly seq: number | null;
  readonly spanId: string | undefined;
}

export function listenToClicks(viewport: HTMLElement, clicks: TailClicks): void {
  // Rows move while events come: what counts is the row that was under the pointer when it went down.
  let pressed: Target | null = null;
  viewport.addEventListener("pointerdown", (event) => {
    pressed = targetOf(event);
  });
  viewport.addEventListener("click", (event) => {
    const { seq, spanId } = pressed ?? targetOf(event);
    pressed = null;
    if (seq === null || String(getSelection()) !== "") return;
    if (!spanId || !clicks.span(spanId)) clicks.event(seq);
  });
}

/** The event under the pointer; its span only where the span's name is. */
function targetOf(event: Event): Target {
  const element = event.target instanceof Element ? event.target : null;
  const row = element?.closest<HTMLElement>(".tail-row[data-seq]");
  if (!row) return { seq: null, spanId: undefined };
  const leads = element?.closest("[data-leads]") !== null;
  return { seq: Number(row.dataset.seq), spanId: leads ? row.dataset.eventSpan : undefined };
}
