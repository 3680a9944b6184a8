/** What can be done with a run: a menu beside the button that opened it. */

import { byId, h, icon } from "../../browser/dom";
import { address, sectionRoute } from "../../browser/router";
import { type Api, ProblemError } from "../../service/api";
import type { RunSummary } from "../../service/wire";
import { isAlive, runName } from "../run-list";
import { runCopies } from "./copies";

const FORMATS = [
  ["otlp", "OTLP JSON"],
  ["perfetto", "Perfetto trace"],
  ["ndjson", "Events (NDJSON)"],
] as const;

export interface RunMenuListener {
  /** The service wants a token. */
  wantsToken(): boolean;
  /** Somebody is notified when the run ends. */
  isAwaited(runId: string): boolean;
  /** Notify, or notify no more, when the run ends. */
  waitFor(runId: string): void;
  /** The service has such an operation: it may have started the run, and can start it again. */
  canStart(operation: string): boolean;
  deleted(runId: string): void;
  started(runId: string): void;
}

export class RunMenu {
  private readonly api: Api;
  private readonly listener: RunMenuListener;
  private readonly element = byId("run-menu");
  private opener: HTMLElement | null = null;
  private run: RunSummary | null = null;
  private readonly busy = new Set<string>();

  constructor(api: Api, listener: RunMenuListener) {
    this.api = api;
    this.listener = listener;
    document.addEventListener("pointerdown", (event) => {
      const target = event.target as Node;
      if (!this.element.hidden && !this.element.contains(target) && !this.opener?.contains(target))
        this.close();
    });
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    addEventListener("resize", () => this.close());
  }

  toggle(run: RunSummary, opener: HTMLElement): void {
    if (!this.element.hidden && this.opener === opener) {
      this.close();
      return;
    }
    this.close();
    this.run = run;
    this.opener = opener;
    opener.setAttribute("aria-expanded", "true");
    this.draw(run);
    this.element.hidden = false;
    this.place(opener);
    this.items()[0]?.focus();
  }

  close(): void {
    if (this.element.hidden) return;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    this.opener?.setAttribute("aria-expanded", "false");
    if (hadFocus) this.opener?.focus();
    this.opener = null;
  }

  private draw(run: RunSummary): void {
    const pin = this.button("pin", run.pinned ? "Unpin" : "Pin: keep from expiry", () => this.pin(run));
    const remove = this.button("trash", "Delete…", () => this.confirm(run, remove));
    remove.classList.add("menu-danger");
    if (isAlive(run)) {
      remove.disabled = true;
      remove.title = "A run can be deleted once it has ended";
    }
    const exports = FORMATS.map(([format, text]) =>
      h(
        "a",
        {
          class: "menu-item",
          role: "menuitem",
          tabindex: "-1",
          href: `/api/runs/${run.run_id}/export?format=${format}`,
          download: "",
          onclick: () => this.close(),
        },
        icon("download", "glyph"),
        h("span", {}, text),
      ),
    );
    this.element.setAttribute("aria-label", `Actions for ${runName(run)}`);
    this.element.replaceChildren(
      ...this.control(run),
      pin,
      this.compare(run),
      ...this.waiting(run),
      h("div", { class: "menu-head" }, "Copy"),
      ...this.copies(run),
      h("div", { class: "menu-head" }, "Export"),
      ...exports,
      h("div", { class: "menu-line", role: "separator" }),
      remove,
    );
  }

  private compare(run: RunSummary): HTMLElement {
    const href = address(sectionRoute("compare", [], `a=${run.run_id}`));
    return h(
      "a",
      {
        class: "menu-item",
        role: "menuitem",
        tabindex: "-1",
        href,
        "data-nav": "",
        onclick: () => this.close(),
      },
      icon("compare", "glyph"),
      h("span", {}, "Compare with…"),
    );
  }

  private copies(run: RunSummary): HTMLElement[] {
    const context = { api: this.api, wantsToken: this.listener.wantsToken() };
    return runCopies(context, run.run_id).map(({ title, icon: glyph, run: copy }) =>
      this.button(
        glyph,
        title.replace("Copy the run's link", "Link").replace("Copy the run as ", "As "),
        () => {
          this.close();
          copy();
        },
      ),
    );
  }

  private waiting(run: RunSummary): HTMLElement[] {
    if (!isAlive(run)) return [];
    const text = this.listener.isAwaited(run.run_id) ? "Do not notify at its end" : "Notify when it ends";
    const wait = () => {
      this.close();
      this.listener.waitFor(run.run_id);
    };
    return [this.button("bell", text, wait)];
  }

  /** Stop it, or start it again: for what the service has started. */
  private control(run: RunSummary): HTMLElement[] {
    if (run.imported || !run.operation || !this.listener.canStart(run.operation)) return [];
    const stop = () => this.act(run, () => this.api.cancelRun(run.run_id));
    if (isAlive(run)) return [this.button("cancelled", "Cancel the run", () => void stop())];
    const again = () =>
      this.act(run, async () => {
        const started = await this.api.retryRun(run.run_id);
        this.close();
        this.listener.started(started.run_id);
      });
    return [this.button("play", "Run again", () => void again())];
  }

  private button(glyph: string, text: string, action: () => void): HTMLButtonElement {
    return h(
      "button",
      { class: "menu-item", role: "menuitem", type: "button", tabindex: "-1", onclick: action },
      icon(glyph, "glyph"),
      h("span", {}, text),
    );
  }

  private place(opener: HTMLElement): void {
    const at = opener.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = Math.min(Math.max(8, at.right - width), innerWidth - width - 8);
    const below = at.bottom + 4;
    const top = below + height > innerHeight - 8 ? Math.max(8, at.top - height - 4) : below;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${top}px`;
  }

  private confirm(run: RunSummary, button: HTMLButtonElement): void {
    const text = button.querySelector("span");
    if (button.dataset.sure === undefined) {
      button.dataset.sure = "";
      if (text) text.textContent = "Delete it with all its data?";
      return;
    }
    void this.act(run, async () => {
      await this.api.deleteRun(run.run_id);
      this.listener.deleted(run.run_id);
    });
  }

  private pin(run: RunSummary): void {
    const pinned = run.pinned !== true;
    void this.act(run, async () => {
      await this.api.pinRun(run.run_id, pinned);
      run.pinned = pinned;
    });
  }

  /** Once at a time; what it says belongs to the menu that it was chosen in. */
  private async act(run: RunSummary, action: () => Promise<void>): Promise<void> {
    if (this.busy.has(run.run_id)) return;
    this.busy.add(run.run_id);
    try {
      await action();
      if (this.runId === run.run_id) this.close();
    } catch (error) {
      if (this.runId !== run.run_id) return;
      const text = error instanceof ProblemError ? error.message : "The service cannot be reached.";
      this.element.querySelector(".menu-problem")?.remove();
      this.element.append(h("p", { class: "menu-problem", role: "alert" }, text));
      if (this.opener) this.place(this.opener);
    } finally {
      this.busy.delete(run.run_id);
    }
  }

  private items(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>(".menu-item:not(:disabled)")];
  }

  private onKey(event: KeyboardEvent): void {
    const items = this.items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === "Escape" || event.key === "Tab") this.close();
    else if (event.key in steps) items.at((steps[event.key] ?? 0) % items.length)?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  /** The run that the menu is about, as long as it is open. */
  private get runId(): string | null {
    return this.element.hidden ? null : (this.run?.run_id ?? null);
  }
}
