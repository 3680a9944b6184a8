/** The ways to errors, to what runs, is slow, is dear: buttons and keys. */
import { h, icon, setAttr } from "../../browser/dom";
import type { KeyBinding } from "../../browser/keys";
import { rove } from "../../browser/roving";
import { say } from "../../browser/toast";
import { jumpTo } from "../../run/find/jumps";
import { jumpInWhole } from "../../run/find/whole-jumps";
import type { Api } from "../../service/api";
import type { Jump } from "../../service/wire";
import type { RunStore } from "../../store";

export interface JumpActions {
  /** Chooses a span and brings it into sight. */
  go(spanId: string): void;
  /** The span that is chosen now. */
  chosen(): string | null;
  /** The service's clock, microseconds. */
  now(): number;
}

const JUMPS: readonly {
  jump: Jump;
  key: string;
  glyph: string;
  text: string;
  title: string;
  none: string;
}[] = [
  {
    jump: "error",
    key: "e",
    glyph: "error",
    text: "Error",
    title: "Next span in which an error began",
    none: "No span failed",
  },
  {
    jump: "running",
    key: "r",
    glyph: "running",
    text: "Running",
    title: "Next running span",
    none: "No span runs",
  },
  {
    jump: "slowest",
    key: "t",
    glyph: "hourglass",
    text: "Slowest",
    title: "Slowest span by its own time, then the next",
    none: "No span took any time",
  },
  {
    jump: "dearest",
    key: "m",
    glyph: "coin",
    text: "Costliest",
    title: "Costliest span, then the next",
    none: "No span has a cost",
  },
];

export class JumpBar {
  readonly element: HTMLElement;
  /** What the keyboard can do here. */
  readonly keys: readonly KeyBinding[] = JUMPS.map(({ jump, key, title }) => ({
    keys: [key],
    does: title,
    act: () => this.jump(jump),
  }));
  private readonly api: Pick<Api, "jump">;
  private readonly actions: JumpActions;
  private readonly buttons: ReadonlyMap<Jump, HTMLButtonElement>;
  private run: { readonly runId: string; readonly store: RunStore } | null = null;
  /** The service was asked and has not answered yet. */
  private asking = false;

  constructor(api: Pick<Api, "jump">, actions: JumpActions) {
    this.api = api;
    this.actions = actions;
    this.buttons = new Map(JUMPS.map((each) => [each.jump, this.button(each)]));
    this.element = h(
      "div",
      { class: "find-jumps", role: "toolbar", "aria-label": "Go to" },
      h("span", { class: "find-jumps-text", "aria-hidden": "true" }, "Go to"),
      ...this.buttons.values(),
    );
    rove({ container: this.element, items: ".find-jump", axis: "x" });
  }

  open(runId: string, store: RunStore): void {
    this.run = { runId, store };
  }

  close(): void {
    this.run = null;
  }

  /** Goes to the next span of a kind, or from `from`; false where there is none. */
  jump(jump: Jump, from = this.actions.chosen()): boolean {
    const { run } = this;
    if (!run) return false;
    if (run.store.whole) {
      void this.ask(run, jump, from);
      return true;
    }
    const id = jumpTo(run.store, jump, from, this.actions.now());
    if (id !== undefined) this.actions.go(id);
    return id !== undefined;
  }

  /** Follows the store. */
  draw(): void {
    const { run } = this;
    if (!run) return;
    const { store } = run;
    this.enable("error", store.errorCount > 0);
    this.enable("running", store.running.size > 0 || (store.whole?.open ?? 0) > 0);
    this.enable("slowest", store.spans.size > 0);
    this.enable(
      "dearest",
      store.tree.roots.some((root) => root.total.cost > 0),
    );
  }

  /** One question at a time: a key that is held down asks no faster than it is answered. */
  private async ask(
    run: { readonly runId: string; readonly store: RunStore },
    jump: Jump,
    from: string | null,
  ): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const { id, doubt } = await jumpInWhole(this.api, run, jump, from, () => this.actions.now());
    this.asking = false;
    if (this.run !== run) return;
    if (doubt) say(doubt);
    else if (id === undefined) say(JUMPS.find((each) => each.jump === jump)?.none ?? "");
    if (id !== undefined) this.actions.go(id);
  }

  private button({ jump, key, glyph, text, title }: (typeof JUMPS)[number]): HTMLButtonElement {
    return h(
      "button",
      {
        class: "button-quiet find-jump",
        type: "button",
        "aria-keyshortcuts": key,
        "aria-label": title,
        title: `${title} (${key.toUpperCase()})`,
        "data-jump": jump,
        onclick: () => this.jump(jump),
      },
      icon(glyph, "glyph"),
      h("span", {}, text),
    );
  }

  /** Not `disabled`: a button that has the focus would lose it while the run goes on. */
  private enable(jump: Jump, can: boolean): void {
    const button = this.buttons.get(jump);
    if (button) setAttr(button, "aria-disabled", can ? null : "true");
  }
}
