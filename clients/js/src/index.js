/** Steers a running keyfob, a virtual FIDO2 security key, over HTTP, and starts one. */
export { Keyfob } from "./keyfob.js";
export { Webdriver } from "./webdriver.js";
export { NoPrompt, NotStarted, Refused } from "./refused.js";
