import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  outputDir: `${process.env.ARTEFACTS ?? ".."}/playwright-results`, // emptied before each run
  workers: 1, // one key is touched at a time
  reporter: "list",
  timeout: 120_000,
  expect: { timeout: 60_000 },
  use: {
    // A browser of the machine: those that Playwright downloads work as well.
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    screenshot: "on",
  },
});
