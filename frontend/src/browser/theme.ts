/** Light, dark, or as the system says. The choice is kept; nothing is stored until one is made. */

export type Theme = "light" | "dark";
const KEY = "spantail.theme";

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null; // Storage may be forbidden; the system's choice then holds.
  }
}

const DARK = "(prefers-color-scheme: dark)";
/** A contrast theme of the system, whose few colours take the place of the page's. */
const FORCED = "(forced-colors: active)";

/** What the page shows: the user's choice, or the system's as long as none was made. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia(DARK).matches ? "dark" : "light";
}

/** Calls back when the system's scheme or its contrast changes, with the theme that the page then shows. */
export function watchTheme(changed: (theme: Theme) => void): void {
  for (const query of [DARK, FORCED])
    matchMedia(query).addEventListener("change", () => changed(currentTheme()));
}

export function applyTheme(): void {
  const chosen = stored();
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}

export function toggleTheme(): Theme {
  return setTheme(currentTheme() === "dark" ? "light" : "dark");
}

/** Takes a theme from now on, or with "system" what the system says; answers what the page then shows. */
export function setTheme(choice: Theme | "system"): Theme {
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // The choice then lasts as long as the page.
  }
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  return currentTheme();
}
