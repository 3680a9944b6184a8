/** The mark of who served a call: Claude CLI green with a robot, LangChain amber with a warning sign. */
import { h, icon, setAttr, setIcon, setText } from "../browser/dom";
import { backendTitle } from "../text/format";

const ICONS: Readonly<Record<string, string>> = { claude_cli: "robot", langchain: "warning" };

export function backendIcon(backend: string): string {
  return ICONS[backend] ?? "chip";
}

export class BackendMark {
  readonly element = h("span", { class: "mark" });
  private readonly svg = icon("chip", "mark-icon");
  private readonly text = h("span");

  constructor(backend?: string) {
    this.element.append(this.svg, this.text);
    this.update(backend);
  }

  update(backend: string | undefined): void {
    this.element.hidden = backend === undefined;
    if (backend === undefined) return;
    setIcon(this.svg, backendIcon(backend));
    setAttr(this.element, "data-backend", backend);
    setAttr(this.element, "title", `served by ${backendTitle(backend)}`);
    setText(this.text, backend);
  }
}
