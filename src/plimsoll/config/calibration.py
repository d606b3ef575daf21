"""What a judge must show against people before its certificate says that it may be believed."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from plimsoll.config.document import Strict


class CalibrationPolicy(Strict):
    """What makes a judge certified. All of it must hold."""

    labels: PositiveInt = Field(50, description="Labelled answers of each class; of a scale twice as many in all.")
    agreement: float = Field(
        0.4, ge=-1, lt=1, description="The lower limit of kappa (of a scale: Spearman's rho) must reach this."
    )
    max_failed: float = Field(0.05, ge=0, lt=1, description="Share of the labelled answers that may lack a score.")
    stability: float = Field(
        0.8, ge=-1, le=1, description="Krippendorff's alpha of the judge with itself, over repeats, must reach this."
    )
    canaries: float = Field(1.0, ge=0, le=1, description="Share of the canary answers that it must score low.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of every interval, two-sided.")
    valid_days: PositiveInt = Field(90, description="Days until the certificate expires; --valid-days goes over it.")
