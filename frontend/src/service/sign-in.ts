/** Where the page goes when the service wants its token, and back to where the user was. */

let going = false;

/** The page is about to be left: requests that are refused from now on lead nowhere else. */
export function leave(): void {
  going = true;
}

export function toLogin(): void {
  if (going) return; // Several requests may be refused at once.
  going = true;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// A page that the browser kept and shows again (the back button) starts afresh.
addEventListener("pageshow", () => {
  going = false;
});
