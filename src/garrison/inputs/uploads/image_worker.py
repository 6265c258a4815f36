"""Decode a picture and write it anew, in a process of its own: run by `image.py`, never imported.

It reads the picture from standard input and writes the new one to standard output; the arguments are the format and
the most pixels. It ends with 0, or with 2 for a picture that is broken and 3 for one that is too large; whatever else
happens to it, a signal included, is taken for broken. Pixels and frames alone are carried over: no EXIF, XMP, colour
profile, comment, thumbnail or trailing byte.
"""

import resource
import sys
import warnings
from typing import Any

BROKEN, TOO_LARGE = 2, 3
_MEMORY = 1024**3
_SECONDS = 20
_WRITTEN = 256 * 1024**2
_FRAMES = 500


def _bound() -> None:
    """Before anything is read: memory, time, and what can be written; no new files and no processes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN, _WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _clean(image: Any) -> Any:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    has_alpha = upright.mode in {"LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in upright.info
    if upright.mode not in {"1", "L", "LA", "RGB", "RGBA", "I;16"} or (has_alpha and "A" not in upright.mode):
        upright = upright.convert("RGBA" if has_alpha else "RGB")
    upright.info = {}
    return upright


def _save(image: Any, kind: str) -> None:
    from PIL import ImageSequence

    frames = getattr(image, "n_frames", 1)
    options: dict[str, Any] = {"quality": 90} if kind in {"JPEG", "WEBP"} else {}
    if kind in {"GIF", "WEBP"} and frames > 1:
        waits, loop = [], image.info.get("loop", 0)
        cleaned = []
        for frame in ImageSequence.Iterator(image):
            waits.append(frame.info.get("duration", 100))
            cleaned.append(_clean(frame.copy()))
        options |= {"save_all": True, "append_images": cleaned[1:], "duration": waits, "loop": loop}
        cleaned[0].save(sys.stdout.buffer, kind, **options)
        return
    image.load()
    clean = _clean(image)
    if kind == "JPEG" and clean.mode not in {"L", "RGB"}:
        clean = clean.convert("RGB")
    clean.save(sys.stdout.buffer, kind, **options)


def main() -> int:
    kind, most = sys.argv[1], int(sys.argv[2])
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # we count ourselves, all frames together
    warnings.simplefilter("error")
    _bound()
    try:
        image: Any = Image.open(sys.stdin.buffer, formats=[kind])
        frames = getattr(image, "n_frames", 1)
        if frames > _FRAMES or image.width * image.height * frames > most:
            return TOO_LARGE
        _save(image, kind)
    except MemoryError:
        return TOO_LARGE
    except Exception:  # noqa: BLE001  # a decoder fails in any way it likes; all of them mean that the picture is broken
        return BROKEN
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
