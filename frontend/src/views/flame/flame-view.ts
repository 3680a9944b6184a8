/** The run as a flame graph: as wide as it took, as deep as it was called. Only what is in sight is painted. */
import { byId, h, setText } from "../../browser/dom";
import { watchTheme } from "../../browser/theme";
import { Kept } from "../../run/kept";
import type { CriticalPath } from "../../run/time/critical-path";
import { FlameLayout, type Frame, flameLayout } from "../../run/time/flame";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { duration } from "../../text/format";
import { lengthWords } from "../../text/span-words";
import { shownName } from "../../text/visible";
import type { RunShape } from "../run/run-shape";
import { drags, pinchZooms, wheelZooms } from "../time/time-input";
import type { TimePanel } from "../time/time-panel";
import { AXIS_PX, FlameCanvas, FRAME_PX } from "./flame-canvas";

/** A frame narrower than this is found this far beside it. */
const NEAR_PX = 3;
const CALM_MS = 1_000;

export interface FlameActions {
  select(spanId: string | null): void;
  now(): number;
}

export class FlameView implements RunShape {
  readonly view = "flame";
  readonly title = "Flame graph";
  readonly icon = "flame";
  readonly element = byId("flame");
  readonly tools: HTMLElement;
  private readonly actions: FlameActions;
  private readonly panel: TimePanel;
  private readonly canvas = new FlameCanvas();
  private readonly spacer = h("div", { class: "flame-spacer" });
  private readonly scroller: HTMLElement;
  private readonly hint = h("div", { class: "flame-hint", "aria-hidden": "true", hidden: true });
  private readonly spoken = h("p", { class: "sr-only", "aria-live": "polite" });
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private readonly laidOut = new Kept(() => this.layOut());
  private layout = new FlameLayout([]);
  private path: CriticalPath | null = null;
  private store: RunStore | null = null;
  private selected: string | null = null;
  private cursor: string | null = null;
  private hovered: string | null = null;
  /** A span that is to be shown as soon as it is here. */
  private wanted: string | null = null;
  private frame = 0;
  private paintedAt = Number.NEGATIVE_INFINITY;

  constructor(actions: FlameActions, panel: TimePanel) {
    this.actions = actions;
    this.panel = panel;
    this.tools = panel.tools;
    this.scroller = h(
      "div",
      {
        class: "flame-scroller",
        tabindex: 0,
        role: "application",
        "aria-label": "Flame graph. Arrow keys go from span to span, Enter shows the details.",
      },
      this.canvas.element,
      this.spacer,
    );
    this.element.append(this.scroller, this.hint, this.spoken);
    const input = { time: panel.time, changed: () => panel.changed() };
    wheelZooms(this.scroller, this.canvas.element, input);
    pinchZooms(this.scroller, this.canvas.element, input);
    new ResizeObserver(() => this.resize()).observe(this.scroller);
    this.scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.onKey(event));
    this.scroller.addEventListener("focus", () => this.paint());
    this.scroller.addEventListener("blur", () => this.paint());
    this.listen();
    const repaint = () => {
      this.canvas.forgetColours();
      this.paint();
    };
    watchTheme(repaint);
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  open(store: RunStore, spanId: string | null): void {
    this.panel.open(store, this);
    this.selected = spanId;
    if (store !== this.store) {
      this.store = store;
      this.cursor = spanId;
      this.laidOut.forget();
      this.scroller.scrollTop = 0;
    }
    this.wanted = spanId;
    this.resize();
  }

  close(): void {
    this.panel.close(this);
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.hover(null, 0, 0);
  }

  draw(settled: boolean): void {
    const { store } = this;
    if (!store) return;
    this.panel.update(!settled || store.running.size > 0);
    this.panel.draw();
    this.paint();
    if (this.wanted && this.layout.get(this.wanted)) {
      const id = this.wanted;
      this.wanted = null;
      this.show(id);
    }
    if (store.running.size > 0 && this.frame === 0) this.frame = requestAnimationFrame((at) => this.grow(at));
  }

  retimed(): void {
    this.paint();
  }

