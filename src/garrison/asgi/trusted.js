/* Garrison's Trusted Types policy: the only way from text to markup, script addresses and script (W3C Trusted Types).
 *
 *   <script src="/.garrison/trusted-types.js" nonce="…"></script>      before the scripts that need it
 *   element.innerHTML = trusted.createHTML(text);                      sanitised: see ELEMENTS and ATTRIBUTES
 *   script.src = trusted.createScriptURL("/static/more.js");           this origin only, else a TypeError
 *   trusted.createScript(text)                                         always a TypeError: text is never run
 *
 * The server writes the name of `csp.trusted_types` into POLICY, and allows no other. Under the name "default" the
 * browser asks this policy wherever a page hands plain text to such a place: old code goes on working, sanitised.
 *
 * Threat: text of somebody else's that a script of ours puts into the page (DOM-based XSS, CWE-79). Markup is parsed in a
 * document that runs nothing and loads nothing, and built anew from what is allowed: plain elements of HTML, without
 * ids, names, classes, styles, forms, frames, SVG and MathML, so that neither clobbering nor a second parse ("mutation")
 * finds anything to work with. What it lets pass: text and pictures that mislead; links to bad places; a script of this
 * origin that should not be one (serve uploads from elsewhere, or with nosniff and their real type).
 */
(() => {
  "use strict";

  const POLICY = "@POLICY@";
  if ("trusted" in window) return;

  const HTML = "http://www.w3.org/1999/xhtml";
  const words = (text) => new Set(text.trim().split(/\s+/));
  const ELEMENTS = words(`
    a abbr b blockquote br caption cite code dd del dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li
    mark ol p pre q s samp small span strong sub sup table tbody td tfoot th thead tr u ul var wbr
  `);
  const WITH_CONTENT = words(`
    applet audio base embed frame frameset head iframe link math meta noembed noframes noscript object param plaintext
    script select style svg template textarea title video xmp
  `); // these go with all that is in them; of other elements the content stays
  const ATTRIBUTES = { a: words("href"), img: words("src alt width height"), ol: words("start"), td: words("colspan rowspan"),
    th: words("colspan rowspan scope") };
  const EVERYWHERE = words("title lang dir");
  const SCHEMES = { href: words("https: http: mailto:"), src: words("https: http:") };
  const DEEPEST = 200;

  // A form with fields called "childNodes" or "attributes" shadows its own members: ask the prototypes instead.
  const getter = (prototype, name) =>
    Function.prototype.call.bind(Object.getOwnPropertyDescriptor(prototype, name).get);
  const childrenOf = getter(Node.prototype, "childNodes");
  const kindOf = getter(Node.prototype, "nodeType");
  const textOf = getter(CharacterData.prototype, "data");
  const nameOf = getter(Element.prototype, "localName");
  const spaceOf = getter(Element.prototype, "namespaceURI");
  const attributesOf = getter(Element.prototype, "attributes");
  const contentOf = getter(HTMLTemplateElement.prototype, "content");

  let parsing = false; // while our own parser asks for the text as it is; nobody else runs meanwhile
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy(POLICY, {
        createHTML: (text) => (parsing ? text : sanitise(text)),
        createScriptURL: (address) => own(address),
        createScript: () => refuse("text is never run as script"),
      })
    : Object.freeze({
        createHTML: (text) => sanitise(String(text)),
        createScriptURL: (address) => own(address),
        createScript: () => refuse("text is never run as script"),
      });

  function refuse(why) {
    throw new TypeError("Garrison's Trusted Types policy: " + why + ".");
  }

  function own(address) {
    const url = new URL(address, document.baseURI);
    if (location.origin === "null" || url.origin !== location.origin || !/^https?:$/.test(url.protocol)) {
      refuse("scripts come from this origin only");
    }
    return url.href;
  }

  const asIs = (text) => {
    if (!window.trustedTypes) return text;
    parsing = true;
    try {
      return policy.createHTML(text);
    } finally {
      parsing = false;
    }
  };

  const sanitise = (text) => {
    const inert = document.implementation.createHTMLDocument("");
    const source = inert.createElement("template");
    source.innerHTML = asIs(text);
    const target = inert.createElement("div");
    copy(contentOf(source), target, inert, 0);
    return target.innerHTML;
  };

  const copy = (from, to, inert, depth) => {
    if (depth > DEEPEST) return;
    for (const node of childrenOf(from)) {
      if (kindOf(node) === Node.TEXT_NODE) {
        to.append(inert.createTextNode(textOf(node)));
      } else if (kindOf(node) === Node.ELEMENT_NODE && spaceOf(node) === HTML && !WITH_CONTENT.has(nameOf(node))) {
        const name = nameOf(node);
        copy(node, ELEMENTS.has(name) ? to.appendChild(clean(node, name, inert)) : to, inert, depth + 1);
      }
    }
  };

  const clean = (node, name, inert) => {
    const made = inert.createElement(name);
    for (const { localName: attribute, value } of attributesOf(node)) {
      const allowed = EVERYWHERE.has(attribute) || (Object.hasOwn(ATTRIBUTES, name) && ATTRIBUTES[name].has(attribute));
      if (allowed && (!Object.hasOwn(SCHEMES, attribute) || leads(value, SCHEMES[attribute]))) {
        made.setAttribute(attribute, value);
      }
    }
    if (name === "a") made.setAttribute("rel", "noopener noreferrer nofollow");
    return made;
  };

  const leads = (address, schemes) => {
    try {
      return schemes.has(new URL(address, document.baseURI).protocol);
    } catch {
      return false;
    }
  };

  Object.defineProperty(window, "trusted", { value: policy, enumerable: true });
})();
