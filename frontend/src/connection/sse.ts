/** Frames as server-sent events: pushed too, and plain HTTP for proxies that know no WebSocket. */
import type { Frame } from "../wire";
import {
  type Cursor,
  type Failure,
  query,
  type Transport,
  type TransportKind,
  type TransportListener,
} from "./connection";
import { Watchdog } from "./watchdog";

/** Also what a proxy that collects answers instead of passing them on is found out by. */
const OPEN_MS = 5_000;
const SILENCE_MS = 15_000;

export class SseTransport implements Transport {
  private readonly runId: string;
  private readonly listener: TransportListener;
  private readonly watchdog = new Watchdog(() => this.fail({ reason: "The service has fallen silent" }));
  private source: EventSource | null = null;

  constructor(runId: string, listener: TransportListener) {
    this.runId = runId;
    this.listener = listener;
  }

  start(cursor: Cursor): void {
    this.stop();
    const source = new EventSource(`/api/runs/${this.runId}/events?${query(cursor)}`);
    this.source = source;
    this.watchdog.expect(OPEN_MS);
    source.addEventListener("frame", (event: MessageEvent<string>) => {
      this.watchdog.expect(SILENCE_MS);
      this.listener.frame(JSON.parse(event.data) as Frame, null);
    });
    // The browser would come again by itself, but it hides why and knows nothing of other ways.
    source.onerror = () => this.fail({ reason: "The connection was cut" });
  }

  stop(): void {
    this.watchdog.rest();
    if (this.source === null) return;
    this.source.onerror = null;
    this.source.close();
    this.source = null;
  }

  nudge(): void {
    // Nothing can be asked this way; the watchdog finds out.
  }

  private fail(failure: Failure): void {
    this.stop();
    this.listener.failed(failure);
  }
}

export const serverSentEvents: TransportKind = {
  name: "sse",
  open: (runId, listener) => new SseTransport(runId, listener),
};
