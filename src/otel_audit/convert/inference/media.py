"""Images, sound, video and documents among the content of a message: ``blob``, ``uri`` and ``file`` parts."""

from __future__ import annotations

import re
from typing import Any, Final

from otel_audit.convert.inference.json_text import dump

__all__ = [
    "API_MEMBERS",
    "Part",
    "audio",
    "document",
    "first",
    "gemini_media",
    "image",
    "is_nothing",
    "media_part",
    "modality_named",
    "part_of",
    "video",
]

Part = dict[str, Any]

API_MEMBERS: Final = frozenset(
    {
        "type", "cache_control", "cachePoint", "annotations", "logprobs", "signature", "status",
        "encrypted_content", "providerOptions", "providerMetadata", "experimental_providerMetadata",
        "caller", "extras", "index", "detail",
    }
)  # fmt: skip
"""Members of providers' blocks that an API wants and a conversation does not."""

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)

_LONGEST_DATA_URL_HEAD: Final = 256

_MODALITIES: Final = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "application": "document",
    "text": "document",
    "file": "document",
    "pdf": "document",
}


def first(block: Part, *names: str) -> Any:
    """Returns the first member of ``block`` among ``names`` that is there and not null."""
    return next((block[name] for name in names if block.get(name) is not None), None)


def is_nothing(value: object) -> bool:
    """Whether a value is null, empty text, an empty list or an empty object."""
    return value is None or value in ("", [], {})


def part_of(kind: str, **members: object) -> Part:
    """Returns a part with those ``members`` that are not null, in the order given."""
    return {"type": kind, **{name: value for name, value in members.items() if value is not None}}


def modality_named(name: object) -> object:
    """Returns the conventions' word for a modality that may be the head of a MIME type."""
    return _MODALITIES.get(name.lower(), name) if isinstance(name, str) else name


def _modality(mime_type: object) -> str:
    head = mime_type.partition("/")[0].lower() if isinstance(mime_type, str) else ""
    return _MODALITIES.get(head, "document")


def media_part(url: object, modality: str | None, mime_type: object = None) -> Part:
    """Returns a ``blob`` for a ``data:`` URL, a ``uri`` for any other."""
    text = url if isinstance(url, str) else dump(url)
    if match := _DATA_URL.match(text, 0, _LONGEST_DATA_URL_HEAD):
        kind = match[1] or mime_type
        content = text[match.end() :]
        return part_of("blob", mime_type=kind, modality=modality or _modality(kind), content=content)
    return part_of("uri", mime_type=mime_type, modality=modality or _modality(mime_type), uri=text)


def gemini_media(block: Part, oddities: list[str]) -> Part | None:
    """Gemini's ``inline_data`` and ``file_data``."""
    return _media({"source": first(block, "inline_data", "inlineData", "file_data", "fileData")}, None)


def image(block: Part, oddities: list[str]) -> Part | None:
    """A provider's image block."""
    return _media(block, "image", "image_url", "image", "url", "file")


def audio(block: Part, oddities: list[str]) -> Part | None:
    """A provider's audio block."""
    return _media(block, "audio", "input_audio", "audio_url", "audio", "url")


def video(block: Part, oddities: list[str]) -> Part | None:
    """A provider's video block."""
    return _media(block, "video", "video_url", "video", "url")


def document(block: Part, oddities: list[str]) -> Part | None:
    """A provider's document block."""
    return _media(block, None, "file", "file_data", "data", "document", "url", "file_url")


def _media(block: Part, modality: str | None, *holders: str) -> Part | None:
    """A blob, uri or file from any of the forms that providers give media in."""
    source = block.get("source")
    holder = (
        source
        if isinstance(source, dict)
        else next((block[name] for name in holders if block.get(name) is not None), block)
    )
    nested = holder.get("source") if isinstance(holder, dict) else None
    if isinstance(nested, dict):  # Bedrock: {"image": {"format": "png", "source": {"bytes": …}}}
        holder = {**holder, **nested}
    if isinstance(holder, str):
        kind = first(block, "mediaType", "mimeType", "mime_type", "media_type")
        if not holder.startswith(("data:", "http:", "https:", "gs:", "s3:", "file:")) and kind is not None:
            return part_of("blob", mime_type=kind, modality=modality or _modality(kind), content=holder)
        return media_part(holder, modality, kind)
    if not isinstance(holder, dict):
        return part_of("blob", mime_type=None, modality=modality or "document", content=dump(holder))
    kind = first(holder, "media_type", "mime_type", "mimeType", "mediaType") or block.get("mime_type")
    shape = holder.get("format")
    if kind is None and isinstance(shape, str):
        kind = f"{modality or 'application'}/{shape}"
    file_id = first(holder, "file_id", "fileId")
    if file_id is not None:
        return part_of("file", mime_type=kind, modality=modality or _modality(kind), file_id=file_id)
    url = first(holder, "url", "uri", "file_uri", "fileUri", "image_url", "file_data", "s3Location")
    if url is not None:
        return media_part(url.get("uri") if isinstance(url, dict) else url, modality, kind)
    data = first(holder, "data", "bytes", "base64", "content", "text")
    if isinstance(data, dict) and isinstance(data.get("base64"), str):
        data = data["base64"]
    return part_of("blob", mime_type=kind, modality=modality or _modality(kind), content=data)
