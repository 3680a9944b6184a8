/** The login page works without this; it only brings the styles and the theme that the user chose. */
import "./styles/shell/login-page.css";
import { applyTheme } from "./browser/theme";

applyTheme();
