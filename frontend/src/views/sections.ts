/** The pages beside the runs. Their code is no part of what a run's page loads. */
import { byId } from "../browser/dom";
import type { Route, Section } from "../browser/router";
import type { Api } from "../service/api";
import { LazySection } from "./lazy-section";
import type { SectionView } from "./section";

export interface SectionAddress {
  go(route: Route): void;
  /** The address alone: what is shown is there already. */
  record(route: Route): void;
}

export function sections(api: Api, address: SectionAddress): Readonly<Partial<Record<Section, SectionView>>> {
  const page = (name: Section, title: string, load: () => Promise<SectionView>) =>
    new LazySection(title, byId(`${name}-page`), load);
  return {
    queue: page("queue", "Queue", async () => new (await import("./queue/queue-page")).QueuePage(api)),
    budgets: page(
      "budgets",
      "Budgets",
      async () => new (await import("./budgets/budgets-page")).BudgetsPage(api),
    ),
    notices: page(
      "notices",
      "Notices",
      async () => new (await import("./notices/notices-page")).NoticesPage(api),
    ),
    sessions: page(
      "sessions",
      "Sessions",
      async () => new (await import("./sessions/sessions-page")).SessionsPage(api),
    ),
    spend: page("spend", "Spend", async () => new (await import("./spend/spend-page")).SpendPage(api)),
    compare: page(
      "compare",
      "Compare",
      async () => new (await import("./compare/compare-page")).ComparePage(api, address),
    ),
  };
}
