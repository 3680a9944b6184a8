import "./early";
import Alpine from "alpinejs";
import "./styles/page.css";
import { App } from "./app";
import { afterPaint } from "./browser/after-paint";
import { byId, copyText } from "./browser/dom";
import { bindByNames } from "./browser/expressions";
import { loadRareStyles } from "./browser/rare-styles";
import { currentTheme, toggleTheme, watchTheme } from "./browser/theme";
import { emptyPage, type PageData } from "./page";
import { Api } from "./service/api";
import { leave, toLogin } from "./service/sign-in";
import { splitter } from "./views/splitter";

let controller: App | null = null;

/** Joins data and behaviour without evaluating the getters, which spreading would do once and for all. */
function component<T extends object>(data: PageData, behaviour: T & ThisType<PageData & T>): PageData & T {
  return Object.defineProperties(data, Object.getOwnPropertyDescriptors(behaviour)) as PageData & T;
}

/** The shell: data of the page plus what its buttons do. Texts only; no markup comes in. */
const shell: object & ThisType<PageData> = {
  init() {
    this.theme = currentTheme();
    watchTheme((theme) => {
      this.theme = theme;
    });
    controller = new App(this, new Api(toLogin));
    controller.start();
  },
  get isLoading() {
    return this.screen === "loading";
  },
  get isEmpty() {
    return this.screen === "empty";
  },
  get isRun() {
    return this.screen === "run";
  },
  get isMissing() {
    return this.screen === "missing";
  },
  get isOdd() {
    return this.screen === "odd";
  },
  get isExpired() {
    return this.screen === "expired";
  },
  get isUnmatched() {
    return this.screen === "unmatched";
  },
  get isOffline() {
    return this.screen === "offline";
  },
  get onRuns() {
    return this.section === "runs";
  },
  get onQueue() {
    return this.section === "queue";
  },
  get onBudgets() {
    return this.section === "budgets";
  },
  get onSessions() {
    return this.section === "sessions";
  },
  get onSpend() {
    return this.section === "spend";
  },
  get onNotices() {
    return this.section === "notices";
  },
  get onCompare() {
    return this.section === "compare";
  },
  get currentRuns() {
    return this.section === "runs" ? "page" : null;
  },
  get currentQueue() {
    return this.section === "queue" ? "page" : null;
  },
  get currentBudgets() {
    return this.section === "budgets" ? "page" : null;
  },
  get currentSessions() {
    return this.section === "sessions" ? "page" : null;
  },
  get currentSpend() {
    return this.section === "spend" ? "page" : null;
  },
  get currentNotices() {
    return this.section === "notices" ? "page" : null;
  },
  get isDark() {
    return this.theme === "dark";
  },
  get isLight() {
    return this.theme !== "dark";
  },
  get hasNoRuns() {
    return this.runs.length === 0 && !this.filtered && this.runsText === "";
  },
  get hasNoMatch() {
    return this.runs.length === 0 && this.filtered && this.runsText === "";
  },
  get pinnedPressed() {
    return String(this.filterPinned);
  },
  /** Where no run has them, there is nothing to choose. */
  get hasSources() {
    return this.awaitsSources || this.environmentChoices.length > 0 || this.versionChoices.length > 0;
  },
  get sortSet() {
    return this.filterSort === "start" ? "" : this.filterSort;
  },
  get hasLinks() {
    return this.links.length > 0;
  },
  narrowByText() {
    controller?.sidebar.narrow(false);
  },
  narrow() {
    controller?.sidebar.narrow(true);
  },
  narrowToPinned() {
    this.filterPinned = !this.filterPinned;
    controller?.sidebar.narrow(true);
  },
  clearFilter() {
    controller?.sidebar.clear();
  },
  olderRuns() {
    void controller?.sidebar.list.older();
  },
  openMenu(event: Event) {
    controller?.openMenu(event.currentTarget as HTMLElement);
  },
  chooseFile() {
    byId("import-file").click();
  },
  importFile(event: Event) {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file) void controller?.sidebar.importRun(file);
  },
  get hasBackends() {
    return this.backends.length > 0;
  },
  get hasNoBackends() {
    return this.backends.length === 0;
  },
  get unpricedMark() {
    return this.backendTotal.some((total) => total.unpriced !== "–") ? "" : null;
  },
  get fallbacksMark() {
    return this.backendTotal.some((total) => total.fallbacks !== "–") ? "" : null;
  },
  get skippedMark() {
    return this.backendTotal.some((total) => total.skipped !== "–") ? "" : null;
  },
  get noBackendsText() {
    return this.status === "running" || this.status === "queued"
      ? "No model has answered yet."
      : "No model was called.";
  },
  get isConnected() {
    return this.connectionText !== "";
  },
  get listState() {
    return this.listOpen ? "open" : "closed";
  },
  get listExpanded() {
    return String(this.listOpen);
  },
  get onTrace() {
    return String(this.pane === "trace");
  },
  get onTail() {
    return String(this.pane === "tail");
  },
  get onBackends() {
    return String(this.pane === "backends");
  },
  showTrace() {
    this.pane = "trace";
  },
  showTail() {
    this.pane = "tail";
  },
  showBackends() {
    this.pane = "backends";
  },
  toggleList() {
    this.listOpen = !this.listOpen;
    // The button is far from it for the keyboard.
    if (this.listOpen) afterPaint(() => byId("runs").focus({ preventScroll: true }));
  },
  closeList() {
    this.listOpen = false;
  },
  leaveList() {
    if (!this.listOpen) return;
    this.listOpen = false;
    byId("list-button").focus();
  },
  hideImportText() {
    this.importText = "";
  },
  switchTheme() {
    this.theme = toggleTheme();
  },
  newRun() {
    controller?.newRun();
  },
  startDemo() {
    void controller?.startDemo();
  },
  get hasOperations() {
    return this.operations.length > 0;
  },
  newRunOf(event: Event) {
    const name = (event.currentTarget as HTMLElement).dataset.operation;
    controller?.newRun(name);
  },
  skipToRun(event: Event) {
    event.preventDefault();
    controller?.focusRun();
  },
  switchTimes() {
    controller?.switchTimes();
  },
  goToField(event: Event) {
    controller?.goTo((event.currentTarget as HTMLElement).dataset.go ?? "");
  },
  showResult() {
    controller?.showResult();
  },
  goToSpan(event: Event) {
    const { goTo } = (event.currentTarget as HTMLElement).dataset;
    if (goTo) controller?.goToSpan(goTo);
  },
  narrowToBackend(event: Event) {
    const { narrowTo } = (event.currentTarget as HTMLElement).dataset;
    if (narrowTo) controller?.narrowTo(narrowTo);
  },
  retry() {
    controller?.retry();
  },
  hideNotice() {
    this.notice = "";
  },
  leave,
  async copyRunId(event: Event) {
    await copied(event, this.runId);
  },
  /** What stands beside the button. */
  async copyLines(event: Event) {
    const lines = (event.currentTarget as HTMLElement).parentElement?.querySelector("pre");
    await copied(event, lines?.textContent ?? "");
  },
};

bindByNames();
Alpine.data("page", () => component(emptyPage(), shell));

/** Says on the button itself, for a moment, whether the text was taken. */
async function copied(event: Event, text: string): Promise<void> {
  const button = event.currentTarget as HTMLElement;
  button.dataset.copied = (await copyText(text)) ? "copied" : "not allowed";
  setTimeout(() => delete button.dataset.copied, 1_500);
}

splitter({
  id: "split-tree",
  property: "--tree-width",
  axis: "x",
  min: 320,
  max: () => byId("trace").clientWidth - 160,
  size: () => byId("split-tree").offsetLeft + 4,
  sizeAt: (event) => event.clientX - byId("trace").getBoundingClientRect().left,
  direction: 1,
});
splitter({
  id: "split-dock",
  property: "--dock-height",
  axis: "y",
  min: 96,
  max: () => window.innerHeight * 0.7,
  size: () => byId("livetail").clientHeight,
  sizeAt: (event) => window.innerHeight - event.clientY,
  direction: -1,
});

Alpine.start();
document.body.hidden = false;
loadRareStyles();
