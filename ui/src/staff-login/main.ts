/** Logs a member of staff in and continues to the requested page. */

import { api, ApiError } from "../common/api";
import { element, setText } from "../common/dom";
import { localAddress } from "../common/local-address";

const form = element("login", HTMLFormElement);
const username = element("username", HTMLInputElement);
const password = element("password", HTMLInputElement);
const error = element("error", HTMLElement);
const submit = element("submit", HTMLButtonElement);

async function logIn(): Promise<void> {
  setText(error, "");
  if (!username.value || !password.value) {
    setText(error, "Please enter your name and your password.");
    (username.value ? password : username).focus();
    return;
  }
  submit.disabled = true;
  try {
    await api("api/login", { method: "POST", body: { username: username.value, password: password.value } });
    location.assign(localAddress(new URLSearchParams(location.search).get("to"), location.origin));
  } catch (failure) {
    setText(error, failure instanceof ApiError ? failure.message : String(failure));
    password.select();
  } finally {
    submit.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void logIn();
});
form.hidden = false; // shown only now: a submit before the listener exists would lose the input
if (new URLSearchParams(location.search).get("for") === "supervisors") {
  setText(error, "That page is for supervisors. Please log in as one.");
}
if (new URLSearchParams(location.search).get("link") === "void") {
  setText(error, "That link was used or has run out. Please log in, or ask for a new one.");
}
username.focus();
