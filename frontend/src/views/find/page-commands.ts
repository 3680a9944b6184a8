/** Everything that the command palette offers, as things are at the moment. */

import { byId } from "../../browser/dom";
import { keys } from "../../browser/keys";
import { type Route, runRoute } from "../../browser/router";
import { setTheme } from "../../browser/theme";
import type { PageData } from "../../page";
import type { RunSummary } from "../../service/wire";
import { when } from "../../text/when";

import { type CopyContext, runCopies, spanCopies, viewCopy } from "../run/copies";
import type { RunView } from "../run/run-view";
import { isAlive, runCost, runName } from "../run-list";
import { RUN_ICONS } from "../status";
import type { Command } from "./palette";
import { spanCommands } from "./span-commands";

export interface PageContext extends CopyContext {
  readonly page: PageData;
  readonly run: RunView;
  runs(): readonly RunSummary[];
  nowUs(): number;
  go(route: Route): void;
  newRun(operation?: string): void;
  isAwaited(runId: string): boolean;
  waitFor(runId: string): void;
  switchTimes(): void;
}

export function pageCommands(context: PageContext, query: string): Command[] {
  const { session } = context.run;
  const store = context.page.screen === "run" ? session?.store : undefined;
  return [
    ...namedRun(context, query),
    ...(store ? [...keyCommands(true), ...runCommands(context)] : []),
    ...links("Views", "#run-views a"),
    ...links("Pages", "nav.sections a"),
    ...listedRuns(context),
    ...(store ? spanCommands(store, query, (id) => context.run.goToSpan(id)) : []),
    ...(store?.whole && query.trim() ? [searchWhole(context, query.trim())] : []),
    ...(store ? keyCommands(false) : []),
    ...settings(context),
  ];
}

/** What keys do on a run can be chosen here too: first what leads somewhere, last what changes the view. */
function keyCommands(leading: boolean): Command[] {
  const commands: Command[] = [];
  for (const { title: group, bindings } of keys.groups()) {
    if (group === "Everywhere" || (group === "In a run") !== leading) continue;
    for (const { keys: names, does, act } of bindings)
      if (act)
        commands.push({
          group: leading ? "Go to" : group,
          title: does,
          icon: leading ? "search" : "timeline",
          key: names[0],
          run: () => void act(),
        });
  }
  return commands;
}

/** Of a very large run only some spans are here by name. */
function searchWhole(context: PageContext, query: string): Command {
  return {
    group: "Spans",
    title: `Search the whole run for ${query}`,
    icon: "search",
    run: () => context.run.find.searchAndGo(query),
  };
}

/** A whole run id leads there, whether the run is listed or not. */
function namedRun(context: PageContext, query: string): Command[] {
  const id = query.trim().replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(id)) return [];
  return [
    {
      group: "Runs",
      title: query.trim(),
      note: "Open this run",
      icon: "out",
      run: () => context.go(runRoute(id)),
    },
  ];
}

function runCommands(context: PageContext): Command[] {
  const { page, run } = context;
  const { runId } = page;
  const commands: Command[] = [];
  const { chosen } = run;
  if (chosen)
    for (const each of spanCopies(context, runId, chosen)) commands.push({ ...each, group: "Chosen span" });
  for (const each of [viewCopy(), ...runCopies(context, runId)])
    commands.push({ ...each, group: "This run" });
  commands.push(...presses("This run", "#collapse-all, #expand-all, #run-result", "unfold"));
  for (const [format, text] of [
    ["otlp", "OTLP JSON"],
    ["perfetto", "Perfetto trace"],
    ["ndjson", "events (NDJSON)"],
  ])
    commands.push({
      group: "This run",
      title: `Download the ${text}`,
      icon: "download",
      run: () => download(`/api/runs/${runId}/export?format=${format}`),
    });
  if (run.session?.run && isAlive(run.session.run)) {
    const title = context.isAwaited(runId)
      ? "Do not notify me when the run ends"
      : "Notify me when the run ends";
    commands.push({ group: "This run", title, icon: "bell", run: () => context.waitFor(runId) });
  }
  for (const { name, href } of page.links)
    commands.push({ group: "This run", title: `Open in ${name}`, icon: "out", run: () => open(href) });
  commands.push({
    group: "This run",
    title: "More: pin, cancel, run again, delete…",
    icon: "more",
    run: () => byId("run-menu-button").click(),
  });
  return commands;
}

function open(href: string): void {
  window.open(href, "_blank", "noopener,noreferrer");
}

function download(href: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = "";
  link.click();
}

/** Links that stand on the page: what is added there is here too. */
function links(group: string, selector: string): Command[] {
  return [...document.querySelectorAll<HTMLAnchorElement>(selector)]
    .filter((link) => link.checkVisibility())
    .map((link) => ({
      group,
      title: link.textContent?.trim() ?? "",
      icon: "chevron",
      run: () => link.click(),
    }));
}

/** Buttons that stand on the page. */
function presses(group: string, selector: string, icon: string): Command[] {
  return [...document.querySelectorAll<HTMLElement>(selector)]
    .filter((button) => button.checkVisibility())
    .map((button) => ({
      group,
      title: button.getAttribute("aria-label") ?? button.textContent?.trim() ?? "",
      icon,
      run: () => button.click(),
    }));
}

function listedRuns(context: PageContext): Command[] {
  return context.runs().map((run) => ({
    group: "Runs",
    title: runName(run),
    note: [run.status, run.start ? when(run.start, context.nowUs()) : "", runCost(run)]
      .filter(Boolean)
      .join(" · "),
    icon: RUN_ICONS[run.status] ?? "pending",
    run: () => context.go(runRoute(run.run_id)),
  }));
}

function settings(context: PageContext): Command[] {
  const group = "Page";
  const theme = (name: "light" | "dark" | "system", text: string, icon: string): Command => ({
    group,
    title: text,
    icon,
    run: () => {
      context.page.theme = setTheme(name);
    },
  });
  return [
    { group, title: "New run…", icon: "plus", run: () => context.newRun() },
    ...context.page.operations.map(({ name, title }) => ({
      group,
      title: `New run: ${title}`,
      icon: "plus",
      run: () => context.newRun(name),
    })),
    theme("light", "Theme: light", "sun"),
    theme("dark", "Theme: dark", "moon"),
    theme("system", "Theme: as the system has it", "contrast"),
    {
      group,
      title: "Times: switch between relative and absolute",
      icon: "hourglass",
      run: () => context.switchTimes(),
    },
    { group, title: "Import a run from a file", icon: "upload", run: () => byId("import-file").click() },
    { group, title: "All keys", icon: "keyboard", key: "?", run: () => byId("key-help-button").click() },
  ];
}
