/** Which two runs are compared: chosen from the newest ones, or by their ids. */

import { h, setText } from "../../browser/dom";
import { reasonOf } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { RunSummary } from "../../service/wire";
import { since } from "../../text/when";

import { isAlive, runCost, runName } from "../run-list";

const MOST = 100;
const OTHER = "other";

export class RunChoice {
  readonly element: HTMLFormElement;
  private readonly api: Api;
  private readonly a = new ChoiceField("A");
  private readonly b = new ChoiceField("B");
  private readonly problem = h("p", { class: "field-error", role: "alert", hidden: true });
  private readonly note = h("p", { class: "board-text compare-note", role: "status" });

  constructor(api: Api, chosen: (a: string, b: string) => void) {
    this.api = api;
    this.element = h(
      "form",
      { class: "compare-choice", novalidate: true, "aria-label": "Choose two runs" },
      h(
        "p",
        { class: "board-text" },
        "Choose two runs. Spans with the same place in both are set side by side: what is in one run only, what took longer, what cost more, which model served it, and how prompts and answers differ.",
      ),
      this.note,
      h("div", { class: "compare-choices" }, this.a.element, this.b.element),
      this.problem,
      h("button", { class: "button-primary", type: "submit" }, "Compare"),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const [a, b] = [this.a.value, this.b.value];
      if (a && b) chosen(a, b);
      else this.fail(`Run ${a ? "B" : "A"} has no id: 32 digits, 0 to f.`, a ? this.b : this.a);
    });
  }

  /** Offers the newest runs, with `first` as run A and one of its kind as run B. */
  async load(first: string | null): Promise<void> {
    this.fail("");
    setText(this.note, "Loading…");
    try {
      const { runs } = await this.api.runs(`?limit=${MOST}`);
      setText(
        this.note,
        runs.length < 2 ? "There are not two runs yet. One that is not here goes by its id." : "",
      );
      const nowUs = this.api.nowUs();
      const a = runs.find(({ run_id: id }) => id === first);
      const like = a ?? (first ? undefined : runs[0]);
      const b = closest(
        runs.filter((run) => run !== like),
        like,
      );
      this.a.offer(runs, nowUs, first ?? like?.run_id ?? null);
      this.b.offer(runs, nowUs, b?.run_id ?? null);
    } catch (error) {
      setText(
        this.note,
        `The list of runs cannot be shown: ${reasonOf(error)}. Runs can be named by their ids.`,
      );
      this.a.offer([], 0, first);
      this.b.offer([], 0, null);
    }
  }

  private fail(text: string, field?: ChoiceField): void {
    setText(this.problem, text);
    this.problem.hidden = text === "";
    field?.focus();
  }
}

/** The newest run of that name, one that has ended before one that goes on; else the newest. */
function closest(runs: readonly RunSummary[], like: RunSummary | undefined): RunSummary | undefined {
  const alike = runs.filter((run) => like && run.name === like.name && run.operation === like.operation);
  return alike.find((run) => !isAlive(run)) ?? alike[0] ?? runs[0];
}

class ChoiceField {
  readonly element: HTMLElement;
  private readonly select: HTMLSelectElement;
  private readonly input: HTMLInputElement;
  private readonly inputLine: HTMLElement;

  constructor(letter: string) {
    this.select = h("select", { class: "input", "aria-label": `Run ${letter}` });
    this.input = h("input", {
      class: "input mono",
      type: "text",
      "aria-label": `Id of run ${letter}`,
      placeholder: "32 digits, 0 to f",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 40,
    });
    this.inputLine = h("span", { hidden: true }, this.input);
    this.element = h(
      "div",
      { class: "compare-choice-field" },
      h("span", { class: "compare-letter", "aria-hidden": "true" }, letter),
      this.select,
      this.inputLine,
    );
    this.select.addEventListener("change", () => this.drawInput(true));
  }

  get value(): string | null {
    if (this.select.value !== OTHER) return this.select.value;
    const digits = this.input.value.trim().replaceAll("-", "").toLowerCase();
    return /^[0-9a-f]{32}$/.test(digits) ? digits : null;
  }

  offer(runs: readonly RunSummary[], nowUs: number, chosen: string | null): void {
    const options = runs.map((run) => {
      const when = run.start ? since(run.start, nowUs) : "not begun";
      const words = [runName(run), run.status, when, runCost(run), run.run_id.slice(0, 8)];
      return h("option", { value: run.run_id }, words.filter(Boolean).join(" · "));
    });
    this.select.replaceChildren(...options, h("option", { value: OTHER }, "Another run, by its id"));
    const listed = runs.some(({ run_id: id }) => id === chosen);
    this.select.value = listed && chosen ? chosen : OTHER;
    this.input.value = listed ? "" : (chosen ?? "");
    this.drawInput(false);
  }

  focus(): void {
    (this.inputLine.hidden ? this.select : this.input).focus();
  }

  private drawInput(focus: boolean): void {
    this.inputLine.hidden = this.select.value !== OTHER;
    if (focus && !this.inputLine.hidden) this.input.focus();
  }
}
