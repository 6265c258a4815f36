"""AWS Secrets Manager and Parameter Store: a stand-in (moto) over TLS, with the rights of IAM; failures that say what
is wrong; and nothing that a planted variable or a log at level DEBUG would give away."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from garrison import harden
from garrison.policy.model import Policy
from garrison.secrets import SecretMissing, SecretRefused, SecretsUnresolved, SourceAway, open_secrets
from garrison.secrets.resolver import Resolver
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.support.aws import KEYS, REGION, Amazon, Failing, failing

CANARY = "canary-77aa12"
DB = "aws-sm://shop/db#password"
MAIL = "aws-ssm:///shop/mail/password"

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("aws")]


@pytest.fixture(autouse=True)
def planted(request: pytest.FixtureRequest) -> None:
    if "aws" in request.fixturenames:
        server: Amazon = request.getfixturevalue("aws")
        server.put("shop/db", json.dumps({"password": CANARY, "port": 5432, "user": None}))
        server.put_parameter("/shop/mail/password", CANARY)


def policy_of(section: dict[str, Any], **named: str) -> Policy:
    return Policy(aws=section, secrets={"named": named})


def resolver(section: dict[str, Any], environ: dict[str, str] | None = None) -> Resolver:
    return Resolver.from_policy(policy_of(section), KEYS if environ is None else environ)


def every_text(error: BaseException) -> str:
    """All that an error tells, of itself and of those behind it."""
    told = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None:
            told.append(f"{one}{one!r}{vars(one)}")
            todo += [one.__cause__, one.__context__]
    return "".join(told)


def test_both_services_are_read_over_tls_whole_and_by_field(aws: Amazon) -> None:
    reading = resolver(aws.section())
    assert reading.read(DB).reveal() == CANARY
    assert json.loads(reading.read("aws-sm://shop/db").reveal())["port"] == 5432
    assert reading.read(MAIL).reveal() == CANARY
    aws.put_parameter("plain-name", json.dumps({"a": CANARY}))
    assert reading.read("aws-ssm://plain-name#a").reveal() == CANARY


def test_what_is_current_is_put_to_use_and_what_is_still_being_made_is_not(aws: Amazon) -> None:
    aws.put("turning", "old")
    secrets = open_secrets(policy_of(aws.section(), db="aws-sm://turning", mail=MAIL), KEYS)
    manager = aws.client("secretsmanager")
    made = manager.put_secret_value(SecretId="turning", SecretString="new", VersionStages=["AWSPENDING"])
    assert secrets.refresh() == []
    stages = manager.describe_secret(SecretId="turning")["VersionIdsToStages"]
    (before,) = (one for one, names in stages.items() if "AWSCURRENT" in names)
    manager.update_secret_version_stage(
        SecretId="turning", VersionStage="AWSCURRENT", MoveToVersionId=made["VersionId"], RemoveFromVersionId=before
    )
    aws.put_parameter("/shop/mail/password", "rotated")
    assert sorted(secrets.refresh()) == ["db", "mail"]
    assert (secrets.get("db").reveal(), secrets.get("mail").reveal()) == ("new", "rotated")


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("aws-sm://shop/db#port", "not text"),
        ("aws-sm://shop/db#user", "not text"),
        ("aws-sm://binary", "not text"),
        ("aws-sm://broken#password", "no fields"),
        ("aws-ssm:///shop/mail/password#a", "no fields"),
        ("aws-ssm:///shop/clear", "kept in clear"),
        ("aws-ssm:///shop/list", "kept in clear"),
    ],
)
def test_what_is_no_secret_text_is_refused_and_nothing_of_it_is_told(aws: Amazon, where: str, why: str) -> None:
    if where.startswith("aws-sm://binary"):
        aws.client("secretsmanager").create_secret(Name="binary", SecretBinary=CANARY.encode())
    aws.put("broken", f'{{"password": "{CANARY}"')
    aws.put_parameter("/shop/clear", CANARY, "String")
    aws.put_parameter("/shop/list", CANARY, "StringList")
    with pytest.raises(SecretRefused, match=why) as caught:
        resolver(aws.section()).read(where)
    assert CANARY not in every_text(caught.value)


@pytest.mark.parametrize("where", ["aws-sm://none", "aws-sm://shop/db#none", "aws-ssm:///none", "aws-sm://gone"])
def test_what_is_not_there_or_was_deleted_is_missing(aws: Amazon, where: str) -> None:
    if where == "aws-sm://gone":
        aws.put("gone", "x")
        aws.client("secretsmanager").delete_secret(SecretId="gone")
    with pytest.raises(SecretMissing) as caught:
        resolver(aws.section()).read(where)
    assert caught.value.remedy


def test_what_the_role_may_not_read_is_refused_with_the_right_that_then_mends_it(aws: Amazon) -> None:
    other = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}}
    right = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}}
    narrow, wide = aws.user("narrow", other), aws.user("wide", right)
    with aws.asking_for_rights():
        for where, needs in ((MAIL, "ssm:GetParameter on parameter/shop/mail/password"),
                             (DB, "secretsmanager:GetSecretValue on secret:shop/db-??????")):  # fmt: skip
            with pytest.raises(SecretRefused, match="permission is denied") as caught:
                resolver(aws.section(), narrow).read(where)
            assert needs in caught.value.remedy
        assert resolver(aws.section(), wide).read(MAIL).reveal() == CANARY, "control"


def test_a_wrong_key_is_refused_and_the_one_put_in_its_place_is_taken_up(aws: Amazon) -> None:
    right = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    good = aws.user("rotated", right)
    environ = {**good, "SECRET": f"{CANARY}-wrong"}
    reading = resolver(aws.section(), environ)
    with aws.asking_for_rights():
        with pytest.raises(SecretRefused, match="does not take our log-in") as caught:
            reading.read(MAIL)
        assert f"{CANARY}-wrong" not in every_text(caught.value)
        environ.update(good)
        assert reading.read(MAIL).reveal() == CANARY


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [
        ("InternalServiceError", SourceAway, "it failed"),
        ("502", SourceAway, "it failed"),
        ("AccessDeniedException", SecretRefused, "permission is denied"),
        ("DecryptionFailure", SecretRefused, "key that it is encrypted with"),
        ("ExpiredTokenException", SecretRefused, "log-in"),
        ("InvalidRequestException", SecretMissing, "no secret"),
        ("SomethingNewException", SecretRefused, "SomethingNewException"),
        ("canary in the code", SourceAway, "can't be reached"),
    ],
)
def test_each_failure_that_aws_tells_is_named_and_its_text_is_not_repeated(
    code: str, kind: type[Exception], why: str
) -> None:
    with failing(code) as server:
        reading = resolver(at(server))
        with pytest.raises(kind, match=why) as caught:
            reading.read(DB)
    assert "canary" not in every_text(caught.value)


def at(server: Failing, **more: Any) -> dict[str, Any]:
    keys = {"access_key": "env:ID", "secret_key": "env:SECRET"}
    return {"region": REGION, "endpoints": {"secretsmanager": server.url, "ssm": server.url}, **keys, **more}


def test_a_server_that_throttles_is_asked_three_times_and_no_more() -> None:
    with failing("ThrottlingException") as server:
        reading = resolver(at(server))
        with pytest.raises(SourceAway, match="too often"):
            reading.read(MAIL)
    assert server.asked == ["AmazonSSM.GetParameter"] * 3


def test_a_server_that_is_hung_or_gone_is_away_in_bounded_time() -> None:
    with failing("x", wait=2) as server:
        reading = resolver(at(server, timeout=0.3))
        with pytest.raises(SourceAway, match=r"no answer within 0\.3 s"):
            reading.read(MAIL)
    with pytest.raises(SourceAway, match="can't be reached"):
        reading.read(MAIL)


def test_the_last_good_value_holds_while_aws_is_away_and_an_event_says_so(aws: Amazon) -> None:
    secrets = open_secrets(policy_of(aws.section(), mail=MAIL), KEYS)
    events: list[str] = []
    secrets.attach(lambda name, facts=None, /, **details: events.append(name))
    ssm = aws.client("ssm")
    ssm.delete_parameter(Name="/shop/mail/password")
    assert secrets.refresh() == []
    assert secrets.get("mail").reveal() == CANARY
    aws.put_parameter("/shop/mail/password", "back")
    secrets.refresh()
    assert events == ["service_degraded", "secret_rotated", "service_recovered"]


class TestAttacks:
    """Each with its control: boto3 as it comes falls for it."""

    def test_planted_variables_lead_nobody_elsewhere(self, aws: Amazon, monkeypatch: pytest.MonkeyPatch) -> None:
        import boto3

        with failing("InternalServiceError") as thief:
            for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy"):
                monkeypatch.setenv(name, thief.url)
            assert resolver(aws.section()).read(MAIL).reveal() == CANARY
            assert not thief.asked
            bare = resolver({**aws.section(), "endpoints": {}}).aws
            assert bare is not None
            assert bare._client("ssm").meta.endpoint_url == f"https://ssm.{REGION}.amazonaws.com"
            client = boto3.client("ssm", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
            with pytest.raises(client.exceptions.ClientError, match="InternalServiceError"):
                client.get_parameter(Name="x")
            assert thief.asked, "control"

    def test_planted_descriptions_of_services_say_nothing(
        self, aws: Amazon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        import boto3
        from botocore.loaders import Loader

        real = Path(Loader.BUILTIN_DATA_PATH, "endpoints.json").read_text("utf-8")
        planted = real.replace('"{service}.{region}.{dnsSuffix}"', '"thief.example.com"')
        (tmp_path / "endpoints.json").write_text(planted, "utf-8")
        monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
        bare = resolver({**aws.section(), "endpoints": {}}).aws
        assert bare is not None
        assert bare._client("ssm").meta.endpoint_url == f"https://ssm.{REGION}.amazonaws.com"
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        control = boto3.Session(region_name=REGION, **keys).client("ssm")
        assert control.meta.endpoint_url == "https://thief.example.com"

    def test_a_server_that_nobody_vouches_for_gets_no_question(
        self, aws: Amazon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(name, str(aws.ca))  # planted authorities change nothing
        with pytest.raises(SourceAway, match="certificate is not trusted"):
            resolver(aws.section(ca="")).read(MAIL)
        import boto3

        client = boto3.client("ssm", region_name=REGION, endpoint_url=aws.url, aws_access_key_id="a",
                              aws_secret_access_key="b")  # fmt: skip
        assert client.get_parameter(Name="/shop/mail/password"), "control"

    def test_a_log_at_level_debug_shows_neither_secret_nor_log_in(
        self, aws: Amazon, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        aws.put("shop/db", json.dumps({"password": CANARY}))
        caplog.clear()
        resolver(aws.section()).read(DB)
        resolver(aws.section()).read(MAIL)
        assert CANARY not in caplog.text
        assert KEYS["ID"] not in caplog.text
        aws.client("secretsmanager").get_secret_value(SecretId="shop/db")
        assert CANARY in caplog.text, "control"

    def test_plaintext_to_another_machine_stops_a_production_start_before_anything_is_asked(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None: ...

        section = {"region": REGION, "endpoints": {"ssm": "http://203.0.113.9:5000"}, "timeout": 0.1}
        policy = Policy(hosts=["a.example"], key="env:KEY", aws=section, secrets={"named": {"mail": MAIL}})
        with pytest.raises(Exception, match=r"aws\.endpoints\.ssm.*plaintext"):
            harden(app, policy)


def test_a_question_does_not_block_the_event_loop(aws: Amazon) -> None:
    secrets = open_secrets(policy_of(aws.section(), mail=MAIL), KEYS)

    async def run() -> int:
        turns = 0
        reading = asyncio.create_task(asyncio.to_thread(secrets.read))
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(run()) > 10


@pytest.mark.parametrize(
    "where",
    [
        "aws-sm://", "aws-sm://a/../b", "aws-sm://a//b", "aws-sm://a/./b", "aws-sm://a b", "aws-sm://a?x=1#b",
        "aws-sm://a#", "aws-sm://a#b#c", "aws-sm://ä", "aws-sm://a\n", "aws-sm:a", "aws-sm://../a", "aws-sm://a/",
        "aws-sm://a%2f", "aws-sm://" + "a" * 513,
        "aws-ssm://", "aws-ssm:///", "aws-ssm://shop/db", "aws-ssm:////a", "aws-ssm:///a/../b", "aws-ssm:///a//b",
        "aws-ssm:///a:3", "aws-ssm:///a b", "aws-ssm://..", "aws-ssm:///a/", "aws-ssm:///a#", "aws-ssm:///" + "a/" * 16,
    ],
)  # fmt: skip
def test_a_reference_that_climbs_or_is_odd_is_none(where: str) -> None:
    with pytest.raises(ValueError, match=r"aws-s"):
        Resolver.from_policy(Policy(), {}).read(where)


def test_without_region_log_in_or_library_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceAway, match="no region") as caught:
        resolver({}).read(MAIL)
    assert "region" in caught.value.remedy
    with pytest.raises(SourceAway, match="no log-in") as caught:
        resolver({"region": REGION, "endpoints": {"ssm": "http://127.0.0.1:9"}}).read(MAIL)
    assert "aws.access_key" in caught.value.remedy
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(SourceAway) as caught:
        resolver({"region": REGION}).read(MAIL)
    assert "garrison[aws]" in caught.value.remedy


class TestCommands:
    def write(self, here: Here, aws: Amazon, more: str = "") -> None:
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            [aws]
            region = "{REGION}"
            account = "123456789012"
            ca = "{aws.ca}"
            access_key = "env:ID"
            secret_key = "env:SECRET"
            kms_keys = ["arn:aws:kms:{REGION}:123456789012:key/0a1b"]
            [aws.endpoints]
            secretsmanager = "{aws.url}"
            ssm = "{aws.url}"
            [secrets.named]
            db = "{DB}"
            mail = "{MAIL}"
            {more}
            """,
        )

    def test_doctor_says_which_step_fails_and_what_to_do_and_shows_no_value(self, here: Here, aws: Amazon) -> None:
        self.write(here, aws, 'third = "aws-ssm:///none"')
        ran = here.run("secrets", "doctor", "--format", "json", **KEYS)
        assert (ran.code, [step["ok"] for step in ran.json]) == (1, [True, True, True, True, False])
        assert CANARY not in ran.out
        ran = here.run("secrets", "doctor", "--format", "json", **{**KEYS, "SECRET": ""})
        assert ran.code == 1
        assert [(step["step"], step["ok"]) for step in ran.json] == [("the AWS region", False)]

    def test_the_iam_policy_it_writes_is_enough_and_no_more(self, here: Here, aws: Amazon) -> None:
        self.write(here, aws)
        document = here.run("secrets", "policy", **KEYS).json
        found = {one["Action"]: one for one in document["Statement"]}
        secret = aws.client("secretsmanager").describe_secret(SecretId="shop/db")["ARN"]
        parameter = aws.client("ssm").get_parameter(Name="/shop/mail/password")["Parameter"]["ARN"]
        for action, arn, other in (
            ("secretsmanager:GetSecretValue", secret, secret.replace("shop/db", "shop/db2")),
            ("ssm:GetParameter", parameter, f"{parameter}/below"),
        ):
            matches = matcher(found[action]["Resource"])
            assert matches(arn)
            assert not matches(other)
        assert found["kms:Decrypt"]["Condition"]["StringLike"]["kms:ViaService"] == [
            f"secretsmanager.{REGION}.amazonaws.com", f"ssm.{REGION}.amazonaws.com"
        ]  # fmt: skip
        aws.user("least", document)  # it is a policy document: IAM takes it
        assert set(found) == {"secretsmanager:GetSecretValue", "ssm:GetParameter", "kms:Decrypt"}

    def test_with_secrets_in_vault_as_well_it_asks_for_which(self, here: Here, aws: Amazon) -> None:
        self.write(here, aws, 'old = "vault://kv/app#a"')
        assert here.run("secrets", "policy", **KEYS).code == 2
        assert "kv/data/app" in here.run("secrets", "policy", "--for", "vault", **KEYS).out
        assert "GetSecretValue" in here.run("secrets", "policy", "--for", "aws", **KEYS).out

    def test_who_lists_them_and_what_opens_them(self, here: Here, aws: Amazon) -> None:
        self.write(here, aws)
        rows = {row["secret"]: row for row in here.run("secrets", "who", "--format", "json").json}
        assert rows["db"]["reference"] == DB
        assert rows["aws.access_key"]["readers"] == ["garrison.secrets"]


def matcher(patterns: list[str]) -> Callable[[str], bool]:
    """IAM's `*` and `?`."""
    return lambda arn: any(fnmatchcase(arn, pattern) for pattern in patterns)


def test_everything_that_is_wrong_is_told_at_once_at_the_start(aws: Amazon) -> None:
    with pytest.raises(SecretsUnresolved) as caught:
        open_secrets(policy_of(aws.section(), a="aws-sm://none", b="aws-ssm:///none", c=DB), KEYS)
    assert set(caught.value.failures) == {"secrets.named.a", "secrets.named.b"}
