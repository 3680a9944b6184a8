/** Printing: while it lasts, lists have all of their rows as elements and not only those in sight. */

/** More rows are cut off: to lay out and to print them would take minutes. */
export const MOST_PRINTED = 5_000;

/** Calls back before the page is printed, and afterwards. */
export function whenPrinted(change: (prints: boolean) => void): void {
  addEventListener("beforeprint", () => change(true));
  addEventListener("afterprint", () => change(false));
}
