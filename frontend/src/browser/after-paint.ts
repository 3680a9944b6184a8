/** Runs something once what was drawn is on the screen; in a hidden tab, where nothing is painted, a moment later. */
export function afterPaint(run: () => void): void {
  if (document.hidden) setTimeout(run);
  else requestAnimationFrame(() => setTimeout(run));
}
