/** What a demo starts at the press of one button. Pure. */
import type { OperationInfo } from "../../service/wire";

export interface ExampleRun {
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The first operation whose required fields all have an example, with these; null where none has. */
export function exampleRun(operations: readonly OperationInfo[]): ExampleRun | null {
  for (const { path, input_schema: schema } of operations) {
    const examples = (schema.required ?? []).map((name): [string, unknown] => [
      name,
      schema.properties?.[name]?.examples?.[0],
    ]);
    const known = examples.every(([, example]) => example !== undefined);
    if (known && !path.includes("{")) return { url: path, body: Object.fromEntries(examples) };
  }
  return null;
}
