/** A bar for each day, with today's limit as a line. The same figures stand in a table below it. */
import { h, setAttr, setText } from "../../browser/dom";
import { amount, plural } from "../../text/format";
import { axisAmounts, type DayBar, roundUp, shortDay } from "./spend-words";

const SVG = "http://www.w3.org/2000/svg";
/** Of the drawing, which is stretched to its place. */
const HEIGHT = 100;
const STEP = 10;
/** A limit that is much higher than what was spent would flatten every bar: then it is said in words alone. */
const LIMIT_IN_SIGHT = 3;

export class SpendChart {
  readonly element: HTMLElement;
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly ticks = [h("span"), h("span"), h("span")];
  private readonly first = h("span");
  private readonly middle = h("span");
  private readonly last = h("span");
  private drawn = "";

  constructor() {
    this.svg.setAttribute("class", "spend-bars");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.element = h(
      "div",
      { class: "spend-chart" },
      h("div", { class: "spend-ticks", "aria-hidden": "true" }, ...this.ticks),
      h("div", { class: "spend-plot" }, this.svg),
      h("div", { class: "spend-days", "aria-hidden": "true" }, this.first, this.middle, this.last),
    );
  }

  draw(bars: readonly DayBar[], limitNano: number | undefined, part: string): void {
    const drawn = JSON.stringify([bars, limitNano, part]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const most = Math.max(...bars.map(({ nano }) => nano), 0);
    const limit = limitNano !== undefined && limitNano <= most * LIMIT_IN_SIGHT ? limitNano : undefined;
    const top = roundUp(Math.max(most, limit ?? 0));
    this.drawAxes(bars, top);
    this.svg.setAttribute("viewBox", `0 0 ${Math.max(bars.length, 1) * STEP} ${HEIGHT}`);
    this.svg.setAttribute("aria-label", summary(bars, limitNano));
    const shapes = [0, 0.5].map((share) => line(bars.length, share * HEIGHT, "spend-grid"));
    bars.forEach((bar, at) => {
      const isToday = at === bars.length - 1;
      if (top > 0) shapes.push(...dayShapes(bar, at, top, isToday, part !== ""));
    });
    if (limit !== undefined && top > 0)
      shapes.push(line(bars.length, HEIGHT * (1 - limit / top), "spend-limit"));
    this.svg.replaceChildren(...shapes);
  }

  private drawAxes(bars: readonly DayBar[], top: number): void {
    const amounts = top > 0 ? axisAmounts(top) : ["", "", "$0"];
    this.ticks.forEach((element, at) => {
      setText(element, amounts[at] ?? "");
    });
    setText(this.first, shortDay(bars[0]?.day ?? ""));
    setText(this.middle, bars.length > 8 ? shortDay(bars[Math.floor((bars.length - 1) / 2)]?.day ?? "") : "");
    setText(this.last, bars.length > 0 ? "today" : "");
  }
}

function dayShapes(bar: DayBar, at: number, top: number, isToday: boolean, parted: boolean): SVGElement[] {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "spend-day");
  if (isToday) setAttr(group, "data-today", "");
  if (parted) setAttr(group, "data-parted", "");
  const title = document.createElementNS(SVG, "title");
  title.textContent = dayTitle(bar, parted);
  // What the pointer finds is the whole height: a bar of a few cents is hard to hit.
  const hit = rect(at * STEP, 0, STEP, HEIGHT, "spend-hit");
  const height = barHeight(bar.nano, top);
  group.append(title, hit, rect(at * STEP + 1.5, HEIGHT - height, STEP - 3, height, "spend-bar"));
  if (parted) {
    const share = barHeight(bar.partNano, top);
    group.append(rect(at * STEP + 1.5, HEIGHT - share, STEP - 3, share, "spend-part"));
  }
  return [group];
}

/** What was spent is seen, however little it is. */
function barHeight(nano: number, top: number): number {
  return nano > 0 ? Math.max((nano / top) * HEIGHT, 1) : 0;
}

function dayTitle(bar: DayBar, parted: boolean): string {
  const of = parted ? `${amount(bar.partNano)} of ${amount(bar.nano)}` : amount(bar.nano);
  return `${bar.day}: ${of}, ${plural(bar.runs, "run")}, ${plural(bar.calls, "call")}`;
}

function summary(bars: readonly DayBar[], limitNano: number | undefined): string {
  const total = bars.reduce((all, { nano }) => all + nano, 0);
  const most = bars.reduce<DayBar | undefined>((a, b) => (a && a.nano >= b.nano ? a : b), undefined);
  const peak = most && most.nano > 0 ? `; the most on ${most.day}, ${amount(most.nano)}` : "";
  const limit = limitNano === undefined ? "" : `; limit of a day ${amount(limitNano)}`;
  return `${amount(total)} in ${plural(bars.length, "day")}${peak}${limit}`;
}

function rect(x: number, y: number, width: number, height: number, className: string): SVGElement {
  const element = document.createElementNS(SVG, "rect");
  element.setAttribute("class", className);
  for (const [name, value] of Object.entries({ x, y, width, height }))
    element.setAttribute(name, String(Math.round(value * 100) / 100));
  return element;
}

function line(days: number, y: number, className: string): SVGElement {
  const element = document.createElementNS(SVG, "line");
  element.setAttribute("class", className);
  for (const [name, value] of Object.entries({ x1: 0, x2: Math.max(days, 1) * STEP, y1: y, y2: y }))
    element.setAttribute(name, String(Math.round(value * 100) / 100));
  return element;
}
