import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { callsSearch } from "../../src/runs/calls-filter";
import {
  EVERY_RUN,
  filterIn,
  filterQuery,
  isEverything,
  namedChoices,
  rankOf,
  runQuery,
  statusChoices,
  timeChoices,
} from "../../src/runs/run-filter";
import { MOST_LISTED, RunList } from "../../src/runs/run-list";
import { keepViews, viewsIn, withoutView, withView } from "../../src/runs/saved-views";
import type { Api } from "../../src/service/api";
import type { RunNews, RunSummary, RunsPage } from "../../src/service/wire";
import { callsWords } from "../../src/views/calls-chip";
import { spendText } from "../../src/views/run/head/spend";
import { runItems } from "../../src/views/run-list";

const NOW = 10_000_000_000;

function run(number: number, more: Partial<RunSummary> = {}): RunSummary {
  return { run_id: String(number).padStart(32, "0"), status: "completed", start: number, ...more };
}

function news(runs: RunSummary[], removed: string[] = [], reset = false): RunNews {
  return { runs, removed, reset };
}

/** A stream whose events the test sends. */
class Stream extends EventTarget {
  readyState = 1;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
  }
  close(): void {
    this.readyState = 2;
  }
  say(change: RunNews): void {
    this.dispatchEvent(new MessageEvent("runs", { data: JSON.stringify(change) }));
  }
}

