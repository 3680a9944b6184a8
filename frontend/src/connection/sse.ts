/** Frames as server-sent events: pushed too, and plain HTTP for proxies that know no WebSocket. */
import { type Cursor, query, type TransportKind, type TransportListener } from "./connection";
import { PushTransport } from "./push";

/** After a wake-up the connection may be dead without knowing it. */
const NUDGED_MS = 7_000;

class SseTransport extends PushTransport {
  private readonly runId: string;
  private source: EventSource | null = null;

  constructor(runId: string, listener: TransportListener) {
    super(listener);
    this.runId = runId;
  }

  nudge(): void {
    // Nothing can be asked this way, but something comes every 5 s.
    if (this.source !== null) this.expect(NUDGED_MS);
  }

  protected open(cursor: Cursor): void {
    const source = new EventSource(`/api/runs/${this.runId}/events?${query(cursor)}`);
    this.source = source;
    source.addEventListener("frame", (event: MessageEvent<string>) => {
      if (this.source === source) this.take(event.data, null);
    });
    // The browser would come again by itself, but it hides why and knows nothing of other ways.
    source.onerror = () => this.fail({ reason: "The connection was cut" });
  }

  protected close(): void {
    if (this.source === null) return;
    this.source.onerror = null;
    this.source.close();
    this.source = null;
  }
}

export const serverSentEvents: TransportKind = {
  name: "sse",
  open: (runId, listener) => new SseTransport(runId, listener),
};
