/** What keyfob did not do: `error` for programs, in WebDriver's words where it has one; `message` and `next` for people. */
export class Refused extends Error {
  readonly status: number;
  readonly error: string;
  readonly next: string;
}

/** Why keyfob did not start, in its own words: `message` says what was wrong, `next` what to do. */
export class NotStarted extends Error {
  readonly next: string;
}

/** Nothing was asked in the time that was given. */
export class NoPrompt extends Error {}

/** What a key asks. Other actions and gestures may come. */
export interface Prompt {
  /** No other prompt of any key in any run has it. */
  id: string;
  action: "register" | "sign_in" | "select" | "reset" | "verify" | "enroll" | (string & {});
  gesture: "touch" | "touch_twice" | "touch_again" | "long_touch" | "finger" | (string & {});
  rp_id: string | null;
  /** Of a U2F request: SHA-256 of a name, in hexadecimal. */
  application: string | null;
  user: string | null;
  seconds_left: number;
  /** The bus id of the key that asks. */
  key: string;
}

/** How one key is. */
export interface Key {
  /** Its bus id, such as 1-1. */
  key: string;
  /** Its USB serial number. */
  serial: string;
  /** What `keyfob --device` takes for it on this host. */
  device: string | null;
  /** Whether a host has it. */
  attached: boolean;
  way: "vhci-hcd" | "uhid" | "usbip" | "reader" | (string & {}) | null;
  /** Whether the card lies on its reader; null: it is no card. */
  on_reader: boolean | null;
  prompt: Prompt | null;
}

/** What a fingerprint sensor sees: this finger, 0 to 255, or one that it cannot read. */
export type Sample = { finger: number } | { bad: string };

/** WebDriver's members, and keyfob's own beside them. Bytes are base64url. */
export interface Credential {
  credentialId: string;
  isResidentCredential: boolean;
  rpId?: string;
  /** PKCS#8. */
  privateKey: string;
  userHandle?: string;
  userName?: string;
  userDisplayName?: string;
  /** The last one that was told; null: it stays 0. */
  signCount: number | null;
  backupEligibility?: boolean;
  backupState?: boolean;
  largeBlob?: string;
  [member: string]: unknown;
}

export type CredentialChange = Partial<Pick<Credential, "backupEligibility" | "backupState" | "signCount">>;

export interface Policy {
  /** What becomes of questions. */
  touch?: "ask" | "auto" | "deny";
  /** What becomes of questions for a finger where `touch` is `auto`. */
  verification?: "succeed" | "fail" | "deny";
}

/** What a key does wrong on purpose; of `kind` and `recipe` one is there. keyfob's docs/faults.md has all of them. */
export interface Fault {
  kind?: string;
  recipe?: string;
  /** For how many requests: one, unless it is said. */
  requests?: number | "all";
  /** Only for these, such as `getInfo`. */
  command?: number | string;
  channel?: number | string;
  status?: number | string;
  error?: number | string;
  bytes?: number;
  count?: number;
  report?: number;
  milliseconds?: number;
}

/** What happens to keys. Those about credentials have DevTools' names. */
export type Event =
  | { name: "promptOpened"; data: Prompt }
  | { name: "promptClosed"; data: { id: string; key: string } }
  | { name: "credentialAdded" | "credentialAsserted" | "credentialUpdated"; data: { key: string; credential: Credential } }
  | { name: "credentialDeleted"; data: { key: string; credentialId: string } };

/** One of several keys, by its bus id; without it, `1-1`: the only one, or the first. */
export interface Which {
  key?: string;
}

export interface StartOptions {
  /** The command and its options, such as `["attach", "--profile", "bio"]`; without it, `attach`. */
  command?: string[];
  /** The program keyfob; without it, the one on PATH. */
  program?: string;
  /** More variables of the environment. */
  env?: Record<string, string>;
}