  select(spanId: string | null): void {
    this.selected = spanId;
    if (spanId) this.cursor = spanId;
    this.paint();
  }

  /** Brings a span into sight, in time too. */
  show(spanId: string): void {
    const frame = this.layout.get(spanId);
    if (!frame) {
      this.wanted = spanId;
      return;
    }
    this.cursor = spanId;
    const top = frame.row * FRAME_PX;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop || top + FRAME_PX + AXIS_PX > scrollTop + clientHeight)
      this.scroller.scrollTop = top - clientHeight / 2;
    const { time } = this.panel;
    const { from, to } = time.shown;
    if (frame.end < from || frame.start > to) {
      const half = (to - from) / 2;
      time.zoomTo(frame.start - half, frame.start + half);
      this.panel.changed();
    } else this.paint();
  }

  focus(): void {
    this.scroller.focus();
  }

  private layOut(): FlameLayout {
    const { store, panel } = this;
    if (!store) return new FlameLayout([]);
    const { time } = panel;
    const nowUs = this.actions.now();
    return flameLayout({
      tree: store.tree,
      spans: store.spans,
      startOf: (span) => time.startOf(span),
      endOf: (span) => time.endOf(span, nowUs),
    });
  }

  private paint(): void {
    const { store, panel, scroller } = this;
    if (!store || this.element.hidden) return;
    this.layout = this.laidOut.get(`${panel.time.adjusts} ${store.epoch}`, store.version);
    const height = `${AXIS_PX + this.layout.rows.length * FRAME_PX + 8}px`;
    if (this.spacer.style.height !== height) this.spacer.style.height = height;
    this.path = panel.criticalPath();
    this.canvas.paint(
      {
        layout: this.layout,
        time: panel.time,
        path: this.path,
        selected: this.selected,
        cursor: document.activeElement === scroller ? this.cursor : null,
        hovered: this.hovered,
        nowUs: panel.time.now(this.actions.now()),
        span: (id) => store.spans.get(id),
      },
      scroller.scrollTop,
    );
  }

  /** While spans run their frames grow; with reduced motion once a second. */
  private grow(at: number): void {
    this.frame = 0;
    const { store } = this;
    if (!store || store.running.size === 0 || this.element.hidden) return;
    if (!this.calm.matches || at - this.paintedAt >= CALM_MS) {
      this.paintedAt = at;
      this.panel.update(true);
      this.paint();
    }
    this.frame = requestAnimationFrame((next) => this.grow(next));
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.scroller;
    if (clientWidth === 0) return;
    this.canvas.resize(clientWidth, clientHeight);
    this.paint();
  }

  private frameAt(clientX: number, clientY: number): Frame | undefined {
    const box = this.scroller.getBoundingClientRect();
    const y = clientY - box.top - AXIS_PX;
    if (y < 0 || this.canvas.width === 0) return undefined;
    const { time } = this.panel;
    const share = (clientX - box.left) / this.canvas.width;
    const slack = time.timeAt(share + NEAR_PX / this.canvas.width) - time.timeAt(share);
    const found = this.layout.at(
      Math.floor((y + this.scroller.scrollTop) / FRAME_PX),
      time.timeAt(share),
      slack,
    );
    return found && found.start <= time.now(this.actions.now()) ? found : undefined;
  }

  private listen(): void {
    const { scroller } = this;
    scroller.addEventListener("pointermove", (event) => {
      const frame = event.buttons === 0 ? this.frameAt(event.clientX, event.clientY) : undefined;
      this.hover(frame ?? null, event.clientX, event.clientY);
    });
    scroller.addEventListener("pointerleave", () => this.hover(null, 0, 0));
    scroller.addEventListener("dblclick", (event) => {
      const frame = this.frameAt(event.clientX, event.clientY);
      if (frame) this.zoomInto(frame);
      else {
        this.panel.time.fit();
        this.panel.changed();
      }
    });
    let pointer: PointerEvent | null = null;
    let top = 0;
    let lastX = 0;
    const press = (event: PointerEvent) => {
      pointer = event;
      top = scroller.scrollTop;
    };
    scroller.addEventListener("pointerdown", press, { capture: true });
    scroller.addEventListener("pointermove", (event) => {
      if (event.buttons === 1 && pointer && event.pointerType === "mouse")
        scroller.scrollTop = top + pointer.clientY - event.clientY;
    });
    drags(this.canvas.element, {
      begin: (x) => {
        lastX = x;
        return pointer?.pointerType !== "touch";
      },
      move: (_from, x) => {
        this.panel.time.pan((lastX - x) / Math.max(1, this.canvas.width));
        lastX = x;
        this.panel.changed();
      },
      end: () => undefined,
    });
    scroller.addEventListener("click", (event) => {
      const from = pointer;
      const isClick =
        from && Math.abs(event.clientX - from.clientX) < 4 && Math.abs(event.clientY - from.clientY) < 4;
      const frame = isClick ? this.frameAt(event.clientX, event.clientY) : undefined;
      scroller.focus({ preventScroll: true });
      if (frame) this.actions.select(frame.id);
    });
  }

  private hover(frame: Frame | null, x: number, y: number): void {
    const id = frame?.id ?? null;
    const span = id ? this.store?.spans.get(id) : undefined;
    this.hint.hidden = span === undefined;
    if (span && id) {
      this.hint.replaceChildren(...this.lines(span, id).map((line) => h("div", {}, line)));
      const box = this.element.getBoundingClientRect();
      const { offsetWidth, offsetHeight } = this.hint;
      this.hint.style.left = `${Math.max(4, Math.min(x - box.left + 12, box.width - offsetWidth - 4))}px`;
      const below = y - box.top + 16;
      this.hint.style.top = `${below + offsetHeight > box.height ? y - box.top - offsetHeight - 8 : below}px`;
    }
    if (id === this.hovered) return;
    this.hovered = id;
    this.scroller.toggleAttribute("data-over", id !== null);
    this.paint();
  }

  private lines(span: SpanState, id: string): string[] {
    const { time } = this.panel;
    const nowUs = this.actions.now();
    const self = this.panel.selfTimeUs(id);
    const length = lengthWords(time.endOf(span, nowUs) - time.startOf(span));
    const error = span.error?.message ?? span.error?.type;
    return [
      shownName(span.name),
      [length, self === undefined ? "" : `self time ${duration(self)}`].filter(Boolean).join(" · "),
      [span.status ?? "running", span.backend, span.model].filter(Boolean).join(" · "),
      error ? error.slice(0, 200) : "",
    ].filter(Boolean);
  }

  private zoomInto(frame: Frame): void {
    const end = Math.min(frame.end, this.panel.time.now(this.actions.now()));
    this.panel.time.zoomTo(frame.start, end);
    this.panel.changed();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.cursor ? this.layout.get(this.cursor) : undefined;
    const next = this.target(event.key, at);
    if (next) this.goTo(next);
    else if (event.key === "Enter" && at) {
      if (event.shiftKey) this.zoomInto(at);
      else this.actions.select(at.id);
    } else if (event.key === "Escape") this.actions.select(null);
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
  }

  private target(key: string, at: Frame | undefined): Frame | undefined {
    const first = this.layout.rows[0]?.[0];
    const node = at && this.store?.tree.get(at.id);
    if (key === "Home" || (!at && key.startsWith("Arrow"))) return first;
    if (!at || !node) return undefined;
    if (key === "ArrowUp") return node.parent ? this.layout.get(node.parent.id) : undefined;
    if (key === "ArrowDown") return node.children[0] && this.layout.get(node.children[0].id);
    if (key === "ArrowRight") return this.layout.beside(at, 1);
    if (key === "ArrowLeft") return this.layout.beside(at, -1);
    return undefined;
  }

  private goTo(frame: Frame): void {
    this.show(frame.id);
    const span = this.store?.spans.get(frame.id);
    if (span) setText(this.spoken, this.lines(span, frame.id).join(", "));
    if (this.selected) this.actions.select(frame.id);
  }
}
