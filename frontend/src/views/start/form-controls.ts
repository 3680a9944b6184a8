/** One input per field of an operation's schema, with its label, hint and error. */
import { h, icon } from "../../browser/dom";
import { type Field, splitEntries, unique } from "./schema-form";

export interface Control {
  readonly field: Field;
  readonly element: HTMLElement;
  readonly focus: () => void;
  readonly read: () => unknown;
  readonly showError: (text: string) => void;
}

/** `prefix` keeps the ids of two groups of fields apart. */
export function control(field: Field, prefix = "field"): Control {
  const id = `${prefix}-${field.name}`;
  const errorId = `${id}-error`;
  const hintId = `${id}-hint`;
  const error = h("p", { class: "field-error", id: errorId, "aria-live": "polite", hidden: true });
  const hint = hintText(field);
  const describedBy = [hint ? hintId : "", errorId].filter(Boolean).join(" ");
  const input = inputFor(field, id, describedBy);
  const optional = !field.required && !field.inPath && field.initial === undefined;
  const caption = [
    field.title,
    optional ? h("span", { class: "field-optional" }, "optional") : null,
  ] as const;
  const grouped = field.kind === "choices";
  const head = grouped
    ? h("div", { class: "field-label", id: `${id}-label` }, ...caption)
    : h("label", { class: "field-label", for: id }, ...caption);
  const element =
    field.kind === "boolean"
      ? h(
          "div",
          { class: "field field-check", "data-field": field.name },
          input.element,
          h("div", {}, head, hint && h("p", { class: "field-hint", id: hintId }, hint), error),
        )
      : h(
          "div",
          { class: "field", "data-field": field.name },
          head,
          input.element,
          hint && h("p", { class: "field-hint", id: hintId }, hint),
          error,
        );
  const showError = (text: string) => {
    error.textContent = text;
    error.hidden = text === "";
    element.toggleAttribute("data-invalid", text !== "");
    if (text) input.target.setAttribute("aria-invalid", "true");
    else input.target.removeAttribute("aria-invalid");
  };
  // What is being mended is not wrong any more, until the service says so again.
  element.addEventListener("input", () => showError(""));
  return { field, element, focus: input.focus, read: input.read, showError };
}

function hintText(field: Field): string {
  const range =
    field.min !== undefined && field.max !== undefined
      ? `${field.min} to ${field.max}.`
      : field.min !== undefined
        ? `At least ${field.min}.`
        : field.max !== undefined
          ? `At most ${field.max}.`
          : "";
  return [field.description, range].filter(Boolean).join(" ");
}

interface Input {
  readonly element: HTMLElement;
  readonly target: HTMLElement;
  readonly focus: () => void;
  readonly read: () => unknown;
}

function inputFor(field: Field, id: string, describedBy: string): Input {
  switch (field.kind) {
    case "boolean":
      return checkbox(field, id, describedBy);
    case "maybe":
      return maybe(field, id, describedBy);
    case "choice":
      return select(field, id, describedBy);
    case "choices":
      return checkboxes(field, id, describedBy);
    case "strings":
      return chips(field, id, describedBy);
    case "long-text":
    case "json":
      return textArea(field, id, describedBy);
    default:
      return textInput(field, id, describedBy);
  }
}

function simple(target: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): Input {
  // A number that is none reads as empty, and would be left out without a word.
  const read = () => (target.validity.badInput ? "?" : target.value.trim());
  return { element: target, target, focus: () => target.focus(), read };
}

function textInput(field: Field, id: string, describedBy: string): Input {
  const number = field.kind !== "text";
  const input = h("input", {
    id,
    class: "input",
    name: field.name,
    type: number ? "number" : "text",
    inputmode: field.kind === "integer" ? "numeric" : null,
    step: number ? (field.kind === "integer" ? "1" : "any") : null,
    min: field.min,
    max: field.max,
    maxlength: field.maxLength,
    placeholder: field.placeholder || null,
    autocomplete: "off",
    "aria-describedby": describedBy,
    "aria-required": field.required ? "true" : null,
  });
  if (field.initial !== undefined) input.value = String(field.initial);
  return simple(input);
}

