/** What a tool was asked and gave back, as its own span tells it. Pure. */
import type { Attributes, AttributeValue, SpanState, TailEvent } from "../../service/wire";
import { bytes } from "../../text/format";
import { message } from "./messages";
import { type Conversation, isFields, textOf } from "./model";
import { pick } from "./names";
import { callPart, opened, resultValue } from "./parts";

export function toolConversation(span: SpanState, logs: readonly TailEvent[]): Conversation | null {
  const { attributes = {} } = span;
  const given = pick(attributes, [
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "gen_ai.tool.input",
    "tool_input",
    "input.value",
  ]);
  const result = pick(attributes, [
    "gen_ai.tool.call.result",
    "tool_response",
    "gen_ai.tool.output",
    "tool_output",
    "tool.result",
    "output.value",
  ]);
  const id = textOf(attributes, "gen_ai.tool.call.id");
  const log = resultLog(logs, id);
  const { full_command: command } = attributes;
  const input = given ?? log.tool_input ?? (typeof command === "string" ? { command } : undefined);
  const name = textOf(attributes, "gen_ai.tool.name", "tool.name") || (span.name ?? "");
  const made: Conversation = { asked: [], answered: [], tools: [] };
  if (input !== undefined) {
    made.asked.push(message("assistant", [callPart({ id, name, arguments: calledWith(input) })]));
  }
  const failed = result === undefined && log.success === "false";
  const output = result ?? (failed ? (log.error ?? log.error_type ?? null) : answerIn(logs, log));
  if (output !== undefined) {
    made.answered.push(message("tool", [{ kind: "result", id, name, value: resultValue(output), failed }]));
  }
  return made.asked.length + made.answered.length > 0 ? made : null;
}

/** Claude Code logs what its tools were asked, and how it ended, beside the span around them, and names the call. */
function resultLog(logs: readonly TailEvent[], id: string): Attributes {
  const found = logs.find(
    ({ attributes: said = {} }) => said["event.name"] === "tool_result" && (said.tool_use_id ?? id) === id,
  );
  return found?.attributes ?? {};
}

/** What its subagent said; else how large the result was, of which nothing more is known. */
function answerIn(logs: readonly TailEvent[], log: Attributes): AttributeValue | undefined {
  const answers = logs.filter(({ attributes = {} }) => attributes["event.name"] === "assistant_response");
  const said = answers.at(-1)?.attributes?.response;
  if (said !== undefined) return said;
  const size = Number(log.tool_result_size_bytes ?? Number.NaN);
  return size >= 0 ? `(${bytes(size)}, which were not sent)` : undefined;
}

/** What a tool was called with, as names and values: a decorator in Python tells those that have no name in a list. */
function calledWith(input: AttributeValue): AttributeValue {
  const seen = opened(input);
  if (typeof seen === "string") return { input: seen };
  if (!isFields(seen) || Object.keys(seen).length !== 2) return seen;
  const { args, kwargs } = seen;
  if (!Array.isArray(args) || !isFields(kwargs)) return seen;
  if (args.length === 0) return kwargs;
  return { ...(args.length === 1 ? { input: args[0] ?? null } : { inputs: args }), ...kwargs };
}
