import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { webSocket } from "../../src/connection/websocket";

/** A browser's socket as far as the transport uses it. */
class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static last: Socket;
  readyState = Socket.CONNECTING;
  closed = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    Socket.last = this;
  }
  open(): void {
    this.readyState = Socket.OPEN;
    this.onopen?.();
  }
  close(): void {
    this.closed++;
  }
}

function followed() {
  const log: string[] = [];
  const transport = webSocket.open("a run", {
    frame: (frame) => log.push(`frame ${frame.next_index}`),
    failed: (failure) => log.push(failure.reason),
  });
  transport.start({ since: 0, epoch: null });
  return { transport, log, socket: Socket.last };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { href: "http://127.0.0.1/" });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("closes an open connection at once", () => {
  const { transport, log, socket } = followed();
  socket.open();
  socket.onmessage?.({ data: '{"next_index": 4}' });
  transport.stop();
  expect([log, socket.closed, vi.getTimerCount()]).toEqual([["frame 4"], 1, 0]);
});

it("closes one that is not yet open once it is, of which no browser warns", () => {
  const { transport, log, socket } = followed();
  transport.stop();
  expect([socket.closed, vi.getTimerCount()]).toEqual([0, 0]);
  socket.open();
  expect([log, socket.closed, socket.onmessage]).toEqual([[], 1, null]);
});

it("gives up one that does not open, and closes it if it opens after all", () => {
  const { log, socket } = followed();
  vi.advanceTimersByTime(5_000);
  expect([log, socket.closed]).toEqual([["The service has fallen silent"], 0]);
  socket.open();
  expect(socket.closed).toBe(1);
});
