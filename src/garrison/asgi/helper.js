/*
 * Sends the CSRF token with what this page sends to its own origin: fetch, XMLHttpRequest and forms.
 *
 *   <script src="/.garrison/csrf.js" nonce="…"></script>
 *   <script src="/.garrison/csrf.js" nonce="…" data-cookie="my-csrf"></script>   another cookie name
 *
 * Include it before scripts that send requests. It needs no markup, no globals and no evaluation, and may be included
 * twice. A request of another origin never gets the token, nor does one with a safe method (a GET form would put it
 * into an address). What it can't reach: navigator.sendBeacon (no headers) and requests made by workers; there, use
 * garrison.csrfToken() and send the header yourself. A redirect is followed by the browser, out of our sight: don't
 * answer a POST with a 307 or 308 to another site.
 */
(() => {
  "use strict";

  const MARK = Symbol.for("garrison.csrf");
  if (window[MARK]) return;
  Object.defineProperty(window, MARK, { value: true });

  const HEADER = "X-CSRF-Token";
  const FIELD = "csrf_token";
  const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
  const script = document.currentScript;
  const COOKIE = (script && script.getAttribute("data-cookie")) || "__Host-csrf";

  // Forms with fields called "action" or "prepend" shadow the form's own members: ask the prototypes instead.
  const unbound = (method) => Function.prototype.call.bind(method);
  const getter = (prototype, name) => unbound(Object.getOwnPropertyDescriptor(prototype, name).get);
  const attribute = unbound(Element.prototype.getAttribute);
  const has = unbound(Element.prototype.hasAttribute);
  const prepend = unbound(Element.prototype.prepend);
  const fieldsOf = getter(HTMLFormElement.prototype, "elements");

  /** The token, or "" when there is none or when it is ambiguous. Read anew each time: it is renewed at log-in. */
  const csrfToken = () => {
    const start = COOKIE + "=";
    const found = document.cookie.split(";").map((part) => part.trim()).filter((part) => part.startsWith(start));
    return found.length === 1 ? found[0].slice(start.length) : "";
  };

  const isOwn = (address) => {
    try {
      return location.origin !== "null" && new URL(address, document.baseURI).origin === location.origin;
    } catch {
      return false;
    }
  };

  const tokenFor = (method, address) =>
    SAFE.has(String(method).toUpperCase()) || !isOwn(address) ? "" : csrfToken();

  // fetch ---------------------------------------------------------------------------------------------------------
  const plainFetch = window.fetch;
  window.fetch = function fetch(input, init) {
    const request = input instanceof Request ? input : null;
    const method = (init && init.method) || (request ? request.method : "GET");
    const token = tokenFor(method, request ? request.url : input);
    if (!token) return Reflect.apply(plainFetch, this, arguments);
    let headers;
    try {
      headers = new Headers((init && init.headers) || (request ? request.headers : undefined));
    } catch {
      return Reflect.apply(plainFetch, this, arguments); // let the browser say what is wrong with them
    }
    if (!headers.has(HEADER)) headers.set(HEADER, token);
    return Reflect.apply(plainFetch, this, [input, { ...init, headers }]);
  };

  // XMLHttpRequest ------------------------------------------------------------------------------------------------
  const calls = new WeakMap();
  const { open, send, setRequestHeader } = XMLHttpRequest.prototype;

  XMLHttpRequest.prototype.open = function (method, address) {
    const result = Reflect.apply(open, this, arguments);
    calls.set(this, { method, address, given: false });
    return result;
  };
  XMLHttpRequest.prototype.setRequestHeader = function (name) {
    const call = calls.get(this);
    if (call && String(name).toLowerCase() === HEADER.toLowerCase()) call.given = true;
    return Reflect.apply(setRequestHeader, this, arguments);
  };
  XMLHttpRequest.prototype.send = function () {
    const call = calls.get(this);
    const token = call && !call.given ? tokenFor(call.method, call.address) : "";
    if (token && this.readyState === XMLHttpRequest.OPENED) {
      call.given = true; // setting it twice would join both values
      Reflect.apply(setRequestHeader, this, [HEADER, token]);
    }
    return Reflect.apply(send, this, arguments);
  };

  // Forms ---------------------------------------------------------------------------------------------------------
  const ours = new WeakSet();

  const chosen = (form, submitter, name) => {
    if (submitter && has(submitter, "form" + name)) return attribute(submitter, "form" + name);
    return attribute(form, name) || "";
  };

  /** Put the token into a form that goes to us, in front of any file; take it out of one that goes elsewhere. */
  const prepare = (form, submitter) => {
    const post = chosen(form, submitter, "method").toLowerCase() === "post";
    const action = chosen(form, submitter, "action") || location.href;
    const token = post ? tokenFor("POST", action) : "";
    const fields = Array.from(fieldsOf(form)).filter((field) => field.name === FIELD);
    if (!token) {
      const secret = csrfToken();
      for (const field of fields) {
        if (ours.has(field)) field.remove();
        else if (secret && field.value === secret) field.value = ""; // another site's own csrf_token stays
      }
      return;
    }
    if (fields.length) {
      fields.forEach((field) => { field.value = token; });
      return;
    }
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = FIELD;
    field.value = token;
    ours.add(field);
    prepend(form, field);
  };

  // In the window's bubbling phase, so that the page's own handlers have had their say about where the form goes.
  window.addEventListener("submit", (event) => {
    if (event.target instanceof HTMLFormElement) prepare(event.target, event.submitter);
  });
  const plainSubmit = HTMLFormElement.prototype.submit; // fires no event
  HTMLFormElement.prototype.submit = function submit() {
    prepare(this, null);
    return Reflect.apply(plainSubmit, this, arguments);
  };

  if (!("garrison" in window)) {
    Object.defineProperty(window, "garrison", { value: Object.freeze({ csrfToken }), enumerable: true });
  }
})();
