/**
 * The queue as it is now: pushed over a WebSocket, or asked for while none works.
 *
 * What the page knows is always a whole list. While it is asked for, the version tells whether anything is new.
 */
import type { Transport, TransportListener } from "../connection/connection";
import { Refresh } from "../connection/refresh";
import { WebSocketTransport } from "../connection/websocket";
import type { Api } from "../service/api";
import type { QueueAnswer, QueueContent } from "../service/wire-work";

const ASK_MS = 2_000;
const SOCKET_AGAIN_MS = 30_000;
/** The service says something every 15 s. */
const SILENCE_MS = 35_000;

export interface QueueFeedListener {
  changed(content: QueueContent): void;
  /** Empty: what is shown is up to date. */
  away(reason: string): void;
}

export type OpenSocket = (listener: TransportListener<QueueAnswer>) => Transport;

const openSocket: OpenSocket = (listener) =>
  new WebSocketTransport<QueueAnswer>(() => "/ws/queue", listener, {
    answersPings: false,
    silenceMs: SILENCE_MS,
  });

export class QueueFeed {
  private readonly listener: QueueFeedListener;
  private readonly open: OpenSocket;
  private readonly polls: Refresh<QueueAnswer>;
  private socket: Transport | null = null;
  private again: ReturnType<typeof setTimeout> | undefined;
  private version: number | null = null;

  constructor(api: Pick<Api, "queue">, listener: QueueFeedListener, open: OpenSocket = openSocket) {
    this.listener = listener;
    this.open = open;
    this.polls = new Refresh((signal) => api.queue(this.version, signal), ASK_MS, {
      taken: (answer) => this.take(answer),
      failed: (reason) => listener.away(reason),
    });
  }

  start(): void {
    this.stop();
    this.version = null;
    this.push();
  }

  stop(): void {
    clearTimeout(this.again);
    this.socket?.stop();
    this.socket = null;
    this.polls.stop();
  }

  /** After a sleep the socket may be dead without knowing it, and it cannot be asked: another one takes its place. */
  wake(): void {
    if (this.socket === null && !this.polls.isOn) return;
    this.polls.start();
    this.push();
  }

  /** The socket is tried beside the polls, which end with its first frame. */
  private push(): void {
    clearTimeout(this.again);
    this.socket?.stop();
    const socket: Transport = this.open({
      frame: (answer) => {
        if (this.socket !== socket) return;
        this.polls.stop();
        this.take(answer);
      },
      failed: () => {
        if (this.socket !== socket) return;
        this.socket = null;
        if (!this.polls.isOn) this.polls.start();
        this.again = setTimeout(() => this.push(), SOCKET_AGAIN_MS);
      },
    });
    this.socket = socket;
    socket.start({ since: 0, epoch: null });
  }

  private take(answer: QueueAnswer): void {
    this.listener.away("");
    if (!answer.changed) return;
    this.version = answer.version;
    this.listener.changed(answer);
  }
}
