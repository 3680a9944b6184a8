/** What can be pressed, chosen and typed into. */
import { h, icon } from "../browser/dom";
import type { Sample } from "./sample";

function row(...children: (Node | string)[]): HTMLElement {
  return h("div", { class: "components-row" }, ...children);
}

function iconButton(name: string, label: string, props: Record<string, string | boolean> = {}): HTMLElement {
  const look = { class: "button-icon", type: "button", "aria-label": label };
  return h("button", { ...look, ...props }, icon(name));
}

function field(label: string, control: HTMLElement, error = ""): HTMLElement {
  return h(
    "div",
    { class: "field", "data-invalid": error !== "" },
    h("label", {}, h("span", { class: "field-label" }, label), control),
    h("p", { class: error ? "field-error" : "field-hint" }, error || "What is meant by it."),
  );
}

let made = 0;

function segments(): HTMLElement {
  const name = `segments-${++made}`;
  const segment = (text: string, checked: boolean): HTMLElement =>
    h(
      "label",
      { class: "segment" },
      h("input", { type: "radio", name, class: "sr-only", checked }),
      h("span", {}, text),
    );
  return h(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": "Segments" },
    segment("Chosen", true),
    segment("Not chosen", false),
  );
}

function choices(): HTMLElement {
  const choice = (text: string, checked: boolean): HTMLElement =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "checkbox", class: "sr-only", checked }),
      icon("ok"),
      text,
    );
  return h("div", { class: "choice-list" }, choice("Taken", true), choice("Left", false));
}

export const controls: readonly Sample[] = [
  [
    "Buttons",
    () => [
      row(
        h("button", { class: "button-primary", type: "button" }, icon("plus"), h("span", {}, "Primary")),
        h("button", { class: "button-primary", type: "button", disabled: true }, "Disabled"),
        h("button", { class: "button", type: "button", disabled: true }, "Disabled"),
        h("button", { class: "button", type: "button" }, "Button"),
        h("button", { class: "button-quiet", type: "button" }, "Quiet"),
        h("button", { class: "button-quiet", type: "button", "aria-pressed": "true" }, "Pressed"),
        h(
          "button",
          { class: "button-quiet copy", type: "button", "data-copied": "copied", "aria-label": "Copy" },
          icon("copy"),
        ),
        iconButton("search", "Icon"),
        iconButton("pin", "Small icon", { class: "button-icon small" }),
        h("button", { class: "link", type: "button" }, "Link"),
        h("a", { class: "link-out", href: "/components" }, "Elsewhere", icon("out", "glyph")),
      ),
    ],
  ],
  [
    "Inputs",
    () => [
      field("Text", h("input", { class: "input", type: "text", placeholder: "placeholder" })),
      field(
        "Invalid",
        h("input", { class: "input", type: "text", value: "a lot" }),
        "This is no amount in USD.",
      ),
      field("Disabled", h("input", { class: "input", type: "text", value: "as it is", disabled: true })),
      field(
        "Select",
        h("select", { class: "input" }, h("option", {}, "the first"), h("option", {}, "another")),
      ),
      field("Long text", h("textarea", { class: "input", rows: 2 }, "Several\nlines")),
    ],
  ],
  [
    "Choices",
    () => [
      segments(),
      choices(),
      h(
        "div",
        { class: "tabs", role: "group", "aria-label": "Tabs" },
        h("button", { class: "tab", type: "button", "aria-pressed": "true" }, "All 24"),
        h("button", { class: "tab", type: "button", "aria-pressed": "false" }, "Failed 2"),
      ),
    ],
  ],
  [
    "Filters",
    () => [
      row(
        h(
          "label",
          { class: "filter" },
          icon("search"),
          h("input", { type: "search", placeholder: "Filter", "aria-label": "Filter" }),
        ),
        h(
          "span",
          { class: "select", "data-set": "" },
          h("select", { "aria-label": "Any" }, h("option", {}, "Any status")),
        ),
        h(
          "span",
          { class: "select", "data-set": "failed" },
          h("select", { "aria-label": "One" }, h("option", {}, "failed")),
        ),
      ),
    ],
  ],
];
