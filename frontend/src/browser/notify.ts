/** Says that a run has ended, when nobody looks at the page and somebody has asked for it. */

export type Notifying = "on" | "off" | "refused";

/** The runs that somebody waits for, as long as the page lives. */
const awaited = new Set<string>();

export function isAwaited(runId: string): boolean {
  return awaited.has(runId);
}

/** Only ever called for a click: the browser asks then, and at no other time. */
export async function awaitRun(runId: string): Promise<Notifying> {
  if (awaited.delete(runId)) return "off";
  if (!("Notification" in window)) return "refused";
  const allowed =
    Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
  if (allowed !== "granted") return "refused";
  awaited.add(runId);
  return "on";
}

/** The run has ended. A page that is looked at says so itself. */
export function runEnded(runId: string, title: string, text: string): void {
  if (!awaited.delete(runId) || !document.hidden) return;
  const notification = new Notification(title, { body: text, tag: runId, icon: "/favicon.svg" });
  notification.addEventListener("click", () => {
    window.focus();
    notification.close();
  });
}
