/** The keys of the page, the palette of what can be done, and the list of all keys. */
import { byId } from "./browser/dom";
import { keys, listenForKeys as listen } from "./browser/keys";
import type { Route } from "./browser/router";
import type { PageData } from "./page";
import type { Api } from "./service/api";
import type { RunSummary } from "./service/wire";
import { KeyHelp } from "./views/find/key-help";
import { pageCommands } from "./views/find/page-commands";
import { Palette } from "./views/find/palette";
import type { RunView } from "./views/run/run-view";

interface PageActions {
  readonly page: PageData;
  readonly run: RunView;
  readonly api: Api;
  runs(): readonly RunSummary[];
  go(route: Route): void;
  newRun(operation?: string): void;
  isAwaited(runId: string): boolean;
  waitFor(runId: string): void;
  switchTimes(): void;
}

export function listenForKeys(actions: PageActions): void {
  const { page, run, api } = actions;
  const palette = new Palette((query) =>
    pageCommands({ ...actions, wantsToken: page.login, nowUs: () => api.nowUs() }, query),
  );
  const help = new KeyHelp(keys);
  const openPalette = () => {
    palette.toggle();
    return true;
  };
  byId("palette-button").addEventListener("click", openPalette);
  keys.register({
    title: "Everywhere",
    bindings: [
      { keys: ["Mod+k"], does: "Go to a run, a span, a page, or do something", act: openPalette },
      { keys: ["?"], does: "All keys", act: () => help.open() },
    ],
  });
  keys.register({
    title: "In the list of runs",
    bindings: [
      { keys: ["ArrowDown", "ArrowUp"], does: "Go from run to run" },
      { keys: ["Enter"], does: "Open the run" },
      { keys: ["ArrowRight"], does: "What can be done with the run" },
    ],
    applies: () => page.section === "runs",
  });
  keys.register({ title: "In a run", bindings: run.find.keys, applies: () => page.screen === "run" });
  listen(keys);
}
