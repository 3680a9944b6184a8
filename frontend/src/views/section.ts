import type { Route } from "../browser/router";

/** A page beside the runs: the queue, the budgets, the notices. */
export interface SectionView {
  /** For the window's title. */
  readonly title: string;
  /** It is on the screen from now on: ask, follow, draw. */
  open(route: Route): void;
  /** The address has changed within the section: another part, or other filters. */
  moved?(route: Route): void;
  /** It is not on the screen any more: nothing is asked on its behalf. */
  close(): void;
  /** The tab or the network woke up. */
  wake(): void;
  /** A second has passed; what counts time is drawn again. */
  tick(): void;
}
