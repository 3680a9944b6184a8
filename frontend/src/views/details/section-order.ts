/** Every section of the details, in the order in which they stand. A new one is a function in a file of its own. */
import { lostContent } from "../../text/span-words";
import { chainSection } from "../conversation/chain-section";
import { conversationSection, noContentSection } from "../conversation/conversation-section";
import { attributeBlock } from "./attribute-list";
import type { SectionBuilder } from "./details-section";
import { logSection } from "./log-section";
import { resultSection } from "./result-section";
import { spanFields } from "./span-fields";
import {
  errorBlock,
  eventBlock,
  fieldList,
  head,
  linkBlock,
  lostContentBlock,
  missing,
  sourceBlock,
} from "./span-sections";

const headSection: SectionBuilder = ({ span }) => ({
  key: "head",
  value: [span.status, span.kind, span.span_kind, span.backend, span.corrected],
  build: () => head(span),
});

const fieldsSection: SectionBuilder = (context) => {
  const fields = spanFields(context);
  return {
    key: "fields",
    value: fields.map(([name, value]) => [name, value]),
    build: () => fieldList(fields),
  };
};

const errorSection: SectionBuilder = ({ span }) =>
  span.error ? { key: "error", value: span.error, build: () => errorBlock(span) } : null;

const failedSection: SectionBuilder = ({ failed }) =>
  failed ? { key: "failed", value: failed, build: () => missing(failed) } : null;

const contentSection: SectionBuilder = ({ span: { content = [] } }) =>
  content.length > 0
    ? { key: "content", value: content, build: () => lostContentBlock(lostContent(content)) }
    : null;

const attributesSection: SectionBuilder = ({ span }) => {
  const { attributes = {} } = span;
  if (Object.keys(attributes).length === 0) return null;
  return { key: "attributes", value: attributes, build: () => attributeBlock(attributes, span) };
};

const eventsSection: SectionBuilder = ({ span }) => {
  const events = (span.span_events ?? []).filter((event) => event.name !== "exception" || !span.error);
  return events.length > 0 ? { key: "events", value: events, build: () => eventBlock(span) } : null;
};

const linksSection: SectionBuilder = ({ span }) => {
  const { links = [] } = span;
  return links.length > 0 ? { key: "links", value: links, build: () => linkBlock(span) } : null;
};

const scopeSection: SectionBuilder = ({ span: { scope_details: scope } }) =>
  scope ? { key: "scope", value: scope, build: () => sourceBlock("Instrumentation scope", scope) } : null;

const resourceSection: SectionBuilder = ({ span: { resource_details: resource } }) =>
  resource ? { key: "resource", value: resource, build: () => sourceBlock("Resource", resource) } : null;

export const SECTIONS: readonly SectionBuilder[] = [
  headSection,
  // Before the figures: it is what the run was started for.
  resultSection,
  chainSection,
  fieldsSection,
  errorSection,
  failedSection,
  conversationSection,
  contentSection,
  noContentSection,
  attributesSection,
  eventsSection,
  logSection,
  linksSection,
  scopeSection,
  resourceSection,
];
