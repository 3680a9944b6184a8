/** The head of the livetail: what it is narrowed to, and whether it stands still. */
import { byId, h, icon, setIcon, setText } from "../../browser/dom";
import { EVERYTHING, KINDS, LEVELS, type TailChoice, type Wanted } from "../../run/tail/tail-filter";
import { backendName } from "../../text/format";

export interface ControlsListener {
  narrowed(wanted: Wanted): void;
  paused(paused: boolean): void;
}

export class TailControls {
  private readonly level = choice("Level of events", LEVELS);
  private readonly kind = choice("Kind of events", KINDS);
  private readonly words = byId<HTMLInputElement>("tail-filter");
  private readonly pause = byId<HTMLButtonElement>("tail-pause");
  private readonly pauseIcon = icon("pause");
  private readonly backend = h("button", { class: "chip", type: "button", hidden: true });
  private readonly backendName = h("span");
  private readonly listener: ControlsListener;
  private wanted: Wanted = EVERYTHING;

  constructor(listener: ControlsListener) {
    this.listener = listener;
    const box = this.words.closest("label");
    box?.before(this.backend, frame(this.level), frame(this.kind));
    this.backend.append(this.backendName, icon("close"));
    this.backend.addEventListener("click", () => {
      this.put({ backend: "" });
      this.words.focus();
    });
    this.pause.prepend(this.pauseIcon);
    this.pause.addEventListener("click", () =>
      listener.paused(this.pause.getAttribute("aria-pressed") !== "true"),
    );
    this.level.addEventListener("change", () => this.put({ level: this.level.value }));
    this.kind.addEventListener("change", () => this.put({ kind: this.kind.value }));
    this.words.addEventListener("input", () => this.put({ words: this.words.value }));
    this.words.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.words.value === "") return;
      event.stopPropagation();
      this.put({ words: "" });
    });
  }

  /** Narrows the livetail to what is given, and leaves the rest as it is. */
  put(change: Partial<Wanted>): void {
    this.wanted = { ...this.wanted, ...change };
    const { words, level, kind, backend } = this.wanted;
    if (this.words.value !== words) this.words.value = words;
    for (const [select, value] of [
      [this.level, level],
      [this.kind, kind],
    ] as const) {
      select.value = value;
      select.parentElement?.setAttribute("data-set", value);
    }
    this.backend.hidden = backend === "";
    setText(this.backendName, backendName(backend));
    this.backend.setAttribute("aria-label", `Only events of ${backendName(backend)}. Show all`);
    this.listener.narrowed(this.wanted);
  }

  get backendOnly(): string {
    return this.wanted.backend;
  }

  /** A backend of one run need not be one of the next; the rest is kept. */
  forgetBackend(): void {
    if (this.wanted.backend) this.put({ backend: "" });
  }

  showPaused(paused: boolean): void {
    setIcon(this.pauseIcon, paused ? "play" : "pause");
    setText(byId("tail-pause-text"), paused ? "Resume" : "Pause");
    this.pause.setAttribute("aria-pressed", String(paused));
  }
}

function choice(name: string, choices: readonly TailChoice[]): HTMLSelectElement {
  const select = h("select", { "aria-label": name });
  select.append(...choices.map(({ value, text }) => h("option", { value }, text)));
  return select;
}

function frame(select: HTMLSelectElement): HTMLElement {
  return h("span", { class: "select", "data-set": "" }, select);
}
