"""Presidio with a spaCy pipeline: https://microsoft.github.io/presidio/analyzer/

Of Presidio only the recogniser of names is used: what patterns find, ours do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import spacy
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import SpacyRecognizer

from otel_audit.mask.ner.options import NAMES, NerOptions
from otel_audit.mask.ner.port import Name

__all__ = ["PresidioEngine"]


class PresidioEngine:
    """An :class:`~otel_audit.mask.ner.port.Engine`.

    Args:
        options: which model, and what counts.

    Raises:
        FileNotFoundError: there is no such model; none is ever fetched from the network.
    """

    def __init__(self, options: NerOptions) -> None:
        if not (spacy.util.is_package(options.model) or Path(options.model).is_dir()):
            raise FileNotFoundError("no such model")
        self._options = options
        nlp = SpacyNlpEngine(models=[{"lang_code": options.language, "model_name": options.model}])
        nlp.load()
        languages = [options.language]
        recognizer = SpacyRecognizer(supported_language=options.language, supported_entities=[*NAMES])
        registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=languages)
        self._batch = BatchAnalyzerEngine(
            AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=languages)
        )

    def find(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names in each text."""
        found = self._batch.analyze_iterator(
            list(texts),
            language=self._options.language,
            entities=[*NAMES],
            score_threshold=self._options.score,
        )
        return [[Name(one.start, one.end, one.entity_type) for one in names] for names in found]
