"""Recognisers under one interface: ours, and those that people use today."""

from __future__ import annotations

from collections.abc import Callable

Find = Callable[[str], list[tuple[str, int, int]]]
"""Text → what was found: our name of the type, first character, character behind the last."""

_NAMES = {
    "PHONE_NUMBER": "PHONE", "EMAIL_ADDRESS": "EMAIL", "IBAN_CODE": "IBAN", "SSN": "US_SSN", "US_ITIN": "US_SSN",
}  # fmt: skip


def ours() -> Find:
    from otel_audit.mask.free_text import TextMasker
    from otel_audit.mask.policy import MaskPolicy

    masker = TextMasker(MaskPolicy())
    return lambda text: [(one.type, one.start, one.end) for one in masker.mask(text).entities]


def presidio() -> Find:
    """presidio-analyzer's pattern recognisers; no model of a language, which these types do not need."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__(
                models=[{"lang_code": "en", "model_name": "blank"}],
                ner_model_configuration=NerModelConfiguration(),
            )
            self.nlp = {"en": spacy.blank("en")}

        def load(self) -> None:
            pass

    engine = Blank()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    registry.remove_recognizer("SpacyRecognizer")
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine)
    wanted = ["CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "US_ITIN", "IP_ADDRESS"]

    def find(text: str) -> list[tuple[str, int, int]]:
        found = analyzer.analyze(text, language="en", entities=wanted)
        return [(_NAMES.get(one.entity_type, one.entity_type), one.start, one.end) for one in found]

    return find


def presidio_rs() -> Find:
    import presidio_rs as rust

    return lambda text: [
        (_NAMES.get(one["entity_type"], one["entity_type"]), one["start"], one["end"])
        for one in rust.analyze(text)
    ]


def datafog() -> Find:
    import datafog as fog

    def find(text: str) -> list[tuple[str, int, int]]:
        return [
            (_NAMES.get(one.type, one.type), one.start, one.end)
            for one in fog.scan(text, engine="regex").entities
        ]

    return find


PEERS: dict[str, Callable[[], Find]] = {
    "otel-audit": ours,
    "presidio-analyzer": presidio,
    "presidio-rs": presidio_rs,
    "datafog": datafog,
}
