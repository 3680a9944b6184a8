import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Cursor } from "../../src/connection/connection";
import { PushTransport } from "../../src/connection/push";

/** A transport that the test feeds, instead of a socket. */
class Told extends PushTransport {
  opened: Cursor[] = [];
  closed = 0;
  nudge(): void {}
  say(text: string): void {
    this.take(text, null);
  }
  protected open(cursor: Cursor): void {
    this.opened.push(cursor);
  }
  protected close(): void {
    this.closed++;
  }
}

function fed() {
  const log: string[] = [];
  const transport = new Told({
    frame: (frame) => log.push(`frame ${frame.next_index}`),
    failed: (failure) => log.push(failure.reason),
  });
  transport.start({ since: 3, epoch: "1" });
  return { transport, log };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("ends with what cannot be read, so that it comes again from the same place", () => {
  const { transport, log } = fed();
  transport.say('{"next_index": 4}');
  transport.say('{"next_index": 5');
  expect(log).toEqual(["frame 4", "The service sent something that cannot be read"]);
  expect(transport.closed).toBe(2); // before it was opened, and now
  expect(vi.getTimerCount()).toBe(0);
});

it("rounds no number of an application", () => {
  const heard: unknown[] = [];
  const transport = new Told({
    frame: (frame) => heard.push(frame.logs[0]?.attributes),
    failed: (failure) => heard.push(failure.reason),
  });
  transport.say('{"logs":[{"seq":0,"attributes":{"id":9007199254740993,"n":[-9223372036854775808,1]}}]}');
  expect(heard).toEqual([{ id: 9007199254740993n, n: [-9223372036854775808n, 1] }]);
  transport.stop();
});

it("takes silence for a failure: sooner before the first frame than after it", () => {
  const { log } = fed();
  vi.advanceTimersByTime(5_000);
  expect(log).toEqual(["The service has fallen silent"]);
  const later = fed();
  later.transport.say('{"next_index": 4}');
  vi.advanceTimersByTime(14_000);
  expect(later.log).toEqual(["frame 4"]);
  vi.advanceTimersByTime(1_000);
  expect(later.log).toEqual(["frame 4", "The service has fallen silent"]);
});
