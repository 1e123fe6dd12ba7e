/* Makes one element look like another one, changing only what differs: no flicker, nothing loses its focus. */
"use strict";

(() => {
  const KEPT = new Set(["open", "data-ready"]); // what the reader opened stays open

  function patch(old, fresh) {
    patchAttributes(old, fresh);
    if (old.matches("[data-chart]")) return; // drawn by charts.js
    if (old === document.activeElement && old.matches("input, select")) return; // being typed in
    if (old.matches("input")) old.value = fresh.getAttribute("value") || "";
    if (old.matches("select")) queueMicrotask(() => { old.value = fresh.value; });
    patchChildren(old, fresh);
  }

  function patchAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (!(KEPT.has(name) && old.matches("details")) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }

  function patchChildren(old, fresh) {
    const known = new Map();
    for (const child of old.children) if (keyOf(child)) known.set(keyOf(child), child);
    let at = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      const keyed = keyOf(want) && known.get(keyOf(want));
      if (keyed && keyed !== at) {
        old.insertBefore(keyed, at);
        at = keyed;
      }
      if (at && isAlike(at, want)) {
        if (at.nodeType === Node.ELEMENT_NODE) patch(at, want);
        else if (at.data !== want.data) at.data = want.data;
        at = at.nextSibling;
      } else {
        old.insertBefore(document.importNode(want, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function keyOf(node) {
    return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "";
  }

  function isAlike(node, want) {
    return node.nodeName === want.nodeName && keyOf(node) === keyOf(want);
  }

  window.patch = patch;
})();