function listing(...pages: (RunsPage | Error)[]) {
  const asked: string[] = [];
  const streams: Stream[] = [];
  const failed = vi.fn();
  const api = {
    nowUs: () => NOW,
    runs: async (query: string) => {
      const page = pages[Math.min(asked.length, pages.length - 1)];
      asked.push(query);
      if (page === undefined || page instanceof Error) throw page;
      return page;
    },
  };
  const list = new RunList(api as unknown as Api, { changed: () => {}, failed }, (url) => {
    const stream = new Stream(url);
    streams.push(stream);
    return stream as unknown as EventSource;
  });
  const starts = () => list.runs.map((one) => one.start);
  return { list, asked, streams, failed, starts };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("writes a filter as the service's query", () => {
  expect(runQuery(EVERY_RUN, NOW)).toBe("");
  expect(isEverything({ ...EVERY_RUN, text: "  " })).toBe(true);
  const filter = { text: " a&b ", status: "failed", operation: "job search", pinned: true } as const;
  const whole = { ...EVERY_RUN, ...filter, environment: "prod/eu", version: "1.2+b" };
  expect(runQuery(whole, NOW, { limit: "5" })).toBe(
    "?q=a%26b&status=failed&operation=job+search&environment=prod%2Feu&version=1.2%2Bb&pinned=true&limit=5",
  );
  expect(
    isEverything({ ...EVERY_RUN, environment: "x" }) || isEverything({ ...EVERY_RUN, version: "x" }),
  ).toBe(false);
});

it("reads a filter from an address, and writes the same", () => {
  expect(filterIn("")).toEqual(EVERY_RUN);
  const address = "?q=paris&status=failed&operation=job+search&environment=live&version=2&pinned=true";
  expect(runQuery(filterIn(address), NOW)).toBe(address);
  const sorted = "?from=1h&sort=cost";
  expect(filterQuery(filterIn(sorted))).toBe(sorted);
  expect(runQuery(filterIn(sorted), NOW)).toBe("?from=6400000000&sort=cost");
  const range = "?from=1795308986084596&to=1795308987084596";
  expect(runQuery(filterIn(range), NOW)).toBe(range);
  expect(filterIn("?from=1y&to=-1&sort=name")).toEqual(EVERY_RUN);
  expect(filterIn("?status=broken&span=1&pinned=no")).toEqual(EVERY_RUN);
});

it("narrows by what became of calls, and has a run searched for them", () => {
  const query = "?backend=claude_cli&calls=failed&from=1795308986084596";
  const filter = filterIn(query);
  expect(runQuery(filter, NOW)).toBe(query);
  expect(isEverything(filter)).toBe(false);
  expect(callsSearch(filter)).toBe('is:error backend:"claude_cli"');
  expect(callsSearch(filterIn("?calls=failed"))).toBe("is:error is:llm");
  expect(callsSearch(filterIn("?calls=failed&backend=unknown"))).toBe("is:error is:llm");
  expect(callsSearch(filterIn("?calls=failed&model=gpt 4o"))).toBe('is:error model:"gpt 4o"');
  expect(callsSearch(filterIn('?calls=failed&model=a"b'))).toBe("is:error is:llm");
  expect(callsSearch(filterIn("?calls=fell_back&backend=claude_cli"))).toBe(
    'is:fallback fallback_from:"claude_cli"',
  );
  expect(callsSearch(filterIn("?backend=claude_cli&calls=odd"))).toBe("");
  expect(callsWords(filter)).toBe("failed calls: claude_cli");
  expect(callsWords(filterIn("?calls=fell_back&backend=unknown"))).toBe("fallbacks from not named");
  expect(callsWords(filterIn("?model=gpt-4o"))).toBe("calls: gpt-4o");
  expect(callsWords(EVERY_RUN)).toBe("");
  expect(callsWords(filterIn("?calls=failed&demo=true"))).toBe("failed calls, demo data");
  expect(callsWords(filterIn("?demo=false&from=1d"))).toBe("no demo data");
  expect(callsWords(filterIn("?demo=maybe"))).toBe("");
  const [first] = runItems([run(1)], null, 0, callsSearch(filter));
  expect(first?.href).toBe(`/runs/${run(1).run_id}?q=is%3Aerror+backend%3A%22claude_cli%22`);
});

it("says through how many runs the service has looked, where there are more", async () => {
  const page = (looked_at?: number): RunsPage => ({
    runs: [],
    next_cursor: "c",
    ...(looked_at && { looked_at }),
  });
  const { list } = listing(page(2_000), page(2_000), page(2_000), page(), page(500));
  list.narrow({ ...EVERY_RUN, calls: "failed" });
  expect(list.outdated).toBe(true);
  await list.reload();
  expect([list.outdated, list.lookedAt]).toEqual([false, 2_000]);
  await list.older();
  expect(list.lookedAt).toBe(4_000);
  await list.older();
  expect(list.lookedAt).toBeUndefined();
  await list.older();
  expect(list.lookedAt).toBe(0);
});

it("offers periods, and the range that the address asks for", () => {
  expect(timeChoices({ from: "1h", to: "" })).toHaveLength(5);
  const [first] = timeChoices({ from: "1795308986084596", to: "1795308987084596" });
  expect(first?.value).toBe("range");
  expect(first?.text).toMatch(/^Since 2026-11-2\d \d\d:\d\d until 2026-11-2\d \d\d:\d\d$/);
});

it("keeps the order that is asked for, also of what happens meanwhile", async () => {
  const costs = (number: number, cost: number, more = {}) => run(number, { cost_nano: cost, ...more });
  const page = { runs: [costs(1, 90), costs(2, 50)], next_cursor: "c", sorted_of: 2_000, sorted_all: false };
  const { list, asked, starts } = listing(page);
  list.narrow({ ...EVERY_RUN, sort: "cost" });
  await vi.waitFor(() => expect(starts()).toEqual([1, 2]));
  expect(asked.at(-1)).toBe("?sort=cost&limit=50");
  expect(list.sortedOf).toBe(2_000);
  list.take(news([costs(3, 70), costs(4, 10), costs(2, 95)]));
  expect(starts()).toEqual([2, 1, 3]);
  expect(rankOf(run(7, { end: 9 }), "duration", NOW)).toBe(2);
  expect(rankOf(run(7), "duration", 17)).toBe(10);
});

it("keeps views under their names", () => {
  const held = new Map<string, string>();
  const store = {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
    removeItem: (key: string) => void held.delete(key),
  };
  const views = withView(withView([], " Failed ", "?status=failed&odd=1"), "Dear", "?sort=cost");
  expect(views).toEqual([
    { name: "Failed", query: "?status=failed" },
    { name: "Dear", query: "?sort=cost" },
  ]);
  expect(keepViews(store, withView(views, "Failed", "?from=1h"))).toBe(true);
  expect(viewsIn(store).map(({ query }) => query)).toEqual(["?sort=cost", "?from=1h"]);
  expect(withoutView(viewsIn(store), "Dear")).toHaveLength(1);
  held.set("spantail.views", '[{"name": 1}, null, {"name": "x", "query": "?status=broken"}]');
  expect(viewsIn(store)).toEqual([{ name: "x", query: "" }]);
  held.set("spantail.views", "{");
  expect(viewsIn(store)).toEqual([]);
  keepViews(store, []);
  expect(held.size).toBe(0);
});

it("offers what there is, and what is chosen", () => {
  const facets = { statuses: { running: 2, failed: 0 }, operations: [{ name: "a", runs: 3 }] };
  expect(statusChoices(facets, "").map((choice) => choice.text)).toEqual(["running · 2"]);
  expect(statusChoices(facets, "failed").map((choice) => choice.value)).toEqual(["running", "failed"]);
  expect(namedChoices(facets.operations, "gone").map((choice) => choice.value)).toEqual(["a", "gone"]);
  expect(namedChoices(undefined, "")).toEqual([]);
});

it("puts what happens where it belongs, newest first", async () => {
  const { list, starts } = listing({ runs: [run(9), run(7)], next_cursor: "c" });
  await list.reload();
  list.take(news([run(10), run(8), run(3)]));
  expect(starts()).toEqual([10, 9, 8, 7]); // 3 is on a page that is not here yet
  list.take(news([run(7, { status: "failed" })], [run(9).run_id]));
  expect(starts()).toEqual([10, 8, 7]);
  expect(list.runs.at(-1)?.status).toBe("failed");
});

it("keeps what the stream says while an answer is on its way that may be older", async () => {
  const page = (runs: RunSummary[], next_cursor: string | null = "c"): RunsPage => ({ runs, next_cursor });
  const { list, streams } = listing(
    page([run(4), run(3)]),
    page([run(4), run(3)]),
    page([run(2), run(1)], null),
  );
  list.follow(false);
  await list.reload();
  const spans = () => list.runs.map((one) => [one.start, one.spans]);
  const anew = list.reload();
  streams[0]?.say(news([run(4, { spans: 2 })], [run(3).run_id]));
  await anew;
  expect(spans()).toEqual([[4, 2]]);
  const older = list.older();
  streams[0]?.say(news([run(2, { spans: 5 })], [run(1).run_id]));
  expect(spans()).toEqual([[4, 2]]); // it belongs to a page that is not here yet
  await older;
  expect(spans()).toEqual([
    [4, 2],
    [2, 5],
  ]);
  streams[0]?.say(news([run(4, { spans: 3 })]));
  expect(spans()[0]).toEqual([4, 3]);
});

it("keeps what was said during an answer no longer than until that answer, also if it never came", async () => {
  const listed = { runs: [run(4, { spans: 3 })], next_cursor: null };
  const { list, streams } = listing(listed, new Error("away"), listed);
  list.follow(false);
  await list.reload();
  const anew = list.reload();
  streams[0]?.say(news([run(4, { spans: 2 })]));
  await anew;
  await list.reload();
  expect(list.runs.map((one) => one.spans)).toEqual([3]);
});

it("keeps nothing of what the stream said for another filter", async () => {
  const { list, streams } = listing({ runs: [run(4)], next_cursor: null });
  list.follow(false);
  const anew = list.reload();
  streams[0]?.say(news([run(5)]));
  list.narrow({ ...EVERY_RUN, status: "completed" });
  await anew;
  await vi.advanceTimersByTimeAsync(0);
  expect(list.runs.map((one) => one.start)).toEqual([4]);
});

it("takes older runs also while the list is taken anew, whichever came first", async () => {
  const { list, asked, starts } = listing(
    { runs: [run(9)], next_cursor: "c" },
    { runs: [run(9)], next_cursor: "c" },
    { runs: [run(9), run(2)], next_cursor: null },
  );
  await list.reload();
  const anew = list.reload();
  await Promise.all([list.older(), anew]);
  expect(asked.at(-1)).toBe("?limit=100");
  expect(starts()).toEqual([9, 2]);

  const other = listing(
    { runs: [run(9)], next_cursor: "c" },
    { runs: [run(2)], next_cursor: null },
    { runs: [run(9), run(2)], next_cursor: null },
  );
  await other.list.reload();
  await Promise.all([other.list.older(), other.list.reload()]);
  expect(other.asked.at(-1)).toBe("?limit=100");
  expect(other.starts()).toEqual([9, 2]);
});

it("pages on from where it was", async () => {
  const { list, asked, starts } = listing(
    { runs: [run(9)], next_cursor: "c" },
    { runs: [], next_cursor: "d" },
    { runs: [run(2)], next_cursor: null },
  );
  await list.reload();
  await list.older();
  expect(list.hasOlder).toBe(true); // an empty page is not the end
  await list.older();
  await list.older();
  expect(asked).toEqual(["?limit=50", "?limit=50&cursor=c", "?limit=50&cursor=d"]);
  expect(starts()).toEqual([9, 2]);
  expect(list.hasOlder).toBe(false);
});

it("keeps as many as were paged through when it takes the list anew", async () => {
  const many = (from: number, count: number) => Array.from({ length: count }, (_, at) => run(from - at));
  const { list, asked } = listing(
    { runs: many(200, 50), next_cursor: "c" },
    { runs: many(150, 50), next_cursor: "d" },
    { runs: many(200, 100), next_cursor: "d" },
  );
  await list.reload();
  await list.older();
  await list.reload();
  expect(asked).toEqual(["?limit=50", "?limit=50&cursor=c", "?limit=100"]);
  expect(list.runs).toHaveLength(100);
});

it("forgets a run at once that was deleted here", async () => {
  const { list, starts } = listing({ runs: [run(9), run(7)], next_cursor: null });
  await list.reload();
  list.forget(run(9).run_id);
  expect(starts()).toEqual([7]);
});

it("holds no more than it shows", async () => {
  const many = Array.from({ length: MOST_LISTED }, (_, number) => run(number + 1));
  const { list } = listing({ runs: many, next_cursor: "c" });
  await list.reload();
  expect(list.isFull).toBe(true);
  list.take(news([run(MOST_LISTED + 5)]));
  expect(list.runs.length).toBe(MOST_LISTED);
  expect(list.runs[0]?.start).toBe(MOST_LISTED + 5);
});

it("takes the page anew when the stream stands, and when it says so", async () => {
  const { list, asked, streams } = listing({ runs: [run(1)], next_cursor: null });
  list.follow(false);
  streams[0]?.dispatchEvent(new Event("open"));
  streams[0]?.say(news([], [], true));
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.length).toBe(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(2); // nothing is asked while the events come
});

it("asks while it is refused, and gives its stream back while it is hidden", async () => {
  const { list, asked, streams } = listing({ runs: [], next_cursor: null });
  list.follow(false);
  streams[0]?.close();
  streams[0]?.dispatchEvent(new Event("error"));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asked.length).toBe(1);
  expect(streams.length).toBe(2);
  list.follow(true);
  expect(streams[1]?.readyState).toBe(2);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(asked.length).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asked.length).toBe(2);
});

