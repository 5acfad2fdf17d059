"use strict";

// What opens the server, where it has a door: kept by this page alone, and gone with it.
let credentials = "";

const door = document.getElementById("door");

function withCredentials(request) {
  const here = new URL(request.url, location.href).origin === location.origin;
  if (credentials && here && !request.headers.Authorization) {
    request.headers.Authorization = credentials;
  }
  return request;
}

async function enter() {
  const headers = credentials ? { Authorization: credentials } : {};
  const answer = await fetch("openapi.json", { headers });
  if (answer.ok) {
    door.remove();
    SwaggerUIBundle({
      url: "openapi.json",
      dom_id: "#swagger-ui",
      deepLinking: true,
      requestInterceptor: withCredentials,
    });
    return;
  }
  const said = credentials ? await answer.json().catch(() => ({})) : {};
  door.querySelector("output").value = credentials ? said.detail || `The server answers ${answer.status}.` : "";
  door.hidden = false;
  door.elements.key.select();
}

door.addEventListener("submit", (event) => {
  event.preventDefault();
  credentials = `Bearer ${door.elements.key.value.trim()}`;
  enter();
});

enter();
