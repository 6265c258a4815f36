"""What a configuration is: a schema of typed sections, frozen, in which a misspelt name is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from ..core.errors import OperatorError
from ..policy.links import check_link_name
from ..policy.source import Source, Sources, source_of
from ..secrets.secret import Secret
from .keys import Key, hides_secrets, keys_of

DELIMITER: Final = "__"
_NO_PREFIX: Final = "model_config needs an env_prefix of the application's own, such as SHOP_"
_HIDDEN: Final = (
    "secrets in it would be taken as they stand, unresolved and unjudged: give each a key of its own, of the type "
    "SecretText, SigningKey, DatabaseUrl, MailUrl or StoreUrl"
)
_BARE: Final = "no text becomes a Secret: write SecretText, SigningKey, DatabaseUrl, MailUrl or StoreUrl instead"


class Section(BaseModel):
    """A group of keys. What stands under a key, as a text, is its description."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True, validate_default=True
    )


class _ReadByLoad(TomlConfigSettingsSource):
    """Stands for `toml_file`, which `load_config` reads: pydantic-settings warns of a file that no source takes."""

    def __init__(self, schema: type[BaseSettings]) -> None:
        PydanticBaseSettingsSource.__init__(self, schema)

    def __call__(self) -> dict[str, Any]:
        return {}


class Config(BaseSettings):
    """A configuration. Subclass it, and read it with `load_config`; calling the class reads nothing from outside."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
        env_ignore_empty=True,
        env_nested_delimiter=DELIMITER,
    )

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "production"
    """Where this runs. Whatever is not "development" is as strict as production."""
    allow_insecure_value: tuple[str, ...] = ()
    """Keys whose value is accepted although it is dangerous: debug, a wildcard, a weak or reused secret."""
    allow_insecure_link: tuple[Annotated[str, AfterValidator(check_link_name)], ...] = ()
    """Links that may be unencrypted or unverified: database, store, mail, log, broker, directory."""

    _sources: Sources = PrivateAttr(default_factory=dict)
    _references: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def development(self) -> bool:
        return self.environment == "development"

    def source(self, key: str) -> Source:
        """Where the value of a dotted key came from. Raises OperatorError for a key that does not exist."""
        if key not in {one.name for one in keys_of(type(self))}:
            raise OperatorError(f"The configuration has no key {key!r}.")
        return source_of(self._sources, key)

    def reference(self, key: str) -> str:
        """The reference that a secret was resolved from (`vault://…`); empty when it was written as it is."""
        return self._references.get(key, "")

    @classmethod
    def every_key(cls) -> tuple[Key, ...]:
        """Every key of the schema, sections before what is in them."""
        return tuple(keys_of(cls))

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *more: Any, **named: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Calling the class takes its arguments alone; `load_config` is what reads."""
        return init_settings, _ReadByLoad(settings_cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a schema some of whose keys could not be set, or would be set by another program's variables."""
        super().__pydantic_init_subclass__(**kwargs)
        prefix = cls.model_config.get("env_prefix", "")
        if not prefix or prefix.upper() == "GARRISON_":
            raise TypeError(f"{cls.__name__}: {_NO_PREFIX}")
        for key in keys_of(cls):
            if DELIMITER in key.name or key.info.alias or key.info.validation_alias:
                raise TypeError(f"{cls.__name__}.{key.name}: a key has one name, without {DELIMITER!r}")
            if not key.secret and _is_bare_secret(key.info.annotation):
                raise TypeError(f"{cls.__name__}.{key.name}: {_BARE}")
            if hides_secrets(key.info.annotation):
                raise TypeError(f"{cls.__name__}.{key.name}: {_HIDDEN}")


def _is_bare_secret(annotation: Any) -> bool:
    """`Secret[str]`, or that or something else: no text could become one."""
    return any(get_origin(one) is Secret or one is Secret for one in (annotation, *get_args(annotation)))
