/** What the shell binds to: small, flat, ready texts. Spans never come in here. */
import type { Section } from "./browser/router";
import type { Choice } from "./runs/run-filter";
import type { BackendItem } from "./views/run/head/backends";
import type { LeadingField } from "./views/run/head/field-goals";
import type { LayerItem } from "./views/run/head/layers";
import type { BackendNote } from "./views/run/run-surroundings";
import type { RunItem } from "./views/run-list";

export interface LinkItem {
  name: string;
  href: string;
}

export type Screen =
  | "loading"
  | "empty"
  | "run"
  | "missing"
  | "odd"
  | "expired"
  | "offline"
  | "unmatched"
  | "section";

export interface OperationItem {
  name: string;
  title: string;
  description: string;
  /** Its runs have layers. */
  isLayered: boolean;
}

export interface PageData {
  section: Section;
  screen: Screen;
  demo: boolean;
  /** One signs in here, and so may sign out. */
  login: boolean;
  theme: string;
  runs: RunItem[];
  /** What is wrong with the list. */
  runsText: string;
  /** How the last import went, where there is something to say. */
  importText: string;
  filterText: string;
  filterStatus: string;
  filterOperation: string;
  filterEnvironment: string;
  filterVersion: string;
  /** A period, a range, or empty. */
  filterTime: string;
  filterSort: string;
  filterPinned: boolean;
  statusChoices: Choice[];
  operationChoices: Choice[];
  /** There were environments or versions to choose from at the last visit, and this time they have not come yet. */
  awaitsSources: boolean;
  environmentChoices: Choice[];
  versionChoices: Choice[];
  timeChoices: Choice[];
  sortChoices: Choice[];
  /** That not all runs were put in order, where it is so. */
  sortedText: string;
  /** The list shows less than everything. */
  filtered: boolean;
  /** What the button below the list says; empty where there is none. */
  olderText: string;
  spend: string;
  /** What runs on demo data cost. */
  spendDemo: string;
  spendTitle: string;
  links: LinkItem[];
  listOpen: boolean;
  pane: "trace" | "tail" | "backends";
  operations: OperationItem[];
  endpoint: string;
  /** Where the service is. */
  origin: string;
  /** The command that runs a program with all of it set. */
  runLine: string;
  /** There is a demo, and an operation that can be started as it is. */
  demoRun: boolean;
  /** Why it could not be started. */
  demoProblem: string;
  /** The command that tells why an application is not seen. */
  doctor: string;
  name: string;
  status: string;
  statusIcon: string;
  length: string;
  runId: string;
  runIdShort: string;
  started: string;
  startedTitle: string;
  service: string;
  fields: LeadingField[];
  /** It is known what came of the run, or that it cannot be known now. */
  hasResult: boolean;
  layers: LayerItem[];
  /** The strip of layers has a place. */
  hasLayers: boolean;
  /** The livetail shows the events of this backend alone. */
  onlyBackend: string;
  backends: BackendItem[];
  backendTotal: BackendItem[];
  backendNotes: BackendNote[];
  connection: string;
  connectionText: string;
  connectionTitle: string;
  notice: string;
  offlineText: string;
}

export function emptyPage(): PageData {
  return {
    section: "runs",
    screen: "loading",
    demo: false,
    login: false,
    theme: "light",
    runs: [],
    runsText: "",
    importText: "",
    filterText: "",
    filterStatus: "",
    filterOperation: "",
    filterEnvironment: "",
    filterVersion: "",
    filterTime: "",
    filterSort: "start",
    filterPinned: false,
    statusChoices: [],
    operationChoices: [],
    awaitsSources: false,
    environmentChoices: [],
    versionChoices: [],
    timeChoices: [],
    sortChoices: [],
    sortedText: "",
    filtered: false,
    olderText: "",
    spend: "",
    spendDemo: "",
    spendTitle: "",
    links: [],
    listOpen: false,
    pane: "trace",
    operations: [],
    endpoint: "",
    origin: "",
    runLine: "",
    demoRun: false,
    demoProblem: "",
    doctor: "",
    name: "",
    status: "",
    statusIcon: "#i-pending",
    length: "",
    runId: "",
    runIdShort: "",
    started: "",
    startedTitle: "",
    service: "",
    fields: [],
    hasResult: false,
    layers: [],
    hasLayers: false,
    onlyBackend: "",
    backends: [],
    backendTotal: [],
    backendNotes: [],
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

/** Brings the item of the list that is of this run up to date. */
export function updateItem(items: RunItem[], item: RunItem): void {
  const shown = items.find(({ id }) => id === item.id);
  if (shown) update(shown, item);
}

/** Shows these runs. Where they are the same ones as before, only what differs is touched. */
export function updateList(page: PageData, items: RunItem[]): void {
  const { runs } = page;
  const same = runs.length === items.length && runs.every((shown, at) => shown.id === items[at]?.id);
  if (!same) {
    page.runs = items;
    return;
  }
  // By place: to look for each of five hundred would go through all of them again and again.
  items.forEach((item, at) => {
    const shown = runs[at];
    if (shown) update(shown, item);
  });
}

/** Field by field. */
function update(shown: RunItem, item: RunItem): void {
  for (const key of Object.keys(item) as (keyof RunItem)[])
    if (shown[key] !== item[key]) Object.assign(shown, { [key]: item[key] });
}
