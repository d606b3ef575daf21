"""An evaluator of your own: any public function here scores an answer, under its own name.

Parameters are filled by name: `output` is the answer's text, any other is a field of the case (`question`, `page`,
`expected`). The return annotation says what the metric is: bool, float or str.
"""


def is_brief(output: str) -> bool:
    """The answer has at most 30 words."""
    return len(output.split()) <= 30
