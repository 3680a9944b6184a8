/** What the transports with pushed frames have in common: silence is a failure, and so is a frame that cannot be read. */
import { parseJson } from "../service/json";
import type { Frame } from "../service/wire";
import type { Cursor, Failure, Transport, TransportListener } from "./connection";
import { Watchdog } from "./watchdog";

/** It also finds a proxy that collects answers instead of passing them on. */
const OPEN_MS = 5_000;
/** The service sends something of a run every 5 s at least. */
const SILENCE_MS = 15_000;

export abstract class PushTransport<F = Frame> implements Transport {
  private readonly listener: TransportListener<F>;
  private readonly silenceMs: number;
  private readonly watchdog = new Watchdog(() => this.fail({ reason: "The service has fallen silent" }));

  constructor(listener: TransportListener<F>, silenceMs = SILENCE_MS) {
    this.listener = listener;
    this.silenceMs = silenceMs;
  }

  start(cursor: Cursor): void {
    this.stop();
    this.expect(OPEN_MS);
    this.open(cursor);
  }

  stop(): void {
    this.watchdog.rest();
    this.close();
  }

  abstract nudge(): void;

  protected abstract open(cursor: Cursor): void;

  /** Lets go of the connection; it may be none. */
  protected abstract close(): void;

  /** Something must come within so many milliseconds. */
  protected expect(ms: number): void {
    this.watchdog.expect(ms);
  }

  protected take(text: string, latencyMs: number | null): void {
    this.expect(this.silenceMs);
    let frame: F;
    try {
      frame = parseJson<F>(text);
    } catch {
      // Without it events would be missing; read from the same cursor it comes again.
      this.fail({ reason: "The service sent something that cannot be read" });
      return;
    }
    this.listener.frame(frame, latencyMs);
  }

  protected fail(failure: Failure): void {
    this.stop();
    this.listener.failed(failure);
  }
}
