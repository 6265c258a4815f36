"""How alike two screenshots are. The comparison is made in the browser, which knows how to read its own pictures."""

from __future__ import annotations

import base64

from playwright.sync_api import BrowserContext

_COMPARE = """
async (pictures) => {
  const [one, two] = await Promise.all(pictures.map(async (text) => {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  }));
  if (one.width !== two.width || one.height !== two.height) return 1;
  let different = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    const far = [0, 1, 2].some((channel) => Math.abs(one.data[at + channel] - two.data[at + channel]) > 16);
    if (far) different += 1;
  }
  return different / (one.width * one.height);
}
"""


def difference(context: BrowserContext, one: bytes, two: bytes) -> float:
    """The part of the pixels (0 to 1) that differ to the eye; 1 when the pictures have different sizes."""
    page = context.new_page()
    try:
        pictures = [base64.b64encode(picture).decode() for picture in (one, two)]
        return float(page.evaluate(_COMPARE, pictures))
    finally:
        page.close()
