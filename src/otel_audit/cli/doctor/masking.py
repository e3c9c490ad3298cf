"""What is masked, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

from otel_audit.cli.doctor.finding import Finding
from otel_audit.config import Secret, Settings
from otel_audit.config.build import mask_policy
from otel_audit.config.secrets import DecryptedSecret
from otel_audit.errors import ConfigurationError
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.ner.process import ProcessFinder


def findings(settings: Settings) -> Iterator[Finding]:
    """The policy in sentences; nothing of its key."""
    own = {recognizer.entity for recognizer in settings.mask.recognizers}
    yield Finding("note", f"looked for in every text and key: {', '.join(sorted(ENTITIES | own))}")
    yield Finding("note", "credentials are withheld always; no setting writes them")
    if settings.mask.key is None:
        yield Finding(
            "note",
            "no mask.key: findings become [TYPE], and sessions, subjects and credential ids are withheld",
        )
    else:
        yield Finding(
            "note", f"mask.key is set as {settings.mask.key_id}: e-mail, phone and user ids become pseudonyms"
        )
        yield from _decrypted(settings.mask.key_id, settings.mask.key)
    for old in settings.mask.old_keys:
        yield from _decrypted(old.key_id, old.key)
    for rule in settings.mask.rules:
        what = rule.entity or "every finding"
        yield Finding("note", f"rule: {rule.operator} for {what} in {rule.field}")
        if rule.operator == "keep":
            yield Finding("warning", f"{what} in {rule.field} is written as it is")
    tagged = [model.name for model in settings.models if model.pii]
    if tagged:
        yield Finding(
            "note", f"input is never written for: {', '.join(tagged)}; nor where the model is unknown"
        )
    else:
        yield Finding("note", "no model is tagged pii in the settings: inputs are written, masked")
    if settings.registry.registry:
        right = "and may take tags away" if settings.registry.trust_registry else "and can only add tags"
        yield Finding(
            "note", f"models that are registered beside the log count, too, {right}: otel-audit models list"
        )
    if settings.registry.mlflow_tracking_uri is not None:
        yield Finding("note", "so do models and versions of MLflow that have the tag pii = true")
    written = {
        "off": "never written",
        "as-captured": "written as instrumentations capture them, masked",
        "full": "written, also what instrumentations leave out where nothing turns them off explicitly, masked",
    }
    content = settings.streams.model_io.content
    yield Finding("note", f"messages of models are {written.get(content, content)}")
    identity = {
        "keep": "user ids are written as they are: an audit log says who",
        "hash": "user ids become pseudonyms",
        "redact": "user ids are not written",
    }[settings.mask.identity]
    others = ", ".join(settings.identity.fields) or "nothing"
    yield Finding("note", f"{identity}; written besides: {others}")
    yield from _names(settings)


def _decrypted(key_id: str, key: Secret | None) -> Iterator[Finding]:
    if isinstance(key, DecryptedSecret):
        try:
            key.reveal()
        except ConfigurationError as error:
            yield Finding("problem", f"the key {key_id}: {error}")
        else:
            yield Finding(
                "ok", f"the key {key_id} is decrypted by {key.url.name} at every start, and was now"
            )


def _names(settings: Settings) -> Iterator[Finding]:
    """Whether anybody looks for names: by looking at a text."""
    try:
        options = mask_policy(settings).ner
    except ConfigurationError as error:
        yield Finding("problem", f"the settings make no policy: {error}")
        return
    if options is None:
        yield Finding(
            "warning",
            "names of persons and postal addresses in texts stay: no recogniser looks for them (ner.engine)",
        )
        return
    finder = ProcessFinder(options)
    try:
        (answer,) = finder.find(["Jane Doe of Berlin"])
    finally:
        finder.close()
    if isinstance(answer, str):
        yield Finding(
            "problem",
            f"nobody looks for names ({answer}), so texts of {', '.join(options.fields)} are withheld",
        )
    else:
        yield Finding(
            "ok",
            f"names of persons and places are looked for in {', '.join(options.fields)}; a batch may take "
            f"{options.timeout_s:g} s, and what nobody looked at by then is withheld",
        )
