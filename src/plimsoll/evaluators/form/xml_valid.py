"""Whether an answer is well-formed XML. Read by the standard library's expat; nothing is loaded or expanded."""

from __future__ import annotations

from typing import ClassVar
from xml.parsers import expat  # a document type, which entities need, is refused before any is declared

from pydantic import Field

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.form.answers import EMPTY, FENCED, clipped, is_fenced, unfenced
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class XmlValid(SettingsEvaluator):
    """The whole answer is one well-formed XML document, with no document type declaration.

    Namespaces count: a prefix must be declared. A schema is not looked at.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "root"

    name: str = "xml_valid"
    root: str | None = Field(None, min_length=1, description="The outermost element's name, without its prefix.")
    fenced: bool = Field(False, description="Accept a code fence around the whole answer.")

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        text = (unfenced(output.text) if self.fenced else output.text).strip()
        if not text:
            return Scored(value=False, reason=EMPTY)
        try:
            root = _root(text)
        except ValueError as error:
            return Scored(value=False, reason=FENCED if is_fenced(text) else f"not XML: {error}")
        if self.root not in (None, root):
            return Scored(value=False, reason=f"the outermost element is {clipped(root)}, not {self.root}")
        return Scored(value=True)


def _root(text: str) -> str:
    """The outermost element's name.

    Raises:
        ValueError: the text is no XML document; says where.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    names: list[str] = []

    def first(name: str, _attributes: dict[str, str]) -> None:
        names.append(name.rpartition(" ")[2])
        parser.StartElementHandler = None

    def refuse(*_declaration: object) -> None:
        raise ValueError("it has a document type declaration")

    parser.StartElementHandler = first
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(
            f"{expat.errors.messages[error.code]} at line {error.lineno}, column {error.offset + 1}"
        ) from None
    except UnicodeEncodeError:
        raise ValueError("it has half a character") from None
    return names[0]
