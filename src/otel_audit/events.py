"""Names for what happens on a platform, so that every service calls the same thing by the same name.

Own names stay allowed: two or more dotted words in lower case, and an upper-case verb. The vocabulary follows what
model platforms publish of their audit logs (Clarifai's event types, Verta's record).

    logger.emit(events.MODEL_UPDATE, actor_id="u8472", target_id="churn", outcome="success")

A name, once released, keeps its meaning; new ones are added. ``docs/events.md`` is made of this table.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Event(NamedTuple):
    """One kind of event.

    Attributes:
        name: becomes ``eventName``.
        action: becomes ``action``.
        target_type: what it is done to; becomes ``target.type``.
        meaning: one sentence.
    """

    name: str
    action: str
    target_type: str
    meaning: str


MODEL_CREATE: Final = Event("model.create", "CREATE", "model", "A model was registered.")
MODEL_UPDATE: Final = Event("model.update", "UPDATE", "model", "What is known of a model was changed.")
MODEL_DELETE: Final = Event("model.delete", "DELETE", "model", "A model was removed.")
MODEL_TRAIN: Final = Event("model.train", "TRAIN", "model", "Training of a model was asked for.")
MODEL_EVALUATE: Final = Event("model.evaluate", "EVALUATE", "model", "A model was evaluated.")
MODEL_PUBLISH: Final = Event("model.publish", "PUBLISH", "model", "A model was made available to others.")
MODEL_UNPUBLISH: Final = Event(
    "model.unpublish", "UNPUBLISH", "model", "A model is available to others no more."
)
MODEL_DOWNLOAD: Final = Event(
    "model.download", "DOWNLOAD", "model", "A model, or its weights, was taken out."
)
MODEL_VERSION_CREATE: Final = Event(
    "model.version.create", "CREATE", "model_version", "A version of a model was made."
)
MODEL_VERSION_UPDATE: Final = Event(
    "model.version.update",
    "UPDATE",
    "model_version",
    "What is known of a version, its stage included, was changed.",
)
MODEL_VERSION_DELETE: Final = Event(
    "model.version.delete", "DELETE", "model_version", "A version was removed."
)
MODEL_VERSION_APPROVE: Final = Event(
    "model.version.approve", "APPROVE", "model_version", "A version may be used."
)
MODEL_VERSION_REJECT: Final = Event(
    "model.version.reject", "REJECT", "model_version", "A version may not be used."
)

DATASET_CREATE: Final = Event("dataset.create", "CREATE", "dataset", "A dataset was made.")
DATASET_UPDATE: Final = Event("dataset.update", "UPDATE", "dataset", "A dataset was changed.")
DATASET_DELETE: Final = Event("dataset.delete", "DELETE", "dataset", "A dataset was removed.")
DATASET_EXPORT: Final = Event("dataset.export", "EXPORT", "dataset", "A dataset was taken out.")

WORKFLOW_CREATE: Final = Event("workflow.create", "CREATE", "workflow", "A workflow was made.")
WORKFLOW_UPDATE: Final = Event("workflow.update", "UPDATE", "workflow", "A workflow was changed.")
WORKFLOW_DELETE: Final = Event("workflow.delete", "DELETE", "workflow", "A workflow was removed.")
WORKFLOW_PUBLISH: Final = Event(
    "workflow.publish", "PUBLISH", "workflow", "A workflow was made available to others."
)
WORKFLOW_UNPUBLISH: Final = Event(
    "workflow.unpublish", "UNPUBLISH", "workflow", "A workflow is available to others no more."
)
WORKFLOW_RUN: Final = Event("workflow.run", "EXECUTE", "workflow", "A workflow was run.")
WORKFLOW_VERSION_CREATE: Final = Event(
    "workflow.version.create", "CREATE", "workflow_version", "A version of a workflow was made."
)
WORKFLOW_VERSION_UPDATE: Final = Event(
    "workflow.version.update", "UPDATE", "workflow_version", "A version of a workflow was changed."
)
WORKFLOW_VERSION_DELETE: Final = Event(
    "workflow.version.delete", "DELETE", "workflow_version", "A version of a workflow was removed."
)

APPLICATION_CREATE: Final = Event("application.create", "CREATE", "application", "An application was made.")
APPLICATION_UPDATE: Final = Event(
    "application.update", "UPDATE", "application", "An application was changed."
)
APPLICATION_DELETE: Final = Event(
    "application.delete", "DELETE", "application", "An application was removed."
)
APPLICATION_TRANSFER: Final = Event(
    "application.transfer", "TRANSFER", "application", "It got another owner."
)
MODULE_CREATE: Final = Event("module.create", "CREATE", "module", "A module was made.")
MODULE_UPDATE: Final = Event("module.update", "UPDATE", "module", "A module was changed.")
MODULE_DELETE: Final = Event("module.delete", "DELETE", "module", "A module was removed.")

DEPLOYMENT_CREATE: Final = Event(
    "deployment.create", "CREATE", "deployment", "A model was deployed to an endpoint."
)
DEPLOYMENT_UPDATE: Final = Event(
    "deployment.update", "UPDATE", "deployment", "What is deployed, or how, was changed."
)
DEPLOYMENT_DELETE: Final = Event("deployment.delete", "DELETE", "deployment", "A deployment was taken away.")
DEPLOYMENT_ROLLBACK: Final = Event(
    "deployment.rollback", "ROLLBACK", "deployment", "A deployment went back to what was before."
)
ENDPOINT_CREATE: Final = Event("endpoint.create", "CREATE", "endpoint", "An endpoint was opened.")
ENDPOINT_UPDATE: Final = Event("endpoint.update", "UPDATE", "endpoint", "An endpoint was changed.")
ENDPOINT_DELETE: Final = Event("endpoint.delete", "DELETE", "endpoint", "An endpoint was closed.")
CLUSTER_CREATE: Final = Event("cluster.create", "CREATE", "cluster", "A cluster was made.")
CLUSTER_UPDATE: Final = Event("cluster.update", "UPDATE", "cluster", "A cluster was changed.")
CLUSTER_DELETE: Final = Event("cluster.delete", "DELETE", "cluster", "A cluster was removed.")
NODEPOOL_CREATE: Final = Event("nodepool.create", "CREATE", "nodepool", "A pool of nodes was made.")
NODEPOOL_UPDATE: Final = Event("nodepool.update", "UPDATE", "nodepool", "A pool of nodes was changed.")
NODEPOOL_DELETE: Final = Event("nodepool.delete", "DELETE", "nodepool", "A pool of nodes was removed.")

USER_CREATE: Final = Event("user.create", "CREATE", "user", "An account was made.")
USER_UPDATE: Final = Event("user.update", "UPDATE", "user", "An account was changed.")
USER_DELETE: Final = Event("user.delete", "DELETE", "user", "An account was removed.")
USER_SUSPEND: Final = Event("user.suspend", "SUSPEND", "user", "An account was closed for the time being.")
USER_RESTORE: Final = Event("user.restore", "RESTORE", "user", "A suspended account was opened again.")
ROLE_GRANT: Final = Event("role.grant", "GRANT", "user", "A role or right was given to somebody.")
ROLE_REVOKE: Final = Event("role.revoke", "REVOKE", "user", "A role or right was taken from somebody.")
LOGIN: Final = Event(
    "user.login", "LOGIN", "session", "Somebody logged in, or tried to: the outcome says which."
)
LOGOUT: Final = Event("user.logout", "LOGOUT", "session", "Somebody logged out.")
PASSWORD_CHANGE: Final = Event("user.password.change", "CHANGE", "user", "A password was changed or reset.")
MFA_ENABLE: Final = Event("user.mfa.enable", "ENABLE", "user", "A further factor was asked for from now on.")
MFA_DISABLE: Final = Event("user.mfa.disable", "DISABLE", "user", "A further factor is asked for no more.")
ACCESS_CHECK: Final = Event(
    "access.check",
    "AUTHORIZE",
    "resource",
    "Access was decided on: auth.decision says how, auth.policy by what.",
)
COLLABORATOR_ADD: Final = Event(
    "collaborator.add", "ADD", "application", "Somebody was let into an application."
)
COLLABORATOR_UPDATE: Final = Event(
    "collaborator.update", "UPDATE", "application", "Their rights were changed."
)
COLLABORATOR_REMOVE: Final = Event(
    "collaborator.remove", "REMOVE", "application", "A collaborator was let out again."
)

ORGANIZATION_CREATE: Final = Event(
    "organization.create", "CREATE", "organization", "An organization was made."
)
ORGANIZATION_UPDATE: Final = Event(
    "organization.update", "UPDATE", "organization", "An organization was changed."
)
ORGANIZATION_DELETE: Final = Event(
    "organization.delete", "DELETE", "organization", "An organization was removed."
)
ORGANIZATION_MEMBER_ADD: Final = Event(
    "organization.member.add", "ADD", "organization", "Somebody became a member."
)
ORGANIZATION_MEMBER_UPDATE: Final = Event(
    "organization.member.update", "UPDATE", "organization", "What a member may do was changed."
)
ORGANIZATION_MEMBER_REMOVE: Final = Event(
    "organization.member.remove", "REMOVE", "organization", "Somebody is a member no more."
)
ORGANIZATION_INVITATION_SEND: Final = Event(
    "organization.invitation.send", "INVITE", "organization", "Somebody was invited."
)
ORGANIZATION_INVITATION_ACCEPT: Final = Event(
    "organization.invitation.accept", "ACCEPT", "organization", "An invitation was accepted."
)
ORGANIZATION_INVITATION_DECLINE: Final = Event(
    "organization.invitation.decline", "DECLINE", "organization", "An invitation was declined, or taken back."
)
TEAM_CREATE: Final = Event("team.create", "CREATE", "team", "A team was made.")
TEAM_UPDATE: Final = Event("team.update", "UPDATE", "team", "A team was changed.")
TEAM_DELETE: Final = Event("team.delete", "DELETE", "team", "A team was removed.")
TEAM_MEMBER_ADD: Final = Event("team.member.add", "ADD", "team", "Somebody joined a team.")
TEAM_MEMBER_REMOVE: Final = Event("team.member.remove", "REMOVE", "team", "Somebody left a team.")

API_KEY_CREATE: Final = Event("api-key.create", "CREATE", "api_key", "A key was made.")
API_KEY_UPDATE: Final = Event("api-key.update", "UPDATE", "api_key", "What a key may do was changed.")
API_KEY_ROTATE: Final = Event("api-key.rotate", "ROTATE", "api_key", "A key was replaced by another.")
API_KEY_DELETE: Final = Event("api-key.delete", "DELETE", "api_key", "A key was taken out of use.")

OVERSIGHT_DECIDE: Final = Event(
    "oversight.decide",
    "REVIEW",
    "record",
    "A person reviewed what a model did: oversight says who, how and of what.",
)
DATA_EXPORT: Final = Event("data.export", "EXPORT", "data", "Data was taken out.")
DATA_ERASE: Final = Event("data.erase", "ERASE", "data", "Data was erased, as a person or a rule asked for.")
SETTINGS_UPDATE: Final = Event(
    "settings.update", "UPDATE", "settings", "A setting of the platform was changed."
)
SYSTEM_START: Final = Event("system.start", "START", "system", "A part of the platform was started.")
SYSTEM_STOP: Final = Event("system.stop", "STOP", "system", "A part of the platform was stopped.")
BACKUP_CREATE: Final = Event("backup.create", "CREATE", "backup", "A backup was made.")
BACKUP_RESTORE: Final = Event("backup.restore", "RESTORE", "backup", "A backup was put back.")

VOCABULARY: Final[dict[str, Event]] = {
    constant: event for constant, event in tuple(globals().items()) if isinstance(event, Event)
}
"""Every event by the name of its constant, in the order above."""
