"""Chat models: any OpenAI-compatible endpoint, Azure OpenAI, and the embedded local model, behind one protocol.

Importing this imports neither `openai` nor `aiohttp`; opening a model does.
"""

from plimsoll.models.connection import Connection
from plimsoll.models.contract import ChatModel
from plimsoll.models.network import CA_REMEDY, HttpSessionSettings, http_session_settings
from plimsoll.models.opening import open_models
from plimsoll.models.parameters import adapt_parameters, is_reasoning_model
from plimsoll.models.probing import Probe, probe
from plimsoll.models.weights import cache_folder, fetch_weights, find_weights

__all__ = [
    "CA_REMEDY",
    "ChatModel",
    "Connection",
    "HttpSessionSettings",
    "Probe",
    "adapt_parameters",
    "cache_folder",
    "fetch_weights",
    "find_weights",
    "http_session_settings",
    "is_reasoning_model",
    "open_models",
    "probe",
]
