"""Checks on the application's secrets: rights to nothing, rights to everything, and one secret for two purposes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .needs import covers
from .own_references import own_references
from .store_address import is_loopback


@check(
    "P070", "Need that fits no secret", Severity.MEDIUM,
    consequence="The component asks for a secret that it was never given, and fails when it does.",
    remedy="Write the name as it stands in [secrets.named], or `prefix.*`.",
    reference="docs/secrets/index.md",
)  # fmt: skip
def need_of_nothing(subject: Subject) -> Iterator[Objection]:
    secrets = subject.policy.secrets
    for component, patterns in secrets.needs.items():
        for pattern in patterns:
            if not any(covers(pattern, name) for name in secrets.named):
                yield Objection(f"secrets.needs.{component}", f"{pattern!r} fits no name in [secrets.named].")


@check(
    "P073", "Unencrypted link to the secret store", Severity.HIGH,
    consequence="Whoever is on the network path reads the log-in and every secret, and can put others in their place.",
    remedy='Write https://, or name it where the network is trusted: allow_insecure_link = ["vault"] (or "aws").',
    reference="OWASP ASVS 5.0 V12.3; docs/secrets/vault.md", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_stores(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    servers = [("vault", "vault.address", policy.vault.address)]
    servers += [("aws", f"aws.endpoints.{name}", address) for name, address in policy.aws.endpoints.items()]
    for link, key, address in servers:
        parts = urlsplit(address)
        if parts.scheme == "http" and link not in policy.allow_insecure_link and not is_loopback(parts.hostname or ""):
            yield Objection(key, "plaintext to another machine.")


@check(
    "P071", "Component that may read every secret", Severity.LOW,
    consequence="A hole in this component is a hole in everything that has a secret.",
    remedy="Name the secrets that it needs.", reference="OWASP ASVS 5.0 V13.3.2; docs/secrets/index.md", cwe=(250,),
)  # fmt: skip
def need_of_everything(subject: Subject) -> Iterator[Objection]:
    for component, patterns in subject.policy.secrets.needs.items():
        if "*" in patterns:
            yield Objection(f"secrets.needs.{component}", "`*` is every secret there is, and every one to come.")


@check(
    "P072", "One secret under several names", Severity.MEDIUM,
    consequence="Who has the one has the other: a leak of either is a leak of both, and they can't be rotated apart.",
    remedy="Make a secret of its own for each purpose.", reference="NIST SP 800-57 Part 1, section 5.2", cwe=(323,),
)  # fmt: skip
def shared_secret(subject: Subject) -> Iterator[Objection]:
    names = defaultdict(list)
    for name, reference in subject.policy.secrets.named.items():
        names[reference].append(name)
    for own in own_references(subject.policy):
        if own.reference in names and own.key not in names[own.reference]:
            names[own.reference].append("the root key" if own.key == "key" else own.key)
    for same in names.values():
        if len(same) > 1:
            yield Objection(f"secrets.named.{same[0]}", f"{' and '.join(same)} are one secret.")


@check(
    "P079", "Secrets stay in the environment", Severity.MEDIUM,
    consequence="Child processes, crash reporters and /proc/PID/environ show every secret that came by a variable.",
    remedy="Take serve.allow_insecure_environment out, and read secrets with open_secrets or garrison.config.",
    reference="docs/secrets/processes.md", production_only=True, cwe=(526,),
)  # fmt: skip
def open_environment(subject: Subject) -> Iterator[Objection]:
    if subject.policy.serve.allow_insecure_environment:
        yield Objection("serve.allow_insecure_environment", "true.")
