#!/bin/sh
# WebdriverIO downloads a driver although the capabilities name the server that has one.
#
# version    @wdio/utils 9.32.0 from npm (WebdriverIO 9.32, its test runner); seen with Node.js 20.20 on Linux, 30 November 2026
# behaviour  setupDriver, which the test runner calls before its workers start, passes over capabilities whose session is at a
#            remote server, or on this machine at a port that somebody named. It looks for protocol, hostname, port and path in
#            the configuration alone. Where they stand in the capabilities, which may have them (WebdriverIO.Capabilities extends
#            ConnectionOptions) and whose workers connect there, it asks a host of its own for a chromedriver first. Without that
#            host the run ends before a test.
# why        Somebody who has two browsers at two servers can say so in the capabilities alone, as a service can (onPrepare is given
#            them). The run then hangs on a download of what nobody uses, and fails in a network without that host.
# output     server named in the configuration: asked for nothing
#            server named in the capabilities: asked for googlechromelabs.github.io
#
# Usage: findings/webdriverio-driver-for-a-named-server.sh   (needs Node.js 20, npm and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" @wdio/utils@9.32.0

cat > driver.mjs <<'END'
import assert from "node:assert/strict";
import dns from "node:dns";

import { setupDriver } from "@wdio/utils/node";

// Nothing is to be downloaded here: who asks for a name is told, and noted.
const asked = [];
dns.lookup = (name, ...rest) => {
  asked.push(name);
  rest.at(-1)(Object.assign(new Error(`${name} is not looked up`), { code: "ENOTFOUND" }));
};

async function asks(configuration, capabilities) {
  asked.length = 0;
  await setupDriver({ cacheDir: "cache", ...configuration }, [{ browserName: "chrome", ...capabilities }]).catch(() => {});
  return [...new Set(asked)].join(", ") || "nothing";
}

const server = { protocol: "http", hostname: "127.0.0.1", port: 4444, path: "/" };
const byConfiguration = await asks(server, {});
const byCapabilities = await asks({}, server);
console.log(`server named in the configuration: asked for ${byConfiguration}`);
console.log(`server named in the capabilities: asked for ${byCapabilities}`);
assert.deepEqual([byConfiguration, byCapabilities], ["nothing", "googlechromelabs.github.io"], "the behaviour has changed");
END
node driver.mjs
