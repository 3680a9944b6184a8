/** The shapes in which a run can be read; those that nobody has chosen yet are not loaded. */
import { byId, h } from "../../browser/dom";
import type { Api } from "../../service/api";
import type { TimePanel } from "../time/time-panel";
import { type TraceTreeActions, TraceTreeView } from "../trace/trace-tree";
import { LazyShape } from "./lazy-shape";
import { ViewStrip } from "./view-strip";

interface Shapes {
  readonly actions: TraceTreeActions;
  readonly panel: TimePanel;
  readonly api: Api;
  /** Of the run that is open. */
  runId(): string;
}

export function runShapes({ actions, panel, api, runId }: Shapes): ViewStrip {
  const tree = new TraceTreeView(actions, panel);
  const transcript = h("section", { class: "transcript", "aria-label": "Transcript", hidden: true });
  byId("trace").after(transcript);
  return new ViewStrip(
    tree,
    new LazyShape({
      view: "flame",
      title: "Flame graph",
      icon: "flame",
      element: byId("flame"),
      tools: panel.tools,
      load: async () =>
        new (await import("../flame/flame-view")).FlameView({ ...actions, api, runId }, panel),
    }),
    new LazyShape({
      view: "transcript",
      title: "Transcript",
      icon: "transcript",
      element: transcript,
      load: async () => {
        const { TranscriptView } = await import("../transcript/transcript-view");
        return new TranscriptView({ element: transcript, api, runId, ...actions });
      },
    }),
  );
}
