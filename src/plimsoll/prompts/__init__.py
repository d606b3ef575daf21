"""Prompt files: Jinja2 templates and prompty, rendered to messages.

Importing this package loads no template engine; loading a prompt does.
"""

from plimsoll.prompts.load import PROMPT_SUFFIXES, load_prompt
from plimsoll.prompts.prompt import Prompt, PromptInput

__all__ = ["PROMPT_SUFFIXES", "Prompt", "PromptInput", "load_prompt"]
