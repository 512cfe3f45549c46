// The site may lie at another address than the one that it was built for: name the real one. What lies
// on this machine helps pip on this machine, and nobody far away.
for (const place of document.querySelectorAll(".address pre")) {
  if (location.protocol.startsWith("http") || place.textContent.startsWith("python")) {
    const here = new URL("files/", location.href).href;
    place.textContent = place.textContent.replace(/https:\/\/\S*?\/files\//g, here);
  }
}
