/** Links that others have written: only to pages and mail, and never without a word of where they lead. */
import { h } from "../../browser/dom";
import { visible } from "../../text/visible";

/** The address as it may be opened; null where it is none for a page or a mail. */
export function safeAddress(address: string): URL | null {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return null;
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

/** `label` is what is written, as plain text: where that is no address, the link says which host it leads to. */
export function outLink(address: string, content: Node | string, label: string): HTMLElement {
  const url = safeAddress(address);
  const target = url ? url.host || url.pathname : "";
  if (!url) return h("span", { title: visible(address) }, content, address ? ` (${visible(address)})` : "");
  const link = h(
    "a",
    {
      class: "link",
      href: url.href,
      target: "_blank",
      rel: "noopener noreferrer nofollow",
      title: visible(address),
    },
    content,
  );
  const isSaid = label === address || label === url.href;
  return h("span", {}, link, isSaid ? null : h("span", { class: "link-host" }, ` ${target}`));
}
