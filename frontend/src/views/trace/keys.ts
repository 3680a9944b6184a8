/** The keys of a run's tree and time, for the help and for whoever handles them. */

export interface KeyHelp {
  readonly keys: readonly string[];
  readonly text: string;
}

export const TRACE_KEYS: readonly KeyHelp[] = [
  { keys: ["↑", "↓"], text: "Go from row to row" },
  { keys: ["→", "←"], text: "Open and close a row, go to its first child or its parent" },
  { keys: ["Enter"], text: "Show the details of a span" },
  { keys: ["Esc"], text: "Close the details" },
  { keys: ["W", "S"], text: "Zoom the time in and out" },
  { keys: ["A", "D"], text: "Move the time to the left and right" },
  { keys: ["0"], text: "Show the whole time" },
  { keys: ["F"], text: "Follow what is new" },
  { keys: ["C"], text: "Show the critical path" },
  { keys: ["G"], text: "Fold idle times" },
  { keys: ["Ctrl + wheel"], text: "Zoom the time at the pointer" },
];

/** What a key does to the time that is shown. */
export type TimeKey = "in" | "out" | "left" | "right" | "fit" | "follow" | "critical" | "fold";

const BY_KEY: Readonly<Record<string, TimeKey>> = {
  w: "in",
  s: "out",
  a: "left",
  d: "right",
  "0": "fit",
  f: "follow",
  c: "critical",
  g: "fold",
};

/** None where the key is part of what somebody writes, or of a command of the browser. */
export function timeKey(event: KeyboardEvent): TimeKey | undefined {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return undefined;
  const { target } = event;
  if (target instanceof Element && target.closest("input, textarea, select, dialog, [role=menu]"))
    return undefined;
  return BY_KEY[event.key.toLowerCase()];
}
