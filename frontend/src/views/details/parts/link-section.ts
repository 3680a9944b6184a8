/** The spans that a span links to: in this run, in another one, or with ids that lead nowhere. */
import { h } from "../../../browser/dom";
import { address, runRoute } from "../../../browser/router";
import type { SpanLink } from "../../../service/wire";
import type { RunStore } from "../../../store";
import { count } from "../../../text/format";
import { flagWords, linkWords } from "../../../text/span-words";
import { shownName } from "../../../text/visible";
import { attributeTable } from "../attribute-list";
import { type SectionBuilder, serialised } from "../details-section";
import { droppedNote } from "../span-sections";

const PAGE = 50;

export const linkSection: SectionBuilder = ({ span, session }) => {
  const { links = [] } = span;
  if (links.length === 0) return null;
  // A span that is led to may be known later than the link.
  const known = links
    .slice(0, PAGE)
    .map(({ span_id: id }) => (id && session.store.spans.get(id)?.name) ?? "");
  return {
    key: "links",
    value: [serialised(links), known],
    build: () => linkBlock(links, session.runId, session.store),
  };
};

function linkBlock(links: readonly SpanLink[], runId: string, store: RunStore): HTMLElement {
  const list = h("ul", { class: "link-list" });
  const more = h("button", { class: "button-quiet", type: "button" });
  const grow = () => {
    const shown = list.childElementCount;
    list.append(...links.slice(shown, shown + PAGE).map((link) => item(link, runId, store)));
    const left = links.length - list.childElementCount;
    more.hidden = left === 0;
    more.textContent = `Show ${count(Math.min(left, PAGE))} more of ${count(left)}`;
  };
  more.addEventListener("click", grow);
  grow();
  return h(
    "section",
    { class: "details-section" },
    h("h3", {}, links.length === 1 ? "Link" : `Links ${count(links.length)}`),
    list,
    more,
  );
}

function item(link: SpanLink, ownRun: string, store: RunStore): HTMLElement {
  const { run_id: runId, span_id: spanId, attributes = {} } = link;
  const known = runId === ownRun && spanId ? store.spans.get(spanId) : undefined;
  const text = known ? shownName(known.name) : linkWords(link);
  const where = !runId
    ? "unusual ids, which lead nowhere"
    : runId !== ownRun
      ? "in another run"
      : known
        ? `in this run · ${spanId}`
        : "in this run, but not among the spans on the page";
  const target = runId
    ? h(
        "a",
        {
          href: address(runRoute(runId, spanId ?? null)),
          "data-nav": "",
          class: known ? "link" : "mono link",
        },
        text,
      )
    : h(
        "span",
        { class: "mono odd-link", title: "Kept as it came: these are no ids of a trace and a span" },
        text,
      );
  const more = [
    where,
    link.trace_state && `trace state ${link.trace_state}`,
    link.flags ? `flags ${flagWords(link.flags)}` : "",
  ];
  return h(
    "li",
    {},
    target,
    h("p", { class: "details-aside" }, more.filter(Boolean).join(" · ")),
    Object.keys(attributes).length > 0 ? attributeTable(attributes, link) : null,
    droppedNote(link.dropped),
  );
}
