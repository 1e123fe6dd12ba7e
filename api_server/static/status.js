/* Refreshes the page in place, and makes tabs, filters and sorting do without reloading. Without it all is links. */
"use strict";

(() => {
  const TYPING_MS = 300;
  const page = document.getElementById("page");
  let timer = 0;
  let running = null;
  let behind = 0; // how many seconds this machine's clock is behind the server's

  async function show(url, { push = false, focus = false } = {}) {
    running?.abort();
    const request = running = new AbortController();
    try {
      const answer = await fetch(url, { signal: request.signal, headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/status/login") return location.assign(answer.url);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const wanted = fresh.getElementById("page");
      if (!wanted) throw new Error(`no page in the answer, HTTP ${answer.status}`);
      if (push) history.pushState(null, "", url);
      apply(wanted, fresh.title);
      if (focus) document.querySelector('[role="tab"][aria-selected="true"]')?.focus({ preventScroll: true });
    } catch (error) {
      if (error.name === "AbortError") return;
      page.classList.add("lost");
      const word = document.getElementById("connection");
      if (word) word.textContent = "No answer from the server. Figures are of";
    } finally {
      if (running === request) plan();
    }
  }

  function apply(fresh, title) {
    const before = document.querySelector(".headline")?.textContent;
    const tone = document.querySelector(".verdict")?.className;
    enhance(fresh);
    patch(page, fresh);
    document.title = title;
    drawCharts();
    const verdict = document.querySelector(".verdict");
    // Read aloud only when something turned, not each time a minute passes.
    if (verdict && tone !== verdict.className && before) {
      document.getElementById("announce").textContent = document.querySelector(".headline").textContent;
    }
  }

  function enhance(root) {
    behind = Number(root.dataset.now) - Date.now() / 1000;
    enhanceTabs(root);
    for (const time of root.querySelectorAll("time")) localize(time);
    for (const details of root.querySelectorAll("details")) {
      details.open = false;
      details.dataset.ready = "";
    }
  }

  function enhanceTabs(root) {
    const tabs = root.querySelector(".tabs");
    if (!tabs) return;
    tabs.setAttribute("role", "tablist");
    for (const tab of tabs.querySelectorAll("a")) {
      const isSelected = tab.hasAttribute("aria-current");
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-selected", String(isSelected));
      tab.setAttribute("aria-controls", "panel");
      tab.setAttribute("tabindex", isSelected ? "0" : "-1");
      tab.removeAttribute("aria-current");
      if (isSelected) {
        const panel = root.querySelector("#panel");
        panel.setAttribute("role", "tabpanel");
        panel.setAttribute("aria-labelledby", tab.id);
      }
    }
  }

  function localize(time) {
    const at = new Date(time.dateTime);
    const clock = { hour: "2-digit", minute: "2-digit" };
    const day = { day: "numeric", month: "short" };
    const long = at.toLocaleString("en-GB", { ...day, weekday: "short", year: "numeric", ...clock, second: "2-digit", timeZoneName: "short" });
    if (!time.title.includes("(")) time.title = `${long} (${time.title})`;
    if (time.dataset.form === "clock") time.textContent = at.toLocaleTimeString("en-GB", clock);
    if (time.dataset.form === "stamp") {
      time.textContent = `${at.toLocaleDateString("en-GB", day)} ${at.toLocaleTimeString("en-GB", clock)}`;
    }
  }

  function tick() {
    const now = Date.now() / 1000 + behind;
    for (const time of page.querySelectorAll('time[data-form="ago"]')) {
      time.textContent = `${duration(now - Date.parse(time.dateTime) / 1000)} ago`;
    }
  }

  function duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    const [large, small, names] = whole >= 86400 ? [86400, 3600, ["d", "h"]] : [3600, 60, ["h", "min"]];
    const rest = Math.floor((whole % large) / small);
    return `${Math.floor(whole / large)} ${names[0]}${rest ? ` ${rest} ${names[1]}` : ""}`;
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(() => show(location.href), 1000 * (page.dataset.refreshS || 30));
  }

  function isPlainClick(event) {
    return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  }

  page.addEventListener("click", (event) => {
    const link = event.target.closest(".tabs a, a[data-stay]");
    if (!link || !isPlainClick(event)) return;
    event.preventDefault();
    show(link.href, { push: true, focus: link.matches(".tabs a") });
  });

  page.addEventListener("keydown", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (!tab) return;
    const all = [...tab.parentElement.querySelectorAll('[role="tab"]')];
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const ends = { Home: 0, End: all.length - 1 };
    const to = event.key in steps ? (all.indexOf(tab) + steps[event.key] + all.length) % all.length : ends[event.key];
    if (event.key === " ") { event.preventDefault(); tab.click(); }
    if (to === undefined) return;
    event.preventDefault();
    all[to].focus();
    show(all[to].href, { push: true, focus: true });
  });

  let typing = 0;
  function filter(form) {
    clearTimeout(typing);
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", `${form.action.split("?")[0]}?${query}`);
    show(location.href);
  }
  page.addEventListener("input", (event) => {
    const form = event.target.closest(".filter");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => filter(form), event.target.matches("select") ? 0 : TYPING_MS);
  });
  page.addEventListener("submit", (event) => {
    if (!event.target.matches(".filter")) return;
    event.preventDefault();
    filter(event.target);
  });

  addEventListener("popstate", () => show(location.href));
  addEventListener("resize", () => requestAnimationFrame(drawCharts));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(drawCharts));
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : show(location.href)));

  enhance(page);
  drawCharts();
  setInterval(tick, 1000);
  plan();
})();
