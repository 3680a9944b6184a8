/**
 * Runs something once what was drawn is on the screen: a frame later than that is drawn, for other threads and
 * processes have work with it too. In a hidden tab, where nothing is painted, a moment later.
 */
export function afterPaint(run: () => void): void {
  if (document.hidden) setTimeout(run);
  else requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(run)));
}
