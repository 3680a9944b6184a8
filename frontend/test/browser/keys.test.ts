import { describe, expect, it } from "vitest";
import { isKey, type KeyGroup, KeyTable, keyName, type Stroke } from "../../src/browser/keys";

function stroke(key: string, held: Partial<Stroke> = {}): Stroke {
  return { key, ctrlKey: false, metaKey: false, altKey: false, ...held };
}

describe("keys", () => {
  it("are told apart by what is held with them", () => {
    expect(isKey(stroke("n"), "n")).toBe(true);
    expect(isKey(stroke("N"), "n")).toBe(false);
    expect(isKey(stroke("n", { ctrlKey: true }), "n")).toBe(false);
    expect(isKey(stroke("n", { altKey: true }), "n")).toBe(false);
    expect(isKey(stroke("k", { ctrlKey: true }), "Mod+k")).toBe(true);
    expect(isKey(stroke("K", { metaKey: true }), "Mod+k")).toBe(true);
    expect(isKey(stroke("k"), "Mod+k")).toBe(false);
  });

  it("have the names that stand on keyboards", () => {
    expect(["n", "N", "?", "Escape", "ArrowDown", " "].map((key) => keyName(key, false))).toEqual([
      "N",
      "Shift+N",
      "?",
      "Esc",
      "↓",
      "Space",
    ]);
    expect(keyName("Mod+k", false)).toBe("Ctrl+K");
    expect(keyName("Mod+k", true)).toBe("⌘K");
  });
});

describe("the table of keys", () => {
  function table(): { pressed: string[]; keys: KeyTable; open: { is: boolean } } {
    const pressed: string[] = [];
    const open = { is: true };
    const says = (name: string, done = true) => ({
      keys: [name],
      does: name,
      act: () => {
        pressed.push(name);
        return done;
      },
    });
    const keys = new KeyTable();
    const run: KeyGroup = { title: "Run", bindings: [says("n", false), says("e")], applies: () => open.is };
    keys.register(run);
    keys.register({
      title: "Page",
      bindings: [says("n"), says("Mod+k"), { keys: ["j"], does: "help alone" }],
    });
    return { pressed, keys, open };
  }

  it("asks one group after the other until one has something to do", () => {
    const { keys, pressed } = table();
    expect(keys.press(stroke("n"), true)).toBe(true);
    expect(pressed).toEqual(["n", "n"]);
    expect(keys.press(stroke("x"), true)).toBe(false);
    expect(keys.press(stroke("j"), true)).toBe(false);
  });

  it("leaves out what does not apply, in the help too", () => {
    const { keys, open } = table();
    open.is = false;
    expect(keys.press(stroke("e"), true)).toBe(false);
    expect(keys.groups().map(({ title }) => title)).toEqual(["Page"]);
  });

  it("knows only combinations where single keys are off", () => {
    const { keys, pressed } = table();
    expect(keys.press(stroke("e"), false)).toBe(false);
    expect(keys.press(stroke("k", { ctrlKey: true }), false)).toBe(true);
    expect(pressed).toEqual(["Mod+k"]);
  });
});
