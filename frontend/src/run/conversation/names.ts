/** The attributes that hold what was said, by the names that libraries give them. Pure. */
import type { Attributes, AttributeValue } from "../../service/wire";
import { messagesOf } from "./messages";
import type { Message, Role } from "./model";

/** In the order in which they are looked for; the service has given the first two names to what most libraries call otherwise. */
export const ASKED = [
  "gen_ai.input.messages",
  "gen_ai.request.messages",
  "ai.prompt.messages",
  "pydantic_ai.all_messages",
  "all_messages_events",
  "gcp.vertex.agent.llm_request",
  "ai.prompt",
  "user_prompt",
  "new_context",
  "gen_ai.agent.invocation_input",
];
export const ANSWERED = [
  "gen_ai.output.messages",
  "gen_ai.response.text",
  "gcp.vertex.agent.llm_response",
  "ai.response.text",
  "ai.response.object",
  "response.model_output",
  "final_result",
  "gen_ai.agent.invocation_output",
];
/** Of any span, a step of a chain as well: what went in and what came out. */
export const IN = [
  "input.value",
  "traceloop.entity.input",
  "langfuse.observation.input",
  "mlflow.spanInputs",
  "haystack.component.input",
  "haystack.agent.input",
  "ai.value",
  "ai.values",
];
export const OUT = [
  "output.value",
  "traceloop.entity.output",
  "langfuse.observation.output",
  "mlflow.spanOutputs",
  "haystack.component.output",
  "haystack.agent.output",
];
export const INSTRUCTIONS = [
  "gen_ai.system_instructions",
  "user_system_prompt",
  "system_prompt_preview",
  "ai.prompt.system",
];
export const TOOLS = [
  "gen_ai.tool.definitions",
  "ai.prompt.tools",
  "gen_ai.request.available_tools",
  "mlflow.chat.tools",
];

export function pick(attributes: Attributes, names: readonly string[]): AttributeValue | undefined {
  for (const name of names) {
    const value = attributes[name];
    if (value !== undefined && value !== null && value !== "") return value;
  }
  return undefined;
}

/** The messages of the first of these attributes that has any. */
export function first(attributes: Attributes, names: readonly string[], role: Role): Message[] {
  for (const name of names) {
    const messages = messagesOf(attributes[name], role);
    if (messages.length > 0) return messages;
  }
  return [];
}
