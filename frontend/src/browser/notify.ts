/** The browser's notifications: shown when nobody looks at the page, and only to those who have asked for them. */

export interface Notice {
  readonly title: string;
  readonly text: string;
  /** A notice takes the place of the one before with the same tag, from any tab. */
  readonly tag: string;
  /** Somebody has clicked on it; the page is in front by then. */
  readonly opened: () => void;
}

/** Only ever called for a click: the browser asks then, and at no other time. */
export async function mayNotify(): Promise<boolean> {
  if (!("Notification" in window)) return false;
  const allowed =
    Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
  return allowed === "granted";
}

export function notify({ title, text, tag, opened }: Notice): void {
  try {
    const notification = new Notification(title, { body: text, tag, icon: "/favicon.svg" });
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
      opened();
    });
  } catch {
    // Browsers of telephones let service workers notify, and no page.
  }
}
