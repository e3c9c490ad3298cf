"""The registry of models, from code: which there are, which take personal data, and what is deployed.

::

    model = otel_audit.models.register("churn", version="3", endpoint="/v1/models/churn:predict")
    model.set_pii(True)
    model.deploy()

The registry lies beside the log and is shared by everybody who writes there; ``otel-audit models`` is the same from
a terminal. A change is durable at the destination when the call returns, and has a record of its own in the log
(``audit.model.tag``). In this process it holds from the next batch of records on; others go by it from their next
start, or when they call :func:`refresh`.

An endpoint keeps the tag that it was deployed with until it is deployed again; a model that was never deployed
follows its registration. What is registered can add a tag to a configured model, and takes one away only where
``models.trust_registry`` says so.

Every call may wait for the network: not for a thread that runs an event loop.
"""

from __future__ import annotations

from typing import Final, Literal

from otel_audit.registry import changes
from otel_audit.registry.registry import Decision
from otel_audit.registry.state import RegistryState
from otel_audit.registry.versions import Actor, Change, RegisteredModel
from otel_audit.sdk.audit_logger import get_audit_logger
from otel_audit.sdk.model_changes import ModelChanges

__all__ = ["Model", "get", "refresh", "register"]

_TIMEOUT_S: Final = 30.0


class Model:
    """A registered model, as it was when this was made or last changed; :func:`register` and :func:`get` make one.

    Attributes:
        name: as in requests.
        version: None for a model without versions.
        endpoint: HTTP route or path that is this model; None if it has none.
        pii: whether its input holds personal data that is never written, as registered. Its endpoint may have
            been deployed with another tag.
    """

    def __init__(self, registered: RegisteredModel) -> None:
        self._take(registered)

    def set_pii(
        self,
        pii: bool,
        *,
        actor_id: str | None = None,
        actor_type: Literal["user", "service", "system"] = "user",
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Tag the model, or take its tag away. An endpoint that is deployed keeps its tag until :meth:`deploy`.

        Args:
            pii: whether its input holds personal data that must not be written.
            actor_id: who wants it; by default this service.
            actor_type: what the actor is.
            timeout_s: how long it may take.

        Raises:
            InputError: the actor is none.
            StoreError: the registry cannot be read or written, or not in time. Calling again is safe.
            IntegrityError: the registry was tampered with.
            NotDurable: the change was made, and its record is not durable.
        """
        decision = changes.set_pii(self.name, self.version, pii)
        self._change(Change.SET_PII, decision, _actor(actor_id, actor_type), timeout_s)

    def deploy(
        self,
        *,
        actor_id: str | None = None,
        actor_type: Literal["user", "service", "system"] = "user",
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Let its endpoint serve the model as it is registered now: from here on its tag holds there.

        Arguments and errors as of :meth:`set_pii`.
        """
        decision = changes.deploy(self.name, self.version)
        self._change(Change.DEPLOY, decision, _actor(actor_id, actor_type), timeout_s)

    def __repr__(self) -> str:
        return f"Model({self.name!r}, version={self.version!r}, endpoint={self.endpoint!r}, pii={self.pii})"

    def _change(self, kind: Change, decision: Decision, actor: Actor | None, timeout_s: float) -> None:
        state = _changes().change(kind, self.name, decision, actor, timeout_s)
        self._take(changes.the_model(state, self.name, self.version))

    def _take(self, registered: RegisteredModel) -> None:
        self.name, self.version = registered.name, registered.version
        self.endpoint, self.pii = registered.endpoint, registered.pii


def register(
    name: str,
    *,
    version: str | None = None,
    endpoint: str | None = None,
    pii: bool | None = None,
    actor_id: str | None = None,
    actor_type: Literal["user", "service", "system"] = "user",
    timeout_s: float = _TIMEOUT_S,
) -> Model:
    """Make a model known. What is registered like this already stays as it is: an application may do so at start.

    Args:
        name: as in requests; ``*`` is any text.
        version: None for a model without versions.
        endpoint: HTTP route or path that is this model; may start with a host or a URL. None leaves the one it has.
        pii: whether its input holds personal data; None leaves the tag it has. A version that was not known
            begins with the tag of the version before it.
        actor_id: who wants it; by default this service.
        actor_type: what the actor is.
        timeout_s: how long it may take.

    Raises:
        ConfigurationError: no log is configured, or ``models.registry`` is false.
        InputError: a name is empty, too long, or holds what no name does.
        StoreError, IntegrityError, NotDurable: as of :meth:`Model.set_pii`.
    """
    decision = changes.register(name, version, endpoint, pii)
    state = _changes().change(Change.REGISTER, name, decision, _actor(actor_id, actor_type), timeout_s)
    return Model(changes.the_model(state, name, version))


def get(name: str, version: str | None = None, *, timeout_s: float = _TIMEOUT_S) -> Model:
    """A registered model; ``version`` may be left out where there is one.

    Raises:
        InputError: no such model is registered, or several versions are and none is named.
        StoreError, IntegrityError: the registry cannot be read.
    """
    state: RegistryState = _changes().read(timeout_s)
    return Model(changes.the_model(state, name, version))


def refresh(timeout_s: float = _TIMEOUT_S) -> None:
    """Go by what the registries say now: a tag that somebody else has set holds from the next batch on.

    Also reads MLflow's registry, where one is configured. Before the first record nothing is read: it will be then.

    Raises:
        StoreError: a registry cannot be read, or not in time; what was known still holds.
        IntegrityError: the registry was tampered with; likewise.
    """
    _changes().refresh(timeout_s)


def _changes() -> ModelChanges:
    return ModelChanges(get_audit_logger()._recorder)


def _actor(actor_id: str | None, actor_type: Literal["user", "service", "system"]) -> Actor | None:
    return None if actor_id is None else Actor(actor_id, actor_type)
