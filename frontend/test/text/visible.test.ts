import { expect, it } from "vitest";
import { NO_NAME, shownName, visible } from "../../src/text/visible";

it("shows marks that would turn the direction of text", () => {
  expect(visible("invoice\u202Egnp.exe")).toBe("invoice⟨U+202E⟩gnp.exe");
  expect(visible("\u2066a\u2069 \u200Fb")).toBe("⟨U+2066⟩a⟨U+2069⟩ ⟨U+200F⟩b");
  for (const text of ["שלום", "你好", "🙂 👩‍👩‍👧", "naïve"]) expect(visible(text)).toBe(text);
});

it("says that a name is empty", () => {
  for (const name of ["", "  ", null, undefined]) expect(shownName(name)).toBe(NO_NAME);
  expect(shownName("chat")).toBe("chat");
});
