/**
 * The parts of a message, from the forms that providers and libraries have for them: OpenAI, Anthropic, Gemini and
 * Bedrock as they are sent, and the GenAI conventions, OpenInference, LangChain and the Vercel AI SDK as they tell it. Pure.
 */
import { parseJson } from "../../service/json";
import type { AttributeValue } from "../../service/wire";
import { jsonOfPython } from "../../text/python-literal";
import { type CallPart, type Fields, fieldOf, isFields, type MediaPart, type Part, textOf } from "./model";

/** More nested than this nothing is looked into: what is left is shown as data. */
const DEPTH = 8;
/** Larger texts are not tried as JSON. */
const MAX_JSON = 4_000_000;

/** The value that a text of JSON has, or one of Python's notation; a text that is none stays as it is. */
export function opened(value: AttributeValue): AttributeValue {
  if (typeof value !== "string" || value.length > MAX_JSON || !/^\s*[[{]/.test(value)) return value;
  try {
    return parseJson<AttributeValue>(value);
  } catch {
    const json = jsonOfPython(value);
    return json === null ? value : parseJson<AttributeValue>(json);
  }
}

/** A text that stands in quotes, as JSON has it, without them. */
export function unquoted(value: AttributeValue): AttributeValue {
  if (typeof value !== "string" || !/^\s*"[\s\S]*"\s*$/.test(value)) return opened(value);
  try {
    return parseJson<AttributeValue>(value);
  } catch {
    return value;
  }
}

/** What stands in a message as its content. */
export function partsOf(content: AttributeValue | undefined, depth = 0): Part[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return textParts(content, depth);
  if (typeof content !== "object") return [{ kind: "text", text: String(content) }];
  if (depth > DEPTH) return [{ kind: "data", value: content }];
  if (Array.isArray(content)) return content.flatMap((each) => partsOf(each, depth + 1));
  return [partOf(content) ?? { kind: "data", value: content }];
}

/** Some libraries put the list of parts into a text: `[{"type": "text", …}]`. */
function textParts(text: string, depth: number): Part[] {
  if (/^\s*\[\s*\{\s*"type"\s*:/.test(text)) {
    const value = opened(text);
    if (typeof value !== "string") return partsOf(value, depth + 1);
  }
  return [{ kind: "text", text }];
}

/** One part; null where it has no form that is known. */
export function partOf(fields: Fields): Part | null {
  const { message_content: within } = fields;
  if (isFields(within)) return partOf(within); // OpenInference
  return toolPart(fields) ?? mediaPart(fields) ?? spokenPart(fields);
}

function spokenPart(fields: Fields): Part | null {
  const type = textOf(fields, "type").toLowerCase();
  const { reasoningContent, text } = fields;
  if (isFields(reasoningContent)) {
    const { reasoningText } = reasoningContent; // Bedrock
    return { kind: "reasoning", text: isFields(reasoningText) ? textOf(reasoningText, "text") : "(hidden)" };
  }
  if (type === "redacted_thinking") return { kind: "reasoning", text: "(hidden by the provider)" };
  if (/reasoning|thinking/.test(type) || fields.thought === true) {
    const { summary } = fields;
    const stated = textOf(fields, "content", "text", "thinking", "reasoning");
    const lines = Array.isArray(summary)
      ? summary.map((each) => (isFields(each) ? textOf(each, "text") : ""))
      : [];
    return {
      kind: "reasoning",
      text: stated || lines.filter(Boolean).join("\n\n") || "(hidden by the provider)",
    };
  }
  const isText = /^(text|input_text|output_text|refusal|summary_text)$/.test(type);
  if (isText) return { kind: "text", text: textOf(fields, "text", "content", "refusal") };
  // Gemini and Bedrock name no type.
  return type === "" && typeof text === "string" ? { kind: "text", text } : null;
}

function toolPart(fields: Fields): Part | null {
  const type = textOf(fields, "type").toLowerCase().replaceAll("-", "_");
  const { functionCall, functionResponse, toolUse, toolResult } = fields;
  if (isFields(functionCall)) return callPart(functionCall);
  if (isFields(toolUse)) return callPart(toolUse);
  if (isFields(functionResponse)) return resultPart(functionResponse);
  if (isFields(toolResult)) return resultPart(toolResult);
  if (/^(tool_call|tool_use|function_call|server_tool_use|mcp_tool_use|server_tool_call)$/.test(type))
    return callPart(fields);
  if (/tool_result$|^tool_call_response$|^function_call_output$|^server_tool_call_response$/.test(type)) {
    return resultPart(fields);
  }
  // Vercel AI SDK 6, as its spans have it.
  return typeof fields.toolName === "string" && fields.toolCallId !== undefined ? callPart(fields) : null;
}

/** A call in any of its forms: OpenAI's `function` within it, or name and arguments at its top. */
export function callPart(fields: Fields): CallPart {
  const { tool_call: within, function: called } = fields;
  if (isFields(within)) return callPart(within); // OpenInference
  const inner = isFields(called) ? called : fields;
  const given = fieldOf(inner, "arguments", "args", "input", "arguments_json", "parameters");
  return {
    kind: "call",
    id: textOf(fields, "id", "call_id", "toolCallId", "toolUseId", "tool_call_id"),
    name: textOf(inner, "name", "toolName", "tool_name") || "(no name)",
    arguments: given === undefined ? {} : opened(given),
  };
}

function resultPart(fields: Fields): Part {
  const value = fieldOf(fields, "response", "result", "output", "content", "value") ?? null;
  return {
    kind: "result",
    id: textOf(fields, "id", "tool_use_id", "call_id", "toolCallId", "toolUseId", "tool_call_id"),
    name: textOf(fields, "name", "toolName", "tool_name"),
    value: resultValue(value),
    failed: fields.is_error === true || fields.isError === true || fields.status === "error",
  };
}

/** What a tool gave back: a text that stands in parts or beside its type is that text. */
export function resultValue(value: AttributeValue): AttributeValue {
  const seen = unquoted(value);
  if (isFields(seen)) {
    const { type, value: within } = seen; // Vercel AI SDK 5 and later
    if (typeof type === "string" && within !== undefined && /^(text|json|error-text|error-json)$/.test(type))
      return within;
  }
  const parts =
    Array.isArray(seen) && seen.length > 0 ? seen.map((each) => (isFields(each) ? partOf(each) : null)) : [];
  if (parts.length > 0 && parts.every((part) => part?.kind === "text")) {
    return parts.map((part) => (part?.kind === "text" ? part.text : "")).join("\n");
  }
  return seen;
}

function mediaPart(fields: Fields): MediaPart | null {
  const type = textOf(fields, "type").toLowerCase();
  const mime = textOf(fields, "mime_type", "mimeType", "media_type", "mediaType");
  const { inlineData, fileData, source } = fields;
  if (isFields(inlineData)) return held(inlineData, "");
  if (isFields(fileData))
    return named(textOf(fileData, "fileUri", "file_uri"), textOf(fileData, "mimeType", "mime_type"), "");
  if (!/image|audio|video|file|document|blob|^uri$/.test(type)) return null;
  const what = textOf(fields, "modality") || kindOfMedia(type, mime);
  if (isFields(source)) {
    const url = textOf(source, "url", "uri");
    return url ? named(url, textOf(source, "media_type"), what) : held(source, what);
  }
  const place = fieldOf(fields, "image_url", "image", "file", "input_audio", "audio", "video", "document");
  if (isFields(place)) {
    const { image } = place; // OpenInference: `image.image.url`
    const inner = isFields(image) ? image : place;
    const url = textOf(inner, "url", "file_id", "uri");
    return url ? named(url, mime, what) : held(inner, what);
  }
  const address = textOf(fields, "uri", "url", "file_id", "file_uri", "image_url", "image", "file_url");
  if (address) return named(address, mime, what);
  return held(fields, what);
}

function kindOfMedia(type: string, mime: string): string {
  return /image|audio|video/.exec(type)?.[0] ?? /^(image|audio|video)\//.exec(mime)?.[1] ?? "file";
}

/** By its address; one that begins with `data:` brings its bytes along. */
function named(address: string, mime: string, what: string): MediaPart {
  const data = /^data:([^;,]*)[^,]*,/.exec(address);
  const known = mime || data?.[1] || "";
  const kind = what || kindOfMedia("", known);
  if (!data) return { kind: "media", what: kind, mime: known, address };
  return {
    kind: "media",
    what: kind,
    mime: known,
    address: "",
    bytes: sizeOfBase64(address.length - data[0].length),
  };
}

function held(fields: Fields, what: string): MediaPart {
  const mime = textOf(fields, "mime_type", "mimeType", "media_type", "mediaType", "format");
  const data = fieldOf(fields, "data", "content", "bytes", "file_data");
  const part: MediaPart = { kind: "media", what: what || kindOfMedia("", mime), mime, address: "" };
  if (typeof data === "string") {
    if (/^https?:\/\//.test(data)) return { ...part, address: data };
    part.bytes = sizeOfBase64(data.length);
  }
  return part;
}

function sizeOfBase64(letters: number): number {
  return Math.floor((letters * 3) / 4);
}
