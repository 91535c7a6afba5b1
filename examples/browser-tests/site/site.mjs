/** A site with accounts that are passkeys, to run tests against: SimpleWebAuthn asks, and judges the answers. Nothing is kept. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";

const RP = { id: "localhost", name: "A site" };
const HINTS = ["security-key"]; // or browsers offer a phone first
const ES256 = -7; // all that Playwright's own passkeys sign with

/** Starts the site; `address` is where it is, `close` ends it. */
export async function startSite(port = 0) {
  const site = new Site();
  const server = createServer((request, response) => void site.answer(request, response));
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  site.address = `http://localhost:${server.address().port}`;
  const close = () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
  return { address: site.address, close };
}

class Site {
  #passkeys = new Map(); // by their ids: whose each is, and what verifies its signatures
  #challenges = new Map(); // that were asked and not yet answered, each with the user who registers
  #steps = {
    "/register/options": ({ user }) => this.#registrationOptions(user),
    "/register": (answer) => this.#register(answer),
    "/sign-in/options": () => this.#signInOptions(),
    "/sign-in": (answer) => this.#signIn(answer),
  };

  async answer(request, response) {
    const step = this.#steps[request.url];
    if (!step) {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(await readFile(new URL("page.html", import.meta.url)));
      return;
    }
    try {
      response.end(JSON.stringify(await step(await json(request))));
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ error: error.message }));
    }
  }

  async #registrationOptions(user) {
    const options = await generateRegistrationOptions({
      rpID: RP.id,
      rpName: RP.name,
      userName: user,
      supportedAlgorithmIDs: [ES256],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    });
    this.#challenges.set(options.challenge, user);
    return { ...options, hints: HINTS };
  }

  async #register(response) {
    const { challenge, user } = this.#asked(response);
    const { verified, registrationInfo } = await verifyRegistrationResponse({ response, ...expected(challenge, this.address) });
    if (!verified) throw new Error("the registration is not genuine");
    this.#passkeys.set(registrationInfo.credential.id, { user, credential: registrationInfo.credential });
    return { user };
  }

  async #signInOptions() {
    const options = await generateAuthenticationOptions({ rpID: RP.id, userVerification: "required" });
    this.#challenges.set(options.challenge, null);
    return { ...options, hints: HINTS };
  }

  async #signIn(response) {
    const { challenge } = this.#asked(response);
    const known = this.#passkeys.get(response.id);
    if (!known) throw new Error("nobody has registered this passkey");
    const judged = { response, credential: known.credential, ...expected(challenge, this.address) };
    const { verified, authenticationInfo } = await verifyAuthenticationResponse(judged);
    if (!verified) throw new Error("the signature is not genuine");
    known.credential.counter = authenticationInfo.newCounter;
    return { user: known.user };
  }

  /** The challenge that this answers, which nobody can answer again. */
  #asked(response) {
    const { challenge } = JSON.parse(Buffer.from(response.response.clientDataJSON, "base64url"));
    if (!this.#challenges.has(challenge)) throw new Error("nobody has asked for this");
    const user = this.#challenges.get(challenge);
    this.#challenges.delete(challenge);
    return { challenge, user };
  }
}

function expected(challenge, origin) {
  return { expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: RP.id, requireUserVerification: true };
}

async function json(request) {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return JSON.parse(text || "{}");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { address } = await startSite(Number(process.env.PORT ?? 0));
  console.log(`the site is at ${address}`);
}
