/** Icons of states: the shape says it too, not the colour alone. */
import type { Abandonment, LayerStatus, RunStatus, SpanStatus } from "../service/wire";

export const STATUS_ICONS: Readonly<Record<SpanStatus, string>> = {
  running: "running",
  ok: "ok",
  error: "error",
  skipped: "skipped",
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
