"""Whether a certificate holds: for this judge, at this time. What a gate asks, and what is shown of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from plimsoll.calibration.certificate import Certificate, day
from plimsoll.errors import Mistake


class Standing(StrEnum):
    """What a certificate is worth."""

    VALID = "valid"
    NOT_CERTIFIED = "not certified"
    """It measured the judge, and the judge is not to be believed."""
    OTHER_JUDGE = "for another version of the judge"
    EXPIRED = "expired"


def standing_of(certificate: Certificate, judge_digest: str | None, at: datetime) -> Standing:
    """What a certificate is worth.

    Args:
        certificate: The certificate.
        judge_digest: Of the judge that is to be believed; None where it isn't known: then it is not compared.
        at: The time, with its zone.
    """
    if not certificate.certified:
        return Standing.NOT_CERTIFIED
    if judge_digest is not None and judge_digest != certificate.judge_digest:
        return Standing.OTHER_JUDGE
    return Standing.VALID if certificate.made <= at < certificate.expires else Standing.EXPIRED


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates that a decision may rest on, as they were at its time."""

    by_metric: Mapping[str, Certificate]
    at: datetime
    """When it is decided, with its zone."""

    def refusal(self, metric: str, judge_digest: str | None) -> Mistake | None:
        """Why a judged metric is not to be believed; None where it is.

        Args:
            metric: The metric.
            judge_digest: Of the evaluator that gave its values; None where that isn't known yet.
        """
        found = self.by_metric.get(metric)
        again = f"plimsoll judge calibrate {metric} --labels FILE"
        if found is None:
            message = f"the judge of {metric!r} has no certificate, and the policy takes certified judges only"
            return Mistake(message, remedy=again)
        match standing_of(found, judge_digest, self.at):
            case Standing.VALID:
                return None
            case Standing.NOT_CERTIFIED:
                said = f"the judge of {metric!r} is not certified: it {found.statement}"
                return Mistake(said, remedy="mend the judge, or decide on another metric")
            case Standing.OTHER_JUDGE:
                return Mistake(f"the certificate of {metric!r} is for another version of its judge", remedy=again)
            case Standing.EXPIRED:
                return Mistake(f"the certificate of {metric!r} expired on {day(found.expires)}", remedy=again)
