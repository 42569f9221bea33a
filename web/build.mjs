// Builds the page into dist/, whole or not at all: what the daemon serves is never half a page.
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { build } from "esbuild";

const target = new URL("dist/", import.meta.url).pathname;
const fresh = new URL("dist.new/", import.meta.url).pathname;

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh);
await build({
  entryPoints: { page: "src/page.ts" },
  absWorkingDir: new URL(".", import.meta.url).pathname,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "external",
  outdir: fresh,
  logLevel: "warning",
});
for (const name of ["index.html", "page.css", "icon.svg"]) {
  await copyFile(new URL(`src/${name}`, import.meta.url), `${fresh}${name}`);
}
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
