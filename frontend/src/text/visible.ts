/** Names that others have chosen, so that they can be read and do nothing to the text around them. Pure. */

/** Marks that turn the direction of text: they are shown instead of obeyed. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export const NO_NAME = "(no name)";

export function visible(text: string): string {
  return text.replace(
    DIRECTION,
    (mark) => `⟨U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}

/** A name as it is shown; one that is empty says so. */
export function shownName(name: string | null | undefined): string {
  return name?.trim() ? visible(name) : NO_NAME;
}
