"""What the policy asks of uploads, tried when the application starts and by `garrison check`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ...core.errors import GarrisonError
from ...policy.section_uploads import UploadsSection
from .quarantine import Store
from .rule import UploadRule


def try_uploads(section: UploadsSection) -> list[GarrisonError]:
    """Why uploads would not work as `section` has them: every kind, every control, tried in a folder that is thrown
    away. Empty where nothing is asked for."""
    if not (section.folder or section.scanner or section.named):
        return []
    found: dict[str, GarrisonError] = {}
    with TemporaryDirectory(prefix="garrison-uploads-") as folder:
        store = Store(Path(folder))
        try:
            store.prepare()
            for name in ("", *section.named):
                UploadRule.of(section, name).self_test(store)
        except GarrisonError as error:
            found[str(error)] = error
    return list(found.values())
