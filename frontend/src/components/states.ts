/** Nothing here, not yet, not any more: what is said instead of a content. */
import { h, icon } from "../browser/dom";
import type { Sample } from "./sample";

function state(title: string, text: string, action = ""): HTMLElement {
  return h(
    "div",
    { class: "state components-state" },
    title && h("p", { class: "components-state-title" }, title),
    h("p", { class: "state-text" }, text),
    action && h("button", { class: "button", type: "button" }, action),
  );
}

export const states: readonly Sample[] = [
  ["Loading", () => [state("", "Loading…")]],
  [
    "Empty",
    () => [
      state("No runs yet", "A run appears here the moment it starts, and its tree grows while it works."),
    ],
  ],
  ["Nothing fits", () => [state("No run fits the filter", "There may be others.", "Show all runs")]],
  [
    "Offline",
    () => [state("The service does not answer", "This page keeps trying and goes on by itself.", "Try now")],
  ],
  [
    "Messages",
    () => [
      h("p", { class: "board-problem" }, "The service cannot be reached. What is shown may be old."),
      h("p", { class: "form-problem" }, "Nothing was started."),
      h(
        "div",
        { class: "notice" },
        h("span", {}, "12 events were lost: the queue was full."),
        h("button", { class: "button-icon", type: "button", "aria-label": "Dismiss" }, icon("close")),
      ),
    ],
  ],
  [
    "Lines to copy",
    () => [
      h(
        "div",
        { class: "code-box" },
        h("pre", { class: "mono" }, "spantail run --url http://127.0.0.1:8321 -- python app.py"),
        h("button", { class: "button-quiet copy", type: "button", "aria-label": "Copy" }, icon("copy")),
      ),
    ],
  ],
];
