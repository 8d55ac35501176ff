// Keeps an open page up to date. Without this script, or without its source of events, every page works as it is.
(() => {
  "use strict";
  const from = document.body.dataset.liveFrom;
  if (!from || !window.EventSource) return;

  const AGAIN_MIN_MS = 30000, AGAIN_MAX_MS = 600000;
  let source = null, asking = false, asked = false, ended = false, again = 0, wait_ms = AGAIN_MIN_MS;
  let pressed = false, missed = false;

  const isTyped = field => field.type === "hidden" ? false
    : field.options ? [...field.options].some(each => each.selected !== each.defaultSelected && field.selectedIndex > 0)
    : field.value !== field.defaultValue || field.checked !== field.defaultChecked;

  // What a person is in the middle of stays as it is: the parts inside it have their own turn.
  const isTouched = part => part.contains(document.activeElement) || part.querySelector("details[open]")
    || [...part.querySelectorAll("input, select, textarea")].some(isTyped);

  const replace = fresh => {
    missed = pressed; // nothing moves between the down and the up of a press, or it would hit something else
    if (pressed) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      const twin = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (part.isConnected && twin && part.outerHTML !== twin.outerHTML && !isTouched(part)) {
        part.replaceWith(document.importNode(twin, true));
      }
    }
  };

  // The page keeps what it showed, and says that this may have changed.
  const isAway = away => {
    const told = document.querySelector("[data-away]");
    if (told && told.hidden === away) told.hidden = !away;
  };

  const look = async () => {
    asked = true;
    if (asking) return;
    asking = true;
    try {
      while (asked) {
        asked = false;
        const answer = await fetch(location.pathname + location.search, { cache: "no-store", redirect: "manual" });
        isAway(false);
        if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
    } catch {
      isAway(true);
    }
    asking = false;
  };

  const stop = () => {
    clearTimeout(again);
    if (source) source.close();
    source = null;
  };

  const start = () => {
    stop();
    if (ended || document.hidden) return;
    source = new EventSource(from);
    source.addEventListener("open", () => { wait_ms = AGAIN_MIN_MS; look(); }); // what was missed meanwhile
    source.addEventListener("changed", look);
    source.addEventListener("end", () => { ended = true; stop(); });
    source.addEventListener("error", () => {
      look(); // a hub that sends no events may still be there
      if (!source || source.readyState !== EventSource.CLOSED) return; // else the browser tries again by itself
      stop();
      again = setTimeout(start, wait_ms);
      wait_ms = Math.min(2 * wait_ms, AGAIN_MAX_MS);
    });
  };

  const release = () => {
    pressed = false;
    if (missed) look();
  };

  window.addEventListener("pointerdown", () => { pressed = true; }, true);
  for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) window.addEventListener(end, release);
  document.addEventListener("visibilitychange", () => document.hidden ? stop() : start());
  window.addEventListener("offline", () => isAway(true));
  window.addEventListener("online", start);
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", event => { if (event.persisted) start(); });
  const every_s = Number(document.body.dataset.liveEveryS); // what time alone changes tells nobody
  if (every_s) setInterval(() => { if (!document.hidden) look(); }, 1000 * every_s);
  start();
})();

// Lets this browser be told of questions while no page is open.
(() => {
  "use strict";
  const form = document.querySelector("form[data-push-key]");
  if (!form || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  form.hidden = false;
  document.querySelector("[data-push-no]").hidden = true;

  const subscribe = async () => {
    await navigator.serviceWorker.register("/sw.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const wanted = { userVisibleOnly: true, applicationServerKey: form.dataset.pushKey };
    try {
      return await pushManager.subscribe(wanted);
    } catch (fault) {
      const old = await pushManager.getSubscription(); // of another hub's key
      if (!old) throw fault;
      await old.unsubscribe();
      return pushManager.subscribe(wanted);
    }
  };

  form.addEventListener("submit", async event => {
    event.preventDefault();
    const button = form.querySelector("button"), failed = form.querySelector("[data-push-failed]");
    button.disabled = true;
    failed.hidden = true;
    try {
      form.elements.subscription.value = JSON.stringify(await subscribe());
      form.submit();
    } catch {
      failed.hidden = false;
      button.disabled = false;
    }
  });
})();

// Counts the time to cancel down, in silence: a timer is no live region.
(() => {
  "use strict";
  const ends = new WeakMap();
  const two = number => String(number).padStart(2, "0");
  const tick = () => {
    for (const timer of document.querySelectorAll("[data-left-s]")) {
      if (!ends.has(timer)) ends.set(timer, performance.now() + 1000 * timer.dataset.leftS);
      const left_s = Math.max(0, Math.ceil((ends.get(timer) - performance.now()) / 1000));
      const minutes = Math.floor(left_s / 60) % 60, hours = Math.floor(left_s / 3600);
      timer.textContent = `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(left_s % 60)}`;
    }
  };
  tick();
  setInterval(tick, 1000);
})();

// Reads a bar code with the camera, on a press of the button only. No picture leaves this page: the code is typed in.
(() => {
  "use strict";
  const form = document.querySelector("form[data-scan]");
  if (!form || !window.BarcodeDetector || !navigator.mediaDevices?.getUserMedia) return;
  const WANTED = ["ean_13", "ean_8", "upc_a", "itf", "code_128", "qr_code", "data_matrix"], LOOK_MS = 150;
  const part = name => form.querySelector(`[data-scan-${name}]`);
  const [begin, end, view, note, refused] = ["start", "stop", "view", "note", "refused"].map(part);
  let stream = null, asked = 0;

  const stop = () => {
    asked += 1;
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = view.srcObject = null;
    begin.hidden = false;
    end.hidden = view.hidden = note.hidden = true;
  };

  const look = async (detector, turn) => {
    while (turn === asked) {
      const found = view.readyState >= 2 ? await detector.detect(view) : [];
      if (turn !== asked) return;
      if (found.length) {
        form.elements.code.value = found[0].rawValue;
        stop();
        return form.requestSubmit();
      }
      await new Promise(wake => setTimeout(wake, LOOK_MS));
    }
  };

  begin.addEventListener("click", async () => {
    const turn = asked += 1;
    begin.hidden = refused.hidden = true;
    try {
      const known = await BarcodeDetector.getSupportedFormats();
      const detector = new BarcodeDetector({ formats: WANTED.filter(each => known.includes(each)) });
      const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      if (turn !== asked) return camera.getTracks().forEach(track => track.stop());
      stream = view.srcObject = camera;
      end.hidden = view.hidden = note.hidden = false;
      end.focus();
      await view.play();
      await look(detector, turn);
    } catch {
      stop();
      refused.hidden = false;
    }
  });
  end.addEventListener("click", () => { stop(); begin.focus(); });
  window.addEventListener("pagehide", stop);
  BarcodeDetector.getSupportedFormats().then(known => { begin.hidden = !WANTED.some(each => known.includes(each)); }, () => {});
})();
