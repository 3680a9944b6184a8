/** A text as Markdown. The parser is loaded when the first text wants it; until then the text stands there as it is. */
import { h } from "../../browser/dom";
import { visible } from "../../text/visible";

/** Longer texts are shown as they are: laying them out would hold up the page. */
const MAX_LAID_OUT = 100_000;
/** Without one of these a text looks the same either way. */
const HAS_MARKS = /[*_`#>|~[\]]|^\s*(?:[-+]|\d+[.)])\s|\n\n|https?:/m;

type Lay = (text: string) => DocumentFragment;

let lay: Lay | undefined;
let loading: Promise<Lay | undefined> | undefined;

export function markdown(text: string): HTMLElement {
  const block = h("div", { class: "prose", dir: "auto" });
  const plain = h("p", { class: "prose-plain", dir: "auto" }, visible(text));
  if (text.length > MAX_LAID_OUT || !HAS_MARKS.test(text)) block.append(plain);
  else if (lay) block.append(laidOut(lay, text) ?? plain);
  else {
    block.append(plain);
    void load().then((made) => {
      const laid = made && laidOut(made, text);
      if (laid) block.replaceChildren(laid);
    });
  }
  return block;
}

function load(): Promise<Lay | undefined> {
  loading ??= import("./markdown-dom").then(
    (module) => {
      lay = module.laidOut;
      return lay;
    },
    () => {
      loading = undefined; // The service was away: the next text asks again.
      return undefined;
    },
  );
  return loading;
}

function laidOut(by: Lay, text: string): DocumentFragment | undefined {
  try {
    return by(text);
  } catch {
    return undefined; // Nested without end: the text is shown as it is.
  }
}
