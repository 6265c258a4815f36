"""A machine with a sealed file, keys to change it, and a memory of what it has seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from garrison.policy.model import Policy
from garrison.secrets.resolver import Resolver
from garrison.secrets.sealed_file import Workshop
from garrison.secrets.sealed_keys import make_keys


@dataclass(frozen=True)
class Machine:
    """`work` changes the file; `read` is what the application does."""

    work: Workshop
    policy: Policy
    opened: Resolver

    @property
    def state(self) -> Path:
        return Path(self.policy.state)

    def resolver(self) -> Resolver:
        return self.opened

    def read(self, name: str) -> str:
        return self.opened.read(f"sealed:{name}").reveal()

    def restarted(self) -> Machine:
        return replace(self, opened=Resolver.from_policy(self.policy, {}))

    def with_state(self, state: Path) -> Machine:
        policy = Policy(**{**self.policy.given, "state": str(state)})
        return replace(self, policy=policy, opened=Resolver.from_policy(policy, {}))

    def forgetful(self) -> Machine:
        return self.with_state(self.state.with_name("fresh"))


def machine(folder: Path) -> Machine:
    """A new one in `folder`, with an empty sealed file."""
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = folder / "keys"
    signer = make_keys(keys)
    work = Workshop(folder / "secrets.sealed", keys)
    work.make()
    sealed = {"file": str(work.path), "identity": f"file:{keys / 'identity.key'}", "signers": [signer]}
    policy = Policy(secrets=sealed, state=str(folder / "state"))
    return Machine(work, policy, Resolver.from_policy(policy, {}))
