// The site may lie at another address than the one that it was built for: name the real one.
for (const place of document.querySelectorAll(".address pre")) {
  if (location.protocol.startsWith("http")) {
    const here = new URL("files/", location.href).href;
    place.textContent = place.textContent.replace(/https:\/\/\S*?\/files\//g, here);
  }
}
