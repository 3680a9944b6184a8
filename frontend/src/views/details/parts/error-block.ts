/** Why a span failed: type and message, then the calls that led there, the application's own before those of libraries. */
import { h } from "../../../browser/dom";
import type { SpanState } from "../../../service/wire";
import { plural } from "../../../text/format";
import { errorType } from "../../../text/reasons";
import {
  libraryOf,
  type StackFrame,
  type StackPart,
  saysNoMore,
  shortFile,
  stackParts,
} from "../../../text/traceback";
import { bidiShown } from "../../bidi-text";
import type { SectionBuilder } from "../details-section";
import { longText } from "../long-text";
import { copyButton } from "../span-sections";

/** A trace that is longer is read as it is: an endless recursion says the same again and again. */
const MOST_FRAMES = 400;

export const errorSection: SectionBuilder = ({ span }) =>
  span.error ? { key: "error", value: span.error, build: () => errorBlock(span) } : null;

function errorBlock(span: SpanState): HTMLElement {
  const { type, message = "", traceback } = span.error ?? {};
  const block = h("section", { class: "details-section error-block" });
  block.append(
    h("h3", {}, "Error"),
    h("p", { class: "error-type mono" }, ...bidiShown(errorType(type ?? "Error"))),
  );
  if (message.length > 1_000) block.append(longText(message));
  else if (message) block.append(h("p", { class: "error-message" }, ...bidiShown(message)));
  if (traceback && !saysNoMore(traceback, type ?? "", message)) block.append(tracebackBlock(traceback));
  return block;
}

function tracebackBlock(traceback: string): HTMLElement {
  const parts = stackParts(traceback);
  const frames = parts?.reduce((sum, part) => sum + part.frames.length, 0) ?? 0;
  const raw = () =>
    h("pre", { class: "traceback", tabindex: 0, "aria-label": "Traceback" }, ...bidiShown(traceback));
  const head = h("div", { class: "pre-head" }, h("span", {}, "Traceback"));
  const block = h("div", {}, head);
  if (!parts || frames > MOST_FRAMES) {
    head.append(copyButton(traceback, "traceback"));
    block.append(raw());
    return block;
  }
  const named = { class: "stack", role: "group", "aria-label": "Traceback" };
  const read = h("div", named, ...parts.map(partElement));
  const toggle = h("button", { class: "button-quiet", type: "button", "aria-pressed": "false" }, "As sent");
  toggle.addEventListener("click", () => {
    const asSent = toggle.getAttribute("aria-pressed") === "false";
    toggle.setAttribute("aria-pressed", String(asSent));
    block.lastElementChild?.replaceWith(asSent ? raw() : read);
  });
  head.append(h("span", { class: "grow" }), toggle, copyButton(traceback, "traceback"));
  block.append(read);
  return block;
}

function partElement(part: StackPart): HTMLElement {
  const element = h("div", { class: "stack-part" });
  if (part.relation)
    element.append(
      h("p", { class: "stack-relation" }, part.relation),
      h("p", { class: "stack-message mono" }, ...bidiShown(part.message)),
    );
  const list = h("ol", { class: "frames" });
  const hasOwn = part.frames.some((frame) => frame.isOwn);
  for (const group of grouped(part.frames)) {
    if (group[0]?.isOwn || !hasOwn) list.append(...group.map(frameElement));
    else list.append(folded(group));
  }
  element.append(list);
  return element;
}

/** Neighbours that are all the application's, or all of libraries. */
function grouped(frames: readonly StackFrame[]): StackFrame[][] {
  const groups: StackFrame[][] = [];
  for (const frame of frames) {
    const last = groups.at(-1);
    if (last?.[0]?.isOwn === frame.isOwn) last.push(frame);
    else groups.push([frame]);
  }
  return groups;
}

function folded(frames: readonly StackFrame[]): HTMLElement {
  const libraries = [...new Set(frames.map(libraryOf))].filter(Boolean).slice(0, 3).join(", ");
  const summary = h("summary", {}, `${plural(frames.length, "library call")}`);
  if (libraries) summary.append(h("span", { class: "frame-libraries" }, ` in ${libraries}`));
  return h(
    "li",
    { class: "frame-group" },
    h("details", {}, summary, h("ol", { class: "frames" }, ...frames.map(frameElement))),
  );
}

function frameElement({ name, file, line, code, isOwn }: StackFrame): HTMLElement {
  const place = `${shortFile(file)}${line === null ? "" : `:${line}`}`;
  return h(
    "li",
    { class: "frame", "data-own": isOwn, title: `${file}${line === null ? "" : `:${line}`}` },
    h("span", { class: "frame-name" }, ...bidiShown(name || "(no name)")),
    h("span", { class: "frame-place" }, ...bidiShown(place)),
    code && h("code", { class: "frame-code" }, ...bidiShown(code)),
  );
}
