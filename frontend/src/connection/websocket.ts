/** Frames over a WebSocket: pushed as they happen. */
import type { Frame } from "../service/wire";
import { type Cursor, type Failure, query, type TransportKind, type TransportListener } from "./connection";
import { PushTransport } from "./push";

/** After a wake-up the connection may be dead without knowing it. */
const NUDGED_MS = 3_000;
const PING_MS = 5_000;

const FAILURES: Readonly<Record<number, Failure>> = {
  1012: { reason: "The service is restarting" },
  1013: { reason: "The service cannot serve this at the moment" },
  4400: { reason: "The service did not understand the request", useless: true },
  4401: { reason: "The service wants its token", useless: true },
  4404: { reason: "The service does not have this run", gone: "unknown" },
  4410: { reason: "The run has expired", gone: "expired" },
};

export interface WebSocketOptions {
  /** A text is answered at once: asked for now and then, that shows the latency. */
  readonly answersPings: boolean;
  readonly silenceMs?: number;
}

export class WebSocketTransport<F = Frame> extends PushTransport<F> {
  private readonly path: (cursor: Cursor) => string;
  private readonly answersPings: boolean;
  private socket: WebSocket | null = null;
  private pings: ReturnType<typeof setInterval> | null = null;
  private askedAt: number | null = null;
  private latencyMs: number | null = null;

  constructor(
    path: (cursor: Cursor) => string,
    listener: TransportListener<F>,
    options: WebSocketOptions = { answersPings: true },
  ) {
    super(listener, options.silenceMs);
    this.path = path;
    this.answersPings = options.answersPings;
  }

  nudge(): void {
    if (!this.answersPings) return;
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.expect(NUDGED_MS);
    this.ping();
  }

  protected open(cursor: Cursor): void {
    const address = new URL(this.path(cursor), location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    let socket: WebSocket;
    try {
      socket = new WebSocket(address);
    } catch {
      // A policy may forbid them altogether.
      queueMicrotask(() => this.fail({ reason: "This browser opens no WebSocket here", useless: true }));
      return;
    }
    this.socket = socket;
    if (this.answersPings) this.askedAt = performance.now();
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.askedAt !== null) this.latencyMs = performance.now() - this.askedAt;
      this.askedAt = null;
      this.take(event.data, this.latencyMs);
    };
    socket.onclose = (event) => {
      this.fail(FAILURES[event.code] ?? { reason: "The connection was cut" });
    };
    if (this.answersPings) this.pings = setInterval(() => this.ping(), PING_MS);
  }

  protected close(): void {
    if (this.pings !== null) clearInterval(this.pings);
    this.pings = null;
    const { socket } = this;
    if (socket === null) return;
    this.socket = null;
    socket.onmessage = socket.onclose = null;
    // A browser warns in its console of one that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }

  /** Any text is answered with a frame at once, which shows the latency. */
  private ping(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.askedAt ??= performance.now();
    this.socket.send("ping");
  }
}

export const webSocket: TransportKind = {
  name: "websocket",
  open: (runId, listener) =>
    new WebSocketTransport((cursor) => `/ws/runs/${runId}/logs?${query(cursor)}`, listener),
};
