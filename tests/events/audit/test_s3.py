"""Checkpoints in a bucket: sent to an S3 that is not ours (moto), never written over, good for `verify`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from garrison.events.audit.build import place_of
from garrison.events.audit.note import parse_notes
from garrison.events.audit.s3 import S3Missing
from garrison.events.audit.ship import Shipper
from garrison.events.audit.verify import Kind
from garrison.events.links import BadLink, parse_link
from garrison.events.post import post
from tests.events.audit.making import Hand, checkpoints, filled, found, verified

NOTES = "s3://notes/shop"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="notes")
    try:
        yield client
    finally:
        post(f"http://{host}:{port}/moto-api/reset", b"", {})  # its memory is the process's
        server.stop()


def sent(bucket: Any) -> dict[str, str]:
    rows = bucket.list_objects_v2(Bucket="notes").get("Contents", [])
    return {row["Key"]: bucket.get_object(Bucket="notes", Key=row["Key"])["Body"].read().decode() for row in rows}


def test_each_checkpoint_is_an_object_in_order_and_a_repetition_is_none(tmp_path: Path, bucket: Any) -> None:
    notes = [one.note for one in filled(tmp_path / "audit")]
    place = place_of(parse_link(NOTES))
    for note in [*notes, notes[-1], notes[0]]:
        place.send(note)
    kept = sent(bucket)
    assert [kept[name] for name in sorted(kept)] == notes
    assert all(name.startswith("shop/garrison_web1/") for name in kept)


def test_what_was_sent_is_not_written_over_by_the_same_means(tmp_path: Path, bucket: Any) -> None:
    """The control: without the condition the store would take it."""
    note = filled(tmp_path / "audit")[-1].note
    place_of(parse_link(NOTES)).send(note)
    (name,) = sent(bucket)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.put_object(Bucket="notes", Key=name, Body=b"forged", IfNoneMatch="*")
    assert sent(bucket) == {name: note}
    bucket.put_object(Bucket="notes", Key=name, Body=b"forged")
    assert sent(bucket) == {name: "forged"}


@pytest.mark.parametrize("locked", [True, False], ids=["Object Lock", "control: without it"])
def test_under_object_lock_what_was_sent_stays_though_it_is_written_over_and_deleted(
    tmp_path: Path, bucket: Any, locked: bool
) -> None:
    """By who has every right that a machine could be given by mistake; the condition is not asked of them."""
    bucket.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=locked)
    if locked:
        retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        bucket.put_object_lock_configuration(
            Bucket="kept", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )
    note = filled(tmp_path / "audit")[-1].note
    place_of(parse_link("s3://kept/shop")).send(note)
    (first,) = bucket.list_object_versions(Bucket="kept")["Versions"]
    bucket.put_object(Bucket="kept", Key=first["Key"], Body=b"forged")
    bucket.delete_object(Bucket="kept", Key=first["Key"])
    with pytest.raises(ClientError, match="AccessDenied") if locked else nullcontext():
        bucket.delete_object(Bucket="kept", Key=first["Key"], VersionId=first["VersionId"])
    told = bucket.list_object_versions(Bucket="kept").get("Versions", [])
    bodies = [
        bucket.get_object(Bucket="kept", Key=one["Key"], VersionId=one["VersionId"])["Body"].read() for one in told
    ]
    assert (note.encode() in bodies) is locked
    assert len(told) == (2 if locked else 0)  # a second version of one name is the sign of it


def test_a_log_that_a_shorter_one_replaced_is_found_out_by_the_bucket_and_not_without_it(
    tmp_path: Path, bucket: Any
) -> None:
    place = place_of(parse_link(NOTES))
    for one in filled(tmp_path / "long"):
        place.send(one.note)
    filled(tmp_path / "short", count=100)
    known = [one for text in sent(bucket).values() for one in parse_notes(text)]
    assert len(known) == len(checkpoints(tmp_path / "long"))
    assert Kind.TRUNCATED in {kind for kind, _ in found(verified(tmp_path / "short", known=known))}
    assert found(verified(tmp_path / "short")) == set(), "control"


def test_a_bucket_that_is_away_is_told_once_and_gets_the_newest_when_it_is_back(tmp_path: Path, bucket: Any) -> None:
    notes = [one.note for one in filled(tmp_path / "audit")]
    hand = Hand()
    shipper = Shipper([place_of(parse_link("s3://later"))], hand.emit, 60, lambda: None)
    for note in notes[:3]:
        shipper.offer(note)
        shipper.deliver()
    assert shipper.failing == {"s3:later"}
    assert [name for name, _ in hand.told] == ["service_degraded"]
    bucket.create_bucket(Bucket="later")
    shipper.deliver()
    assert [name for name, _ in hand.told] == ["service_degraded", "service_recovered"]
    (row,) = bucket.list_objects_v2(Bucket="later")["Contents"]
    assert bucket.get_object(Bucket="later", Key=row["Key"])["Body"].read().decode() == notes[2]


def test_without_the_package_the_start_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(S3Missing, match="boto3") as caught:
        place_of(parse_link(NOTES))
    assert "garrison[s3]" in str(caught.value.remedy)


@pytest.mark.parametrize("text", ["s3://", "s3://key:secret@bucket", "s3://buck et"])
def test_an_address_that_names_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(BadLink):
        place_of(parse_link(text))
