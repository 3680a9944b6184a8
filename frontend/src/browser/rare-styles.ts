/** Styles that few need: they come after the page, and are no part of what it loads first. */

const FORCED = "(forced-colors: active)";
/** What the page shows comes first. */
const PRINT_AFTER_MS = 1_000;

export function loadRareStyles(): void {
  const forced = matchMedia(FORCED);
  const look = () => {
    if (forced.matches) void import("../styles/forced.css");
  };
  look();
  forced.addEventListener("change", look);
  // Nobody prints what they have not yet seen; to fetch it when somebody prints would be too late.
  setTimeout(() => void import("../styles/print.css"), PRINT_AFTER_MS);
}
