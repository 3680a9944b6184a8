/** A small script in front of the page's own: what the address asks for is asked of the service meanwhile. */
import { applyTheme } from "./browser/theme";
import { askEarly } from "./service/early";

askEarly(location.pathname, location.search);
// The first look into what is stored waits for another process of the browser: now there is nothing else to do.
applyTheme();
