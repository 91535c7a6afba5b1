/** The program keyfob, started by a test: it ends when its standard input does, so also with the test, in whatever way. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { lines } from "./http.js";
import { NotStarted } from "./refused.js";

/** A running program, with a home of its own that goes with it. */
export class Program {
  #program;
  #environment;
  #process;
  #home;
  #ended;
  #errors = "";
  #listeners = new Set();
  /** The lines that it has said. */
  said = [];

  static async start(program, words, { env = {}, ownHome = true } = {}) {
    const home = await mkdtemp(join(tmpdir(), "keyfob-"));
    const environment = { ...process.env, ...(ownHome ? { HOME: home, XDG_RUNTIME_DIR: home } : {}), ...env };
    delete environment.KEYFOB_CONTROL;
    return new Program(program, words, environment, home);
  }

  constructor(program, words, environment, home) {
    const started = spawn(program, words, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
    this.#program = program;
    this.#environment = environment;
    this.#process = started;
    this.#home = home;
    started.stdin.on("error", () => {}); // it has ended
    for (const stream of [started.stdout, started.stderr]) stream.setEncoding("utf8");
    started.stderr.on("data", (text) => {
      this.#errors = (this.#errors + text).slice(-4096);
      if (/is plugged in, but .*\n/.test(this.#errors)) started.kill(); // nobody finds that key
    });
    this.#ended = once(started, "close").catch((error) => {
      this.#errors = `keyfob: cannot start ${program}: ${error.code}\nnext: install keyfob, or name the program: { program: FILE }\n`;
    });
    void this.#hear();
  }

  async #hear() {
    for await (const line of lines(this.#process.stdout)) {
      this.said.push(line);
      for (const listener of this.#listeners) listener();
    }
  }

  /** What `find` makes of the lines that were said, once it makes something of them. */
  async told(find) {
    const found = new Promise((resolve) => {
      const look = () => {
        const value = find(this.said);
        if (value !== undefined) resolve(value);
      };
      this.#listeners.add(look);
      look();
    });
    const ended = this.#ended.then(async () => {
      await this.#forget();
      throw new NotStarted(this.#errors, this.#process.exitCode);
    });
    ended.catch(() => {}); // whoever waits hears it
    return Promise.race([found, ended]);
  }

  /** What a further command of the program prints, which finds this one. */
  async run(...words) {
    const running = promisify(execFile)(this.#program, words, { env: this.#environment });
    running.child.stdin.end();
    return (await running).stdout;
  }

  /** Ends it: by closing its input, or with a signal. */
  async stop(signal) {
    if (signal) this.#process.kill(signal);
    this.#process.stdin.end();
    await this.#ended;
    await this.#forget();
  }

  async #forget() {
    await rm(this.#home, { recursive: true, force: true });
  }
}
