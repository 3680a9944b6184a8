/** The help: every key that works now, made from the table that does them. */
import { byId, h, icon } from "../../browser/dom";
import {
  hasSingleKeys,
  isMac,
  type KeyGroup,
  type KeyTable,
  keyName,
  setSingleKeys,
} from "../../browser/keys";

/** Groups that come first; the others follow as they were registered. */
const FIRST = ["In a run", "Spans of a run", "Everywhere"];

function inOrder(groups: readonly KeyGroup[]): KeyGroup[] {
  const place = ({ title }: KeyGroup) => {
    const at = FIRST.indexOf(title);
    return at < 0 ? FIRST.length : at;
  };
  return [...groups].sort((a, b) => place(a) - place(b));
}

export class KeyHelp {
  private readonly table: KeyTable;
  /** In a box of its own: columns of a box that scrolls would go on to its right. */
  private readonly groups = h("div", { class: "key-groups" });
  private readonly body = h(
    "div",
    { class: "dialog-body", tabindex: "0", role: "group", "aria-label": "All keys" },
    this.groups,
  );
  private readonly single = h("input", { id: "single-keys", type: "checkbox" });
  private readonly dialog: HTMLDialogElement;

  constructor(table: KeyTable) {
    this.table = table;
    const close = h("button", { class: "button-icon", type: "button", "aria-label": "Close" }, icon("close"));
    const head = h("div", { class: "dialog-head" }, h("h2", { id: "key-help-title" }, "Keys"), close);
    const text = "Keys without Ctrl work outside of text fields";
    const foot = h("label", { class: "dialog-foot", for: "single-keys" }, this.single, h("span", {}, text));
    this.dialog = h(
      "dialog",
      { id: "key-help", class: "dialog key-help", "aria-labelledby": "key-help-title" },
      h("div", { class: "dialog-box" }, head, this.body, foot),
    );
    document.body.append(this.dialog);
    close.addEventListener("click", () => this.dialog.close());
    this.single.addEventListener("change", () => setSingleKeys(this.single.checked));
    this.dialog.addEventListener("pointerdown", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    byId("key-help-button").addEventListener("click", () => this.open());
  }

  open(): boolean {
    if (this.dialog.open) return false;
    this.single.checked = hasSingleKeys();
    this.groups.replaceChildren(...inOrder(this.table.groups()).map((group) => this.group(group)));
    this.dialog.showModal();
    this.body.scrollTop = 0;
    return true;
  }

  private group({ title, bindings }: KeyGroup): HTMLElement {
    const mac = isMac();
    const lines = bindings.map(({ keys, does }) =>
      h(
        "div",
        { class: "key-line" },
        h("dt", {}, ...keys.map((key) => h("kbd", { class: "key" }, keyName(key, mac)))),
        h("dd", {}, does),
      ),
    );
    return h("section", { class: "key-group" }, h("h3", {}, title), h("dl", {}, ...lines));
  }
}
