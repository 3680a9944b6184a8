/** What the address asks for is on its way before the page's own code is there. */
import { afterEach, expect, it, vi } from "vitest";
import { Api } from "../../src/service/api";
import { askEarly } from "../../src/service/early";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

function answering(body: unknown, status = 200) {
  const asked: { url: string; signal: AbortSignal }[] = [];
  vi.stubGlobal("fetch", async (url: string, { signal }: { signal: AbortSignal }) => {
    asked.push({ url, signal });
    return new Response(JSON.stringify(body), { status });
  });
  return asked;
}

afterEach(() => void vi.unstubAllGlobals());

it("asks once for the run of the address, and the page takes that answer", async () => {
  const asked = answering({ spans: [] });
  askEarly(`/runs/${RUN}`, "?span=00f067aa0ba902b7");
  expect(asked.map(({ url }) => url)).toEqual([`/api/traces/${RUN}?fields=tree&whole_up_to=20000`]);
  const api = new Api();
  const leaving = new AbortController();
  expect(await api.opening(RUN, leaving.signal)).toEqual({ spans: [] });
  expect(asked).toHaveLength(1);
  leaving.abort();
  expect(asked[0]?.signal.aborted).toBe(true);
  await api.opening(RUN);
  expect(asked).toHaveLength(2);
});

it("asks for the newest runs at the start page, and for nothing on other pages or a narrowed list", async () => {
  const asked = answering({ runs: [], next_cursor: null });
  askEarly("/queue", "");
  askEarly("/", "?status=failed");
  askEarly("/runs/nothing", "");
  expect(asked).toHaveLength(0);
  askEarly("/", "");
  expect(await new Api().runs("?limit=50")).toEqual({ runs: [], next_cursor: null });
  expect(asked).toHaveLength(1);
});

it("hands on what went wrong with an early answer", async () => {
  answering({ detail: "The run has expired." }, 410);
  askEarly(`/runs/${RUN}`, "");
  await expect(new Api().opening(RUN)).rejects.toThrow("The run has expired.");
});