function textArea(field: Field, id: string, describedBy: string): Input {
  const area = h("textarea", {
    id,
    class: "input",
    name: field.name,
    rows: field.kind === "json" ? 3 : 5,
    maxlength: field.maxLength,
    placeholder: field.placeholder || null,
    "aria-describedby": describedBy,
    "aria-required": field.required ? "true" : null,
  });
  const { initial } = field;
  if (initial !== undefined) area.value = typeof initial === "string" ? initial : JSON.stringify(initial);
  return simple(area);
}

function select(field: Field, id: string, describedBy: string): Input {
  const list = h("select", { id, class: "input", name: field.name, "aria-describedby": describedBy });
  if (!field.required && field.initial === undefined) list.append(h("option", { value: "" }, "–"));
  for (const choice of field.choices) list.append(h("option", { value: choice }, choice));
  if (field.initial !== undefined) list.value = String(field.initial);
  return simple(list);
}

function maybe(field: Field, id: string, describedBy: string): Input {
  const list = h("select", { id, class: "input", name: field.name, "aria-describedby": describedBy });
  for (const [value, text] of [
    ["", "either"],
    ["true", "yes"],
    ["false", "no"],
  ] as const) {
    list.append(h("option", { value }, text));
  }
  list.value = field.initial === undefined ? "" : String(field.initial);
  return simple(list);
}

function checkbox(field: Field, id: string, describedBy: string): Input {
  const box = h("input", {
    id,
    type: "checkbox",
    class: "checkbox",
    name: field.name,
    "aria-describedby": describedBy,
  });
  box.checked = field.initial === true;
  return { element: box, target: box, focus: () => box.focus(), read: () => box.checked };
}

function checkboxes(field: Field, id: string, describedBy: string): Input {
  const chosen = new Set(Array.isArray(field.initial) ? field.initial.map(String) : []);
  const boxes = field.choices.map((choice) => {
    const box = h("input", { type: "checkbox", class: "sr-only", value: choice, name: field.name });
    box.checked = chosen.has(choice);
    return box;
  });
  const element = h(
    "div",
    {
      class: "choice-list",
      id,
      role: "group",
      "aria-labelledby": `${id}-label`,
      "aria-describedby": describedBy,
    },
    ...boxes.map((box) => h("label", { class: "choice" }, box, icon("ok"), h("span", {}, box.value))),
  );
  const read = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return { element, target: element, focus: () => boxes[0]?.focus(), read };
}

/** A list of strings as chips: comma, Enter or a paste adds, Backspace in the empty box takes the last back. */
function chips(field: Field, id: string, describedBy: string): Input {
  let entries = unique(Array.isArray(field.initial) ? field.initial.map(String) : []);
  const input = h("input", {
    id,
    class: "chip-input",
    name: field.name,
    type: "text",
    autocomplete: "off",
    maxlength: field.itemMaxLength,
    "aria-describedby": describedBy,
    "aria-required": field.required ? "true" : null,
  });
  const box = h("div", { class: "input chips" }, input);
  const draw = () => {
    for (const chip of box.querySelectorAll(".chip")) chip.remove();
    entries.forEach((entry, index) => {
      const remove = h(
        "button",
        { type: "button", class: "chip-remove", "aria-label": `Remove ${entry}` },
        icon("close"),
      );
      remove.addEventListener("click", () => {
        entries = entries.filter((_, at) => at !== index);
        draw();
        input.focus();
      });
      input.before(h("span", { class: "chip" }, h("span", {}, entry), remove));
    });
    input.placeholder = entries.length === 0 ? field.placeholder || "Type and press Enter" : "";
  };
  const commit = () => {
    entries = unique([...entries, ...splitEntries(input.value)]);
    input.value = "";
    draw();
  };
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if ((event.key === "Enter" && input.value.trim() !== "") || event.key === ",") {
      event.preventDefault();
      commit();
    } else if (event.key === "Backspace" && input.value === "" && entries.length > 0) {
      event.preventDefault();
      input.value = entries[entries.length - 1] ?? "";
      entries = entries.slice(0, -1);
      draw();
    }
  });
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!/[,\n]/.test(text)) return;
    event.preventDefault();
    entries = unique([...entries, ...splitEntries(text)]);
    draw();
  });
  input.addEventListener("blur", commit);
  box.addEventListener("click", (event) => {
    if (event.target === box) input.focus();
  });
  draw();
  return {
    element: box,
    target: input,
    focus: () => input.focus(),
    read: () => unique([...entries, ...splitEntries(input.value)]),
  };
}
