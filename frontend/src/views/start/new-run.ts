/** The "new run" dialog: a form made from the operation's input schema. */

import { byId, h } from "../../browser/dom";
import { backoffMs } from "../../connection/backoff";
import { reasonOf } from "../../connection/refresh";
import type { PageData } from "../../page";
import { type Api, ProblemError } from "../../service/api";
import type { OperationInfo } from "../../service/wire";
import { exampleRun } from "./demo-run";
import { type Control, control } from "./form-controls";
import { check, type FormErrors, fieldErrors, fields, request, words } from "./schema-form";
import { optionsQuery, StartOptions } from "./start-options";

export class NewRunDialog {
  private readonly dialog = byId<HTMLDialogElement>("new-run");
  private readonly form = byId<HTMLFormElement>("new-run-form");
  private readonly choice = byId("new-run-operations");
  private readonly description = byId("new-run-description");
  private readonly fieldBox = byId("new-run-fields");
  private readonly problem = byId("new-run-problem");
  private readonly submit = byId<HTMLButtonElement>("new-run-submit");
  private readonly api: Api;
  private readonly started: (runId: string) => void;
  private operations: readonly OperationInfo[] | null = null;
  private operation: OperationInfo | null = null;
  private controls: Control[] = [];
  private readonly options = new StartOptions(() => this.drawSubmit());
  private busy = false;
  private readonly page: PageData;

  constructor(page: PageData, api: Api, started: (runId: string) => void) {
    this.page = page;
    this.api = api;
    this.started = started;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    byId("new-run-options").append(this.options.element);
    byId("new-run-cancel").addEventListener("click", () => this.dialog.close());
    byId("new-run-close").addEventListener("click", () => this.dialog.close());
    // A click beside the dialog hits the dialog itself: its content is one box inside.
    this.dialog.addEventListener("pointerdown", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /** Takes the catalogue of operations, however long the service is away. */
  async load(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { operations, demo, login } = await this.api.operations();
        this.operations = operations;
        this.page.operations = operations.map((operation) => ({
          name: operation.name,
          title: words(operation.title),
          description: operation.description ?? "",
          isLayered: (operation.layers ?? []).length > 0,
        }));
        if (demo) this.page.demo = true;
        this.page.demoRun = demo === true && exampleRun(operations) !== null;
        if (login) this.page.login = true;
        if (this.dialog.open) this.open();
        return;
      } catch {
        // The list shows that the service is away.
        await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt)));
      }
    }
  }

  /** Starts the demo's first operation; answers why that could not be, empty where it was. */
  async startDemo(): Promise<string> {
    const example = exampleRun(this.operations ?? []);
    if (!example || this.busy) return "";
    this.busy = true;
    try {
      this.started((await this.api.start(example.url, example.body)).run_id);
      return "";
    } catch (error) {
      return `Nothing was started. ${reasonOf(error)}.`;
    } finally {
      this.busy = false;
    }
  }

  open(name?: string): void {
    const wanted = name ?? this.operation?.name;
    const operation = this.operations?.find((item) => item.name === wanted) ?? this.operations?.[0];
    this.choose(operation ?? null);
    if (!this.dialog.open) this.dialog.showModal();
    this.controls[0]?.focus();
  }

  private choose(operation: OperationInfo | null): void {
    const kept = operation === this.operation && this.controls.length > 0;
    this.operation = operation;
    this.drawChoice();
    this.setProblem("");
    if (kept) return;
    this.description.textContent = operation ? (operation.description ?? "") : this.why();
    this.submit.disabled = operation === null;
    this.controls = operation ? fields(operation.input_schema).map((field) => control(field)) : [];
    this.fieldBox.replaceChildren(...this.controls.map((item) => item.element));
  }

  /** Why there is nothing to choose. */
  private why(): string {
    return this.operations === null
      ? "Waiting for the service to say what can be started…"
      : "The service offers no operation to start.";
  }

  private drawChoice(): void {
    const operations = this.operations ?? [];
    const buttons = operations.map((operation) => {
      const chosen = operation === this.operation;
      const input = h("input", { type: "radio", name: "operation", value: operation.name, class: "sr-only" });
      input.checked = chosen;
      input.addEventListener("change", () => this.choose(operation));
      return h("label", { class: "segment" }, input, h("span", {}, words(operation.title)));
    });
    const focused = this.choice.contains(document.activeElement);
    this.choice.replaceChildren(...buttons);
    this.choice.hidden = operations.length < 2;
    if (focused) this.choice.querySelector<HTMLInputElement>("input:checked")?.focus();
  }

  private async send(): Promise<void> {
    const { operation, controls } = this;
    if (!operation || this.busy) return;
    const list = controls.map((item) => item.field);
    const values = Object.fromEntries(controls.map((item) => [item.field.name, item.read()]));
    const { options } = this;
    const optionList = options.controls.map((item) => item.field);
    const optionValues = Object.fromEntries(options.controls.map((item) => [item.field.name, item.read()]));
    const found = { byField: check(list, values), byOption: check(optionList, optionValues), general: "" };
    this.showErrors(found);
    if (found.byField.size + found.byOption.size > 0) return;
    this.setBusy(true);
    try {
      const { url, body } = request(operation, list, values);
      const run = await this.api.start(url + optionsQuery(options.isQueued, optionValues), body);
      this.dialog.close();
      this.controls = [];
      this.started(run.run_id);
    } catch (error) {
      if (error instanceof ProblemError) {
        this.showErrors(fieldErrors(error.problem, list, optionList));
      } else {
        const general = "The service cannot be reached. Nothing was started.";
        this.showErrors({ byField: new Map(), byOption: new Map(), general });
      }
    } finally {
      this.setBusy(false);
    }
  }

  private setBusy(busy: boolean): void {
    this.busy = busy;
    this.submit.disabled = busy;
    this.drawSubmit();
  }

  private drawSubmit(): void {
    const [text, doing] = this.options.isQueued ? ["Queue run", "Queueing…"] : ["Start run", "Starting…"];
    this.submit.textContent = this.busy ? doing : text;
  }

  private showErrors({ byField, byOption, general }: FormErrors): void {
    const shown = [
      ...this.controls.map((item) => ({ item, text: byField.get(item.field.name) ?? "" })),
      ...this.options.controls.map((item) => ({ item, text: byOption.get(item.field.name) ?? "" })),
    ];
    for (const { item, text } of shown) item.showError(text);
    this.setProblem(general);
    shown.find(({ text }) => text !== "")?.item.focus();
  }

  private setProblem(text: string): void {
    this.problem.textContent = text;
    this.problem.hidden = text === "";
  }
}
