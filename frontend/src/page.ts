/** What the shell binds to: small, flat, ready texts. Spans never come in here. */
import type { BackendItem } from "./views/backends";
import type { Fact } from "./views/facts";
import type { LayerItem } from "./views/layers";
import type { RunItem } from "./views/run-list";

export type Screen = "loading" | "empty" | "run" | "missing" | "expired" | "offline";

export interface OperationItem {
  name: string;
  title: string;
  description: string;
}

export interface PageData {
  screen: Screen;
  demo: boolean;
  theme: string;
  runs: RunItem[];
  runsText: string;
  listOpen: boolean;
  pane: "trace" | "tail" | "backends";
  operations: OperationItem[];
  endpoint: string;
  name: string;
  status: string;
  statusIcon: string;
  length: string;
  runId: string;
  runIdShort: string;
  started: string;
  startedTitle: string;
  service: string;
  facts: Fact[];
  layers: LayerItem[];
  backends: BackendItem[];
  backendTotal: BackendItem[];
  connection: string;
  connectionText: string;
  connectionTitle: string;
  notice: string;
  offlineText: string;
}

export function emptyPage(): PageData {
  return {
    screen: "loading",
    demo: false,
    theme: "light",
    runs: [],
    runsText: "",
    listOpen: false,
    pane: "trace",
    operations: [],
    endpoint: "",
    name: "",
    status: "",
    statusIcon: "#i-pending",
    length: "",
    runId: "",
    runIdShort: "",
    started: "",
    startedTitle: "",
    service: "",
    facts: [],
    layers: [],
    backends: [],
    backendTotal: [],
    connection: "idle",
    connectionText: "",
    connectionTitle: "",
    notice: "",
    offlineText: "",
  };
}

/** Assigns only what differs, so that the shell touches nothing that did not change. */
export function assign<K extends keyof PageData>(page: PageData, key: K, value: PageData[K]): void {
  const now = page[key];
  if (now === value) return;
  if (typeof value === "object" && JSON.stringify(now) === JSON.stringify(value)) return;
  page[key] = value;
}
