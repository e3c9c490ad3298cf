"""A Django application with users that log in; it knows nothing of auditing.

Run it with::

    export OTEL_SERVICE_NAME=shop OTEL_AUDIT_DESTINATION=./audit-log
    export DJANGO_SETTINGS_MODULE=django_shop.settings
    opentelemetry-instrument gunicorn --chdir examples/apps django_shop.wsgi:application

Who made a call is ``request.user``: verified, since Django has checked it.
"""
