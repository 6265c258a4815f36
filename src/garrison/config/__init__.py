"""The application's own configuration: one typed schema, every place a value may come from, and no unsafe start.

class Shop(Config):
    model_config = SettingsConfigDict(env_prefix="SHOP_", toml_file="shop.toml")
    db: Database

config = load_config(Shop)
"""

from __future__ import annotations

try:
    from pydantic_settings import SettingsConfigDict
except ImportError as error:
    from ..core.errors import DependencyError

    raise DependencyError(
        "garrison.config needs the package 'pydantic-settings', which is not installed.",
        remedy='Install it with: pip install "garrison[config]"',
    ) from error

from .live import Live
from .load import load_config
from .model import Config, Section
from .problems import ConfigInvalid
from .types import DatabaseUrl, LinkTo, MailUrl, SecretText, SigningKey, StoreUrl

__all__ = [
    "Config",
    "ConfigInvalid",
    "DatabaseUrl",
    "LinkTo",
    "Live",
    "MailUrl",
    "SecretText",
    "Section",
    "SettingsConfigDict",
    "SigningKey",
    "StoreUrl",
    "load_config",
]
