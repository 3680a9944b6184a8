/** The corner that says how the page is connected, and how long the way is. */
import type { ConnectionState, TransportName } from "../../../connection/connection";
import { assign, type PageData } from "../../../page";

/** The latency is smoothed and shown at most this often: it must not flicker. */
const LATENCY_MS = 1_000;

const TRANSPORTS: Readonly<Record<TransportName, string>> = {
  websocket: "Pushed over a WebSocket; time until an answer",
  sse: "Pushed as server-sent events: no WebSocket works here",
  poll: "Polled every 200 ms: nothing else works here; time until the answer",
};

const ENDED = "The run has ended, and everything of it is here";

type LiveState = Extract<ConnectionState, { phase: "live" }>;

export class ConnectionBadge {
  private readonly page: PageData;
  private latency = 0;
  private shownAt = 0;
  private transport: TransportName | null = null;
  private state: ConnectionState | null = null;
  /** Why the service does not answer what the page asks beside the run; empty while it does. */
  private away = "";

  constructor(page: PageData) {
    this.page = page;
  }

  show(state: ConnectionState): void {
    this.state = state;
    switch (state.phase) {
      case "connecting":
        this.transport = null;
        this.put(state.phase, state.phase, "Waiting for the first answer");
        break;
      case "live":
        this.showLive(state);
        break;
      case "reconnecting": {
        const wait = (state.retryInMs / 1_000).toFixed(1);
        this.put(state.phase, state.phase, `${state.reason}. Attempt ${state.attempt}, next in ${wait} s`);
        break;
      }
      case "settled":
        this.showEnded();
        break;
      case "gone":
        this.put(state.phase, state.phase, "The service does not have this run");
        break;
    }
  }

  hide(): void {
    this.state = null;
    this.put("idle", "", "");
  }

  /** A run that has ended is followed no more, so that its own connection cannot tell that the service is away. */
  service(away: string): void {
    if (this.away === away) return;
    this.away = away;
    if (this.state?.phase === "settled") this.showEnded();
  }

  private showEnded(): void {
    if (this.away) this.put("reconnecting", "service away", `${this.away}. ${ENDED}`);
    else this.put("settled", "complete", ENDED);
  }

  private showLive({ latencyMs, transport }: LiveState): void {
    const changed = this.transport !== transport;
    if (latencyMs !== null) this.latency = changed ? latencyMs : this.latency * 0.8 + latencyMs * 0.2;
    const now = performance.now();
    if (!changed && this.page.connection === "live" && now - this.shownAt < LATENCY_MS) return;
    this.shownAt = now;
    this.transport = transport;
    const latency = latencyMs === null ? "" : ` · ${Math.max(1, Math.round(this.latency))} ms`;
    this.put("live", `live${latency}`, TRANSPORTS[transport]);
  }

  private put(phase: string, text: string, title: string): void {
    assign(this.page, "connection", phase);
    assign(this.page, "connectionText", text);
    assign(this.page, "connectionTitle", title);
  }
}
