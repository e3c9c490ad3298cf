"""What a WSGI server serves; a new database has one user, ``clerk``."""

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.contrib.auth import get_user_model  # noqa: E402  (models need the application above)

call_command("migrate", verbosity=0)
get_user_model().objects.create_user("clerk", password="correct horse")
