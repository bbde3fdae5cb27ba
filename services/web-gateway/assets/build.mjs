// Builds the browser side once: bundles, hashes, precompresses, writes dist/manifest.json.
// The manifest maps a logical name ("app.js") to the file that is served ("app-3F2A.js").
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "dist");

const common = {
  bundle: true,
  minify: true,
  write: false,
  target: ["chrome125", "firefox128", "safari18"],
  legalComments: "none",
  absWorkingDir: here,
  logLevel: "warning",
};

/** Bundles one entry and answers its bytes. */
async function bundle(entry, options = {}) {
  const result = await build({ ...common, entryPoints: [entry], ...options });
  return Buffer.from(result.outputFiles[0].contents);
}

/** One SVG sprite with only the icons that the templates and islands name. */
async function sprite() {
  const names = (await readFile(join(here, "src/icons.txt"), "utf8")).split(/\s+/).filter(Boolean).sort();
  const symbols = await Promise.all(
    names.map(async (name) => {
      const svg = await readFile(join(here, "node_modules/lucide-static/icons", `${name}.svg`), "utf8");
      const body = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/<svg[\s\S]*?>/, "").replace("</svg>", "");
      return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`;
    }),
  );
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}

const files = {
  "app.css": await bundle("src/css/app.css"),
  "theme.js": await bundle("src/ts/theme-first.ts", { format: "iife" }),
  "app.js": await bundle("src/ts/app.ts", { format: "esm" }),
  "console.js": await bundle("src/ts/console.ts", { format: "esm" }),
  "invite.js": await bundle("src/ts/invite.ts", { format: "esm" }),
  "icons.svg": await sprite(),
  "favicon.svg": await readFile(join(here, "src/favicon.svg")),
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const manifest = {};
for (const [name, bytes] of Object.entries(files)) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 10);
  const extension = extname(name);
  const served = `${name.slice(0, -extension.length)}-${hash}${extension}`;
  manifest[name] = served;
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  await writeFile(join(out, served), bytes);
  await writeFile(join(out, `${served}.br`), brotli);
  await writeFile(join(out, `${served}.gz`), gzip);
  console.log(`${served.padEnd(28)} ${String(bytes.length).padStart(7)} B  gz ${String(gzip.length).padStart(6)}  br ${String(brotli.length).padStart(6)}`);
}
await writeFile(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
