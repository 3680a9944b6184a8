/** Icons of states: the shape says it too, not the colour alone. */
import type { Outcome } from "../run/fallback-chain";
import type { Abandonment, LayerStatus, RunStatus, SpanStatus } from "../service/wire";

export const STATUS_ICONS: Readonly<Record<SpanStatus, string>> = {
  running: "running",
  ok: "ok",
  error: "error",
  skipped: "skipped",
  cancelled: "cancelled",
  abandoned: "abandoned",
};

/** Of attempts in a chain of backends. */
export const OUTCOME_ICONS: Readonly<Record<Outcome, string>> = {
  served: "ok",
  failed: "error",
  passed: "skipped",
  running: "running",
  cancelled: "cancelled",
  abandoned: "abandoned",
};

/** Why a span was given up, in words. */
export function abandonedText(abandonment: Abandonment): string {
  return abandonment.reason === "silent" ? "its source fell silent" : "its process died";
}

export const RUN_ICONS: Readonly<Record<RunStatus, string>> = {
  queued: "pending",
  running: "running",
  completed: "ok",
  failed: "error",
  cancelled: "cancelled",
  abandoned: "abandoned",
};

export const LAYER_ICONS: Readonly<Record<LayerStatus, string>> = {
  pending: "pending",
  running: "running",
  complete: "ok",
  error: "error",
  skipped: "skipped",
};
