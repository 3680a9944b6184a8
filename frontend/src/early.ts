/** A small script in front of the page's own: what the address asks for is asked of the service meanwhile. */
import { askEarly } from "./service/early";

askEarly(location.pathname, location.search);
