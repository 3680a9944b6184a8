import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { applyTheme, currentTheme, setTheme, toggleTheme, watchTheme } from "../../src/browser/theme";

const system = Object.assign(new EventTarget(), { matches: false });
const contrast = Object.assign(new EventTarget(), { matches: false });
const kept = new Map<string, string>();
let forbidden = false;

function systemIs(dark: boolean): void {
  system.matches = dark;
  system.dispatchEvent(new Event("change"));
}

beforeEach(() => {
  kept.clear();
  forbidden = false;
  system.matches = false;
  vi.stubGlobal("matchMedia", (query: string) => (query.includes("forced-colors") ? contrast : system));
  vi.stubGlobal("document", { documentElement: { dataset: {} } });
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (forbidden) throw new Error("forbidden");
      kept.set(key, value);
    },
    removeItem: (key: string) => kept.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

it("follows the system until the user has chosen", () => {
  const seen: string[] = [];
  watchTheme((theme) => seen.push(theme));
  systemIs(true);
  systemIs(false);
  expect(seen).toEqual(["dark", "light"]);
  expect(toggleTheme()).toBe("dark");
  systemIs(true);
  systemIs(false);
  expect(seen.slice(2)).toEqual(["dark", "dark"]);
  // With a contrast theme on or off, what was painted is painted anew.
  contrast.dispatchEvent(new Event("change"));
  expect(seen.slice(4)).toEqual(["dark"]);
});

it("keeps the choice, and goes back and forth where nothing may be kept", () => {
  toggleTheme();
  delete document.documentElement.dataset.theme;
  applyTheme();
  expect(currentTheme()).toBe("dark");
  forbidden = true;
  expect([toggleTheme(), toggleTheme(), toggleTheme()]).toEqual(["light", "dark", "light"]);
});

it("goes back to what the system says", () => {
  system.matches = true;
  expect(setTheme("light")).toBe("light");
  expect(setTheme("system")).toBe("dark");
  applyTheme();
  expect(currentTheme()).toBe("dark");
});
