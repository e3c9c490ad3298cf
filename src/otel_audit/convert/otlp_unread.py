"""Protobuf messages parsed but for one of their fields, which stays the bytes that it came as."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

__all__ = ["leave_unread"]


def leave_unread(kind: Any, field: str) -> Any:
    """Returns the class of a message that takes the same bytes, but does not look into one field.

    A message and a length of bytes are written alike. Whether those bytes are what they should be is not judged.

    Args:
        kind: class of the message.
        field: full name of a field that holds messages, of this message or of one in the same file.
    """
    pool, file = DescriptorPool(), kind.DESCRIPTOR.file
    _add_dependencies(pool, file, set())
    described = FileDescriptorProto()
    file.CopyToProto(described)
    holder, _, name = field.rpartition(".")
    for message in described.message_type:
        if f"{described.package}.{message.name}" == holder:
            (found,) = (one for one in message.field if one.name == name)
            found.type = FieldDescriptorProto.TYPE_BYTES
            found.ClearField("type_name")
    pool.AddSerializedFile(described.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(kind.DESCRIPTOR.full_name))


def _add_dependencies(pool: DescriptorPool, file: Any, added: set[str]) -> None:
    for dependency in file.dependencies:
        if dependency.name not in added:
            added.add(dependency.name)
            _add_dependencies(pool, dependency, added)
            pool.AddSerializedFile(dependency.serialized_pb)