/** A running keyfob. What it refuses throws {@link Refused}. */
export class Keyfob implements AsyncDisposable {
  /** A client of the keyfob that runs at `address`, HOST:PORT, with this token. */
  constructor(address: string, token: string);
  /** The same, with the token in this file. */
  static connect(address: string, tokenFile: string): Promise<Keyfob>;
  /** A keyfob of one's own, with nothing on it. It ends with {@link stop}, or with this process. Rejects with {@link NotStarted}. */
  static start(options?: StartOptions): Promise<Keyfob>;
  readonly address: string;
  /** The lines that it said, such as where it listens; none where it was not started here. */
  readonly said: readonly string[];
  /** What a command beside it prints, such as `run("credentials", "import", file)`; only of a keyfob that was started here. */
  run(...words: string[]): Promise<string>;
  /** Ends the keyfob, if it was started here. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;

  listKeys(): Promise<Key[]>;
  /** What was counted, in Prometheus' text format. */
  metrics(): Promise<string>;
  /** Nothing; it fails where the server does not go on. */
  health(): Promise<void>;
  /** What is asked now, or next, of this key or of any; {@link NoPrompt} if nothing is in that time. */
  waitForPrompt(options?: { seconds?: number; key?: string; signal?: AbortSignal }): Promise<Prompt>;
  /** Approves this prompt and no other; on a fingerprint sensor, with the finger that fits, or with a sample. */
  touch(prompt: Pick<Prompt, "id" | "key">, sample?: Sample): Promise<void>;
  /** Refuses this prompt and no other. */
  deny(prompt: Pick<Prompt, "id" | "key">): Promise<void>;
  /** A power cycle. */
  replug(which?: Which): Promise<void>;
  /** Taps the reader with a card; without numbers once, for three seconds. */
  tap(options?: Which & { times?: number; milliseconds?: number }): Promise<void>;
  layOn(which?: Which): Promise<void>;
  takeOff(which?: Which): Promise<void>;
  /** The FIDO metadata statement of the key, or of its U2F side. */
  metadata(options?: Which & { u2f?: boolean }): Promise<Record<string, unknown>>;
  /** What kind of key it is: the name of its profile, and all that it says. */
  profile(which?: Which): Promise<{ name: string; profile: Record<string, unknown> }>;
  /** Makes it a key of another kind with the same memory, and plugs it in again: a built-in profile, or the path of a file. */
  setProfile(profile: string, which?: Which): Promise<void>;

  /** All that the key keeps, with private keys. */
  credentials(which?: Which): Promise<Credential[]>;
  /** The id of the passkey in whose place it came, or null. */
  addCredential(credential: Credential, which?: Which): Promise<string | null>;
  /** Changes flags or counter, from the next assertion on. */
  changeCredential(id: string, change: CredentialChange, which?: Which): Promise<void>;
  removeCredential(id: string, which?: Which): Promise<void>;
  removeCredentials(which?: Which): Promise<void>;

  /** Enrols a finger, without a PIN. */
  enrollFinger(finger: number, which?: Which): Promise<void>;
  removeFinger(finger: number, which?: Which): Promise<void>;
  /** Says what becomes of questions from now on, open ones included; what is not said stays. */
  setPolicy(policy: Policy, which?: Which): Promise<void>;

  /** Has the key do something wrong on purpose, with the next request or more. The numbers of the faults. */
  addFault(fault: Fault, which?: Which): Promise<number[]>;
  /** What is wrong with the key on purpose. */
  faults(which?: Which): Promise<{ id: number; fault: Fault }[]>;
  /** Takes away the fault of this number, or all. */
  clearFaults(options?: Which & { id?: number }): Promise<void>;

  /** What happens from now on, until `signal` is aborted or the key ends. */
  events(options?: { signal?: AbortSignal }): Promise<AsyncGenerator<Event, void, void>>;
}

/** `keyfob webdriver`, before a driver: clients of WebDriver connect to `address`. */
export class Webdriver {
  /** `driver` is a program or the URL of one that runs; `options` are more words of the command line. */
  static start(options?: {
    driver?: string;
    options?: string[];
    program?: string;
    env?: Record<string, string>;
  }): Promise<Webdriver>;
  readonly address: string;
  readonly hostname: string;
  readonly port: number;
  /** Ends it, with its keys and the driver that it started. */
  stop(): Promise<void>;
}
