// Bundles the pages' script and styles, and the terminal's page, with content hashes and a manifest.
//
//   node build.mjs      writes ../src/armchair/web/static/ and ../src/armchair/catalogue/apps/terminal/static/
//
// manifest.json maps the plain name ("app.js") to the hashed one. Each text file has a gzip twin, so that the portal
// compresses nothing while it serves.

import { build } from "esbuild";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const rooms = [
  {
    entries: { app: "src/main.ts", style: "src/style.css", screen: "src/screen/main.ts", vnc: "src/vnc/main.ts" },
    out: join(here, "../src/armchair/web/static"),
    hashed: true,
  },
  {
    entries: { main: "src/terminal/main.ts" },
    out: join(here, "../src/armchair/catalogue/apps/terminal/static"),
    hashed: false,
  },
];

async function bundle({ entries, out, hashed }) {
  const present = Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(join(here, path))));
  if (Object.keys(present).length === 0) {
    console.warn(`nothing to build for ${out}`);
    return;
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const result = await build({
    absWorkingDir: here,
    entryPoints: present,
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome109", "firefox115", "safari16"],
    entryNames: hashed ? "[name]-[hash]" : "[name]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file" },
    legalComments: "external",
    metafile: true,
    logLevel: "warning",
  });
  copyPages(dirname(join(here, Object.values(present)[0])), out);
  writeManifest(out, result.metafile, present, hashed);
  compress(out);
}

function copyPages(source, out) {
  for (const name of readdirSync(source)) {
    if (/\.(html|svg|png|ico)$/.test(name)) copyFileSync(join(source, name), join(out, name));
  }
}

function writeManifest(out, metafile, entries, hashed) {
  const manifest = {};
  for (const [path, output] of Object.entries(metafile.outputs)) {
    const name = basename(path);
    const entry = Object.entries(entries).find(([, source]) => source === output.entryPoint);
    if (entry) manifest[entry[0] + extname(name)] = name;
    if (entry && output.cssBundle) manifest[`${entry[0]}.css`] = basename(output.cssBundle);
    if (name.endsWith(".woff2")) manifest[name.replace(/-[A-Z0-9]{8}\.woff2$/, ".woff2")] = name;
  }
  if (hashed) writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
}

function compress(out) {
  for (const name of readdirSync(out)) {
    if (!/\.(js|css|svg)$/.test(name)) continue;
    writeFileSync(join(out, `${name}.gz`), gzipSync(readFileSync(join(out, name)), { level: 9 }));
  }
}

for (const room of rooms) await bundle(room);
