"""What `garrison check` says of the application's own configuration: it is read as the application would read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import GarrisonError
from ..findings.record import Finding
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from ..policy.checks import locate
from ..policy.model import Policy
from ..policy.problems import Problem
from ..policy.source import DEFAULT
from .config_secrets import left_in_environment

if TYPE_CHECKING:
    from ..config import Config

_REFERENCE = "docs/secrets/config.md"


def examine_config(policy: Policy) -> tuple[list[Finding], ToolStatus]:
    """Everything wrong with it, and what is loosened. Raises what keeps the schema from being loaded."""
    from ..config import ConfigInvalid
    from ..config.load import look_at_config
    from .config import schema_of

    schema = schema_of(policy.config)
    status = ToolStatus.ran("config", f"{policy.config}: {len(schema.every_key())} keys")
    try:
        config: Config = look_at_config(schema, policy)
    except ConfigInvalid as error:
        return [_wrong(problem) for problem in error.problems], status
    except GarrisonError as error:
        return [_wrong(Problem("configuration", error.message, fix=error.remedy))], status
    loose = (*config.allow_insecure_value, *(f"link {name}" for name in config.allow_insecure_link))
    if config.development:
        return [], status
    stays = () if policy.serve.allow_insecure_environment else left_in_environment(config, policy)
    return [*(_loose(name, config) for name in loose), *(_stays(*one, config) for one in stays)], status


def _wrong(problem: Problem) -> Finding:
    where = problem.source or DEFAULT
    return Finding(
        id="config/invalid",
        title="Configuration cannot be used",
        severity=Severity.CRITICAL,
        message=problem.message,
        consequence="The application does not start.",
        remedy=problem.fix or "`garrison config docs` has what each key takes.",
        reference=_REFERENCE,
        location=locate(where, problem.key),
        evidence=f"set by: {where}" if problem.source and problem.source.path is None else "",
    )


def _stays(name: str, variable: str, config: Config) -> Finding:
    return Finding(
        id="config/environment",
        title="Secret stays in the environment",
        severity=Severity.MEDIUM,
        message=f"{name} is in the variable {variable}, which `garrison serve` leaves where it is.",
        consequence="Child processes, crash reporters and whoever reads /proc/PID/environ have it.",
        remedy=f'Write serve.secret_environment = ["{variable}"] (or a pattern), or keep it in a file or a source.',
        reference="docs/secrets/processes.md",
        location=locate(config.source(name), name),
        cwe=(526,),
    )


def _loose(name: str, config: object) -> Finding:
    return Finding(
        id="config/allowed",
        title="Dangerous value allowed",
        severity=Severity.MEDIUM,
        message=f"{name} is accepted although it is dangerous.",
        consequence="What garrison.config protects from holds no longer for it.",
        remedy="Mend the value, and take the name out of the list.",
        reference=_REFERENCE,
        location=locate(DEFAULT, "allow_insecure_link" if name.startswith("link ") else "allow_insecure_value"),
    )
