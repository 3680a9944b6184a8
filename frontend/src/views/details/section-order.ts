/** Every section of the details, in the order in which they stand. A new one is a function in a file of its own. */
import { lostContent } from "../../text/span-words";
import { chainSection } from "../conversation/chain-section";
import { conversationSection, noContentSection } from "../conversation/conversation-section";
import { attributeBlock } from "./attribute-list";
import type { SectionBuilder } from "./details-section";
import { logSection } from "./log-section";
import { errorSection } from "./parts/error-block";
import { eventSection } from "./parts/event-section";
import { linkSection } from "./parts/link-section";
import { rawSection } from "./parts/raw-section";
import { resultSection } from "./result-section";
import { spanFields } from "./span-fields";
import { fieldList, head, lostContentBlock, missing, sourceBlock } from "./span-sections";

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

const scopeSection: SectionBuilder = ({ span: { scope_details: scope } }) =>
  scope ? { key: "scope", value: scope, build: () => sourceBlock("Instrumentation scope", scope) } : null;

const resourceSection: SectionBuilder = ({ span: { resource_details: resource } }) =>
  resource ? { key: "resource", value: resource, build: () => sourceBlock("Resource", resource) } : null;

export const SECTIONS: readonly SectionBuilder[] = [
  headSection,
  // Before the figures: what the run was started for, who served the call in the end, and why this one failed. The
  // chain is short, a traceback is not.
  resultSection,
  chainSection,
  errorSection,
  fieldsSection,
  failedSection,
  conversationSection,
  contentSection,
  noContentSection,
  attributesSection,
  eventSection,
  logSection,
  linkSection,
  scopeSection,
  resourceSection,
  rawSection,
];
