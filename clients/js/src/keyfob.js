/** A running keyfob, over HTTP. Method names are the operations of docs/openapi.json. */
import { readFile } from "node:fs/promises";

import { ask, begin, events, read } from "./http.js";
import { Program } from "./program.js";
import { NoPrompt } from "./refused.js";

const ONLY_KEY = "1-1"; // the bus id of the only key, or of the first one
const ALWAYS = ["--ephemeral", "--until-stdin-closes", "--http", "127.0.0.1:0"];

export class Keyfob {
  #server;
  #program;

  /** A client of the keyfob at `address`, HOST:PORT, with the token that it wrote when it started. */
  constructor(address, token, program = undefined) {
    this.#server = { address, token: token.trim() };
    this.#program = program;
  }

  /** A client of the keyfob that runs at `address`, with the token in this file. */
  static async connect(address, tokenFile) {
    return new Keyfob(address, await readFile(tokenFile, "utf8"));
  }

  /** A keyfob of one's own, with nothing on it; when this is over it is steered and, of `attach`, on the bus. */
  static async start({ command = ["attach"], program = "keyfob", env } = {}) {
    const started = await Program.start(program, [...command, ...ALWAYS], { env });
    try {
      const { address, file } = await started.told((said) => steered(said, command.includes("attach")));
      return new Keyfob(address, await readFile(file, "utf8"), started);
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** Where it is steered: HOST:PORT. */
  get address() {
    return this.#server.address;
  }

  /** The lines that it said, such as where it listens; none where it was not started here. */
  get said() {
    return this.#program?.said ?? [];
  }

  /** What a command beside it prints, such as `run("credentials", "import", file)`; only of a keyfob that was started here. */
  async run(...words) {
    if (!this.#program) throw new Error("this keyfob was not started here: run the command beside it yourself");
    return this.#program.run(...words);
  }

  /** Ends the keyfob, if it was started here. */
  async stop() {
    await this.#program?.stop();
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.stop();
  }

  async listKeys() {
    return (await this.#ask("GET", "/keys")).keys;
  }

  /** What was counted, in Prometheus' text format. */
  async metrics() {
    return read(await begin(this.#server, "GET", "/metrics"));
  }

  /** Nothing; it fails where the server does not go on. */
  async health() {
    await this.#ask("GET", "/healthz");
  }

  /** What is asked now, or next, of this key or of any. */
  async waitForPrompt({ seconds = 30, key, signal } = {}) {
    const path = key === undefined ? "/prompt" : `${of(key)}/prompt`;
    const prompt = await this.#ask("GET", `${path}?seconds=${seconds}`, { signal });
    if (prompt === undefined) throw new NoPrompt(seconds);
    return prompt;
  }

  /** Approves this prompt; on a fingerprint sensor, with the finger that fits, or with a `sample`. */
  async touch(prompt, sample = undefined) {
    await this.#ask("POST", `${of(prompt.key)}/touch`, { body: { prompt: prompt.id, sample } });
  }

  async deny(prompt) {
    await this.#ask("POST", `${of(prompt.key)}/deny`, { body: { prompt: prompt.id } });
  }

  async replug({ key = ONLY_KEY } = {}) {
    await this.#ask("POST", `${of(key)}/replug`);
  }

  async tap({ key = ONLY_KEY, times, milliseconds } = {}) {
    await this.#ask("POST", `${of(key)}/tap`, { body: { times, milliseconds } });
  }

  async layOn({ key = ONLY_KEY } = {}) {
    await this.#ask("POST", `${of(key)}/lay-on`);
  }

  async takeOff({ key = ONLY_KEY } = {}) {
    await this.#ask("POST", `${of(key)}/take-off`);
  }

  async metadata({ key = ONLY_KEY, u2f = false } = {}) {
    return this.#ask("GET", `${of(key)}/metadata?u2f=${u2f}`);
  }

  async profile({ key = ONLY_KEY } = {}) {
    return this.#ask("GET", `${of(key)}/profile`);
  }

  /** Makes it a key of another kind with the same memory, and plugs it in again: a built-in profile, or the path of a file. */
  async setProfile(profile, { key = ONLY_KEY } = {}) {
    await this.#ask("PUT", `${of(key)}/profile`, { body: { profile } });
  }

  /** All that the key keeps; an answer has room for some of them at a time. */
  async credentials({ key = ONLY_KEY } = {}) {
    const found = [];
    for (;;) {
      const { credentials, total } = await this.#ask("GET", `${of(key)}/credentials?from=${found.length}`);
      found.push(...credentials);
      if (found.length >= total || credentials.length === 0) return found;
    }
  }

  /** The id of the passkey in whose place it came, or null. */
  async addCredential(credential, { key = ONLY_KEY } = {}) {
    return (await this.#ask("POST", `${of(key)}/credentials`, { body: credential })).replaced;
  }

  async changeCredential(id, change, { key = ONLY_KEY } = {}) {
    await this.#ask("PATCH", `${of(key)}/credentials/${encodeURIComponent(id)}`, { body: change });
  }

  async removeCredential(id, { key = ONLY_KEY } = {}) {
    await this.#ask("DELETE", `${of(key)}/credentials/${encodeURIComponent(id)}`);
  }

  async removeCredentials({ key = ONLY_KEY } = {}) {
    await this.#ask("DELETE", `${of(key)}/credentials`);
  }

  async enrollFinger(finger, { key = ONLY_KEY } = {}) {
    await this.#ask("POST", `${of(key)}/fingers`, { body: { finger } });
  }

  async removeFinger(finger, { key = ONLY_KEY } = {}) {
    await this.#ask("DELETE", `${of(key)}/fingers?finger=${finger}`);
  }

  async setPolicy(policy, { key = ONLY_KEY } = {}) {
    await this.#ask("PUT", `${of(key)}/policy`, { body: policy });
  }

  /** The numbers of the faults. */
  async addFault(fault, { key = ONLY_KEY } = {}) {
    return (await this.#ask("POST", `${of(key)}/faults`, { body: fault })).ids;
  }

  async faults({ key = ONLY_KEY } = {}) {
    return (await this.#ask("GET", `${of(key)}/faults`)).faults;
  }

  async clearFaults({ key = ONLY_KEY, id } = {}) {
    await this.#ask("DELETE", `${of(key)}/faults${id === undefined ? "" : `?fault=${id}`}`);
  }

  /** What happens from now on. When this is over keyfob tells; the events end when `signal` is aborted, or with the key. */
  async events({ signal } = {}) {
    return untilOver(events(await begin(this.#server, "GET", "/events", { signal })), signal);
  }

  #ask(method, path, options) {
    return ask(this.#server, method, path, options);
  }
}

function of(key) {
  return `/keys/${encodeURIComponent(key)}`;
}

/** Where the key says that it is steered, once it also says, if it is to be on this machine, that it is attached. */
function steered(said, isAttached) {
  const [, address, file] = said.join("\n").match(/^steered at http:\/\/(\S+) with the token in (.*)$/m) ?? [];
  const isThere = !isAttached || said.some((line) => line.startsWith("attached "));
  return address && isThere ? { address, file } : undefined;
}

/** A key that ends leaves its last answer unfinished: that is no failure. */
async function* untilOver(stream, signal) {
  try {
    yield* stream;
  } catch (error) {
    if (!signal?.aborted && error.code !== "ECONNRESET") throw error;
  }
}
