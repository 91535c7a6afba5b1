// The only part of this site that needs a script: it hands a form's options to the browser, and the key's answer to the form.
"use strict";

const form = document.querySelector("form[data-webauthn]");
const start = form.querySelector("button.primary");
const cancel = document.getElementById("cancel-ceremony");
const status = document.getElementById("ceremony-status");
const error = document.getElementById("ceremony-error");
// Who signs in has not said how the key reaches this device.
const gesture =
  form.dataset.gesture ?? "When the key blinks, touch it; a key for NFC, hold against the reader until you are told to stop.";
const creates = form.dataset.webauthn === "create";
let waiting = null;

if (window.PublicKeyCredential) {
  start.disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  cancel.addEventListener("click", () => waiting?.abort());
} else {
  error.textContent = window.isSecureContext
    ? "This browser cannot use security keys. Please try another one."
    : "Browsers use security keys over https, or on http://localhost, only.";
}

async function ask() {
  show(true);
  try {
    const credential = await answer();
    status.textContent = "The key has answered.";
    form.elements.credential.value = JSON.stringify(toJSON(credential));
    form.submit();
  } catch (problem) {
    show(false);
    error.textContent = explain(problem);
    start.focus();
  }
}

function answer() {
  const options = JSON.parse(form.dataset.options);
  waiting = new AbortController();
  const request = { publicKey: creates ? creation(options) : assertion(options), signal: waiting.signal };
  return creates ? navigator.credentials.create(request) : navigator.credentials.get(request);
}

function show(isWaiting) {
  form.setAttribute("aria-busy", isWaiting);
  start.disabled = isWaiting;
  cancel.hidden = !isWaiting;
  error.textContent = "";
  status.textContent = isWaiting ? `Follow your browser: type the key’s PIN. ${gesture}` : "";
}

function explain(problem) {
  switch (problem.name) {
    case "AbortError":
      return "Stopped. Nothing was changed.";
    case "NotAllowedError":
      // Browsers do not tell a page which of these it was.
      return creates
        ? `Nothing was added: it was cancelled, it took too long, the key refused the PIN, or the key knows U2F only. ${PIN} ${U2F}`
        : `You are not signed in: it was cancelled, it took too long, the key has no passkey for this site, or it refused the PIN. ${PIN}`;
    case "InvalidStateError":
      return creates
        ? "This key is already registered with your account. Use it to sign in, or add another key."
        : "Another request is still waiting for the key. Please try again.";
    case "SecurityError":
      return "The browser does not use security keys at this address.";
    case "NotSupportedError":
      return `This key cannot do what this site asks of it: keep a passkey behind a PIN, and sign with ES256, EdDSA, ES384 or RS256. ${U2F}`;
    case "ConstraintError":
      return `This key cannot keep a passkey behind a PIN. ${U2F}`;
    default:
      return `The browser reports a problem (${problem.name}). The key may be full; please try again, or use another key.`;
  }
}

const PIN = "After three wrong PINs a key must be unplugged and plugged in again, or tapped again, after eight it must be reset.";
const U2F = "A key that knows U2F only cannot be added here: it has no PIN and keeps no passkeys. Please use a FIDO2 key.";

// Browsers since 2023 translate options and answers themselves; the rest is for those before.

function creation(options) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) {
    return PublicKeyCredential.parseCreationOptionsFromJSON(options);
  }
  return {
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: withBytes(options.excludeCredentials),
  };
}

function assertion(options) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) {
    return PublicKeyCredential.parseRequestOptionsFromJSON(options);
  }
  return {
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: withBytes(options.allowCredentials),
  };
}

function toJSON(credential) {
  if (credential.toJSON) {
    return credential.toJSON();
  }
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  if (creates) {
    response.attestationObject = toText(credential.response.attestationObject);
    response.transports = credential.response.getTransports?.() ?? [];
  } else {
    response.authenticatorData = toText(credential.response.authenticatorData);
    response.signature = toText(credential.response.signature);
    response.userHandle = credential.response.userHandle ? toText(credential.response.userHandle) : null;
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

function withBytes(descriptors = []) {
  return descriptors.map((descriptor) => ({ ...descriptor, id: toBytes(descriptor.id) }));
}

function toBytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function toText(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
