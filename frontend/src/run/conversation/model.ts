/** What a conversation with a model is made of, whichever library told it. Pure. */
import type { AttributeValue } from "../../service/wire";

export type Role = "system" | "user" | "assistant" | "tool" | "input" | "output";

export interface TextPart {
  kind: "text" | "reasoning";
  text: string;
}

export interface CallPart {
  kind: "call";
  /** Empty where the library gives none. */
  id: string;
  name: string;
  arguments: AttributeValue;
}

export interface ResultPart {
  kind: "result";
  id: string;
  name: string;
  value: AttributeValue;
  failed: boolean;
}

export interface MediaPart {
  kind: "media";
  /** "image", "audio", "video", "file". */
  what: string;
  mime: string;
  /** Where it is, as the library says; empty where its bytes stand in the message itself. */
  address: string;
  /** Bytes of what stands in the message itself; undefined where that is not known. */
  bytes?: number;
}

export interface DataPart {
  kind: "data";
  value: AttributeValue;
}

/** What a search has found. */
export interface DocumentPart {
  kind: "document";
  /** Where it is from, as its library calls it: an id, a title, a file; may be empty. */
  title: string;
  text: string;
  /** How well it fits, by the measure of whoever searched. */
  score?: number;
  /** What else is said of it; null where there is nothing. */
  details: AttributeValue;
}

/** Vectors that a text became: their numbers say nothing to a reader. */
export interface VectorPart {
  kind: "vectors";
  count: number;
  /** Numbers in each; undefined where that is not known. */
  length?: number;
}

export type Part = TextPart | CallPart | ResultPart | MediaPart | DataPart | DocumentPart | VectorPart;

export interface Message {
  role: Role;
  /** Of the participant, where it has one. */
  name: string;
  parts: Part[];
  /** Why the answer ended; empty where it is not said. */
  finish: string;
}

export interface Conversation {
  /** What was said before, and what was asked. */
  asked: Message[];
  /** What came of it. */
  answered: Message[];
  /** The names of the tools that the model could call. */
  tools: string[];
}

export type Fields = { [key: string]: AttributeValue };

export function isFields(value: AttributeValue | undefined): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The first of these fields that is a text with something in it. */
export function textOf(fields: Fields, ...names: string[]): string {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
}

/** The first of these fields that is there and not null. */
export function fieldOf(fields: Fields, ...names: string[]): AttributeValue | undefined {
  for (const name of names) {
    const value = fields[name];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}
