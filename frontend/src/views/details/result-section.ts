/** What came of the run that is shown, in the details of its root span. */
import type { SectionBuilder } from "./details-section";
import { resultBlock } from "./result-block";

export const resultSection: SectionBuilder = ({ span, session, outcome }) => {
  const { state } = outcome;
  if (state.phase === "none" || span.span_id !== session.rootId) return null;
  return { key: "result", value: state, build: () => resultBlock(state, () => outcome.again()) };
};
