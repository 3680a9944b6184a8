/** The address bar: links inside the page, Back and Forward, without loading the page anew. */
import { address, parse, type Route } from "./router";

const TOGETHER_MS = 700;

export class Navigation {
  private readonly follow: (route: Route) => void;
  private recordedAt = Number.NEGATIVE_INFINITY;

  constructor(follow: (route: Route) => void) {
    this.follow = follow;
  }

  start(): void {
    addEventListener("popstate", () => this.follow(parse(location.pathname, location.search)));
    document.addEventListener("click", (event) => this.onLink(event));
    this.follow(parse(location.pathname, location.search));
  }

  go(route: Route): void {
    const target = address(route);
    if (target !== location.pathname + location.search) history.pushState(null, "", target);
    this.follow(route);
  }

  /**
   * The address alone. Back goes from one place to the one before; those that were passed within a moment, by a key that
   * is held down, are one.
   */
  record(route: Route): void {
    const target = address(route);
    if (target === location.pathname + location.search) return;
    const now = performance.now();
    if (now - this.recordedAt < TOGETHER_MS) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
    this.recordedAt = now;
  }

  /** The address alone, in the place of the one that stands there: while somebody types there are no places to go back to. */
  amend(route: Route): void {
    history.replaceState(null, "", address(route));
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
