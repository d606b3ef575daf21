"""The in-toto Statement of a gate: its fields, written and read in one form only."""

from __future__ import annotations

from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.gates.envelope import VerificationError
from plimsoll.types import Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:plimsoll:attestation:gate:v1"


class Digests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the verdict rests on, each as a tagged digest."""

    dataset: str
    """Of the dataset as a whole, as the run recorded it."""
    cases: str
    """Of the planned cases with their weights, groups and slices."""
    targets: dict[str, str]
    """Of challenger, baseline and anchor, by name."""
    evaluators: dict[str, str]
    results: str
    """Of every cell: identity, key, outcome, whether it was reused, scores."""
    run: str
    """Of the run's record: also what its metrics mean, which direction is better, and what passes."""
    policy: str
    certificates: dict[str, str] = {}
    """Of the judges that the rules rest on, by metric, where the policy takes certified ones only."""


class SealedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stored file as it was when the verdict was sealed."""

    digest: str
    """Tagged, of its bytes."""
    size: int
    """In bytes: whether it has only grown since can be told."""


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is attested of the bundle."""

    suite: str
    run: str
    time: str
    """When it was sealed: ISO 8601, UTC."""
    tool: str
    """Plimsoll's version."""
    commit: str | None
    """The git commit that the run was made from; None outside git, or where tracked files differed from it."""
    dirty: bool | None
    """Whether they did; None outside git."""
    digests: Digests
    files: dict[str, SealedFile]
    """Path in the run's folder → what was stored there: its bytes, also those that no figure rests on."""
    policy: dict[str, Any]
    """The policy in full, with its defaults."""
    verdict: Verdict


class Attestation(Predicate, frozen=True, kw_only=True):
    """An attestation as it was read: the predicate, with the subject and who signed."""

    subject: str
    """Suite and target: what the bundle is called."""
    bundle: str
    """The bundle's tagged digest."""
    signed_by: tuple[str, ...] = ()
    """Ids of the trusted keys whose signatures were verified; empty is unsigned, or not checked."""
    claims: tuple[str, ...] = ()
    """Ids of the keys that it says it was signed with, checked or not."""


class _Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    type_: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: Predicate


def write_statement(predicate: Predicate, bundle_digest: str) -> bytes:
    """The statement's bytes; its subject is the bundle, named after suite and target."""
    algorithm, _, value = bundle_digest.partition(":")
    statement = _Statement(
        type_=STATEMENT_TYPE,
        subject=(_Subject(name=_subject_of(predicate), digest={algorithm: value}),),
        predicate_type=PREDICATE_TYPE,
        predicate=predicate,
    )
    return canonical.dumps(msgspec.to_builtins(statement))


def read_statement(payload: bytes, signed_by: tuple[str, ...], claims: tuple[str, ...]) -> Attestation:
    """The attestation in a statement's bytes.

    Raises:
        VerificationError: it is no gate's, not in the one form that it can have, or contradicts itself.
    """
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
        same = canonical.dumps(msgspec.to_builtins(statement)) == payload
    except (msgspec.MsgspecError, ValueError) as error:
        raise VerificationError(f"the attestation's statement can't be read: {error}") from None
    if statement.type_ != STATEMENT_TYPE or statement.predicate_type != PREDICATE_TYPE:
        raise VerificationError(f"the attestation is no gate verdict: {statement.predicate_type}")
    if not same:
        raise VerificationError("the attestation's statement is not in canonical form: it was altered")
    if len(statement.subject) != 1 or len(statement.subject[0].digest) != 1:
        raise VerificationError("the attestation needs exactly one subject with one digest")
    subject, predicate = statement.subject[0], statement.predicate
    [(algorithm, value)] = subject.digest.items()
    contradiction = _contradiction(subject.name, f"{algorithm}:{value}", predicate)
    if contradiction:
        raise VerificationError(f"the attestation contradicts itself: {contradiction}")
    fields = {name: getattr(predicate, name) for name in predicate.__struct_fields__}
    return Attestation(
        subject=subject.name, bundle=f"{algorithm}:{value}", signed_by=signed_by, claims=claims, **fields
    )


def _subject_of(predicate: Predicate) -> str:
    return f"{predicate.suite}/{predicate.verdict.target}"


def _contradiction(name: str, bundle: str, predicate: Predicate) -> str | None:
    """What the statement says twice, and not alike."""
    verdict = predicate.verdict
    pairs = (
        ("subject", name, _subject_of(predicate)),
        ("bundle", bundle, verdict.target_digest),
        ("suite", predicate.suite, verdict.suite),
        ("run", predicate.run, verdict.run),
    )
    return next((f"its {what} is {one} and {other}" for what, one, other in pairs if one != other), None)
