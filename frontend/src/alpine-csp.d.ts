/** The CSP build has the same interface as Alpine itself, but no types of its own. */
declare module "@alpinejs/csp" {
  import type { Alpine } from "alpinejs";

  const alpine: Alpine;
  export default alpine;
}
