"""Datasets: curated cases from a file, a DataFrame or memory, checked, digested and streamed."""

from plimsoll.datasets.card import Card
from plimsoll.datasets.dataset import Dataset, from_rows, open_dataset
from plimsoll.datasets.digests import digest_cases
from plimsoll.datasets.frames import from_frame, to_frame
from plimsoll.datasets.held_out import Split
from plimsoll.datasets.select import Selection, filter_cases, select
from plimsoll.datasets.summary import Summary

__all__ = [
    "Card",
    "Dataset",
    "Selection",
    "Split",
    "Summary",
    "digest_cases",
    "filter_cases",
    "from_frame",
    "from_rows",
    "open_dataset",
    "select",
    "to_frame",
]
