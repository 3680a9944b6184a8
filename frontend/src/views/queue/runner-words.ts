/** A runner in words. Pure. */

import { seconds } from "../../queue/queue-rows";
import type { RunnerInfo } from "../../service/wire-work";
import { ago, count } from "../../text/format";

/** "worker-3:4711", which says more than an id. */
export function runnerName(runner: Pick<RunnerInfo, "host" | "pid">): string {
  return `${runner.host}:${runner.pid}`;
}

export function runnerState(runner: RunnerInfo, nowUs: number): string {
  if (!runner.alive) return `not heard for ${seconds(nowUs - runner.last_seen)}`;
  if (runner.draining) return "draining";
  if (runner.concurrency === 0) return "takes nothing from the queue";
  const busy = runner.running.length;
  return busy === 0 ? "idle" : `${count(busy)} of ${count(runner.concurrency)} busy`;
}

/** "runner 0.3.0 · up 2 h · load 0.42 0.31 0.20". */
export function runnerDetails(runner: RunnerInfo, nowUs: number): string {
  const up = runner.alive ? `up ${ago(runner.started, nowUs).replace(/ ago|now/, "") || "0 s"}` : "";
  const load = runner.load?.length ? `load ${runner.load.map((each) => each.toFixed(2)).join(" ")}` : "";
  return [`${runner.kind} ${runner.version}`, up, load].filter(Boolean).join(" · ");
}

/** Who lives comes first, and among them who does something. */
export function inOrder(runners: readonly RunnerInfo[]): RunnerInfo[] {
  const rank = (runner: RunnerInfo) => (runner.alive ? (runner.running.length > 0 ? 0 : 1) : 2);
  return runners.slice().sort((a, b) => rank(a) - rank(b) || (runnerName(a) < runnerName(b) ? -1 : 1));
}