it("says that the service is away although its stream tries again every second", async () => {
  const { list, streams, failed } = listing({ runs: [], next_cursor: null }, new Error("away"));
  await list.reload();
  list.follow(false);
  const [stream] = streams;
  if (stream) stream.readyState = 0;
  for (let second = 0; second < 3; second++) {
    stream?.dispatchEvent(new Event("error"));
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(failed).toHaveBeenCalled();
});

it("drops the answer to a question that is not asked any more", async () => {
  const { list, starts, streams } = listing(
    { runs: [run(1)], next_cursor: null },
    { runs: [run(2)], next_cursor: null },
  );
  const first = list.reload();
  list.narrow({ ...EVERY_RUN, text: "two" });
  await first;
  await vi.advanceTimersByTimeAsync(0);
  expect(starts()).toEqual([2]);
  expect(streams[0]?.url).toBe("/api/runs/events?q=two");
});

it("keeps the list and says so when the service is away", async () => {
  const { list, failed, starts } = listing({ runs: [run(1)], next_cursor: null }, new Error("away"));
  await list.reload();
  await list.reload();
  expect(failed).toHaveBeenCalledWith("The service cannot be reached");
  expect(starts()).toEqual([1]);
});

it("says what today cost", () => {
  const backends = { a: { calls: 1, cost_nano: 1 }, b: { calls: 2, unpriced: 1, cost_nano: 1_420_000_000 } };
  const text = spendText({ to: "2026-01-14", cost_nano: 1_420_000_001, backends });
  expect(text.value).toBe("$1.42");
  expect(text.title.split("\n")).toEqual([
    "Runs that began on 2026-01-14 (UTC)",
    "b: $1.42 (2 calls, 1 unpriced)",
    "a: $0.000000001 (1 call)",
  ]);
  expect(spendText({ to: "", cost_nano: 12_300_000, backends: {} }).value).toBe("$0.0123");
  expect(spendText(null).value).toBe("");
  const demo = { cost_nano: 5_000_000, backends: { langchain: { calls: 2, cost_nano: 5_000_000 } } };
  const apart = spendText({ to: "2026-01-14", cost_nano: 0, backends: {}, demo });
  expect([apart.value, apart.demo]).toEqual(["$0.0050", "on demo data"]);
  const both = spendText({ to: "2026-01-14", cost_nano: 12_300_000, backends: {}, demo });
  expect([both.value, both.demo]).toEqual(["$0.0123", "+ $0.0050 demo"]);
  expect(apart.title).toContain("On demo data, not in the sum\nlangchain: $0.005 (2 calls)");
});
