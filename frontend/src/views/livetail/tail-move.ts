/** What a key does in the livetail. Pure. */

export interface TailPlace {
  /** The event of the keyboard's cursor; -1 where there is none. */
  readonly at: number;
  readonly last: number;
  /** Its fields are shown. */
  readonly isOpen: boolean;
  /** Rows that a page has. */
  readonly page: number;
}

/** To another event, its fields opened or closed, its line copied; null: the key is for somebody else. */
export type TailMove = { readonly to: number } | "toggle" | "copy" | null;

export function tailMove(key: string, { at, last, isOpen, page }: TailPlace): TailMove {
  const steps: Record<string, number> = {
    ArrowDown: at < 0 ? last : at + 1,
    ArrowUp: at < 0 ? last : at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: last,
  };
  const to = steps[key];
  if (to !== undefined) return { to: Math.max(0, Math.min(last, to)) };
  if (at < 0) return null;
  if (key === "Enter" || key === " ") return "toggle";
  if (key === "ArrowRight") return isOpen ? null : "toggle";
  if (key === "ArrowLeft" || key === "Escape") return isOpen ? "toggle" : null;
  return key === "c" ? "copy" : null;
}
