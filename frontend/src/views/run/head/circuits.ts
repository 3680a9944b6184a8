/** Which backends are skipped now, as far as is known: for the places that show a call of one. */
import type { SpanState } from "../../../service/wire";
import type { Breaker } from "../../../service/wire-work";
import { breakerText } from "../../budgets/budget-words";

let known: readonly Breaker[] = [];

export function circuitsAre(breakers: readonly Breaker[]): void {
  known = breakers;
}

/** "skipped until 12:04: not installed" of the backend and model of a call; empty where it is asked as usual. */
export function circuitOf({ backend, model }: Pick<SpanState, "backend" | "model">, nowUs: number): string {
  const open = known.find(
    (each) => each.backend === backend && each.state !== "closed" && (!each.model || each.model === model),
  );
  return open ? breakerText(open, nowUs) : "";
}
