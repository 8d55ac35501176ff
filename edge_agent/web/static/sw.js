// Shows what the hub says while no page is open. It keeps no page and answers no request.
"use strict";
const pathOf = link => {
  try {
    const path = new URL(link).pathname; // always at the address under which this browser knows the hub
    return path.startsWith("/n/") ? path : "/";
  } catch { return "/"; }
};
self.addEventListener("push", event => {
  let said = {};
  try { said = event.data.json(); } catch { /* not of our making: the page says what there is */ }
  const quiet = said.is_quiet === true, tag = String(said.tag || "restock");
  event.waitUntil(self.registration.showNotification(String(said.title || "Restock"), {
    body: String(said.body || ""), tag, silent: quiet, renotify: !quiet,
    icon: "/static/icon-192.png", data: String(said.link || ""),
  }));
});
self.addEventListener("notificationclick", event => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(pathOf(event.notification.data)));
});
