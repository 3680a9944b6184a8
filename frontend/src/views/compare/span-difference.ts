/** The details of one pair: its figures, what it was given and what it gave line by line, attributes that differ. */

import { h, icon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import { attributeText, CONTENTS, contentText, differingKeys } from "../../compare/content-text";
import { type DiffLine, diffLines, withContext } from "../../compare/text-diff";
import { reasonOf } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { SpanState } from "../../service/wire";
import type { ComparedRow } from "../../service/wire-compare";
import { plural } from "../../text/format";
import { errorType } from "../../text/reasons";
import { shownName } from "../../text/visible";
import { differenceWords, pairFigures } from "./compare-words";
import { FigureTable } from "./figure-table";

const SIGNS = { same: " ", removed: "−", added: "+" } as const;
const MOST_LINES = 2_000;

export class SpanDifference {
  readonly element: HTMLElement;
  private readonly api: Api;
  private readonly heading = h("h2");
  private readonly words = h("p", { class: "board-text" });
  private readonly figures = new FigureTable("Figures of the span");
  private readonly links = h("p", { class: "compare-links" });
  private readonly contents = h("div");
  private asked: AbortController | null = null;
  private askedFor = "";
  private row: ComparedRow | null = null;

  constructor(api: Api, close: () => void) {
    this.api = api;
    this.element = h(
      "aside",
      { class: "compare-details", "aria-label": "Difference of the span", hidden: true },
      h(
        "div",
        { class: "details-title" },
        this.heading,
        h(
          "button",
          { class: "button-icon", type: "button", "aria-label": "Close the difference", onclick: close },
          icon("close"),
        ),
      ),
      h(
        "div",
        { class: "details-body", tabindex: "0", role: "group", "aria-label": "What differs" },
        this.words,
        this.figures.element,
        this.links,
        this.contents,
      ),
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
  }

  hide(): void {
    this.asked?.abort();
    this.askedFor = "";
    this.row = null;
    this.element.hidden = true;
  }

  show(row: ComparedRow, runA: string, runB: string): void {
    this.row = row;
    this.element.hidden = false;
    setText(this.heading, shownName(row.name));
    setText(this.words, differenceWords(row));
    this.tick();
    const ids = `${runA} ${row.a?.span_id} ${row.a?.end} ${runB} ${row.b?.span_id} ${row.b?.end}`;
    if (ids === this.askedFor) return;
    this.askedFor = ids;
    this.links.replaceChildren(...links(row, runA, runB));
    void this.load(row, runA, runB);
  }

  tick(): void {
    if (this.row) this.figures.draw(pairFigures(this.row, this.api.nowUs()));
  }

  private async load(row: ComparedRow, runA: string, runB: string): Promise<void> {
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    this.contents.replaceChildren(h("p", { class: "board-empty" }, "Loading…"));
    const whole = async (run: string, id: string | undefined): Promise<SpanState | null> =>
      id === undefined ? null : (await this.api.span(run, id, asked.signal)).span;
    try {
      const [a, b] = await Promise.all([whole(runA, row.a?.span_id), whole(runB, row.b?.span_id)]);
      if (!asked.signal.aborted) this.contents.replaceChildren(...sections(a, b));
    } catch (error) {
      if (asked.signal.aborted) return;
      this.askedFor = "";
      const text = `What the spans hold cannot be shown: ${reasonOf(error)}.`;
      this.contents.replaceChildren(h("p", { class: "form-problem", role: "alert" }, text));
    }
  }
}

function links(row: ComparedRow, runA: string, runB: string): HTMLElement[] {
  const link = (letter: string, run: string, span: string): HTMLElement =>
    h("a", { class: "link", href: address(runRoute(run, span)), "data-nav": "" }, `Show in run ${letter}`);
  return [
    ...(row.a ? [link("A", runA, row.a.span_id)] : []),
    ...(row.b ? [link("B", runB, row.b.span_id)] : []),
  ];
}

function sections(a: SpanState | null, b: SpanState | null): HTMLElement[] {
  const found: HTMLElement[] = [];
  const texts: [string, string | undefined, string | undefined][] = CONTENTS.map(([key, title]) => [
    title,
    contentText(a?.attributes?.[key]),
    contentText(b?.attributes?.[key]),
  ]);
  texts.push(["Error", errorText(a), errorText(b)]);
  for (const [title, left, right] of texts) {
    if (left === undefined && right === undefined) continue;
    found.push(section(title, [textPart(left, right, a, b)]));
  }
  const attributes = attributePart(a, b);
  if (attributes) found.push(attributes);
  return found;
}

function errorText(span: SpanState | null): string | undefined {
  const { type, message } = span?.error ?? {};
  const text = [type && errorType(type), message].filter(Boolean).join(": ");
  return text || undefined;
}

function section(title: string, children: HTMLElement[]): HTMLElement {
  return h("section", { class: "compare-section", "aria-label": title }, h("h3", {}, title), ...children);
}

function textPart(
  left: string | undefined,
  right: string | undefined,
  a: SpanState | null,
  b: SpanState | null,
): HTMLElement {
  if (a && b && (left === undefined || right === undefined)) {
    const text = left ?? right ?? "";
    const where = left === undefined ? "Run A has none. Run B:" : "Run B has none. Run A:";
    return h("div", {}, h("p", { class: "board-text" }, where), pre(diffLines(text, text)));
  }
  if (left === right || left === undefined || right === undefined) {
    const text = left ?? right ?? "";
    const lines = pre(diffLines(text, text));
    if (!a || !b) return lines;
    return h("details", { class: "compare-same" }, h("summary", {}, "The same in both"), lines);
  }
  return pre(withContext(diffLines(left, right)));
}

function pre(lines: readonly (DiffLine | { readonly skipped: number })[]): HTMLElement {
  const box = h("div", { class: "compare-text mono", dir: "auto" });
  // Without a difference there is no sign that needs its room.
  box.toggleAttribute(
    "data-plain",
    lines.every((line) => "kind" in line && line.kind === "same"),
  );
  for (const line of lines.slice(0, MOST_LINES)) {
    if ("skipped" in line) {
      box.append(h("p", { class: "compare-skipped" }, `${plural(line.skipped, "line")} the same`));
      continue;
    }
    const parts = line.parts.map(({ text, changed }) =>
      changed ? h(line.kind === "added" ? "ins" : "del", {}, text) : h("span", {}, text),
    );
    const word = { same: "", removed: "only in A: ", added: "only in B: " }[line.kind];
    box.append(
      h(
        "p",
        { class: "compare-line", "data-kind": line.kind },
        h("i", { "aria-hidden": "true" }, SIGNS[line.kind]),
        word && h("span", { class: "sr-only" }, word),
        ...parts,
      ),
    );
  }
  if (lines.length > MOST_LINES)
    box.append(h("p", { class: "compare-skipped" }, `${plural(lines.length - MOST_LINES, "further line")}`));
  return box;
}

function attributePart(a: SpanState | null, b: SpanState | null): HTMLElement | null {
  if (!a || !b) return null;
  const [left, right] = [a.attributes ?? {}, b.attributes ?? {}];
  const keys = differingKeys(left, right);
  if (keys.length === 0) return section("Attributes", [h("p", { class: "board-text" }, "The same in both.")]);
  const value = (of: typeof left, key: string): HTMLElement =>
    Object.hasOwn(of, key)
      ? h("td", { class: "mono", dir: "auto" }, attributeText(of[key] ?? null).slice(0, 2_000))
      : h("td", { class: "compare-none" }, "none");
  const rows = keys.map((key) =>
    h("tr", {}, h("th", { scope: "row", class: "mono" }, key), value(left, key), value(right, key)),
  );
  const head = ["attribute", "A", "B"].map((text) => h("th", { scope: "col" }, text));
  const table = h(
    "table",
    { class: "compare-attributes", "aria-label": "Attributes that differ" },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows),
  );
  return section("Attributes that differ", [table]);
}
