/** Lines of lists and tables. */
import { h, icon } from "../browser/dom";
import { FigureTable } from "../views/compare/figure-table";
import { RUN_ICONS } from "../views/status";
import type { Sample } from "./sample";

function runItem(
  status: keyof typeof RUN_ICONS,
  props: { current?: boolean; errors?: string; pinned?: boolean },
): HTMLElement {
  return h(
    "li",
    { class: "run-entry" },
    h(
      "a",
      {
        class: "run-item",
        href: "/components",
        "data-status": status,
        "aria-current": props.current ? "page" : null,
      },
      icon(RUN_ICONS[status], "glyph"),
      h(
        "span",
        { class: "run-item-line" },
        props.pinned && icon("pin", "run-item-pin"),
        h("span", { class: "run-item-name" }, `job search, ${status}`),
        h("span", { class: "run-item-length" }, "4.20 s"),
      ),
      h(
        "span",
        { class: "run-item-line run-item-meta" },
        h("span", { class: "run-item-spans" }, "38 spans"),
        props.errors && h("span", { class: "run-item-errors" }, props.errors),
        h("span", { class: "run-item-cost" }, "$0.0123"),
        h("span", {}, "5 m ago"),
      ),
    ),
  );
}

export const rows: readonly Sample[] = [
  [
    "Run list",
    () => [
      h(
        "ul",
        {},
        runItem("running", { current: true }),
        runItem("completed", { pinned: true }),
        runItem("failed", { errors: "2 errors" }),
        runItem("abandoned", {}),
      ),
    ],
  ],
  [
    "Figures",
    () => {
      const table = new FigureTable("Figures");
      table.draw([
        { name: "duration", a: "4.20 s", b: "2.90 s", delta: "−1.30 s", title: "31 % less" },
        { name: "model", a: "gpt-4o", b: "gpt-4o-mini", delta: "differs", title: "" },
      ]);
      return [table.element];
    },
  ],
  [
    "Fields",
    () => [
      h(
        "dl",
        { class: "field-list" },
        h("dt", {}, "Duration"),
        h("dd", {}, "1.20 s"),
        h("dt", {}, "Span id"),
        h("dd", { class: "mono" }, "00f067aa0ba902b7"),
      ),
    ],
  ],
  [
    "Text that differs",
    () => [
      h(
        "div",
        { class: "compare-text mono" },
        h("p", { class: "compare-skipped" }, "3 lines the same"),
        h(
          "p",
          { class: "compare-line", "data-kind": "removed" },
          h("i", {}, "−"),
          "Jobs in ",
          h("del", {}, "Graz"),
        ),
        h(
          "p",
          { class: "compare-line", "data-kind": "added" },
          h("i", {}, "+"),
          "Jobs in ",
          h("ins", {}, "Vienna"),
        ),
      ),
    ],
  ],
];
