/** Where to go in a run that is here in parts: the service knows all of it. No DOM. */
import { type Api, ProblemError } from "../../service/api";
import type { Jump } from "../../service/wire";
import type { RunStore } from "../../store";
import { count } from "../../text/format";
import { jumpTo } from "./jumps";

export interface Landing {
  /** undefined: there is none of the kind. */
  readonly id: string | undefined;
  /** Why it may not be the right one; empty where it is. */
  readonly doubt: string;
}

/** The span to go to from `from`: of the whole run, or where nobody can tell of that, of the part that is here. */
export async function jumpInWhole(
  api: Pick<Api, "jump">,
  run: { readonly runId: string; readonly store: RunStore },
  jump: Jump,
  from: string | null,
  nowUs: () => number,
): Promise<Landing> {
  const { runId, store } = run;
  try {
    const isRanked = jump === "slowest" || jump === "dearest";
    const answer = await known(api, runId, jump, isRanked ? null : from);
    if (answer.complete) {
      const { span_ids: ids } = answer;
      const at = from === null || !isRanked ? -1 : ids.indexOf(from);
      return { id: ids[(at + 1) % ids.length], doubt: "" };
    }
    return here(store, jump, from, nowUs(), "the service is still reading the run");
  } catch (error) {
    const why = error instanceof ProblemError ? error.message : "the service cannot be reached";
    return here(store, jump, from, nowUs(), why.replace(/\.$/, ""));
  }
}

/** The chosen span may have come after the service last looked: then from the beginning. */
async function known(api: Pick<Api, "jump">, runId: string, jump: Jump, after: string | null) {
  try {
    return await api.jump(runId, jump, after);
  } catch (error) {
    if (after !== null && error instanceof ProblemError && error.problem.type?.endsWith("unknown-span"))
      return await api.jump(runId, jump, null);
    throw error;
  }
}

function here(store: RunStore, jump: Jump, from: string | null, nowUs: number, why: string): Landing {
  const among = `${count(store.spans.size)} of ${count(store.spanCount)} spans`;
  return { id: jumpTo(store, jump, from, nowUs), doubt: `Looked for in ${among}: ${why}` };
}
