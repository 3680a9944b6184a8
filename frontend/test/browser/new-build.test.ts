import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { scriptOf } from "../../src/browser/new-build";

it("knows a build by the name of its script", () => {
  const built = '<script type="module" crossorigin src="/assets/index-Cnw9fSX9.js"></script>';
  expect(scriptOf(built)).toBe("/assets/index-Cnw9fSX9.js");
  expect(scriptOf("http://localhost:8321/assets/index-a_B-9.js")).toBe("/assets/index-a_B-9.js");
  // A proxy's page, or the page that the development server makes.
  expect(scriptOf("<h1>502 Bad Gateway</h1>")).toBeUndefined();
  expect(scriptOf(readFileSync("index.html", "utf8"))).toBeUndefined();
});
