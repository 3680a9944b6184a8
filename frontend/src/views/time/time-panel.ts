/** What timeline and flame graph share: the part of time that is shown, the run in small, and the buttons for both. */
import { byId } from "../../browser/dom";
import { keys } from "../../browser/keys";
import { Kept } from "../../run/kept";
import { type CriticalPath, criticalPath } from "../../run/time/critical-path";
import { selfTimeUs } from "../../run/time/self-time";
import { TimeView } from "../../run/time/time-view";
import { WholeMinimap } from "../../run/time/whole-minimap";
import { WholePath } from "../../run/time/whole-path";
import { type KnownTimes, WholeTimes } from "../../run/time/whole-times";
import type { Api } from "../../service/api";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { count, plural } from "../../text/format";
import { TraceTree } from "../../tree";
import { type TimeCommands, TREE_KEYS, timeKeys, ZOOM } from "../trace/keys";
import { Minimap } from "./minimap";
import { outsideText, type Tool, tool } from "./tool";

const CRITICAL = "Critical path: what the run had to wait for (C)";

const GAPS = "Fold idle times: waits in which nothing worked (G)";

/** Of what idle times are made, before the service has said those of the whole run. */
function partWords({ spans, spanCount }: RunStore): string {
  return `Made of the ${count(spans.size)} of ${plural(spanCount, "span")} that are here`;
}

/** The shape that is shown. */
export interface TimeUser {
  /** Times stand elsewhere now, or are marked otherwise. */
  retimed(): void;
  /** Goes on to show what is new. */
  follow?(): boolean;
  /** Now is to stay in sight. */
  follows?(): boolean;
}

export class TimePanel implements TimeCommands {
  readonly time = new TimeView();
  readonly tools = byId("trace-tools");
  readonly area = byId("time-map");
  showsCritical = false;
  private readonly map: Minimap;
  private readonly now: () => number;
  /** The run that is shown. */
  private readonly runId: () => string;
  private store: RunStore | null = null;
  /** Of a run that is here in parts. */
  private known: KnownTimes | null = null;
  private user: TimeUser | null = null;
  private isAlive = false;
  private readonly path = new Kept(() => criticalPath(this.times()));
  private readonly wholePath: WholePath;
  private readonly wholeMap: WholeMinimap;
  private readonly wholeTimes: WholeTimes;
  private readonly outside = tool({
    icon: "warning",
    name: "Fit all",
    text: "",
    run: () => this.set(() => this.time.setFitsAll(!this.time.fitsAll)),
  });
  private readonly clocks = tool({
    icon: "clock",
    name: "Correct times by how far each clock is thought to be ahead or behind",
    text: "Adjust clocks",
    run: () => this.set(() => this.time.setAdjusts(!this.time.adjusts)),
  });
  private readonly critical = tool({
    icon: "critical",
    name: "Critical path: what the run had to wait for",
    text: "Critical path",
    keys: "C",
    run: () => this.turnCritical(),
  });
  private readonly gaps = tool({
    icon: "gaps",
    name: "Fold idle times: waits in which nothing worked",
    text: "Fold idle",
    keys: "G",
    run: () => this.turnFolds(),
  });
  private readonly out = tool({
    icon: "minus",
    name: "Zoom out",
    keys: "S",
    run: () => this.zoom(1 / ZOOM),
  });
  private readonly closer = tool({
    icon: "plus",
    name: "Zoom in",
    keys: "W",
    run: () => this.zoom(ZOOM),
  });
  private readonly all = tool({
    icon: "fit",
    name: "Show the whole time",
    keys: "0",
    run: () => this.fit(),
  });

  constructor(api: Pick<Api, "criticalPath" | "times" | "minimap">, runId: () => string, now: () => number) {
    this.now = now;
    this.runId = runId;
    this.wholePath = new WholePath(api, () => {
      if (this.showsCritical) this.changed();
    });
    this.wholeMap = new WholeMinimap(api, () => this.map.repaint());
    this.wholeTimes = new WholeTimes(api, () => {
      if (this.user) this.changed();
    });
    this.map = new Minimap(this.time, { whole: this.wholeMap, now, changed: () => this.changed() });
    this.area.append(this.map.element);
    const { outside, clocks, critical, gaps, out, closer, all } = this;
    this.tools.append(...[outside, clocks, critical, gaps, out, closer, all].map(({ element }) => element));
    const applies = () => this.user !== null && this.area.parentElement?.checkVisibility() === true;
    keys.register({ title: "Time of a run", bindings: timeKeys(this), applies });
    keys.register({ title: "Spans of a run", bindings: TREE_KEYS, applies });
  }

