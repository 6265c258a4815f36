"""Tables of the documentation that are made from the code: policy keys, presets, checks, events, reasons.

A page holds a table between `<!-- table: NAME -->` and `<!-- end -->`. `python -m scripts.docs_tables` writes all of
them anew; `tests/promises/test_docs_complete.py` fails when one is not current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from garrison.cli.why import WHY
from garrison.core.verdict import Mode, Reason
from garrison.detection.rule import Rule as DetectionRule
from garrison.detection.rule import shipped_rules
from garrison.events.vocabulary import APPLICATION, TERMS, for_reason
from garrison.policy.checks import registered
from garrison.policy.explain import meaning_of
from garrison.policy.model import SECTIONS, Hsts, Policy, RouteClass, Section
from garrison.policy.presets import LATEST
from garrison.policy.section_alerts import AlertReceiver
from garrison.policy.section_export import ExportTable
from garrison.policy.section_suppressions import SuppressionTable
from garrison.policy.units import Rate, parse_duration, parse_size
from garrison.scan.code_rules import Hole
from garrison.scan.deploy_rules import Deploy
from garrison.scan.gate import GateRule
from garrison.scan.guidelines import GUIDELINES, guideline_of
from garrison.scan.review_rules import Topic
from garrison.scan.routes_catalogue import Rule, Text
from garrison.scan.taxonomy import asvs, owasp
from garrison.scan.tool_opengrep import texts as semgrep_rules

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
REGION: Final = re.compile(r"(<!-- table: ([\w.-]+(?: [\w.-]+)?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

_UNITS: Final = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))
_TIMES: Final = ((31_536_000, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DEFAULTS: Final = Policy()


def render(text: str) -> str:
    """`text` with every table in it made anew. Raises KeyError for a table nobody makes."""
    return REGION.sub(lambda found: f"{found[1]}\n{_table_of(found[2])}\n{found[4]}", text)


def _table_of(name: str) -> str:
    kind, _, argument = name.partition(" ")
    makers: Mapping[str, Callable[[], str]] = {
        "keys": lambda: _keys(argument),
        "policy": _policy,
        "others": _others,
        "directives": lambda: _directives(argument),
        "routes": _routes,
        "exports": _exports,
        "alerts": _alerts,
        "presets": _presets,
        "checks": _checks,
        "events": _events,
        "reasons": _reasons,
        "rules": _rules,
        "holes": _holes,
        "semgrep": _semgrep,
        "deploy": _deploy,
        "topics": _topics,
        "guideline": lambda: _guideline(argument),
        "suppressions": _suppressions,
        "detection": _detection,
    }
    return makers[kind]()


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# Policy keys ---------------------------------------------------------------------------------------------------------


def _keys(section: str) -> str:
    """Keys of one section, without `mode` and its reason, which all defences have."""
    holder: BaseModel = getattr(_DEFAULTS, section)
    names = [name for name in type(holder).model_fields if name not in Section.model_fields]
    return _rows(("Key", "Takes", "Default", "What for"), (_key(section, holder, name) for name in names))


def _directives(preset: str) -> str:
    lines = (
        f"{key} = [{', '.join(map(_quoted, values))}]" for key, values in Policy(preset=preset).csp.directives.items()
    )
    return "```toml\n[csp.directives]\n" + "\n".join(lines) + "\n```\n"


def _key(section: str, holder: BaseModel, name: str) -> tuple[str, str, str, str]:
    info = type(holder).model_fields[name]
    value = getattr(holder, name)
    said = meaning_of([section, name] if section else [name])
    if isinstance(value, Hsts):
        said += " Keys: " + "; ".join(_hsts_key(key, value) for key in Hsts.model_fields)
    return f"`{section}.{name}`" if section else f"`{name}`", _takes(info), _shown(value, info), said


def _hsts_key(key: str, hsts: Hsts) -> str:
    shown = _shown(getattr(hsts, key), Hsts.model_fields[key])
    return f"`{key}` ({shown}): {meaning_of(['headers', 'hsts', key]).rstrip('.')}"


def _policy() -> str:
    names = [name for name, info in Policy.model_fields.items() if not _is_model(info) and name != "routes"]
    return _rows(("Key", "Takes", "Default", "What for"), (_key("", _DEFAULTS, name) for name in names))


def _others() -> str:
    """Every section that is no defence: they have no page of their own."""
    names = [name for name, info in Policy.model_fields.items() if _is_model(info) and name not in SECTIONS]
    return "\n".join(f"### {name}\n\n{meaning_of([name])}\n\n{_keys(name)}" for name in names)


def _is_model(info: FieldInfo) -> bool:
    return isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)


def _exports() -> str:
    fields = ExportTable.model_fields.items()
    rows = [(f"`{name}`", _takes(info), meaning_of(["events", "exports", name])) for name, info in fields]
    return _rows(("Key", "Takes", "What for"), rows)


def _alerts() -> str:
    fields = AlertReceiver.model_fields.items()
    rows = [(f"`{name}`", _takes(info), _shown(info.default, info) if not info.is_required() else "",
             meaning_of(["alerts", "receivers", name])) for name, info in fields]  # fmt: skip
    return _rows(("Key", "Takes", "Default", "What for"), rows)


def _routes() -> str:
    fields = {name: info for name, info in RouteClass.model_fields.items() if name != "sections"}
    rows = [(f"`{name}`", _takes(info), meaning_of(["routes", name])) for name, info in fields.items()]
    rows.append(("a section", "table", "Any of: " + ", ".join(f"`{name}`" for name in SECTIONS) + "."))
    return _rows(("Key", "Takes", "What for"), rows)


def _takes(info: FieldInfo) -> str:
    parsers = [mark.func for mark in info.metadata if isinstance(mark, BeforeValidator)]
    if parse_duration in parsers:
        return "duration"
    return "size" if parse_size in parsers else _kind(info.annotation)


def _kind(annotation: object) -> str:
    if annotation is Mode:
        return ", ".join(f'`"{mode}"`' for mode in Mode)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{_quoted(arg)}`" for arg in args)
    if origin is tuple:
        return "list of rates" if args[0] is Rate else f"list of {_plural(_kind(args[0]))}"
    if origin in (Union, UnionType):
        return " or ".join(_kind(arg) for arg in args if arg is not NoneType)
    if origin in (Mapping, dict) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "table"
    plain = {bool: "`true`, `false`", int: "number", float: "number", Rate: "rate"}
    return next((word for known, word in plain.items() if annotation is known), "text")


def _plural(kind: str) -> str:
    return {"text": "texts", "number": "numbers"}.get(kind, kind)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _shown(value: Any, info: FieldInfo) -> str:
    """A value as a person would write it into the file."""
    if isinstance(value, Hsts):
        return "on"
    if isinstance(value, Mapping):
        if not value:
            return "none"
        plain = ", ".join(f"`{key}`" for key, one in value.items() if one == "()")
        return f"`()` for {plain}" if plain else "the table below"
    if isinstance(value, tuple):
        return "`[" + ", ".join(_literal(item) for item in value) + "]`"
    takes = _takes(info)
    return f"`{_literal(value)}`" if takes not in {"size", "duration"} else _measure(value, takes)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Rate):
        return f'"{_rate(value)}"'
    return _quoted(str(value)) if isinstance(value, str) else str(value)


def _rate(rate: Rate) -> str:
    word = next((name for seconds, name in _TIMES if seconds == rate.window), f"{rate.window:g} seconds")
    return f"{rate.limit}/{word}" + (f" burst {rate.burst}" if rate.burst != rate.limit else "")


def _measure(value: float, takes: str) -> str:
    for amount, unit in _UNITS if takes == "size" else _TIMES:
        if value >= amount and value % amount == 0:
            count = int(value // amount)
            return f"{count} {unit}" + ("s" if takes == "duration" and count != 1 else "")
    return f"{value:g} {'bytes' if takes == 'size' else 'seconds'}"


# Presets, checks, events, reasons ------------------------------------------------------------------------------------


def _presets() -> str:
    policies = {name: Policy(preset=name) for name in LATEST}
    rows = []
    for key, holder, name in _places():
        values = [_at(policy, holder, name) for policy in policies.values()]
        if len(set(values)) > 1 and name != "allow_insecure_off":
            rows.append((f"`{key}`", values[0], *("" if value == values[0] else value for value in values[1:])))
    return _rows(("Key", *(f"`{preset.pinned}`" for preset in LATEST.values())), rows)


def _places() -> Iterable[tuple[str, str, str]]:
    """Dotted key, section (empty for the top level) and name of every key but `preset` itself."""
    for name, info in Policy.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from ((f"{name}.{key}", name, key) for key in info.annotation.model_fields)
        elif name not in {"preset", "routes"}:
            yield name, "", name


def _at(policy: Policy, section: str, name: str) -> str:
    holder: BaseModel = getattr(policy, section) if section else policy
    value = getattr(holder, name)
    if isinstance(value, Mapping) and name == "directives":
        return "<br>".join(f"`{' '.join((key, *one))}`" for key, one in value.items())
    return _shown(value, type(holder).model_fields[name])


def _checks() -> str:
    rows = []
    for check in registered().values():
        severity = f"{check.severity.name.lower()}{', production only' if check.production_only else ''}"
        rows.append((check.id, f"{check.title}. {check.consequence}", severity, check.remedy, check.reference))
    return _rows(("Id", "What and why", "Severity", "Remedy", "Reference"), rows)


def _rules() -> str:
    texts = [rule.value for rule in Rule]
    rows = [(_explained(one), f"{one.title}. {one.consequence}", one.severity.value, one.remedy) for one in texts]
    return _rows(("Id", "What and why", "Severity", "Remedy"), rows)


def _holes() -> str:
    return _holes_of([hole.value for hole in Hole])


def _deploy() -> str:
    return _holes_of([one.value for one in Deploy])


def _holes_of(texts: list[Text]) -> str:
    rows = [
        (_explained(one), f"{one.title}. {one.consequence}", one.severity.value, _categories(one.cwe), one.remedy)
        for one in texts
    ]
    return _rows(("Id", "What and why", "Severity", "CWE, OWASP, ASVS", "Remedy"), rows)


def _semgrep() -> str:
    rows = [
        (f"[{rule}]({said['guideline'].removeprefix('docs/')})", said.get("rule", "alone"),
         f"{said['title']}. {said['consequence']}", said["severity"], _categories(tuple(said["cwe"])), said["remedy"])
        for rule, said in semgrep_rules().items()
    ]  # fmt: skip
    return _rows(("Rule", "Seconds", "What and why", "Severity", "CWE, OWASP, ASVS", "Remedy"), rows)


def _explained(rule: Text) -> str:
    """The id of a rule, as a link to its guideline: for pages of the folder `docs`."""
    return f"[{rule.id}]({guideline_of(rule.id).removeprefix('docs/')})"


def _guideline(section: str) -> str:
    """The rules of one section of the guidelines: for pages of the folder `docs/guidelines`."""
    texts = {one.value.id: one.value for one in (*Hole, *Deploy, *Rule, *GateRule)}
    (rules,) = (sections[section] for sections in GUIDELINES.values() if section in sections)
    rows = [
        (f"[{one}](../{'routes' if one.startswith('R') else 'scan'}.md)", texts[one].title, texts[one].severity.value,
         _categories(texts[one].cwe))
        for one in rules
    ] + [
        (f"[semgrep/{rule}](../scan.md#semgrep)", said["title"], said["severity"], _categories(tuple(said["cwe"])))
        for rule, said in semgrep_rules().items()
        if said["guideline"].endswith(f"#{section}")
    ]  # fmt: skip
    return _rows(("Caught by", "As", "Severity", "CWE, OWASP, ASVS"), rows)


def _categories(cwe: tuple[int, ...]) -> str:
    return ", ".join([*(f"CWE-{number}" for number in cwe), *owasp(cwe), *asvs(cwe)])


def _topics() -> str:
    rows = [(one.value.id, one.value.title, one.value.severity.value, one.value.ask) for one in Topic]
    return _rows(("Id", "What is looked at", "Severity", "What to ask"), rows)


def _suppressions() -> str:
    fields = SuppressionTable.model_fields.items()
    rows = [(f"`{name}`", _takes(info), meaning_of(["suppressions", name])) for name, info in fields]
    return _rows(("Key", "Takes", "What for"), rows)


def _events() -> str:
    rows = (
        (f"`{name}`", term.sentence, term.severity.value, term.category.value, term.outcome.value,
         "OWASP" if term.owasp else "", "your code" if name in APPLICATION else "Garrison",
         "" if term.relevant else "yes")
        for name, term in TERMS.items()
    )  # fmt: skip
    return _rows(("Name", "What happened", "Severity", "Category", "Outcome", "Of", "Written by", "Gives way"), rows)


def _reasons() -> str:
    return _rows(("Reason", "Refused because", "If that is wrong", "Event"), map(_reason, Reason))


def _reason(reason: Reason) -> tuple[str, str, str, str]:
    """A reason that has no words yet is listed without; the command line's tests ask for them."""
    known = WHY.get(reason)
    said = f"{known.rule[0].upper()}{known.rule[1:]}." if known else ""
    return f"`{reason}`", said, known.change if known else "", f"`{for_reason(reason)}`"


