/**
 * The keys of the page, in one table: each view registers its own, and the help is made from it. A view that hears its
 * keys itself (the tree, where it has the focus) registers them without `act`: for the help alone.
 */
import { Kept } from "./kept";

export interface KeyBinding {
  /** As `KeyboardEvent.key` names them, any of which does it; "Mod+" in front is Ctrl, or Cmd on a Mac. */
  readonly keys: readonly string[];
  /** For the help: what it does. */
  readonly does: string;
  /** Does it. False where there is nothing to do now: the browser then handles the key. */
  readonly act?: () => boolean;
}

export interface KeyGroup {
  /** For the help: where these keys work. */
  readonly title: string;
  readonly bindings: readonly KeyBinding[];
  /** Whether they work, and are worth showing, at the moment. */
  readonly applies?: () => boolean;
}

/** What of a keyboard event says which key it is. */
export type Stroke = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

const MOD = "Mod+";
const singleKeys = new Kept("spantail.single-keys");

/** Whether a stroke is the key of that name. Shift is part of what `key` says of letters and signs. */
export function isKey(stroke: Stroke, name: string): boolean {
  if (stroke.altKey) return false;
  const mod = stroke.ctrlKey || stroke.metaKey;
  if (name.startsWith(MOD)) return mod && stroke.key.toLowerCase() === name.slice(MOD.length);
  return !mod && stroke.key === name;
}

/** The name of a key as it is printed on keyboards. */
export function keyName(name: string, isMac: boolean): string {
  const printed: Readonly<Record<string, string>> = {
    ArrowUp: "↑",
    ArrowDown: "↓",
    ArrowLeft: "←",
    ArrowRight: "→",
    " ": "Space",
    Escape: "Esc",
    PageUp: "Page Up",
    PageDown: "Page Down",
  };
  if (name.startsWith(MOD)) return `${isMac ? "⌘" : "Ctrl+"}${keyName(name.slice(MOD.length), isMac)}`;
  const plain = printed[name] ?? name;
  if (/^[A-Z]$/.test(plain)) return `Shift+${plain}`;
  return /^[a-z]$/.test(plain) ? plain.toUpperCase() : plain;
}

export class KeyTable {
  private readonly all: KeyGroup[] = [];

  /** Adds keys, for as long as the page lives. A group that comes first is asked first. */
  register(group: KeyGroup): void {
    this.all.push(group);
  }

  /** What works at the moment. */
  groups(): readonly KeyGroup[] {
    return this.all.filter((group) => group.applies?.() ?? true);
  }

  /** Does what the stroke stands for; false where it stands for nothing. `single`: keys without Ctrl count too. */
  press(stroke: Stroke, single: boolean): boolean {
    for (const group of this.groups())
      for (const { keys, act } of group.bindings)
        if (act && keys.some((name) => (single || name.startsWith(MOD)) && isKey(stroke, name)))
          if (act()) return true;
    return false;
  }
}

/** The page's table. */
export const keys = new KeyTable();

/** Whether keys without Ctrl do something outside of the views: users of speech input may turn them off. */
export function hasSingleKeys(): boolean {
  return singleKeys.text !== "off";
}

export function setSingleKeys(on: boolean): void {
  singleKeys.keep(on ? null : "off");
}

/** Whether what is typed belongs to the element that has the focus. */
function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target.isContentEditable || target.matches("textarea, select");
}

/** Listens for the whole page. What a view or a dialog has handled is left alone. */
export function listenForKeys(table: KeyTable): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const inDialog = document.querySelector("dialog[open]") !== null;
    const single = hasSingleKeys() && !inDialog && !takesText(event.target);
    if (table.press(event, single)) event.preventDefault();
  });
}

export function isMac(): boolean {
  return /mac|iphone|ipad/i.test(navigator.userAgent);
}
