/** The address bar: links inside the page, Back and Forward, without loading the page anew. */
import { address, parse, type Route } from "./router";

const TOGETHER_MS = 700;

export class Navigation {
  private readonly follow: (route: Route) => void;
  private readonly list: () => string;
  private recordedAt = Number.NEGATIVE_INFINITY;

  /** `list`: what the list of runs is narrowed to now; it stays so wherever one goes among the runs. */
  constructor(follow: (route: Route) => void, list: () => string) {
    this.follow = follow;
    this.list = list;
  }

  start(): void {
    addEventListener("popstate", () => this.follow(parse(location.pathname, location.search)));
    document.addEventListener("click", (event) => this.onLink(event));
    this.follow(parse(location.pathname, location.search));
  }

  go(route: Route): void {
    const listed = { ...route, list: route.list || this.list() };
    const target = address(listed);
    if (target !== location.pathname + location.search) history.pushState(null, "", target);
    this.follow(listed);
  }

  /**
   * The address alone. Back goes from one place to the one before; those that were passed within a moment, by a key that
   * is held down, are one.
   */
  record(route: Route): void {
    const target = address({ ...route, list: this.list() });
    if (target === location.pathname + location.search) return;
    const now = performance.now();
    if (now - this.recordedAt < TOGETHER_MS) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
    this.recordedAt = now;
  }

  /** The address alone, in the place of the one that stands there: while somebody types there are no places to go back to. */
  amend(route: Route): void {
    history.replaceState(null, "", address({ ...route, list: this.list() }));
  }

  private onLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    const link =
      event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-nav]") : null;
    if (!link) return;
    event.preventDefault();
    const url = new URL(link.href);
    this.go(parse(url.pathname, url.search));
  }
}
