import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RunEnds, type Surroundings } from "../../src/runs/run-ends";
import { ProblemError } from "../../src/service/api";
import type { RunSummary } from "../../src/service/wire";

const A = "a".repeat(32);
const B = "b".repeat(32);

/** The service, and tabs that hear of each other. */
class World {
  readonly runs = new Map<string, RunSummary>();
  readonly said: string[] = [];
  asked = 0;
  private readonly channels: Surroundings["tabs"][] = [];

  readonly api = {
    run: async (runId: string) => {
      this.asked++;
      const run = this.runs.get(runId);
      if (!run) throw new ProblemError(404, {});
      return run;
    },
  };

  set(runId: string, status: string): void {
    this.runs.set(runId, { run_id: runId, status } as RunSummary);
  }

  tab(name: string, hidden: boolean, storage = new Kept()): RunEnds {
    const channel: Surroundings["tabs"] = {
      onmessage: null,
      postMessage: (data) => {
        for (const other of this.channels)
          if (other !== channel)
            other.onmessage?.call({} as BroadcastChannel, new MessageEvent("message", { data }));
      },
    };
    this.channels.push(channel);
    const around = { storage, tabs: channel, hidden: () => hidden };
    return new RunEnds(
      this.api,
      ({ run_id, status }) => this.said.push(`${name}: ${run_id[0]} ${status}`),
      around,
    );
  }
}

class Kept {
  private readonly held = new Map<string, string>();
  getItem(key: string): string | null {
    return this.held.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.held.set(key, value);
  }
}

const minute = () => vi.advanceTimersByTimeAsync(60_000);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: true });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("tells the end of the runs that are waited for, each once, and asks no more then", async () => {
  const world = new World();
  const tab = world.tab("tab", true);
  world.set(A, "running");
  world.set(B, "queued");
  await minute();
  expect(world.asked).toBe(0);
  expect([tab.toggle(A), tab.toggle(B)]).toEqual([true, true]);
  await minute();
  expect(world.said).toEqual([]);
  world.set(A, "completed");
  tab.heard(A);
  tab.heard(A);
  await vi.advanceTimersByTimeAsync(600);
  expect(world.said).toEqual(["tab: a completed"]);
  world.set(B, "failed");
  await minute();
  expect(world.said).toEqual(["tab: a completed", "tab: b failed"]);
  expect(tab.has(B)).toBe(false);
  const { asked } = world;
  await minute();
  expect(world.asked).toBe(asked);
});

it("tells nothing of a run that is waited for no more, or is gone", async () => {
  const world = new World();
  const tab = world.tab("tab", true);
  world.set(A, "running");
  tab.toggle(A);
  expect(tab.toggle(A)).toBe(false);
  world.set(A, "completed");
  tab.toggle(B);
  await minute();
  expect(world.said).toEqual([]);
  expect(tab.has(B)).toBe(false);
});

it("tells it in one tab of several, in the one that is looked at", async () => {
  const world = new World();
  const [behind, alsoBehind] = [world.tab("behind", true), world.tab("also", true)];
  const front = world.tab("front", false);
  world.set(A, "running");
  world.set(B, "running");
  for (const tab of [behind, alsoBehind, front]) tab.toggle(A);
  for (const tab of [behind, alsoBehind]) tab.toggle(B);
  await minute();
  world.set(A, "completed");
  for (const tab of [behind, front]) tab.heard(A);
  await minute();
  expect(world.said).toEqual(["front: a completed"]);
  world.set(B, "completed");
  await minute();
  expect(world.said.slice(1)).toHaveLength(1);
});

it("waits on after the page was loaded again", async () => {
  const world = new World();
  const storage = new Kept();
  world.set(A, "running");
  world.tab("before", true, storage).toggle(A);
  storage.setItem("other", "x");
  const after = world.tab("after", true, storage);
  expect(after.has(A)).toBe(true);
  storage.setItem("spantail.awaited-runs", "{not");
  expect(world.tab("odd", true, storage).has(A)).toBe(false);
});
