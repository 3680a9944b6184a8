import { readdirSync, readFileSync } from "node:fs";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig, type Plugin } from "vite";

/** What ends up inside the built page; their licences ask for the notice to travel along. */
const BUNDLED = [
  "alpinejs",
  "tailwindcss",
  "@fontsource-variable/inter",
  "@fontsource-variable/jetbrains-mono",
  "marked",
];

function licenceNotices(): Plugin {
  return {
    name: "licence-notices",
    apply: "build",
    generateBundle() {
      const notices = BUNDLED.map((name) => {
        const folder = new URL(`node_modules/${name}/`, import.meta.url);
        const meta = JSON.parse(readFileSync(new URL("package.json", folder), "utf8")) as {
          version: string;
          license: string;
        };
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        const text = file ? readFileSync(new URL(file, folder), "utf8") : `Licence: ${meta.license}`;
        return `${name} ${meta.version}\n${"=".repeat(name.length + meta.version.length + 1)}\n\n${text.trim()}\n`;
      });
      this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: notices.join("\n\n") });
    },
  };
}

/** Hold the first paint until the theme the user chose is on: without it a dark page flashes white. */
function paintAfterScript(): Plugin {
  return {
    name: "paint-after-script",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

/** Has the browser ask for what the address shows beside the page's scripts, not after them. */
function askEarly(): Plugin {
  return {
    name: "ask-early",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (_html, { bundle, filename }) => {
        if (!filename.endsWith("/index.html")) return [];
        const early = Object.values(bundle ?? {}).find(
          (file) => file.type === "chunk" && file.name === "early",
        );
        if (!early) throw new Error("there is no early script");
        const attrs = { type: "module", async: true, crossorigin: true, src: `/${early.fileName}` };
        return [{ tag: "script", attrs, injectTo: "head-prepend" }];
      },
    },
  };
}

/** The fonts of the first paint, asked for beside the scripts: a text that gets its font later is laid out twice. */
function fontsFirst(): Plugin {
  const first = /\/(inter|jetbrains-mono)-latin-wght-normal-[^/]*\.woff2$/;
  return {
    name: "fonts-first",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (_html, { bundle, filename }) => {
        if (!filename.endsWith("/index.html")) return [];
        const fonts = Object.keys(bundle ?? {}).filter((name) => first.test(name));
        if (fonts.length !== 2) throw new Error(`there should be two fonts, not: ${fonts.join(", ")}`);
        return fonts.map((name) => ({
          tag: "link",
          attrs: { rel: "preload", as: "font", type: "font/woff2", crossorigin: true, href: `/${name}` },
          injectTo: "head" as const,
        }));
      },
    },
  };
}

/** The icons stand in index.html; the page of components draws the same ones. */
function sharedIcons(): Plugin {
  return {
    name: "shared-icons",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => {
        const page = readFileSync(new URL("index.html", import.meta.url), "utf8");
        return html.replace(
          "<!--sprite-->",
          () => /<svg class="sprite"[\s\S]*?<\/svg>\n/.exec(page)?.[0] ?? "",
        );
      },
    },
  };
}

/** Whether a module is what the page cannot begin without: `main.ts` imports it, itself or by others. */
function isFirst(
  id: string,
  importersOf: (id: string) => readonly string[],
  seen = new Set<string>(),
): boolean {
  seen.add(id);
  return importersOf(id).some(
    (importer) =>
      importer.endsWith("/src/main.ts") || (!seen.has(importer) && isFirst(importer, importersOf, seen)),
  );
}

/** What stands in a file of its own: scripts in front of the page's own take it, and so does the login page. */
const APART = /\/src\/(early|service\/early|browser\/(router|theme))\.ts$/;

export default defineConfig({
  // Vite makes the styles small; Tailwind's own step before it does not know `::highlight`, and warns of it.
  plugins: [
    tailwindcss({ optimize: false }),
    licenceNotices(),
    paintAfterScript(),
    askEarly(),
    fontsFirst(),
    sharedIcons(),
  ],
  build: {
    outDir: "../service/spantail_service/static",
    emptyOutDir: true,
    // light-dark() as written; older targets would get a polyfill that ignores the page's own toggle.
    target: ["chrome123", "firefox120", "safari17.5"],
    // data: URLs are allowed for images only by the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ["src/early.ts", "index.html", "login.html", "components.html"],
      output: {
        codeSplitting: {
          // One file for all that the page begins with: by itself each part that another page shares would be one.
          includeDependenciesRecursively: false,
          groups: [
            {
              debugName: "page",
              name: (id, build) =>
                !APART.test(id) && isFirst(id, (each) => build.getModuleInfo(each)?.importers ?? [])
                  ? "page"
                  : null,
            },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8321" } },
});
