import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";

const SRC = resolve(import.meta.dirname, "src");

/** Each folder of src/ that holds an index.html is a page: src/voice/index.html becomes dist/voice/index.html. */
function pages() {
  const entries = readdirSync(SRC).map((folder) => [folder, resolve(SRC, folder, "index.html")]);
  return Object.fromEntries(entries.filter(([, html]) => existsSync(html)));
}

export default defineConfig({
  root: SRC,
  base: "/",
  build: {
    outDir: resolve(import.meta.dirname, "dist"),
    emptyOutDir: true,
    // the Content-Security-Policy allows no data: scripts, so even the smallest worklet is a file
    assetsInlineLimit: 0,
    rolldownOptions: { input: pages() },
  },
  server: { proxy: { "/webrtc": { target: "http://127.0.0.1:8000", ws: true } } },
  test: { root: import.meta.dirname, include: ["tests/**/*.test.ts"] },
});
