/** Where else a run can be looked at. */
import type { LinkItem } from "../../page";
import { type Api, ProblemError } from "../../service/api";
import { words } from "../start/schema-form";

/** The same run in other tools; of one that has expired the problem names them. */
export async function runLinks(api: Api, runId: string): Promise<LinkItem[]> {
  let links: Record<string, string> = {};
  try {
    links = (await api.run(runId)).links ?? {};
  } catch (error) {
    if (error instanceof ProblemError) links = error.problem.links ?? {};
  }
  return Object.entries(links)
    .filter(([, href]) => /^https?:\/\//.test(href))
    .map(([name, href]) => ({ name: words(name), href }));
}