def _detection() -> str:
    """The rules that ship: one section each, so that an alert can link to its own."""
    return "\n".join(map(_detection_rule, shipped_rules()))


def _detection_rule(rule: DetectionRule) -> str:
    tags = ", ".join([*rule.attack, *(f"CWE-{number}" for number in rule.cwe)])
    facts = [
        ("Severity, confidence", f"{rule.severity.value}, {rule.confidence}"),
        ("Speaks", _speaks(rule)),
        ("Events", ", ".join(f"`{name}`" for match in rule.matches for name in match.names)),
        ("MITRE ATT&CK, CWE", tags or "none"),
        ("Reactions", ", ".join(rule.react) or "none but the alert"),
        ("Playbook", f"[{rule.playbook}](playbooks/{rule.playbook}.md)" if rule.playbook else "none"),
        ("Proved by", "; ".join(case.says for case in rule.cases)),
    ]
    table = _rows(("", ""), facts)
    return f"## {rule.id} {{ #{rule.id} }}\n\n**{rule.title}.** {rule.means}\n\n**Do:** {rule.next}\n\n{table}"


def _speaks(rule: DetectionRule) -> str:
    window, each = _measure(rule.window, "duration"), f"by {rule.by}, again after {_measure(rule.cooldown, 'duration')}"
    amount = f"{rule.at_least:,} {'of ' + rule.weight if rule.weight else 'events'}"
    said = {
        "count": f"at {rule.at_least} different `{rule.distinct}` within {window}" if rule.distinct
        else f"at {amount} within {window}" if rule.at_least > 1 else "at the first event",
        "ratio": f"when {rule.share:.0%} of at least {amount} within {window} are failures"
        + (f", of {rule.various} different `{rule.distinct}`" if rule.distinct else ""),
        "sequence": f"when {rule.at_least} are followed by the other kind within {window}",
        "absence": f"when nothing follows within {window}",
        "rise": f"when the mean of `{rule.measure}` over {window} is {rule.rise:g} above the {rule.past} before it",
    }[rule.kind]  # fmt: skip
    return f"{said}, {each}"


def stale() -> list[Path]:
    """Pages whose tables are not current."""
    pages = sorted(DOCS.rglob("*.md"))
    return [page for page in pages if render(text := page.read_text(encoding="utf-8")) != text]


def main() -> int:
    """Write the tables anew, and say into which pages."""
    for page in stale():
        page.write_text(render(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(page.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
