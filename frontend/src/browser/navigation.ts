/** The address bar: links inside the page, Back and Forward, without loading the page anew. */
import { address, parse, type Route } from "./router";

export class Navigation {
  private readonly follow: (route: Route) => void;

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

  /** The address alone, without a step that Back would go. */
  replace(route: Route): void {
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
