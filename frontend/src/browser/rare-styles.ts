/** Styles that few need: they come after the page, and are no part of what it loads first. */

const FORCED = "(forced-colors: active)";

export function loadRareStyles(): void {
  const forced = matchMedia(FORCED);
  const look = () => {
    if (forced.matches) void import("../styles/forced.css");
  };
  look();
  forced.addEventListener("change", look);
  // Nobody prints what they have not yet seen; to fetch it when somebody prints would be too late.
  addEventListener("load", () => setTimeout(() => void import("../styles/print.css"), 0), { once: true });
}
