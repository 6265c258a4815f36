"""Uploads: what may come in, how it is judged, where it lies. `garrison.fastapi.UploadPolicy` puts it to work."""

from .clamd import Clamd as Clamd
from .kinds import GROUPS as GROUPS
from .kinds import KINDS as KINDS
from .names import display_name as display_name
from .quarantine import Store as Store
from .refused import UploadRefused as UploadRefused
from .refused import Why as Why
from .rule import Accepted as Accepted
from .rule import UploadRule as UploadRule
from .start import try_uploads as try_uploads
