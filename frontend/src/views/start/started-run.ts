/** A run that was started on this page: once it is on the screen it is said, and the keyboard goes to it. */
import { say } from "../../browser/toast";
import type { PageData } from "../../page";

export class StartedRun {
  private runId: string | null = null;
  /** What had the keyboard when it was started. */
  private focused: Element | null = null;

  expect(runId: string): void {
    this.runId = runId;
    this.focused = document.activeElement;
  }

  /** A run is on the screen. `focus` is called where the keyboard did not go elsewhere meanwhile. */
  greet(shownId: string | undefined, { name, status }: PageData, focus: () => void): void {
    if (this.runId === null || this.runId !== shownId) return;
    this.runId = null;
    say(`${status === "queued" ? "Queued" : "Started"}: ${name}`, false);
    const { activeElement } = document;
    if (activeElement === document.body || activeElement === this.focused) focus();
  }
}
