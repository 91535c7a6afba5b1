/** What keyfob did not do: `error` for programs, `message` and `next` for people. */
export class Refused extends Error {
  constructor(status, { error = "", message = "", next = "" }) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.error = error;
    this.next = next;
    this.stack = `Refused: ${message}\nnext: ${next}\n${this.stack.split("\n").slice(1).join("\n")}`;
  }
}

/** Why keyfob did not start, in its own words: of its last two lines on a terminal `message` is the first, `next` the second. */
export class NotStarted extends Error {
  constructor(errors, exitCode) {
    const [, what, next] = `\n${errors.trim()}`.match(/.*\nkeyfob: (.*?)\nnext: (.*)$/s) ?? [];
    super(what ?? (errors.trim() || `keyfob ended with ${exitCode}`));
    this.name = "NotStarted";
    this.next = next ?? "run the same words on a terminal";
    this.stack = `NotStarted: ${this.message}\nnext: ${this.next}\n${this.stack.split("\n").slice(1).join("\n")}`;
  }
}

/** Nothing was asked in the time that was given. */
export class NoPrompt extends Error {
  constructor(seconds) {
    super(`nothing was asked within ${seconds} s`);
    this.name = "NoPrompt";
  }
}