  private get wholes() {
    return [this.wholePath, this.wholeTimes, this.wholeMap];
  }

  /** A button of one shape, before those of all. */
  addTool({ element }: Tool): void {
    this.tools.prepend(element);
  }

  /** What the run had to wait for; null while nobody wants to see it. */
  criticalPath(): CriticalPath | null {
    const { store, time } = this;
    if (!store || !this.showsCritical) return null;
    if (store.whole) return this.wholePath.get(time.adjusts);
    return this.path.get(`${time.adjusts} ${store.epoch}`, store.version);
  }

  /** How long a span worked itself, microseconds. */
  selfTimeUs(spanId: string): number | undefined {
    const node = this.store?.tree.get(spanId);
    // Of one whose children are not all here nobody can tell.
    return node && !this.store?.folded.has(spanId) ? selfTimeUs(node, this.times()) : undefined;
  }

  /** The spans with their times as they are shown. */
  private times() {
    const { time } = this;
    const nowUs = this.now();
    return {
      tree: this.store?.tree ?? new TraceTree(),
      spans: this.store?.spans ?? new Map<string, SpanState>(),
      startOf: (span: SpanState) => time.startOf(span),
      endOf: (span: SpanState) => time.endOf(span, nowUs),
    };
  }

  /** A shape is shown, of a run that may be another one. */
  open(store: RunStore, user: TimeUser): void {
    this.user = user;
    if (store === this.store) return;
    this.store = store;
    for (const whole of this.wholes) whole.open(this.runId(), store);
    this.showsCritical = false;
    this.path.forget();
    this.time.reset();
  }

  /** No shape of time is shown any more. */
  close(user: TimeUser): void {
    if (this.user !== user) return;
    this.user = null;
    for (const whole of this.wholes) whole.rest();
  }

  /** Follows run and clock; true where something stands elsewhere now. */
  update(isAlive: boolean): boolean {
    this.isAlive = isAlive;
    const { store, time } = this;
    if (!store) return false;
    this.known = store.whole && this.user ? this.wholeTimes.get(time.adjusts, time.fitsAll) : null;
    time.follows = this.follows;
    return time.update(store, this.now(), isAlive, this.known);
  }

  draw(): void {
    const { store, time } = this;
    if (!store) return;
    this.map.draw(store);
    const { extent, adjusts, fitsAll, isZoomed, folds } = time;
    const outside = extent?.outside ?? 0;
    this.outside.show({
      hidden: outside === 0,
      text: outsideText(outside, fitsAll),
      title: fitsAll
        ? "Show the time of the run alone"
        : "Their times are far from those of the run: as a rule a clock was wrong",
    });
    const skewed = extent?.skewed ?? 0;
    this.clocks.show({
      hidden: skewed === 0,
      pressed: adjusts,
      title: `The clocks of ${plural(skewed, "span")} seem wrong; shows them as if they were right`,
    });
    this.critical.show({
      pressed: this.showsCritical,
      title: (this.showsCritical && store.whole && this.wholePath.text) || CRITICAL,
    });
    this.gaps.show({
      pressed: folds,
      title: store.whole && !this.known ? `${GAPS}. ${partWords(store)}` : GAPS,
    });
    this.out.element.disabled = !isZoomed;
    this.all.element.disabled = !isZoomed;
  }

  /** What is shown was changed by wheel, finger, drag or key. */
  changed(): void {
    this.update(this.isAlive);
    this.draw();
    this.user?.retimed();
  }

  zoom(factor: number): void {
    this.set(() => {
      const { time, follows } = this;
      const now = time.now(this.now());
      // What is followed stays where it stands.
      time.zoom(factor, follows ? Math.min(1, Math.max(0, time.share(now))) : 0.5);
      if (follows) time.bring(now);
    });
  }

  pan(by: number): void {
    this.set(() => this.time.pan(by));
  }

  fit(): void {
    this.set(() => this.time.fit());
  }

  turnCritical(): void {
    this.set(() => {
      this.showsCritical = !this.showsCritical;
    });
  }

  turnFolds(): void {
    this.set(() => this.time.setFolds(!this.time.folds));
  }

  private get follows(): boolean {
    return this.isAlive && this.user?.follows?.() === true;
  }

  follow(): boolean {
    return this.user?.follow?.() ?? false;
  }

  private set(change: () => void): void {
    change();
    this.changed();
  }
}
