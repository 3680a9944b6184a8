/** Styles that few need: they come after the page, and are no part of what it loads first. */

const FORCED = "(forced-colors: active)";

export function loadRareStyles(): void {
  const forced = matchMedia(FORCED);
  const look = () => {
    if (forced.matches) void import("../styles/forced.css").catch(() => {}); // the next change asks again
  };
  look();
  forced.addEventListener("change", look);
  // Nobody prints what they have not yet seen; to fetch it when somebody prints would be too late.
  addEventListener("load", () => setTimeout(loadPrint), { once: true });
}

/** Where the service is away, they are asked for again before something is printed. */
function loadPrint(): void {
  import("../styles/print.css").catch(() => addEventListener("beforeprint", loadPrint, { once: true }));
}
