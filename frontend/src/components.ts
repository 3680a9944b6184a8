/** A page of its own with every component in every state, light and dark: to look at, and to take pictures of. */
import "./styles/page.css";
import "./styles/pages/budgets.css";
import "./styles/pages/compare.css";
import "./styles/pages/components.css";
import { byId, h } from "./browser/dom";
import { loadRareStyles } from "./browser/rare-styles";
import { controls } from "./components/controls";
import { foundations } from "./components/foundations";
import { rows } from "./components/rows";
import type { Sample } from "./components/sample";
import { signs } from "./components/signs";
import { states } from "./components/states";

const PARTS: readonly (readonly [title: string, samples: readonly Sample[]])[] = [
  ["Foundations", foundations],
  ["Controls", controls],
  ["Signs", signs],
  ["Rows", rows],
  ["States", states],
];

function column(scheme: "light" | "dark"): HTMLElement {
  const parts = PARTS.map(([title, samples]) =>
    h(
      "section",
      { class: "components-part", "aria-label": `${title}, ${scheme}` },
      h("h2", {}, title),
      ...samples.map(([name, make]) =>
        h("div", { class: "components-sample" }, h("h3", {}, name), h("div", {}, ...make())),
      ),
    ),
  );
  return h("div", { class: "components-column", "data-scheme": scheme }, ...parts);
}

byId("components").append(
  h("h1", { class: "components-title" }, "Components"),
  h("div", { class: "components-columns" }, column("light"), column("dark")),
);
loadRareStyles();
