/** Where the page goes when the service wants its token, and back to where the user was. */

let going = false;

export function toLogin(): void {
  if (going) return; // Several requests may be refused at once.
  going = true;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
