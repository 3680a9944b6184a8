/** The keys of a run's timeline and flame graph, for the page's table of keys. */
import type { KeyBinding } from "../../browser/keys";

/** What the tree and the flame graph hear themselves while they have the focus. */
export const TREE_KEYS: readonly KeyBinding[] = [
  { keys: ["ArrowUp", "ArrowDown"], does: "Go from row to row" },
  { keys: ["ArrowRight", "ArrowLeft"], does: "Open and close a row, go to its first child or its parent" },
  { keys: ["PageUp", "PageDown", "Home", "End"], does: "Go further" },
  { keys: ["Enter", " "], does: "Show the details of a span" },
  { keys: ["Escape"], does: "Close the details" },
  { keys: ["Mod+wheel"], does: "Zoom the time at the pointer" },
];

export interface TimeCommands {
  zoom(factor: number): void;
  pan(by: number): void;
  fit(): void;
  turnCritical(): void;
  turnFolds(): void;
  /** False where there is nothing to follow. */
  follow(): boolean;
}

export const ZOOM = 0.6;
const PAN = 0.2;

export function timeKeys(commands: TimeCommands): readonly KeyBinding[] {
  const key = (name: string, does: string, run: () => void): KeyBinding => ({
    keys: [name],
    does,
    act: () => {
      run();
      return true;
    },
  });
  return [
    key("w", "Zoom the time in", () => commands.zoom(ZOOM)),
    key("s", "Zoom the time out", () => commands.zoom(1 / ZOOM)),
    key("a", "Move the time to the left", () => commands.pan(-PAN)),
    key("d", "Move the time to the right", () => commands.pan(PAN)),
    key("0", "Show the whole time", () => commands.fit()),
    key("c", "Show the critical path", () => commands.turnCritical()),
    key("g", "Fold idle times", () => commands.turnFolds()),
    { keys: ["f"], does: "Follow what is new", act: () => commands.follow() },
  ];
}
