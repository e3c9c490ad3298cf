"""The two streams. A module of its own, since settings need the names and must not load Arrow for them."""

from typing import Final

STREAMS: Final = ("platform", "model-io")
