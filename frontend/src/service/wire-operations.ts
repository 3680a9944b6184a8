/** What can be started, and what went wrong. */
import type { RunStatus } from "./wire-run";

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  "x-in"?: string;
}

export interface OperationInfo {
  name: string;
  title: string;
  description?: string;
  path: string;
  input_schema: JsonSchema;
  layers?: string[];
}

export interface OperationsAnswer {
  operations: OperationInfo[];
  demo?: boolean;
  /** A token is set: browsers sign in. */
  login?: boolean;
}

export interface StartedRun {
  run_id: string;
  status: RunStatus;
}

/** RFC 9457. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: { loc?: (string | number)[]; msg?: string }[];
  /** Where else to look for a run that has expired. */
  links?: Record<string, string>;
}
